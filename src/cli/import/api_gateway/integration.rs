//! Where an operation leads. Only HTTP integrations that pass the request on as it came have their like here.

use std::collections::BTreeMap;

use serde_json::Value;

use super::document::{Document, Node};
use super::template::Template;
use crate::cli::import::report::Cause;

/// Where requests go, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Backend {
    /// Host and port.
    pub(super) endpoint: String,
    pub(super) host: String,
    pub(super) tls: bool,
    /// The name that its certificate must have, where that is not the host's.
    pub(super) server_name: Option<String>,
    /// Milliseconds.
    pub(super) timeout: Option<u64>,
}

/// What an integration does with a request.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) backend: Backend,
    /// Whether the backend is asked with the base path before the operation's own.
    pub(super) with_base: bool,
    /// Headers that are written from claims.
    pub(super) identity: BTreeMap<String, String>,
    /// What the gate does not do to the request, and where that stands.
    pub(super) lost: Vec<(String, Cause)>,
}

/// What is needed to read an integration.
pub(super) struct Setting<'a> {
    pub(super) document: &'a Document,
    pub(super) base: &'a str,
    pub(super) stage_variables: &'a [(String, String)],
}

impl Setting<'_> {
    /// The target of an operation.
    ///
    /// # Errors
    /// Why there is none that the gate could ask in the same way.
    pub(super) fn target(&self, path: &str, methods: &[String], operation: &Node<'_>) -> Result<Target, Cause> {
        let integration = operation.get("x-amazon-apigateway-integration");
        let integration = integration.ok_or_else(|| Cause::new("no-integration", "nothing says where it leads"))?;
        let integration = self.document.follow(integration);
        let integration =
            integration.ok_or_else(|| Cause::new("unresolved-reference", "the reference leads nowhere"))?;
        is_http(&integration)?;
        keeps_method(&integration, methods)?;
        let uri = self.substituted(integration.text("uri").unwrap_or_default())?;
        let (backend, asked) = backend(&uri, &integration)?;
        let mut mapped = Mapped::of(&integration);
        let with_base = self.keeps_path(path, asked, &mapped)?;
        if integration.text("type").is_some_and(|kind| kind.eq_ignore_ascii_case("http")) {
            mapped.lost.extend(templates(&integration));
        }
        Ok(Target { backend, with_base, identity: mapped.identity, lost: mapped.lost })
    }

    fn substituted(&self, uri: &str) -> Result<String, Cause> {
        let mut uri = uri.to_owned();
        for (name, value) in self.stage_variables {
            uri = uri.replace(&format!("${{stageVariables.{name}}}"), value);
        }
        if uri.contains("${") {
            let message = "its URI names a stage variable; say `--stage-variable NAME=VALUE`";
            return Err(Cause::new("stage-variable", message));
        }
        Ok(uri)
    }

    /// Whether the base path comes first; an error where the path that is asked for is neither with it nor without.
    fn keeps_path(&self, path: &str, asked: &str, mapped: &Mapped<'_>) -> Result<bool, Cause> {
        let changed = || {
            let message = format!("the backend is asked for `{asked}`; the gate passes paths on as they came");
            Cause::new("path-rewritten", message)
        };
        match mapped.whole_path {
            Some("$request.path") => return Ok(false),
            Some(_) => return Err(changed()),
            None if mapped.odd_path => return Err(changed()),
            None => {}
        }
        let keeps = |base: &str| Template::read(base, path).is_ok_and(|own| own.is_kept_by(asked, &mapped.renamed));
        if keeps("") {
            Ok(false)
        } else if !self.base.is_empty() && keeps(self.base) {
            Ok(true)
        } else {
            Err(changed())
        }
    }
}

fn is_http(integration: &Node<'_>) -> Result<(), Cause> {
    if integration.text("connectionType").is_some_and(|kind| kind.eq_ignore_ascii_case("vpc_link")) {
        let message = "it goes through a VPC link; write an upstream with the address of what is behind it";
        return Err(Cause::new("vpc-link", message));
    }
    match integration.text("type").unwrap_or_default().to_ascii_lowercase().as_str() {
        "http_proxy" | "http" => Ok(()),
        "mock" => Err(Cause::new("mock", "API Gateway answers by itself; preflights are answered by a route's `cors`")),
        "aws" | "aws_proxy" => Err(Cause::new("aws-integration", "it calls a Lambda function or another AWS service")),
        _ => Err(Cause::new("unknown-integration", "its integration is of a type that is not known here")),
    }
}

