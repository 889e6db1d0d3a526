//! Is the process alive, and may it get requests?

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::answer::{good, unavailable};
use super::routes::AdminState;

/// Whoever reads the answer knows that the process runs. It looks at nothing else: an outage elsewhere is no reason to restart us.
pub(super) async fn livez() -> Response {
    good(json!({ "live": true }))
}

/// Names what is missing until nothing is.
pub(super) async fn readyz(State(state): State<AdminState>) -> Response {
    let missing = state.readiness.missing();
    let answer = if missing.is_empty() { good } else { unavailable };
    answer(json!({ "ready": missing.is_empty(), "missing": missing }))
}
