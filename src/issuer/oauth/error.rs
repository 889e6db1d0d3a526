//! What the door of OpenID Connect says when it says no.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;

/// No pool has the id in the path.
pub(super) fn no_such_pool() -> Response {
    let body = json!({"message": "There is no such user pool."});
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}
