//! Any text before a verifier whose private key nobody has: it never panics, and never says yes.
#![no_main]

use std::cell::LazyCell;
use std::collections::HashSet;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use lychgate::clock::Clock;
use lychgate::jose::{Algorithm, SigningKey};
use lychgate::telemetry::Metrics;
use lychgate::token::{Fetcher, KeySource, KeyStore, RefreshConfig, Refresher, Revocations, TokenLimits};
use lychgate::token::{TrustedIssuer, TrustedIssuerConfig, Verifier, VerifierParts};
use tokio::runtime::{Builder, Runtime};

const CONFIG: &str = r#"{"issuer": "https://idp.example", "audience": ["api"]}"#;

fn gate() -> (Runtime, Verifier) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let keys = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];
    let keys = keys.map(|algorithm| SigningKey::generate_for(algorithm).expect("a key").public_jwk().to_string());
    let document = format!("{{\"keys\":[{}]}}", keys.join(",")).into_bytes();
    let clock = Clock::standing_at(1_800_000_000);
    let store = Arc::new(KeyStore::new(RefreshConfig::default(), clock.clone()));
    let config: TrustedIssuerConfig = serde_json::from_str(CONFIG).expect("a config");
    let fetcher = Fetcher::new(KeySource::Inline(document), &config).expect("a fetcher");
    let metrics = Metrics::new().expect("metrics");
    let mut refresher = Refresher::new("fuzz".into(), store.clone(), fetcher, metrics.issuer("fuzz"));
    runtime.block_on(refresher.fetch_once());
    // An unknown `kid` asks it again; unanswered, each would be waited for.
    let (stop, stopped) = tokio::sync::watch::channel(false);
    runtime.spawn(refresher.run(stopped));
    std::mem::forget(stop);
    let issuer = Arc::new(TrustedIssuer::new("fuzz", &config, store));
    let limits = TokenLimits {
        token: "16KiB".parse().expect("a size"),
        claims_depth: 16,
        cache: "1MiB".parse().expect("a size"),
    };
    let revocations = Revocations::new(clock.clone());
    let kept_claims = HashSet::new();
    let parts = VerifierParts { kept_claims, limits, revocations, clock, metrics: metrics.token_cache() };
    (runtime, Verifier::new(Arc::new([issuer].into_iter().collect()), parts))
}

thread_local! {
    static GATE: LazyCell<(Runtime, Verifier)> = LazyCell::new(gate);
}

fuzz_target!(|text: &str| {
    GATE.with(|gate| {
        let (runtime, verifier) = &**gate;
        assert!(runtime.block_on(verifier.verify(text)).is_err());
    });
});
