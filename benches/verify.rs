//! The first rung of the ladder: what proving a token costs over the bare signature check below it.
//!
//! `raw` is aws-lc-rs with the key parsed once; `first-seen` is the whole verifier on a token that it has never seen. Read the
//! ratio of the two in one run; the aim is 1.3 at most.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench stops at what it cannot set up")]

use std::cell::Cell;
use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use lychgate::clock::Clock;
use lychgate::jose::{Algorithm, SigningKey};
use lychgate::telemetry::Metrics;
use lychgate::token::{
    Fetcher, KeySource, KeyStore, RefreshConfig, Refresher, Revocations, TokenLimits, TrustedIssuer,
    TrustedIssuerConfig, Verifier, VerifierParts,
};
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000;

/// As an access token of Cognito, of about 900 bytes.
fn claims(number: u64) -> Value {
    json!({
        "sub": "6d1c1c9e-5f0a-4b52-9d4c-0c3b5c2f7a11", "iss": "https://idp.example/eu-central-1_abcdefghi", "aud": "orders-api",
        "cognito:groups": ["sales", "admin", "eu-central"], "token_use": "access", "version": 2,
        "client_id": "3n4b5urk1ft4fl3mg5e62d9ado", "origin_jti": "0f6f5d0c-6f3b-4b39-8d3f-5f6d3c1b2a10",
        "event_id": "a3a2c1d0-1b2c-4d3e-9f4a-5b6c7d8e9f00", "scope": "openid orders/read orders/write profile",
        "auth_time": NOW - 60, "iat": NOW - 60, "exp": NOW + 3600, "jti": number.to_string(), "username": "alice",
    })
}

fn gate(key: &SigningKey) -> Verifier {
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
    let limits = TokenLimits { token: "16KiB".parse().unwrap(), claims_depth: 16 };
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

fn parsed(key: &SigningKey) -> ParsedPublicKey {
    let jwk = key.public_jwk();
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    match key.algorithm() {
        Algorithm::EdDsa => ParsedPublicKey::new(&ED25519, bytes("x")),
        Algorithm::Es256 => {
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [&[4][..], &bytes("x"), &bytes("y")].concat())
        }
        _ => RsaPublicKeyComponents { n: bytes("n"), e: bytes("e") }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256),
    }
    .unwrap()
}

/// Nothing waits where the key is known, so one poll is the whole of it.
fn verify(verifier: &Verifier, token: &str) {
    let mut proof = pin!(verifier.verify(token));
    match proof.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => drop(outcome.unwrap()),
        Poll::Pending => unreachable!("the key is known"),
    }
}

fn benches(criterion: &mut Criterion) {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let key = SigningKey::generate_for(algorithm).unwrap();
        let (verifier, raw) = (gate(&key), parsed(&key));
        let number = Cell::new(0);
        let next = || {
            number.set(number.get() + 1);
            key.sign(&claims(number.get())).unwrap()
        };
        let mut group = criterion.benchmark_group(format!("verify/{algorithm}"));
        group.bench_function("raw", |bencher| {
            let parts = || {
                let token = next();
                let (input, signature) = token.rsplit_once('.').unwrap();
                (input.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(signature).unwrap())
            };
            let check = |(input, signature): (Vec<u8>, Vec<u8>)| raw.verify_sig(&input, &signature).unwrap();
            bencher.iter_batched(parts, check, BatchSize::SmallInput);
        });
        group.bench_function("first-seen", |bencher| {
            bencher.iter_batched(next, |token| verify(&verifier, &token), BatchSize::SmallInput);
        });
        group.finish();
    }
}

criterion_group!(verifying, benches);
criterion_main!(verifying);
