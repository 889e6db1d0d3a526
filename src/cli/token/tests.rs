//! The commands about tokens, one after another: what is minted is shown and verified.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};

use super::args::MintArgs;
use super::inspect::Inspected;
use super::mint::mint;
use super::verify::{to_json, to_text, verify};
use crate::cli::args::Cli;
use crate::clock::Clock;
use crate::config::Config;
use crate::jose::{Algorithm, SigningKey};

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn pem(key: &SigningKey) -> String {
    use base64::Engine;
    let body = base64::engine::general_purpose::STANDARD.encode(&*key.to_pkcs8().unwrap());
    let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

/// The private JWK of RFC 8037 appendix A.1, with an id and an algorithm of its own.
fn jwk() -> Value {
    json!({
        "kty": "OKP", "crv": "Ed25519", "kid": "of-the-rfc", "alg": "EdDSA",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    })
}

fn args(folder: &Path, key: &str, alg: Option<&str>, claims: &Value) -> MintArgs {
    MintArgs {
        key: write(folder, "key", key),
        alg: alg.map(str::to_owned),
        claims: write(folder, "claims.json", &claims.to_string()),
        kid: None,
        typ: "JWT".to_owned(),
        ttl: Duration::from_mins(5),
        json: true,
    }
}

fn config(folder: &Path, jwks: &Value) -> PathBuf {
    write(folder, "jwks.json", &jwks.to_string());
    let text = "{listeners: [{address: '127.0.0.1:0'}], admin: off,
        trusted_issuers: {corp: {issuer: 'https://idp.example', audience: [orders-api], keys: {file: jwks.json}}},
        upstreams: {orders: {endpoints: ['127.0.0.1:1']}},
        routes: [{name: all, match: {path: '/{*rest}'}, upstream: orders}]}";
    write(folder, "lychgate.yaml", text)
}

#[test]
fn what_is_minted_with_each_algorithm_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let claims = json!({"iss": "https://idp.example", "aud": "orders-api", "sub": "alice", "groups": ["sales"]});
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa] {
        let key = SigningKey::generate_for(algorithm).unwrap();
        let minted = mint(&args(folder.path(), &pem(&key), Some(algorithm.name()), &claims), &Clock::system()).unwrap();
        let loaded = Config::load(&config(folder.path(), &minted.json()["jwks"])).unwrap();
        let outcome = verify(&loaded, &minted.token).unwrap();
        let told = to_json(&outcome);
        assert_eq!(told["good"], true, "{algorithm}: {told}");
        assert_eq!((&told["issuer"], &told["subject"]), (&json!("corp"), &json!("alice")));
        assert_eq!(told["groups"], json!(["sales"]));
        assert_eq!(told["checks"].as_array().unwrap().len(), 7);
        assert!(to_text(&outcome).ends_with("good: a token of `corp` for \"alice\"\n"));
    }
}

#[test]
fn each_refusal_is_told_with_its_check_and_code() {
    let folder = tempfile::tempdir().unwrap();
    let good = json!({"iss": "https://idp.example", "aud": "orders-api", "sub": "alice"});
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let mint = |claims: &Value| mint(&args(folder.path(), &jwk().to_string(), None, claims), &Clock::system()).unwrap();
    let loaded = Config::load(&config(folder.path(), &mint(&good).json()["jwks"])).unwrap();
    let spoilt = mint(&good).token.replace('.', ".A");
    let unsigned = mint(&good).token.rsplit_once('.').unwrap().0.to_owned() + "." + &"A".repeat(86);
    let refused = [
        (spoilt, "form", "malformed-token"),
        (mint(&with("iss", json!("https://evil.example"))).token, "issuer", "unknown-issuer"),
        (unsigned, "signature", "bad-signature"),
        (mint(&with("aud", json!("billing"))).token, "claims", "wrong-audience"),
        (mint(&with("exp", json!(1))).token, "time", "token-expired"),
    ];
    for (token, check, code) in refused {
        let outcome = verify(&loaded, &token).unwrap();
        let told = to_json(&outcome);
        let last = told["checks"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&told["good"], &told["code"]), (&json!(false), &json!(code)));
        assert_eq!((&last["check"], &last["passed"]), (&json!(check), &json!(false)));
        assert!(to_text(&outcome).ends_with(&format!("refused: {code}\n")));
        assert!(!told.to_string().contains(&token), "the token itself is never told");
    }
}

