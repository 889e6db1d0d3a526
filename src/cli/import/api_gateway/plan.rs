//! Every operation of the document: its path and methods, and whether it can be carried over.

use std::collections::BTreeMap;

use serde_json::Value;

use super::cors::of_mock;
use super::document::{Document, METHODS, Node};
use super::integration::{Setting, Target};
use super::schemes::Scheme;
use super::security::{Guard, guard};
use super::template::Template;
use crate::cli::import::args::LostCheck;
use crate::cli::import::report::{Cause, Effect, Report};

const ANY: &str = "x-amazon-apigateway-any-method";

/// An operation, and what is to become of it.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) path: String,
    pub(super) template: Template,
    pub(super) methods: Vec<String>,
    pub(super) at: String,
    /// What the route will be called, if nothing else is called so.
    pub(super) name: String,
    pub(super) outcome: Result<Carried, Cause>,
    /// Nothing is lost where it is left out: API Gateway refuses it too, or another key of the config does its work.
    pub(super) is_no_loss: bool,
    /// What guards it stands not with itself but with the whole document.
    pub(super) is_guarded_by_all: bool,
    /// Cross-origin rules that the path's own preflight operation states.
    pub(super) cors: Option<Value>,
}

/// An operation that the gate can carry.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) guard: Guard,
    pub(super) target: Target,
}

/// What the plan is made from.
pub(super) struct Source<'a> {
    pub(super) document: &'a Document,
    pub(super) setting: Setting<'a>,
    pub(super) schemes: &'a BTreeMap<String, (Scheme, String)>,
    pub(super) without: &'a [LostCheck],
}

impl Source<'_> {
    /// All operations, those with the plainest paths first.
    ///
    /// # Errors
    /// A path that API Gateway would not take: what else it might mean is not guessed.
    pub(super) fn plan(&self, report: &mut Report) -> Result<Vec<Planned>, String> {
        let paths = self.document.root().get("paths").map(|paths| paths.members()).unwrap_or_default();
        let mut planned = Vec::new();
        for (path, item) in paths.into_iter().filter(|(path, _)| !path.starts_with("x-")) {
            let template = Template::read("", path).map_err(|wrong| format!("{}: {wrong}", item.at))?;
            planned.extend(self.of_path(path, &template, item, report));
        }
        planned.sort_by_key(|one| (one.template.is_greedy(), one.template.is_default()));
        Ok(planned)
    }

    fn of_path(&self, path: &str, template: &Template, item: Node<'_>, report: &mut Report) -> Vec<Planned> {
        let closed = |at: &str, methods: Vec<String>, cause: Cause, is_no_loss: bool| Planned {
            path: path.to_owned(),
            template: template.clone(),
            methods,
            at: at.to_owned(),
            name: slug("closed", path),
            outcome: Err(cause),
            is_no_loss,
            is_guarded_by_all: false,
            cors: None,
        };
        let at = item.at.clone();
        let Some(item) = self.document.follow(item) else {
            let cause = Cause::new("unresolved-reference", "the reference leads nowhere in the document");
            return vec![closed(&at, all_methods(), cause, false)];
        };
        let operations = operations(&item);
        if operations.is_empty() {
            // API Gateway refuses a resource without methods, and asks no vaguer one instead.
            return vec![closed(&at, all_methods(), Cause::new("no-operation", "the path has no operation"), true)];
        }
        let cors = operations.iter().find_map(|(methods, node)| preflight(self.document, methods, node));
        let each = operations.into_iter().map(|(methods, node)| {
            let is_preflight = cors.is_some() && preflight(self.document, &methods, &node).is_some();
            let outcome = self.carried(path, &methods, &node, report);
            let name = name(&node, path, &methods);
            Planned {
                path: path.to_owned(),
                template: template.clone(),
                methods,
                name,
                outcome,
                is_no_loss: is_preflight,
                is_guarded_by_all: node.get("security").is_none(),
                cors: cors.clone(),
                at: node.at,
            }
        });
        each.collect()
    }

    fn carried(&self, path: &str, methods: &[String], node: &Node<'_>, report: &mut Report) -> Result<Carried, Cause> {
        let root = self.document.root();
        let (guard, asked) = guard(node, &root, self.schemes)?;
        if root.get("x-amazon-apigateway-policy").is_some() && !self.without.contains(&LostCheck::ResourcePolicy) {
            let message =
                "the API's resource policy may refuse it; `--without resource-policy` carries it over all the same";
            return Err(Cause::new("resource-policy", message));
        }
        if asked.api_key && !self.without.contains(&LostCheck::ApiKeys) {
            let message = "it asks for an API key too; `--without api-keys` carries it over with its authorizer alone";
            return Err(Cause::new("api-key", message));
        }
        let target = self.setting.target(path, methods, node)?;
        if asked.api_key {
            report.add(Effect::Lost, &node.at, Cause::new("api-key", "no API key is asked for"));
        }
        for (key, child) in node.members() {
            if key == "x-amazon-apigateway-request-validator" {
                let message = "requests are not validated against the document's schemas";
                report.add(Effect::Lost, &child.at, Cause::new("request-validator", message));
            }
        }
        for (at, cause) in &target.lost {
            report.add(Effect::Lost, at, cause.clone());
        }
        Ok(Carried { guard, target })
    }
}

/// The operations of a path with the methods of each. Any-method stands for those that are not there by name.
fn operations<'a>(item: &Node<'a>) -> Vec<(Vec<String>, Node<'a>)> {
    let mut operations = Vec::new();
    for method in METHODS {
        operations.extend(item.get(&method.to_ascii_lowercase()).map(|node| (vec![method.to_owned()], node)));
    }
    let named: Vec<String> = operations.iter().flat_map(|(methods, _)| methods.clone()).collect();
    let others: Vec<String> = all_methods().into_iter().filter(|method| !named.contains(method)).collect();
    if let Some(any) = item.get(ANY).filter(|_| !others.is_empty()) {
        operations.push((others, any));
    }
    operations
}

fn all_methods() -> Vec<String> {
    METHODS.map(str::to_owned).to_vec()
}

/// The cross-origin rules of an operation that answers preflights by itself, as the console of REST APIs makes it.
fn preflight(document: &Document, methods: &[String], node: &Node<'_>) -> Option<Value> {
    if methods != ["OPTIONS"] {
        return None;
    }
    let integration = document.follow(node.get("x-amazon-apigateway-integration")?)?;
    integration.text("type").filter(|kind| kind.eq_ignore_ascii_case("mock"))?;
    of_mock(&integration)
}

/// `operationId` where it can name a route, else method and path.
fn name(node: &Node<'_>, path: &str, methods: &[String]) -> String {
    let id: String = node.text("operationId").unwrap_or_default().chars().take(100).collect();
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if !id.is_empty() && id.chars().all(fits) && id != "read" && id != "write" {
        return id;
    }
    match methods {
        [one] => slug(&one.to_ascii_lowercase(), path),
        _ => slug("any", path),
    }
}

fn slug(first: &str, path: &str) -> String {
    let words = path.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug: String = std::iter::once(first).chain(words).collect::<Vec<_>>().join("-");
    slug.chars().take(100).collect()
}
