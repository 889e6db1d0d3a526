//! What this door answers with: JSON, and problem details for what it does not have (RFC 9457).

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// The body as JSON: the answer to a question that was understood.
pub(super) fn good(body: Value) -> Response {
    Json(body).into_response()
}

/// The body as JSON, to say that this process should get no requests now.
pub(super) fn unavailable(body: Value) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

/// There is nothing at this path.
pub(super) async fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "not-found")
}

/// There is something at this path, but not for this method; the router adds `allow`.
pub(super) async fn method_not_allowed() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed")
}

fn problem(status: StatusCode, code: &str) -> Response {
    let title = status.canonical_reason();
    let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "code": code });
    (status, [(CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
