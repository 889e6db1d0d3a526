//! The document as a tree, each part with the JSON Pointer that leads to it.

use serde_json::Value;

/// The methods that API Gateway's any-method stands for; what the gate takes where a route names none.
pub(super) const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// References that are followed one after the other.
const MOST_REFERENCES: usize = 8;

/// A document that was read.
pub(super) struct Document(Value);

/// A part of a document.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    pub(super) value: &'a Value,
    /// A JSON Pointer (RFC 6901).
    pub(super) at: String,
}

impl Document {
    /// Reads JSON or YAML.
    ///
    /// # Errors
    /// What is wrong, in words: it is neither, or no OpenAPI document.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let value: Value = if text.starts_with('{') {
            serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?
        } else {
            serde_saphyr::from_str(text).map_err(|error| format!("it is not YAML: {error}"))?
        };
        let version = |key: &str| match value.get(key) {
            Some(Value::String(version)) => version.clone(),
            // Without quotes, YAML takes it for a number.
            Some(Value::Number(version)) => version.to_string(),
            _ => String::new(),
        };
        let is_known = version("swagger").starts_with('2') || version("openapi").starts_with("3.");
        if is_known { Ok(Self(value)) } else { Err("it is neither OpenAPI 3 nor Swagger 2".to_owned()) }
    }

    pub(super) fn root(&self) -> Node<'_> {
        Node { value: &self.0, at: String::new() }
    }

    /// Follows `$ref` within the document. None where it leads nowhere, or outside.
    pub(super) fn follow<'a>(&'a self, node: Node<'a>) -> Option<Node<'a>> {
        let mut node = node;
        for _ in 0..MOST_REFERENCES {
            let Some(reference) = node.get("$ref") else { return Some(node) };
            let at = reference.value.as_str()?.strip_prefix('#')?;
            node = Node { value: self.0.pointer(at)?, at: at.to_owned() };
        }
        None
    }
}

impl<'a> Node<'a> {
    /// The member of this name.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        Some(Self { value: self.value.get(key)?, at: self.below(key) })
    }

    /// The text of the member of this name.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.value.get(key)?.as_str()
    }

    /// The members in their order; none where it is no object.
    pub(super) fn members(&self) -> Vec<(&'a str, Self)> {
        let members = self.value.as_object().into_iter().flatten();
        members.map(|(key, value)| (key.as_str(), Self { value, at: self.below(key) })).collect()
    }

    /// The texts of a list, or the one text that stands in its place.
    pub(super) fn texts(&self) -> Vec<String> {
        match self.value {
            Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Value::String(one) => vec![one.clone()],
            _ => Vec::new(),
        }
    }

    fn below(&self, key: &str) -> String {
        format!("{}/{}", self.at, key.replace('~', "~0").replace('/', "~1"))
    }
}

/// The path that clients of the stage put before those of the document, without a slash at its end: `/prod`, or nothing.
pub(super) fn base_path(root: &Node<'_>) -> String {
    let swagger = root.text("basePath").map(str::to_owned);
    let server = root.get("servers").and_then(|servers| Some(servers.value.get(0)?.clone()));
    let openapi = server.and_then(|server| {
        let mut url = server.get("url")?.as_str()?.to_owned();
        for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten() {
            let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
            url = url.replace(&format!("{{{name}}}"), default.trim_start_matches('/'));
        }
        let (_, rest) = url.split_once("://").unwrap_or(("", &url));
        Some(rest.split_once('/').map_or_else(String::new, |(_, path)| format!("/{path}")))
    });
    swagger.or(openapi).unwrap_or_default().trim_end_matches('/').to_owned()
}
