//! What this door answers with: JSON, and problem details for what it does not have (RFC 9457).

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
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

/// It was done, and there is nothing to say.
pub(super) fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// What was sent is not what this path takes; `detail` names the member, never its value.
pub(super) fn malformed(detail: &str) -> Response {
    problem_with(StatusCode::BAD_REQUEST, "malformed-request", Some(detail))
}

/// What was sent is larger than this path takes.
pub(super) fn too_large() -> Response {
    problem(StatusCode::PAYLOAD_TOO_LARGE, "request-too-large")
}

/// This path asks for credentials, and these are not the ones (RFC 6750 section 3).
pub(super) fn unauthorized(was_sent: bool) -> Response {
    let code = if was_sent { "invalid-credential" } else { "missing-credential" };
    let error = if was_sent { ", error=\"invalid_token\"" } else { "" };
    let challenge = format!("Bearer realm=\"lychgate-admin\"{error}");
    ([(WWW_AUTHENTICATE, challenge)], problem(StatusCode::UNAUTHORIZED, code)).into_response()
}

fn problem(status: StatusCode, code: &str) -> Response {
    problem_with(status, code, None)
}

fn problem_with(status: StatusCode, code: &str, detail: Option<&str>) -> Response {
    let title = status.canonical_reason();
    let mut body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "code": code });
    if let (Some(members), Some(detail)) = (body.as_object_mut(), detail) {
        members.insert("detail".to_owned(), detail.into());
    }
    (status, [(CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
