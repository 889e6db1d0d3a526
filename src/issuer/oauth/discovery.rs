//! `/{pool id}/.well-known/`: the discovery document (OpenID Connect Discovery 1.0 section 4) and the pool's keys.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::error::no_such_pool;
use crate::issuer::flow::Engine;
use crate::issuer::paths;

/// Short enough that a new key is known before it signs.
const FIVE_MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What a client needs to know of a pool. It names endpoints that exist and no other.
pub(crate) async fn openid_configuration(State(engine): State<Arc<Engine>>, Path(pool_id): Path<String>) -> Response {
    let Some(pool) = engine.pools.get(&pool_id) else { return no_such_pool() };
    let document = json!({
        "issuer": pool.issuer_url,
        "jwks_uri": paths::jwks_uri(&pool.served_at),
        // Must be there and may not be empty for strict clients; without an authorization endpoint nobody can ask for it.
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": pool.keys.id_token_algorithms(),
    });
    found(document.to_string())
}

/// The public keys of a pool.
pub(crate) async fn jwks(State(engine): State<Arc<Engine>>, Path(pool_id): Path<String>) -> Response {
    engine.pools.get(&pool_id).map_or_else(no_such_pool, |pool| found(pool.keys.document().to_string()))
}

fn found(document: String) -> Response {
    ([(CONTENT_TYPE, JSON), (CACHE_CONTROL, FIVE_MINUTES)], document).into_response()
}
