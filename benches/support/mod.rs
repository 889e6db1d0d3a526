//! A verifier as the gate has it, and tokens as it meets them.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use lychgate::clock::Clock;
use lychgate::jose::SigningKey;
use lychgate::telemetry::Metrics;
use lychgate::token::{
    Fetcher, KeySource, KeyStore, RefreshConfig, Refresher, Revocations, TokenLimits, TrustedIssuer,
    TrustedIssuerConfig, Verifier, VerifierParts,
};
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000;

pub(crate) fn claims(number: u64) -> Value {
    crate::claims::claims(number, NOW)
}

pub(crate) fn gate(key: &SigningKey, cache: &str) -> Verifier {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let clock = Clock::standing_at(NOW);
    let store = Arc::new(KeyStore::new(RefreshConfig::default(), clock.clone()));
    let document = json!({"keys": [key.public_jwk()]}).to_string().into_bytes();
    let config = json!({"issuer": "https://idp.example/eu-central-1_abcdefghi", "audience": ["orders-api"]});
    let config: TrustedIssuerConfig = serde_json::from_value(config).unwrap();
    let fetcher = Fetcher::new(KeySource::Inline(document), &config).unwrap();
    let metrics = Metrics::new().unwrap();
    let mut refresher = Refresher::new("bench".into(), store.clone(), fetcher, metrics.issuer("bench"));
    runtime.block_on(refresher.fetch_once());
    let limits = TokenLimits { token: "16KiB".parse().unwrap(), claims_depth: 16, cache: cache.parse().unwrap() };
    let issuer = Arc::new(TrustedIssuer::new("bench", &config, store));
    let parts = VerifierParts {
        kept_claims: HashSet::new(),
        limits,
        revocations: Revocations::new(clock.clone()),
        clock,
        metrics: metrics.token_cache(),
    };
    Verifier::new(Arc::new([issuer].into_iter().collect()), parts)
}

/// Nothing waits where the key is known, so one poll is the whole of it.
pub(crate) fn verify(verifier: &Verifier, token: &str) {
    let mut proof = pin!(verifier.verify(token));
    match proof.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => drop(outcome.unwrap()),
        Poll::Pending => unreachable!("the key is known"),
    }
}
