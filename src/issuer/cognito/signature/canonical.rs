//! The request in the one spelling that is signed.

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::request::Parts;

use crate::issuer::pool::proof::hex;

/// The canonical request. `None` where a signed header is not there, or cannot be read as text.
pub(super) fn canonical(parts: &Parts, signed_headers: &[&str], body: &[u8]) -> Option<String> {
    let mut lines = String::new();
    for name in signed_headers {
        lines.push_str(&header_line(parts, name)?);
    }
    let query = canonical_query(parts.uri.query().unwrap_or_default());
    let payload = hex(digest(&SHA256, body).as_ref());
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    Some(format!("{method}\n{path}\n{query}\n{lines}\n{}\n{payload}", signed_headers.join(";")))
}

/// The name and its values: outer blanks gone, inner ones made one, several joined by commas.
fn header_line(parts: &Parts, name: &str) -> Option<String> {
    let values = parts.headers.get_all(name).iter().map(|value| value.to_str().ok());
    let values: Vec<&str> = values.collect::<Option<_>>()?;
    let values: Vec<String> =
        values.iter().map(|value| value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")).collect();
    if values.is_empty() { None } else { Some(format!("{name}:{}\n", values.join(","))) }
}

/// The parameters as they are encoded, in order.
fn canonical_query(query: &str) -> String {
    let mut parameters: Vec<String> =
        query.split('&').filter(|parameter| !parameter.is_empty()).map(with_value).collect();
    parameters.sort();
    parameters.join("&")
}

fn with_value(parameter: &str) -> String {
    if parameter.contains('=') { parameter.to_owned() } else { format!("{parameter}=") }
}