#[test]
fn a_jwk_brings_its_own_kid_and_algorithm_and_both_can_be_given() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::standing_at(1_000);
    let mut args = args(folder.path(), &jwk().to_string(), None, &json!({"exp": 7, "sub": "a"}));
    let minted = mint(&args, &clock).unwrap().json();
    assert_eq!(minted["header"], json!({"typ": "JWT", "alg": "EdDSA", "kid": "of-the-rfc"}));
    assert_eq!(minted["claims"], json!({"exp": 7, "sub": "a", "iat": 1_000}));
    assert_eq!(minted["jwks"]["keys"][0]["kid"], "of-the-rfc");
    assert!(minted["jwks"]["keys"][0].get("d").is_none());
    args.kid = Some("other".to_owned());
    args.typ = "at+jwt".to_owned();
    args.claims = write(folder.path(), "empty.json", "{}");
    let minted = mint(&args, &clock).unwrap().json();
    assert_eq!(minted["header"], json!({"typ": "at+jwt", "alg": "EdDSA", "kid": "other"}));
    assert_eq!((&minted["claims"]["exp"], &minted["jwks"]["keys"][0]["kid"]), (&json!(1_300), &json!("other")));
}

#[test]
fn keys_and_algorithms_that_do_not_fit_are_refused_without_telling_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let pem = pem(&SigningKey::generate_for(Algorithm::Es256).unwrap());
    let jwk = jwk().to_string();
    let refused = [
        (pem.as_str(), None, "`--alg` is needed"),
        (&pem, Some("RS256"), "no private key for `RS256`"),
        (&pem, Some("ES384"), "could not be signed"),
        (&pem, Some("ES512"), "can be verified, and not minted"),
        (&pem, Some("HS256"), "is no algorithm that exists here"),
        (&pem, Some("none"), "is no algorithm that exists here"),
        (&jwk, Some("ES256"), "no private key for `ES256`"),
        ("{", None, "neither PEM nor a JWK"),
        ("text", Some("EdDSA"), "no private key for `EdDSA`"),
    ];
    for (key, alg, expected) in refused {
        let error = mint(&args(folder.path(), key, alg, &json!({})), &Clock::system()).err().unwrap();
        let message = format!("{error:#}");
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("nWGxne") && !message.contains("BEGIN"), "{message}");
    }
    let mut args = args(folder.path(), &jwk, None, &json!({}));
    args.claims = write(folder.path(), "array.json", "[]");
    assert!(mint(&args, &Clock::system()).is_err());
}

#[test]
fn a_token_is_shown_with_what_its_times_mean_and_as_not_verified() {
    let folder = tempfile::tempdir().unwrap();
    let claims = json!({"sub": "a\u{202e}\u{9b}b", "exp": 4_000, "nbf": 100, "iat": 900, "auth_time": "soon"});
    let token = mint(&args(folder.path(), &jwk().to_string(), None, &claims), &Clock::system()).unwrap().token;
    let told = Inspected::read(&token, 1_000);
    let json = told.json();
    assert_eq!((&json["verified"], &json["readable"], &json["code"]), (&json!(false), &json!(true), &Value::Null));
    assert_eq!((&json["header"]["kid"], &json["claims"]), (&json!("of-the-rfc"), &claims));
    assert_eq!(json["times"]["exp"], "1970-01-01T01:06:40Z, expires in 50m");
    assert_eq!(json["times"]["nbf"], "1970-01-01T00:01:40Z, is good since 15m ago");
    assert_eq!(json["times"]["iat"], "1970-01-01T00:15:00Z, was issued 1m 40s ago");
    assert_eq!(json["times"]["auth_time"], "is no date: a gateway refuses the token");
    let text = told.text();
    assert!(text.starts_with("NOT VERIFIED"), "{text}");
    assert!(text.contains(r"a\u202e\u009bb") && !text.contains('\u{9b}'), "{text}");
    assert!(Inspected::read(&token, 5_000).text().contains("expired 16m 40s ago"));
}

#[test]
fn what_no_gateway_reads_is_shown_as_far_as_it_goes() {
    for (token, code, header) in [
        ("eyJhbGciOiJub25lIn0.e30.", "malformed-token", json!({"alg": "none"})),
        ("eyJhbGciOiJkaXIifQ.a.b.c.d", "encrypted-token", json!({"alg": "dir"})),
        ("", "malformed-token", Value::Null),
    ] {
        let told = Inspected::read(token, 0);
        assert_eq!((&told.json()["code"], &told.json()["header"]), (&json!(code), &header), "{token}");
        assert!(told.text().contains(code));
    }
}

#[test]
fn tokens_are_never_arguments() {
    let parse = |line: &str| Cli::try_parse_from(line.split(' ')).is_ok();
    assert!(parse("lychgate token inspect token.txt --json"));
    assert!(parse("lychgate token inspect"));
    assert!(parse("lychgate token verify --config c.yaml --token -"));
    assert!(parse("lychgate token mint --key k.pem --alg ES256 --claims - --ttl 1h --kid k"));
    assert!(!parse("lychgate token mint --key k.pem --alg ES256"));
    assert!(!parse("lychgate token verify --token t"));
    assert!(!parse("lychgate token mint --key k.pem --claims c --ttl soon"));
    let help = |command: &str| Cli::try_parse_from(["lychgate", "token", command, "--help"]).unwrap_err().to_string();
    for command in ["inspect", "verify", "mint"] {
        assert!(help(command).contains("Example"), "{command}");
    }
}
