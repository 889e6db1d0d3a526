//! The answer to a request that no parser has read, as bytes.

use std::fmt::Write;

use http::StatusCode;
use pingora::protocols::http::date::get_cached_date;

use crate::authorizer::Denial;
use crate::proxy::respond::REQUEST_ID;

/// The whole answer, after which the connection ends.
pub(super) fn refusal(denial: &Denial, request_id: &str, received: &[u8]) -> String {
    let answer = denial.answer(request_id);
    let reason = StatusCode::from_u16(answer.status).ok().and_then(|status| status.canonical_reason());
    let mut text = format!("HTTP/1.1 {} {}\r\n", answer.status, reason.unwrap_or_default());
    let date = get_cached_date();
    let id = REQUEST_ID;
    let fields = [
        ("content-type", "application/problem+json"),
        ("cache-control", "no-store"),
        (id.as_str(), request_id),
        ("connection", "close"),
        ("date", date.to_str().unwrap_or_default()),
    ];
    let more = answer.headers.iter().map(|(name, value)| (*name, value.as_str()));
    for (name, value) in fields.into_iter().chain(more) {
        // Writing to a string does not fail.
        let _infallible = write!(text, "{name}: {value}\r\n");
    }
    let _infallible = write!(text, "content-length: {}\r\n\r\n", answer.body.len());
    if !received.starts_with(b"HEAD ") {
        text.push_str(&answer.body);
    }
    text
}
