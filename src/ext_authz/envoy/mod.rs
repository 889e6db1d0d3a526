//! Envoy's door: `envoy.service.auth.v3.Authorization/Check`.

mod answer;
mod check;
mod metadata;

pub(super) use answer::answer;
pub(super) use check::original_request;
