//! Explains decisions of the live gate for the operator's door.

use std::sync::Arc;

use secrecy::ExposeSecret;
use serde_json::Value;

use crate::admin::{Explain, ExplainCredential, ExplainRequest};
use crate::authorizer::{AskedRequest, Authorizer, DecisionPoint, Presented};

/// Explains by the config that `now` says is in force.
pub(super) fn explainer(now: impl Fn() -> Arc<DecisionPoint> + Send + Sync + 'static) -> Explain {
    Arc::new(move |request| {
        let point = now();
        Box::pin(async move { explain(&point.authorizer, request).await })
    })
}

/// The explanation, or what is wrong with the request.
async fn explain(authorizer: &Authorizer, request: ExplainRequest) -> Result<Value, String> {
    let ExplainRequest { request, headers, ip, credential } = request;
    let fields = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let asked = AskedRequest::read(&request, fields, ip)?;
    let (asked, presented) = match credential {
        ExplainCredential::AsSent => (asked, Presented::AsSent),
        ExplainCredential::Token(token) => (asked.with_token(token.expose_secret())?, Presented::AsSent),
        ExplainCredential::Claims(claims) => (asked, Presented::Claims(claims)),
    };
    Ok(authorizer.explain(&asked, presented).await.to_json())
}
