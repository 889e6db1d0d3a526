//! Bound tokens and their senders: each point of RFC 9449 section 4.3, and certificates of RFC 8705.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::super::config::DpopConfig;
use super::super::proof::{ProofChecker, SeenProofs, Sender};
use super::support::{Gate, NOW, of};
use crate::clock::Clock;
use crate::jose::{Algorithm, SigningKey};

const ORIGIN: &str = "https://api.example";

struct World {
    gate: Gate,
    checker: ProofChecker,
    key: SigningKey,
    token: String,
}

impl World {
    fn new(nonce: bool) -> Self {
        let gate = Gate::new();
        let key = SigningKey::generate_for(Algorithm::Es256).unwrap();
        let token = of("corp").claim("cnf", json!({"jkt": key.kid()})).sign();
        let config = DpopConfig { nonce, ..DpopConfig::default() };
        let checker = ProofChecker::new(config, SeenProofs::default(), &[7; 32], gate.clock.clone());
        Self { gate, checker, key, token }
    }

    fn proof(&self) -> Proof {
        let header = json!({"typ": "dpop+jwt", "jwk": public(&self.key)});
        let claims = json!({
            "jti": format!("{:x}", fastrand::u128(..)), "htm": "GET", "htu": "https://api.example/orders/7", "iat": NOW,
            "ath": URL_SAFE_NO_PAD.encode(digest(&SHA256, self.token.as_bytes())),
        });
        Proof { header: header.as_object().unwrap().clone(), claims: claims.as_object().unwrap().clone() }
    }

    fn sign(&self, proof: &Proof) -> String {
        self.key.sign_with(&proof.header, &proof.claims).unwrap()
    }

    /// The code of what becomes of the token with these proofs.
    fn sent(&self, token: &str, proofs: &[&str], by_dpop: bool, certificate: Option<&[u8; 32]>) -> &'static str {
        let token = self.gate.verify(token).unwrap();
        let proofs =
            proofs.iter().map(|proof| (http::HeaderName::from_static("dpop"), HeaderValue::from_str(proof).unwrap()));
        let headers: HeaderMap = proofs.collect();
        let sender =
            Sender { by_dpop, method: "GET", origin: ORIGIN, path: "/orders/7", headers: &headers, certificate };
        self.checker.check(&token, sender).map_or_else(|error| error.code(), |()| "ok")
    }

    fn with(&self, proof: &Proof) -> &'static str {
        self.sent(&self.token, &[&self.sign(proof)], true, None)
    }
}

struct Proof {
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl Proof {
    fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.claims.remove(name).unwrap();
        self
    }

    fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }
}

/// The members that make the key, and nothing about it.
fn public(key: &SigningKey) -> Value {
    let mut jwk = key.public_jwk();
    jwk.as_object_mut().unwrap().retain(|name, _| !["kid", "alg", "use"].contains(&name.as_str()));
    jwk
}

#[test]
fn a_proof_is_for_one_request_one_token_and_one_use() {
    let world = World::new(false);
    let proof = || world.proof();
    assert_eq!(world.with(&proof()), "ok");
    assert_eq!(world.with(&proof().claim("htu", "HTTPS://api.example:443/orders/%37?a=b")), "ok");
    assert_eq!(world.with(&proof().claim("iat", NOW - 60)), "ok");
    assert_eq!(world.with(&proof().claim("iat", NOW + 10)), "ok");

    let once = world.sign(&proof());
    let sent = |proofs: &[&str]| world.sent(&world.token, proofs, true, None);
    assert_eq!([sent(&[&once]), sent(&[&once])], ["ok", "dpop-proof-replayed"]);
    assert_eq!(sent(&[]), "dpop-proof-missing");
    let (first, second) = (world.sign(&proof()), world.sign(&proof()));
    assert_eq!(sent(&[&first, &second]), "dpop-proof-several");
    assert_eq!(sent(&[&format!("{first}, {second}")]), "dpop-proof-malformed");
    assert_eq!(sent(&[""]), "dpop-proof-malformed");
    assert_eq!(sent(&[&"a".repeat(9000)]), "dpop-proof-malformed");

    let mut private = public(&world.key);
    private["d"] = json!("AAAA");
    for (proof, code) in [
        (proof().claim("htm", "POST"), "dpop-proof-method"),
        (proof().claim("htm", "get"), "dpop-proof-method"),
        (proof().without("htm"), "dpop-proof-malformed"),
        (proof().claim("htu", "https://api.example/orders/8"), "dpop-proof-uri"),
        (proof().claim("htu", "http://api.example/orders/7"), "dpop-proof-uri"),
        (proof().claim("htu", 7), "dpop-proof-malformed"),
        (proof().claim("iat", NOW - 62), "dpop-proof-age"),
        (proof().claim("iat", NOW + 12), "dpop-proof-age"),
        (proof().claim("iat", "now"), "dpop-proof-malformed"),
        (proof().without("iat"), "dpop-proof-malformed"),
        (proof().claim("ath", URL_SAFE_NO_PAD.encode([0; 32])), "dpop-proof-token"),
        (proof().without("ath"), "dpop-proof-malformed"),
        (proof().without("jti"), "dpop-proof-malformed"),
        (proof().claim("jti", ""), "dpop-proof-malformed"),
        (proof().header("typ", "JWT"), "dpop-proof-malformed"),
        (proof().header("typ", "at+jwt"), "dpop-proof-malformed"),
        (proof().header("crit", json!(["exp"])), "dpop-proof-malformed"),
        (proof().header("jwk", "x"), "dpop-proof-malformed"),
        (proof().header("jwk", private), "dpop-proof-key"),
        (proof().header("jwk", json!({"kty": "oct", "k": "AAAA"})), "dpop-proof-key"),
        (proof().header("jwk", public(&SigningKey::generate_for(Algorithm::EdDsa).unwrap())), "dpop-proof-key"),
        (proof().header("jwk", public(&SigningKey::generate_for(Algorithm::Es256).unwrap())), "dpop-proof-other-key"),
    ] {
        assert_eq!(world.with(&proof), code, "{:?} {:?}", proof.header, proof.claims);
    }
    let mut cut = world.sign(&proof());
    cut.replace_range(cut.len() - 6..cut.len() - 2, "AAAA");
    assert_eq!(sent(&[&cut]), "dpop-proof-signature");
}

