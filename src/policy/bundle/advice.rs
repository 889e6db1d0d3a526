//! What to do about a name that a policy may not use: told in the words of the policy and of the config.

use std::collections::BTreeSet;

use cedar_policy::EntityUid;

use crate::policy::flaws::nearest;
use crate::policy::schema::{Names, Outline};

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
        let help = "a route here is `optional`, and a caller without a token is `Anonymous`, which has no attributes: \
                    write `principal is User` in the head";
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

/// What is wrong with an action that a policy names, and the nearest that there is.
pub(super) fn unknown_action(expression: &str, outline: &Outline) -> Option<(String, String)> {
    let action = expression.parse::<EntityUid>().ok()?;
    let name = action.id().unescaped();
    let routes = outline.routes.iter().map(|route| route.name.clone());
    let actions = outline.actions().ok()?.into_keys().chain(routes).chain(["read", "write"].map(str::to_owned));
    let known: Vec<String> = actions.collect();
    let help = match nearest(name, &known) {
        Some(near) => format!("did you mean `Action::\"{near}\"`?"),
        None => {
            "an action is the name of a route that asks this bundle, its method and path as the config writes them, \
                 `read` or `write`"
                .to_owned()
        }
    };
    Some((format!("there is no action `{name}`"), help))
}

/// The same of a service.
pub(super) fn unknown_service_named(expression: &str, outline: &Outline) -> Option<(String, String)> {
    let entity = expression.parse::<EntityUid>().ok()?;
    let name = Names::parsed().ok()?.service_of(&entity)?.to_owned();
    let known: BTreeSet<String> = outline.services().into_iter().map(str::to_owned).collect();
    let help = match nearest(&name, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "a service is an upstream of a route that asks this bundle: {}",
            known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ),
    };
    Some((format!("there is no service `{name}`"), help))
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
