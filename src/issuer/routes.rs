//! The table of contents: every path of the issuer and what answers it.

use std::sync::Arc;

use axum::middleware::map_response;
use axum::routing::{get, options};
use axum::{Extension, Router};

use super::cognito::{self, Administration};
use super::flow::Engine;
use super::oauth;
use super::record::Recorder;

/// All paths of the issuer.
pub(crate) fn router(engine: Arc<Engine>, administration: Arc<Administration>, recorder: Recorder) -> Router {
    Router::new()
        .route(
            "/",
            options(cognito::preflight)
                .post(cognito::call)
                .layer::<_, std::convert::Infallible>(Extension(administration))
                .layer(Extension(recorder)),
        )
        .route("/{pool_id}/.well-known/openid-configuration", get(oauth::openid_configuration))
        .route("/{pool_id}/.well-known/jwks.json", get(oauth::jwks))
        .layer(map_response(cognito::allow_any_origin))
        .with_state(engine)
}
