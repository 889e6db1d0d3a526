//! The paths of the operator's door.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::answer::{good, method_not_allowed, not_found, unavailable};
use super::explain::{Explain, explain};
use super::health::{livez, readyz};
use super::revocations::{RevocationsDoor, revoke};
use crate::telemetry::{Metrics, Readiness};

/// What the operator's door shows.
#[derive(Clone)]
pub struct AdminState {
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// What `/readyz` asks.
    pub readiness: Readiness,
    /// Puts together what `/status` shows, anew for each request. It must hold no secret: whoever reaches the door reads it.
    pub status: Arc<dyn Fn() -> Value + Send + Sync>,
    /// By which tokens can be revoked; `None` hangs no such path.
    pub revocations: Option<RevocationsDoor>,
    /// Reads messages to users, in development; `None` hangs no such path.
    pub messages: Option<Messages>,
    /// Explains decisions; `None` hangs no such path.
    pub explain: Option<Explain>,
}

/// Reads the newest messages to users; `None` where they cannot be read now.
pub type Messages = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Option<Value>> + Send>> + Send + Sync>;

/// The operator's door, to be served on its own address.
pub fn router(state: AdminState) -> Router {
    let mut router = Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/status", get(status));
    if let Some(door) = state.revocations.clone() {
        router = router.route("/revocations", post(move |request| revoke(door, request)));
    }
    if let Some(read) = state.messages.clone() {
        router = router.route("/messages", get(move || messages(read)));
    }
    if let Some(door) = state.explain.clone() {
        router = router.route("/explain", post(move |request| explain(door, request)));
    }
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(map_response(not_to_be_stored))
        .with_state(state)
}

/// Prometheus' text format 0.0.4.
async fn metrics(State(state): State<AdminState>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], state.metrics.encode()).into_response()
}

async fn messages(read: Messages) -> Response {
    match read().await {
        Some(messages) => good(messages),
        None => unavailable(json!({"code": "messages-unavailable"})),
    }
}

async fn status(State(state): State<AdminState>) -> Response {
    good((state.status)())
}

/// Every answer is about now.
async fn not_to_be_stored(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