fn keeps_method(integration: &Node<'_>, methods: &[String]) -> Result<(), Cause> {
    let asked = integration.text("httpMethod").unwrap_or("ANY").to_ascii_uppercase();
    if asked == "ANY" || methods.iter().all(|method| *method == asked) {
        return Ok(());
    }
    Err(Cause::new("method-rewritten", format!("the backend is asked with {asked}; the gate keeps the method")))
}

/// The backend, and the path that it is asked for.
fn backend<'u>(uri: &'u str, integration: &Node<'_>) -> Result<(Backend, &'u str), Cause> {
    let odd = || Cause::new("uri-not-understood", "its URI is not `http://host:port/path` or the same with https");
    let (scheme, rest) = uri.split_once("://").ok_or_else(odd)?;
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => return Err(odd()),
    };
    if rest.contains(['?', '#']) {
        return Err(Cause::new("query-added", "its URI has a query of its own, which the gate does not add"));
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, if tls { "443" } else { "80" }),
    };
    if host.is_empty() || host.contains(['{', '}', '@']) {
        return Err(odd());
    }
    let server_name = integration.get("tlsConfig").and_then(|tls| tls.text("serverNameToVerify")).map(str::to_owned);
    let timeout = integration.value.get("timeoutInMillis").and_then(Value::as_u64).filter(|millis| *millis > 0);
    let endpoint = format!("{host}:{port}");
    Ok((Backend { endpoint, host: host.to_owned(), tls, server_name: server_name.filter(|_| tls), timeout }, path))
}

/// What the request's parts are mapped to.
#[derive(Default)]
struct Mapped<'a> {
    /// Parameters of the URI that stand for another one of the path.
    renamed: BTreeMap<&'a str, &'a str>,
    /// What is put in place of the whole path.
    whole_path: Option<&'a str>,
    /// A parameter of the URI that comes from elsewhere.
    odd_path: bool,
    identity: BTreeMap<String, String>,
    lost: Vec<(String, Cause)>,
}

impl<'a> Mapped<'a> {
    fn of(integration: &Node<'a>) -> Self {
        let mut mapped = Self::default();
        for (key, node) in integration.get("requestParameters").map(|all| all.members()).unwrap_or_default() {
            mapped.take(key, &node);
        }
        if integration
            .get("tlsConfig")
            .is_some_and(|tls| tls.value.get("insecureSkipVerification") == Some(&true.into()))
        {
            let message = "API Gateway takes any certificate of the backend; the gate verifies it";
            mapped.lost.push((integration.at.clone(), Cause::new("certificate-verified", message)));
        }
        mapped
    }

    fn take(&mut self, key: &'a str, node: &Node<'a>) {
        let value = node.value.as_str().unwrap_or_default();
        if let Some(name) = key.strip_prefix("integration.request.path.") {
            match value.strip_prefix("method.request.path.") {
                Some(own) => {
                    self.renamed.insert(name, own);
                }
                None => self.odd_path = true,
            }
        } else if key == "overwrite:path" {
            self.whole_path = Some(value);
        } else if let (Some(header), Some(claim)) = (header(key), claim(value)) {
            self.identity.insert(header, claim.to_owned());
        } else {
            let message = format!("the request is changed by `{key}`, which the gate does not do");
            self.lost.push((node.at.clone(), Cause::new("parameter-mapping", message)));
        }
    }
}

/// The header that a mapping writes.
fn header(key: &str) -> Option<String> {
    let names = ["integration.request.header.", "overwrite:header.", "append:header."];
    names.iter().find_map(|prefix| key.strip_prefix(prefix)).map(str::to_ascii_lowercase)
}

/// The claim that a mapping takes: `context.authorizer.claims.NAME` of REST APIs, `$context.authorizer.claims.NAME` of HTTP APIs.
fn claim(value: &str) -> Option<&str> {
    let value = value.strip_prefix('$').unwrap_or(value);
    let names = ["context.authorizer.claims.", "context.authorizer.jwt.claims."];
    names.iter().find_map(|prefix| value.strip_prefix(prefix)).filter(|claim| !claim.is_empty())
}

/// Mapping templates of an integration that is no proxy.
fn templates(integration: &Node<'_>) -> Vec<(String, Cause)> {
    let requests = integration.get("requestTemplates").filter(|templates| !templates.members().is_empty());
    let responses = integration.get("responses").filter(|responses| {
        responses
            .members()
            .iter()
            .any(|(_, one)| one.get("responseTemplates").is_some_and(|all| !all.members().is_empty()))
    });
    let cause =
        || Cause::new("mapping-template", "bodies are changed by templates; the gate passes them on as they are");
    requests.into_iter().chain(responses).map(|node| (node.at, cause())).collect()
}
