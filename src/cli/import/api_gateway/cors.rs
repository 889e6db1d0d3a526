//! Cross-origin rules of HTTP APIs, which hold for all of their routes.

use serde_json::{Map, Value, json};

use super::document::Node;
use crate::cli::import::report::Cause;

/// No browser keeps a preflight answer longer, in seconds.
const LONGEST_MAX_AGE: i64 = 24 * 60 * 60;

/// The `cors` of a route, and what of the document's rules it does not hold.
pub(super) fn cors(node: &Node<'_>) -> (Option<Value>, Vec<Cause>) {
    let (mut cors, mut lost) = (Map::new(), Vec::new());
    let texts = |key: &str| node.get(key).map(|list| list.texts()).unwrap_or_default();
    let credentials = node.value.get("allowCredentials").and_then(Value::as_bool).unwrap_or(false);
    let mut origins = texts("allowOrigins");
    if origins.iter().any(|origin| origin == "*") {
        origins = vec!["*".to_owned()];
    }
    origins.retain(|origin| {
        // `https://*` is every origin of a scheme, and with credentials no `*` is anything.
        let fits = !(origin.ends_with("://*") || credentials && origin == "*");
        if !fits {
            lost.push(Cause::new("origin", format!("the origin `{origin}` can not be allowed so: name the origins")));
        }
        fits
    });
    if origins.is_empty() {
        return (None, lost);
    }
    cors.insert("origins".to_owned(), json!(origins));
    let all = |list: &[String]| list.iter().any(|one| one == "*");
    let methods: Vec<_> = texts("allowMethods").iter().map(|method| method.to_ascii_uppercase()).collect();
    if !methods.is_empty() && !all(&methods) {
        cors.insert("methods".to_owned(), json!(methods));
    }
    for (key, names) in [("headers", texts("allowHeaders")), ("expose", texts("exposeHeaders"))] {
        if credentials && all(&names) {
            lost.push(Cause::new(
                "any-header",
                "with credentials, `*` is read as the name of a header: name the headers",
            ));
        } else if !names.is_empty() {
            cors.insert(key.to_owned(), json!(names));
        }
    }
    if credentials {
        cors.insert("credentials".to_owned(), json!(true));
    }
    if let Some(seconds) = node.value.get("maxAge").and_then(Value::as_i64) {
        cors.insert("max_age".to_owned(), json!(format!("{}s", seconds.clamp(0, LONGEST_MAX_AGE))));
    }
    (Some(Value::Object(cors)), lost)
}

/// The rules that a mock integration answers preflights with, in the words of HTTP APIs.
pub(super) fn of_mock(integration: &Node<'_>) -> Option<Value> {
    let (_, response) = integration.get("responses")?.members().into_iter().next()?;
    let parameters = response.get("responseParameters")?.members();
    let field = |name: &str| {
        let (_, node) = parameters.iter().find(|(key, _)| {
            key.strip_prefix("method.response.header.").is_some_and(|header| header.eq_ignore_ascii_case(name))
        })?;
        // A fixed value stands in quotes of its own.
        node.value.as_str()?.strip_prefix('\'')?.strip_suffix('\'').map(str::to_owned)
    };
    let list = |name: &str| {
        let text = field(name).unwrap_or_default();
        text.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect::<Vec<_>>()
    };
    let max_age: Option<i64> = field("access-control-max-age").and_then(|seconds| seconds.parse().ok());
    Some(json!({
        "allowOrigins": [field("access-control-allow-origin")?],
        "allowMethods": list("access-control-allow-methods"),
        "allowHeaders": list("access-control-allow-headers"),
        "exposeHeaders": list("access-control-expose-headers"),
        "allowCredentials": field("access-control-allow-credentials").as_deref() == Some("true"),
        "maxAge": max_age,
    }))
}
