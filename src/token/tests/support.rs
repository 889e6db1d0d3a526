//! A gate that trusts ten issuers, and tokens made member by member.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytesize::ByteSize;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::super::config::{TokenLimits, TrustedIssuerConfig};
use super::super::jwks::{Fetcher, KeySource, KeyStore, Refresher};
use super::super::revocation::Revocations;
use super::super::trust::TrustedIssuer;
use super::super::verify::{VerifiedToken, Verifier, VerifierParts};
use crate::clock::Clock;
use crate::jose::{Algorithm, SigningKey};
use crate::telemetry::Metrics;

/// When all tests take place, in Unix seconds.
pub(super) const NOW: u64 = 1_800_000_000;
pub(super) const LONGEST: usize = 16 * 1024;

/// The trusted issuers: name, keys as `kid=key`, config.
const ISSUERS: [(&str, &str, &str); 10] = [
    (
        "corp",
        "k1=corp k2=ed k3=rsa",
        "{issuer: 'https://idp.example', audience: [orders-api, orders-web], group_claims: [groups, roles, {path: [realm, roles]}, 'https://idp.example/roles'],
          attributes: {tenant: {claim: 'custom:tenant', type: string}, level: {claim: level, type: long}, staff: {claim: staff, type: bool}, regions: {claim: {path: [place, regions]}, type: string_set}}}",
    ),
    ("partner", "k1=partner", "{issuer: 'https://partner.example', audience: [orders-api]}"),
    ("shared", "k1=corp", "{issuer: 'https://idp.example/other', audience: [other-api]}"),
    ("cognito", "k1=pool", "{issuer: 'https://pool.example/eu_1', client_ids: [web, cli], require_claims: {token_use: access}}"),
    ("both", "k1=pool", "{issuer: 'https://both.example', audience: [orders-api], client_ids: [web]}"),
    (
        "strict",
        "k1=pool",
        "{issuer: 'https://strict.example', audience: [orders-api], types: [at+jwt], leeway: 0s, max_age: 1h, require_claims: {level: 3, ok: true, tags: [a, b]}}",
    ),
    ("lone", "=pool =ed", "{issuer: 'https://lone.example', audience: [orders-api]}"),
    ("twins", "a=corp b=partner", "{issuer: 'https://twins.example', audience: [orders-api]}"),
    ("narrow", "k3=rsa k1=corp", "{issuer: 'https://narrow.example', audience: [orders-api], algorithms: [RS256]}"),
    ("dark", "", "{issuer: 'https://dark.example', audience: [orders-api]}"),
];

static KEYS: LazyLock<HashMap<&str, SigningKey>> = LazyLock::new(|| {
    let made = [
        ("corp", Algorithm::Es256),
        ("partner", Algorithm::Es256),
        ("pool", Algorithm::Es256),
        ("evil", Algorithm::Es256),
        ("ed", Algorithm::EdDsa),
        ("rsa", Algorithm::Rs256),
    ];
    made.into_iter().map(|(name, algorithm)| (name, SigningKey::generate_for(algorithm).unwrap())).collect()
});

pub(super) fn key(name: &str) -> &'static SigningKey {
    &KEYS[name]
}

/// A verifier with what turns its answers.
pub(super) struct Gate {
    verifier: Verifier,
    pub(super) clock: Clock,
    pub(super) revocations: Revocations,
    runtime: Runtime,
    /// Ends the tasks that refetch keys.
    _stop: watch::Sender<bool>,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self::with_cache(ByteSize::mib(24))
    }

    pub(super) fn with_cache(cache: ByteSize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let clock = Clock::standing_at(NOW);
        let revocations = Revocations::new(clock.clone());
        let metrics = Metrics::new().unwrap();
        let (stop, stopped) = watch::channel(false);
        let issuers = ISSUERS.map(|(name, keys, config)| {
            let config: TrustedIssuerConfig = serde_saphyr::from_str(config).unwrap();
            let store = Arc::new(KeyStore::new(config.refresh.clone(), clock.clone()));
            if !keys.is_empty() {
                let source = KeySource::Inline(key_set(keys).to_string().into_bytes());
                let fetcher = Fetcher::new(source, &config).unwrap();
                let mut refresher = Refresher::new(name.into(), store.clone(), fetcher, metrics.issuer(name));
                runtime.block_on(refresher.fetch_once());
                runtime.spawn(refresher.run(stopped.clone()));
            }
            Arc::new(TrustedIssuer::new(name, &config, store))
        });
        let limits = TokenLimits { token: ByteSize::b(LONGEST as u64), claims_depth: 16, cache };
        let parts = VerifierParts {
            kept_claims: HashSet::from(["email", "custom:tenant"].map(str::to_owned)),
            limits,
            revocations: revocations.clone(),
            clock: clock.clone(),
            metrics: metrics.token_cache(),
        };
        let verifier = Verifier::new(Arc::new(issuers.into_iter().collect()), parts);
        Self { verifier, clock, revocations, runtime, _stop: stop }
    }

    pub(super) fn verify(&self, token: &str) -> Result<Arc<VerifiedToken>, &'static str> {
        self.runtime.block_on(self.verifier.verify(token)).map_err(|error| error.code())
    }

    /// `ok`, or the code of the refusal.
    pub(super) fn code(&self, token: &str) -> &'static str {
        self.verify(token).map_or_else(|code| code, |_| "ok")
    }
}

