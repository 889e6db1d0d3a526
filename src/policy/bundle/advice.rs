//! What to do about an attribute that a policy may not read: told in the words of the policy and of the config.

use std::collections::BTreeSet;

use crate::policy::flaws::nearest;
use crate::policy::schema::Outline;

/// What to do, where lychgate knows better than Cedar: `message` is Cedar's, `expression` the policy's text it is about.
pub(super) fn advice(message: &str, expression: &str, outline: &Outline) -> Option<String> {
    let (_, rest) = message.split_once("attribute `")?;
    let (attribute, whose) = rest.split_once('`')?;
    if message.contains("optional attribute") {
        let name = attribute.rsplit('.').next()?;
        let base = expression.get(..expression.find(&format!(".{name}"))?)?;
        return Some(format!("test for it first: `{base} has {name} && …`"));
    }
    if whose.contains("`Anonymous`") {
        let help =
            "a caller without a token is `Anonymous` and has no attributes: write `principal is User` in the head";
        return Some(help.to_owned());
    }
    let (_, action) = whose.split_once(" in context for ")?;
    let action = action.strip_suffix(" not found").unwrap_or(action);
    let (record, name) = attribute.split_once('.')?;
    match record {
        "path" => Some(about_path(name, action, outline)),
        "query" => {
            Some(format!("declare it in the bundle's schema.cedarschema: `type Query = {{ {name}?: String }};`"))
        }
        _ => None,
    }
}

fn about_path(name: &str, action: &str, outline: &Outline) -> String {
    let known: BTreeSet<&String> = outline.routes.iter().flat_map(|route| &route.parameters).collect();
    if known.iter().any(|known| *known == name) {
        return format!(
            "the policy also meets {action}, whose path has no `{name}`: name the actions it is for in the head, \
             or write `context.path has {name} && …`"
        );
    }
    match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("no route's path has a parameter `{name}`"),
    }
}
