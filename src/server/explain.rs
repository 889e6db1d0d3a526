//! Explains decisions of the live gate for the operator's door.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::admin::{Explain, ExplainCredential, ExplainRequest};
use crate::authorizer::{AskedRequest, Authorizer, ClientCertificate, DecisionPoint, Presented};

/// Explains by the config that `now` says is in force.
pub(super) fn explainer(now: impl Fn() -> Arc<DecisionPoint> + Send + Sync + 'static) -> Explain {
    Arc::new(move |request| {
        let point = now();
        Box::pin(async move { explain(&point.authorizer, request).await })
    })
}

/// The first certificate of a PEM text, as a listener with `client_ca` would see it; whether anyone trusts it is not asked.
#[must_use]
pub fn certificate_of_pem(pem: &str) -> Option<ClientCertificate> {
    CertificateDer::from_pem_slice(pem.as_bytes()).ok().map(|der| ClientCertificate::proved(&der))
}

/// The explanation, or what is wrong with the request.
async fn explain(authorizer: &Authorizer, request: ExplainRequest) -> Result<Value, String> {
    let ExplainRequest { request, headers, ip, certificate, credential } = request;
    let fields = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let asked = AskedRequest::read(&request, fields, ip)?;
    let asked = match certificate {
        None => asked,
        Some(pem) => {
            asked.with_certificate(certificate_of_pem(&pem).ok_or("`certificate` must be a certificate in PEM")?)
        }
    };
    let (asked, presented) = match credential {
        ExplainCredential::AsSent => (asked, Presented::AsSent),
        ExplainCredential::Token(token) => (asked.with_token(token.expose_secret())?, Presented::AsSent),
        ExplainCredential::Claims(claims) => (asked, Presented::Claims(claims)),
    };
    Ok(authorizer.explain(&asked, presented).await.to_json())
}