fn key_set(keys: &str) -> Value {
    let keys = keys.split(' ').map(|pair| {
        let (kid, name) = pair.split_once('=').unwrap();
        let mut jwk = key(name).public_jwk().as_object().unwrap().clone();
        jwk.remove("alg");
        if kid.is_empty() {
            jwk.remove("kid")
        } else {
            jwk.insert("kid".to_owned(), kid.into())
        };
        jwk
    });
    json!({"keys": keys.collect::<Vec<_>>()})
}

/// A token in the making.
#[derive(Clone)]
pub(super) struct Token {
    key: &'static str,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    /// Text after the last member of the payload and of the header.
    raw: [String; 2],
}

/// A good token of this issuer, for an hour.
pub(super) fn of(issuer: &str) -> Token {
    let (key, iss) = match issuer {
        "corp" => ("corp", "https://idp.example"),
        "partner" => ("partner", "https://partner.example"),
        "shared" => ("corp", "https://idp.example/other"),
        "cognito" => ("pool", "https://pool.example/eu_1"),
        "both" => ("pool", "https://both.example"),
        "strict" => ("pool", "https://strict.example"),
        "lone" => ("pool", "https://lone.example"),
        "twins" => ("corp", "https://twins.example"),
        "narrow" => ("rsa", "https://narrow.example"),
        other => ("corp", if other == "dark" { "https://dark.example" } else { "https://stranger.example" }),
    };
    let claims = json!({"iss": iss, "aud": "orders-api", "sub": "alice", "iat": NOW, "exp": NOW + 3600});
    let mut token = Token {
        key,
        header: Map::new(),
        claims: claims.as_object().unwrap().clone(),
        raw: [String::new(), String::new()],
    };
    token.header.insert("kid".to_owned(), if key == "rsa" { "k3" } else { "k1" }.into());
    match issuer {
        "shared" => token.claim("aud", "other-api"),
        "cognito" => token.without("aud").claim("client_id", "web").claim("token_use", "access"),
        "both" => token.claim("client_id", "web"),
        "strict" => token.typ("at+jwt").claim("level", 3).claim("ok", true).claim("tags", json!(["a", "b"])),
        _ => token,
    }
}

impl Token {
    pub(super) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.claims.remove(name).unwrap();
        self
    }

    pub(super) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn typ(self, typ: &str) -> Self {
        self.header("typ", typ)
    }

    pub(super) fn no_kid(mut self) -> Self {
        self.header.remove("kid");
        self
    }

    /// Signs with another key, under its algorithm.
    pub(super) fn by(mut self, key: &'static str) -> Self {
        self.key = key;
        self
    }

    /// Writes this after the last member of the payload: what no JSON writer would.
    pub(super) fn raw(mut self, text: &str) -> Self {
        self.raw[0] = text.to_owned();
        self
    }

    /// Writes this after the last member of the header.
    pub(super) fn raw_header(mut self, text: &str) -> Self {
        self.raw[1] = text.to_owned();
        self
    }

    /// Header and payload, as they are signed.
    pub(super) fn input(&self) -> String {
        let mut header = self.header.clone();
        header.entry("alg").or_insert_with(|| key(self.key).algorithm().name().into());
        let [header, claims] = [(&header, &self.raw[1]), (&self.claims, &self.raw[0])].map(|(members, raw)| {
            let text = serde_json::to_string(members).unwrap();
            URL_SAFE_NO_PAD.encode(format!("{}{raw}}}", text.strip_suffix('}').unwrap()))
        });
        format!("{header}.{claims}")
    }

    pub(super) fn sign(&self) -> String {
        let input = self.input();
        let signature = key(self.key).sign_bytes(input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The same with this in place of a signature.
    pub(super) fn signed_as(&self, signature: &[u8]) -> String {
        format!("{}.{}", self.input(), URL_SAFE_NO_PAD.encode(signature))
    }
}
