//! Assertions: what the gate signs about a caller, for upstreams that want to know it from the gate alone.

use std::os::unix::fs::PermissionsExt;

use lychgate::jose::{Algorithm, CompactJws, KeySet};
use serde_json::{Map, Value, json};

use crate::support::{Message, Request, Setup, TestGateway, TestIssuer, TestUpstream, now};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
  other: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: everything, match: {path: "/{*rest}"}, access: public, upstream: echo}
  - {name: either, match: {path: "/either"}, access: {optional: true}, upstream: echo}
  - {name: orders, match: {path: "/orders/{id}"}, upstream: echo}
  - {name: more-orders, match: {path: "/more-orders/{id}"}, upstream: other}
identity:
  headers: {}
  assertion: @ASSERTION@
"#;

const KEYS: &str = "/.well-known/lychgate/jwks.json";

struct World {
    issuer: TestIssuer,
    upstream: TestUpstream,
    gate: TestGateway,
}

fn world(assertion: &str) -> World {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let setup = Setup::of(CONFIG).put("CORP", issuer.trust("")).put("UPSTREAM", upstream.address());
    let gate = setup.put("ASSERTION", assertion).start();
    World { issuer, upstream, gate }
}

/// What an upstream reads that fetches the keys and believes nothing else.
fn read(gate: &TestGateway, arrived: &Message) -> Map<String, Value> {
    let answer = gate.ask(&Request::get(KEYS));
    assert_eq!((answer.status(), answer.header("content-type")), (200, Some("application/json")));
    let (keys, skipped) = KeySet::parse(&answer.body).unwrap();
    assert!(skipped.is_empty());
    let jws = CompactJws::parse(arrived.header("x-auth-assertion").unwrap(), 8).unwrap();
    assert_eq!(jws.header().typ.as_deref(), Some("JWT"));
    let key = keys.find(jws.header().kid.as_deref(), Algorithm::Es256).unwrap();
    key.verify(Algorithm::Es256, &jws).unwrap();
    jws.into_claims()
}

#[test]
fn an_upstream_can_prove_who_calls_by_the_gates_own_keys() {
    let World { issuer, upstream, gate } = world("{issuer: \"https://gate.example\", lifetime: 60s}");
    let token = issuer.token().groups(&["sales", "it, all"]).scopes("a b/c").claim("client_id", "web").mint();
    let forged = Request::get("/orders/7")
        .bearer(&token)
        .header("X-Auth-Assertion", "e.e.e")
        .header("x_auth_assertion", "e.e.e");
    assert_eq!(gate.ask(&forged).status(), 200);
    let arrived = upstream.last();
    assert!(!arrived.head.contains("e.e.e"));
    let claims = read(&gate, &arrived);
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
    let expected = json!({
        "iss": "https://gate.example", "aud": "echo", "sub": "alice", "groups": ["sales", "it, all"], "scope": "a b/c",
        "client_id": "web", "route": "orders", "token_iss": issuer.url(),
        "token_sha256": crate::support::encode(hash.as_ref()),
        "iat": claims["iat"], "exp": claims["iat"].as_u64().unwrap() + 60, "jti": claims["jti"],
    });
    assert_eq!(Value::Object(claims.clone()), expected);
    assert!(claims["iat"].as_u64().unwrap().abs_diff(now()) < 20);

    gate.ask(&Request::get("/more-orders/7").bearer(&token));
    let other = read(&gate, &upstream.last());
    assert_eq!((&other["aud"], &other["route"]), (&json!("other"), &json!("more-orders")));
}

#[test]
fn one_is_made_for_a_token_and_route_and_then_used_again() {
    let World { issuer, upstream, gate } = world("true");
    let assertion = |target: &str, token: &str| {
        assert_eq!(gate.ask(&Request::get(target).bearer(token)).status(), 200);
        upstream.last().header("x-auth-assertion").unwrap().to_owned()
    };
    let (alice, bob) = (issuer.token().mint(), issuer.token().sub("bob").mint());
    let first = assertion("/orders/7", &alice);
    assert_eq!(assertion("/orders/8", &alice), first);
    assert_ne!(assertion("/more-orders/7", &alice), first);
    assert_ne!(assertion("/orders/7", &bob), first);
    // never longer than the token that it speaks of
    let short = issuer.token().claim("exp", now() + 20).mint();
    assertion("/orders/7", &short);
    assert!(read(&gate, &upstream.last())["exp"].as_u64().unwrap() <= now() + 20);
}

#[test]
fn nobody_is_asserted_to_be_anyone_without_a_token() {
    let World { upstream, gate, .. } = world("{header: Proof, state_directory: state}");
    for target in ["/open", "/either"] {
        let forged = Request::get(target).header("X-Auth-Assertion", "forged").header("proof", "forged");
        assert_eq!(gate.ask(&forged).status(), 200);
        assert!(!upstream.last().head.contains("forged"), "{}", upstream.last().head);
        assert_eq!(upstream.last().header("proof"), None);
    }
    let file = std::fs::metadata(gate.path("state/assertion-keys.json")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

#[test]
fn without_assertions_there_are_no_keys() {
    let World { issuer, upstream, gate } = world("false");
    gate.ask(&Request::get("/orders/7").bearer(&issuer.token().mint()));
    assert_eq!(upstream.last().header("x-auth-assertion"), None);
    assert_eq!(gate.ask(&Request::get(KEYS)).status(), 200);
    assert_eq!(upstream.last().target(), KEYS, "the path is the routes' own");
}
