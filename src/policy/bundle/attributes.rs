//! Tests for attributes that can never be there: `principal has tennant` is false for everyone, and Cedar lets it pass.

use std::collections::BTreeSet;

use serde_json::Value;

use super::policies::NamedPolicy;
use crate::policy::error::Flaw;
use crate::policy::flaws::nearest;
use crate::policy::schema::{BUILT_IN_ATTRIBUTES, Outline};

/// The names that `has` can find, by what stands before it.
#[derive(Debug)]
pub(super) struct Attributes {
    user: BTreeSet<String>,
    path: BTreeSet<String>,
    query: BTreeSet<String>,
    context: BTreeSet<String>,
    token: BTreeSet<String>,
    certificate: BTreeSet<String>,
}

impl Attributes {
    /// The names of an outline, and of the query parameters that a bundle declares.
    pub(super) fn new(outline: &Outline, query: &BTreeSet<String>) -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        Self {
            user: owned(&BUILT_IN_ATTRIBUTES).into_iter().chain(outline.attributes.keys().cloned()).collect(),
            path: outline.routes.iter().flat_map(|route| route.parameters.iter().cloned()).collect(),
            query: query.clone(),
            context: owned(&["path", "method", "host", "query", "ip", "now", "token", "client_certificate"]),
            token: owned(&["age", "scopes"]),
            certificate: owned(&["subject", "names", "sha256"]),
        }
    }

    /// The tests of a policy that can never succeed. In an `unless` they would let through what they are to stop.
    pub(super) fn unknown_tests(&self, policy: &NamedPolicy) -> Vec<Flaw> {
        let text = policy.origin.text();
        if text.is_some_and(|text| !text.contains("has")) {
            return Vec::new();
        }
        let Ok(json) = policy.policy.to_json() else {
            let flaw = Flaw::new("policy-invalid", "the policy cannot be looked through");
            return vec![flaw.at(policy.origin.place())];
        };
        let mut tests = Vec::new();
        collect_tests(&json, &mut tests);
        tests.into_iter().filter_map(|(of, name)| self.unknown(policy, &of, &name)).collect()
    }

    fn unknown(&self, policy: &NamedPolicy, of: &str, name: &str) -> Option<Flaw> {
        let known = match of {
            "principal" => &self.user,
            "context" => &self.context,
            "context.path" => &self.path,
            "context.query" => &self.query,
            "context.token" => &self.token,
            "context.client_certificate" => &self.certificate,
            _ => return None,
        };
        if known.contains(name) {
            return None;
        }
        let flaw =
            Flaw::new("unknown-attribute", format!("`{of} has {name}` is never true: there is no such attribute"));
        let flaw = match nearest(name, known) {
            Some(near) => flaw.help(format!("did you mean `{near}`?")),
            None if of == "principal" => flaw.help("attributes come from `trusted_issuers.*.attributes` in the config"),
            None if of == "context.query" => flaw.help("declare it in the bundle's schema.cedarschema"),
            None => flaw.help(format!(
                "there are {}",
                known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            )),
        };
        Some(flaw.at(policy.origin.find(&format!("has {name}"))))
    }
}

/// Every `e has a` in Cedar's JSON of a policy, as the path of `e` and the name of `a`; only where `e` is a path.
fn collect_tests(json: &Value, tests: &mut Vec<(String, String)>) {
    match json {
        Value::Object(members) => {
            if let Some(test) = members.get("has") {
                push_test(test, tests);
            }
            members.values().for_each(|member| collect_tests(member, tests));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_tests(item, tests)),
        _ => {}
    }
}

fn push_test(test: &Value, tests: &mut Vec<(String, String)>) {
    let Some(mut of) = test.get("left").and_then(path) else { return };
    let names: Vec<&str> = match test.get("attr") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    for name in names {
        tests.push((of.clone(), name.to_owned()));
        of = format!("{of}.{name}");
    }
}

/// `context.path` of `{".": {"left": {"Var": "context"}, "attr": "path"}}`.
fn path(expression: &Value) -> Option<String> {
    if let Some(variable) = expression.get("Var") {
        return variable.as_str().map(str::to_owned);
    }
    let access = expression.get(".")?;
    Some(format!("{}.{}", path(access.get("left")?)?, access.get("attr")?.as_str()?))
}