#[test]
fn another_key_proves_nothing_about_a_token() {
    let world = World::new(false);
    let thief = SigningKey::generate_for(Algorithm::Es256).unwrap();
    let proof = world.proof().header("jwk", public(&thief));
    let proof = thief.sign_with(&proof.header, &proof.claims).unwrap();
    assert_eq!(world.sent(&world.token, &[&proof], true, None), "dpop-proof-other-key");
}

#[test]
fn a_bound_token_comes_by_the_way_that_proves_its_sender_and_an_unbound_one_never_does() {
    let world = World::new(false);
    let good = || world.sign(&world.proof());
    assert_eq!(world.sent(&world.token, &[&good()], false, None), "sender-constraint");
    let unbound = of("corp").sign();
    assert_eq!(world.sent(&unbound, &[], false, None), "ok");
    assert_eq!(world.sent(&unbound, &[&good()], true, None), "sender-constraint");
    assert_eq!(world.sent(&unbound, &[], true, None), "sender-constraint");
}

#[test]
fn a_certificate_bound_token_comes_with_its_certificate() {
    let world = World::new(false);
    let hash = URL_SAFE_NO_PAD.encode([7; 32]);
    let token = of("corp").claim("cnf", json!({"x5t#S256": hash})).sign();
    let by = |certificate| world.sent(&token, &[], false, certificate);
    assert_eq!([by(Some(&[7; 32])), by(Some(&[8; 32])), by(None)], ["ok", "sender-constraint", "sender-constraint"]);
    assert_eq!(world.sent(&token, &[], true, Some(&[7; 32])), "sender-constraint");
    let both = of("corp").claim("cnf", json!({"x5t#S256": hash, "jkt": world.key.kid()})).sign();
    let ath = URL_SAFE_NO_PAD.encode(digest(&SHA256, both.as_bytes()));
    let proof = || world.sign(&world.proof().claim("ath", ath.as_str()));
    assert_eq!(world.sent(&both, &[&proof()], true, Some(&[7; 32])), "ok");
    assert_eq!(world.sent(&both, &[&proof()], true, None), "sender-constraint");
    assert_eq!(world.sent(&both, &[], false, Some(&[7; 32])), "sender-constraint");
}

#[test]
fn gates_with_the_same_secret_take_each_others_nonces() {
    let clock = Clock::standing_at(NOW);
    let nonce = |shared: Option<&str>, own: u8| {
        let nonce_secret = shared.map(SecretString::from);
        let config = DpopConfig { nonce: true, nonce_secret, ..DpopConfig::default() };
        ProofChecker::new(config, SeenProofs::default(), &[own; 32], clock.clone()).nonce().unwrap()
    };
    assert_eq!(nonce(Some("one"), 1), nonce(Some("one"), 2));
    assert_ne!(nonce(Some("one"), 1), nonce(Some("other"), 1));
    assert_ne!(nonce(None, 1), nonce(None, 2));
    assert_eq!(nonce(None, 1), nonce(None, 1));
}

#[test]
fn a_nonce_is_asked_for_where_the_config_wants_one() {
    let world = World::new(true);
    let nonce = world.checker.nonce().unwrap();
    assert_eq!(world.with(&world.proof()), "dpop-nonce-wanted");
    assert_eq!(world.with(&world.proof().claim("nonce", "made-up")), "dpop-nonce-wanted");
    assert_eq!(world.with(&world.proof().claim("nonce", nonce.as_str())), "ok");
    world.gate.clock.advance(std::time::Duration::from_mins(4));
    let late = world.proof().claim("iat", NOW + 240).claim("nonce", nonce);
    assert_eq!(world.with(&late), "dpop-nonce-wanted");
}
