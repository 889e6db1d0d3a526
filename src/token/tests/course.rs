//! What one case of a table cannot show: claims bound to their token, revocation, time that passes, keys that are asked for.

use std::time::Duration;

use aws_lc_rs::hmac;
use serde_json::json;

use super::super::trust::Attribute;
use super::support::{Gate, key, of};

/// What was proved is what the token says, and of each token its own (CVE-2021-41230, CVE-2023-33189).
#[test]
fn a_verified_token_holds_its_own_claims() {
    let gate = Gate::new();
    let alice = of("corp")
        .claim("scope", "orders/read  orders/write")
        .claim("scp", json!(["orders/read", "admin"]))
        .claim("groups", json!(["sales", "a b"]))
        .claim("roles", "clerk")
        .claim("realm", json!({"roles": ["sales", "inner"]}))
        .claim("https://idp.example/roles", json!(["named"]))
        .claim("cognito:groups", json!(["not configured"]))
        .claim("username", "Alice")
        .claim("email", "alice@example.com")
        .claim("email_verified", "false")
        .claim("azp", "web")
        .claim("custom:tenant", "acme")
        .claim("level", -3)
        .claim("staff", true)
        .claim("place", json!({"regions": ["eu", "us"]}));
    let alice = gate.verify(&alice.sign()).unwrap();
    let bob = gate.verify(&of("partner").claim("sub", "bob").claim("cognito:username", "b").sign()).unwrap();
    assert_eq!((alice.subject(), alice.issuer_name()), ("alice", "corp"));
    assert_eq!((bob.subject(), bob.issuer_name(), bob.username()), ("bob", "partner", Some("b")));
    assert_eq!(alice.scopes(), ["orders/read", "orders/write", "admin"]);
    assert_eq!(alice.groups(), ["sales", "a b", "clerk", "inner", "named"]);
    assert_eq!((alice.username(), alice.email()), (Some("Alice"), Some("alice@example.com")));
    assert_eq!((alice.email_verified(), alice.client_id()), (Some(false), Some("web")));
    assert_eq!(alice.claims()["custom:tenant"], "acme");
    let attributes: Vec<_> = alice.attributes().iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let regions = Attribute::StringSet(vec!["eu".to_owned(), "us".to_owned()]);
    assert_eq!(
        attributes,
        [
            ("level", Attribute::Long(-3)),
            ("regions", regions),
            ("staff", Attribute::Bool(true)),
            ("tenant", Attribute::String("acme".to_owned())),
        ]
    );
    assert!(bob.attributes().is_empty() && bob.groups().is_empty() && bob.scopes().is_empty());
    assert_eq!((bob.email(), bob.email_verified(), bob.client_id()), (None, None, None));
}

#[test]
fn a_token_lives_until_the_leeway_after_its_exp() {
    let gate = Gate::new();
    let token = of("corp").sign();
    for (seconds, expected) in [(0, "ok"), (3629, "ok"), (1, "token-expired"), (80_000, "token-expired")] {
        gate.clock.advance(Duration::from_secs(seconds));
        assert_eq!(gate.code(&token), expected, "{seconds}");
    }
}

#[test]
fn a_revoked_token_is_refused_and_only_of_its_issuer() {
    let gate = Gate::new();
    let token = |issuer: &str, jti: &str, family: &str| of(issuer).claim("jti", jti).claim("origin_jti", family).sign();
    gate.revocations.revoke_token("https://idp.example", "one", u64::MAX);
    gate.revocations.revoke_family("https://idp.example", "family", u64::MAX);
    assert_eq!(gate.code(&token("corp", "one", "x")), "token-revoked");
    assert_eq!(gate.code(&token("corp", "two", "family")), "token-revoked");
    assert_eq!(gate.code(&token("corp", "two", "x")), "ok");
    assert_eq!(gate.code(&token("corp", "family", "one")), "ok");
    assert_eq!(gate.code(&token("partner", "one", "family")), "ok");
    assert_eq!(gate.code(&of("corp").sign()), "ok");
}

#[test]
fn a_token_that_was_good_is_refused_once_it_is_revoked() {
    let gate = Gate::new();
    let token = of("corp").claim("jti", "later").sign();
    assert_eq!(gate.code(&token), "ok");
    gate.revocations.revoke_token("https://idp.example", "later", u64::MAX);
    assert_eq!(gate.code(&token), "token-revoked");
}

/// CVE-2026-39999: the public key, in every form that it is handed out in, as the secret of an HMAC.
#[test]
fn a_public_key_signs_nothing() {
    let gate = Gate::new();
    for name in ["corp", "rsa", "ed"] {
        let jwk = key(name).public_jwk();
        let member = jwk.get("n").or_else(|| jwk.get("x")).and_then(|value| value.as_str()).unwrap().to_owned();
        for secret in [jwk.to_string(), member, String::new()] {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            for (alg, expected) in [("HS256", "unsupported-algorithm"), ("ES256", "bad-signature")] {
                let token = of("corp").header("alg", alg);
                let forged = token.signed_as(hmac::sign(&secret, token.input().as_bytes()).as_ref());
                assert_eq!(gate.code(&forged), expected, "{name} {alg}");
            }
        }
    }
    for alg in ["none", "None", "ES256"] {
        let unsigned = format!("{}.", of("corp").header("alg", alg).input());
        assert_eq!(gate.code(&unsigned), "malformed-token", "{alg}");
    }
}

/// An ES256 signature of 21,800 characters overran a buffer before anything was verified (`HAProxy`, commit `648b0e7be`).
#[test]
fn a_signature_of_any_length_is_only_a_wrong_one() {
    let gate = Gate::new();
    for length in [1, 63, 65, 72, 128, 4096, 11_000] {
        assert_eq!(gate.code(&of("corp").signed_as(&vec![0x30; length])), "bad-signature", "{length}");
    }
}

#[test]
fn keys_that_nobody_has_are_refused_and_known_ones_go_on() {
    let gate = Gate::new();
    assert_eq!(gate.code(&of("corp").header("kid", "new").sign()), "unknown-key");
    for number in 0..200 {
        assert_eq!(gate.code(&of("corp").header("kid", number.to_string()).signed_as(&[1; 64])), "unknown-key");
    }
    assert_eq!(gate.code(&of("corp").sign()), "ok");
}

/// The keys of an issuer that has been silent for too long are nobody's keys; other issuers do not notice.
#[test]
fn keys_that_are_too_old_are_not_used() {
    let gate = Gate::new();
    let token = of("corp").claim("exp", 253_402_300_799_u64).sign();
    gate.clock.advance(Duration::from_hours(24) + Duration::from_mins(10));
    assert_eq!(gate.code(&token), "ok");
    gate.clock.advance(Duration::from_millis(1));
    assert_eq!(gate.code(&token), "keys-unavailable");
}
