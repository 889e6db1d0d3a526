//! Who may call an operation. Whatever is not understood closes it; nothing but a document that asks for nothing opens it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::Node;
use super::schemes::{Scheme, iam};
use crate::cli::import::report::Cause;

/// What guards an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Guard {
    /// Nothing.
    Nothing,
    /// The authorizer of this name, with scopes of which a token must carry one.
    Tokens { scheme: String, scopes: Vec<String> },
}

/// What is asked for beside what the gate can ask for too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    /// A key of a usage plan.
    pub(super) api_key: bool,
}

/// The guard of an operation.
///
/// # Errors
/// Why it has none that the gate can be.
pub(super) fn guard(
    operation: &Node<'_>,
    root: &Node<'_>,
    schemes: &BTreeMap<String, (Scheme, String)>,
) -> Result<(Guard, Asked), Cause> {
    let kind = operation.get("x-amazon-apigateway-auth").and_then(|auth| auth.text("type"));
    match kind.map(str::to_ascii_uppercase).as_deref() {
        None | Some("NONE") => {}
        Some("AWS_IAM") => return Err(iam()),
        Some(_) => return Err(Cause::new("unknown-authorizer", "`x-amazon-apigateway-auth` is not understood")),
    }
    // API Gateway takes no notice of what the whole document asks for; who wrote it there meant it all the same.
    let security = operation.get("security").or_else(|| root.get("security"));
    let wanted = security.map_or_else(|| Some(BTreeMap::new()), |security| required(security.value));
    let wanted =
        wanted.ok_or_else(|| Cause::new("security-not-understood", "`security` is no list of requirements"))?;
    let mut tokens = Vec::new();
    let mut asked = Asked { api_key: false };
    for (name, scopes) in wanted {
        match schemes.get(&name).map(|(scheme, _)| scheme) {
            None => return Err(Cause::new("unknown-scheme", format!("the document has no security scheme `{name}`"))),
            Some(Scheme::Other(cause)) => return Err(cause.clone()),
            Some(Scheme::ApiKey) => asked.api_key = true,
            Some(Scheme::Tokens(_)) => {
                tokens.push(Guard::Tokens { scheme: name, scopes: scopes.into_iter().collect() });
            }
        }
    }
    match (tokens.len(), asked.api_key) {
        (0, false) => Ok((Guard::Nothing, asked)),
        (0, true) => {
            Err(Cause::new("api-key-alone", "nothing but an API key guards it, and the gate knows no such keys"))
        }
        (1, _) => Ok((tokens.remove(0), asked)),
        _ => {
            Err(Cause::new("several-authorizers", "it names several authorizers, and API Gateway has one for a method"))
        }
    }
}

/// Every scheme that is named, with its scopes, however the requirements are grouped: API Gateway asks for all of them.
fn required(security: &Value) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let mut required: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for requirement in security.as_array()? {
        for (name, scopes) in requirement.as_object()? {
            let scopes = scopes.as_array()?.iter().map(|scope| scope.as_str().map(str::to_owned));
            required.entry(name.clone()).or_default().extend(scopes.collect::<Option<Vec<_>>>()?);
        }
    }
    Some(required)
}
