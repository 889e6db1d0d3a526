//! Tokens that are bound to their sender: proofs of possession (DPoP, RFC 9449) through the whole gate.

use aws_lc_rs::digest::{SHA256, digest};
use lychgate::jose::thumbprint;
use serde_json::{Value, json};

use crate::support::{Key, Message, Request, Setup, TestGateway, TestIssuer, TestUpstream, encode, now};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
dpop: @DPOP@
routes:
  - {name: open, match: {path: "/public"}, access: public, upstream: echo}
  - {name: orders, match: {path: "/orders/{id}"}, upstream: echo}
  - {name: bound, match: {path: "/bound"}, access: {sender_constrained: required}, upstream: echo}
  - {name: passed-on, match: {path: "/passed-on"}, forward_token: true, upstream: echo}
"#;

struct World {
    issuer: TestIssuer,
    upstream: TestUpstream,
    gate: TestGateway,
    key: Key,
}

fn world(dpop: &str) -> World {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let setup = Setup::of(CONFIG).put("CORP", issuer.trust("")).put("UPSTREAM", upstream.address());
    let gate = setup.put("DPOP", dpop).start();
    World { issuer, upstream, gate, key: Key::es256("") }
}

impl World {
    fn token(&self) -> String {
        let jkt = thumbprint(self.key.jwk().as_object().unwrap()).unwrap();
        self.issuer.token().claim("cnf", json!({"jkt": jkt})).mint()
    }

    fn proof(&self, token: &str, target: &str, nonce: Option<&str>) -> String {
        let mut jwk = self.key.jwk();
        jwk.as_object_mut().unwrap().retain(|name, _| !["kid", "alg", "use"].contains(&name.as_str()));
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
        let mut claims = json!({
            "jti": format!("{:x}", fastrand::u128(..)), "htm": "GET", "htu": format!("http://gate.example{target}"),
            "iat": now(), "ath": encode(digest(&SHA256, token.as_bytes()).as_ref()),
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        let part = |part: &Value| encode(part.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(&claims));
        format!("{signed}.{}", self.key.sign(signed.as_bytes()))
    }

    fn ask(&self, target: &str, token: &str, proof: &str) -> Message {
        let request = Request::get(target).header("Authorization", &format!("DPoP {token}"));
        self.gate.ask(&request.header("DPoP", proof))
    }
}

#[test]
fn a_bound_token_passes_with_its_proof_which_stays_at_the_gate() {
    let world = world("{}");
    let token = world.token();
    for target in ["/orders/7?a=b", "/bound"] {
        let proof = world.proof(&token, target, None);
        assert_eq!(world.ask(target, &token, &proof).status(), 200, "{target}");
        let arrived = world.upstream.last();
        assert_eq!(arrived.header("x-auth-sub"), Some("alice"));
        assert!(arrived.header("dpop").is_none() && arrived.header("authorization").is_none(), "{}", arrived.head);
        let again = world.ask(target, &token, &proof);
        assert_eq!((again.status(), again.code().as_str()), (401, "dpop-proof-replayed"));
    }
    let proof = world.proof(&token, "/passed-on", None);
    assert_eq!(world.ask("/passed-on", &token, &proof).status(), 200);
    assert_eq!(world.upstream.last().header("dpop"), Some(proof.as_str()));
    world.gate.ask(&Request::get("/public").header("DPoP", "a.b.c"));
    assert_eq!(world.upstream.last().header("dpop"), None);
}

#[test]
fn a_stolen_token_is_of_no_use() {
    let world = world("{}");
    let token = world.token();
    let by_bearer = world.gate.ask(&Request::get("/orders/7").bearer(&token));
    assert_eq!((by_bearer.status(), by_bearer.code().as_str()), (401, "sender-constraint"));
    let without = world.gate.ask(&Request::get("/orders/7").header("Authorization", &format!("DPoP {token}")));
    assert_eq!(without.code(), "dpop-proof-missing");
    let challenge = without.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("DPoP realm=") && challenge.contains("error=\"invalid_dpop_proof\""), "{challenge}");
    assert!(challenge.contains("algs=\"ES256 "), "{challenge}");
    let elsewhere = world.ask("/orders/7", &token, &world.proof(&token, "/orders/8", None));
    assert_eq!(elsewhere.code(), "dpop-proof-uri");
    let other = world.ask("/orders/7", &token, &world.proof(&world.issuer.token().mint(), "/orders/7", None));
    assert_eq!(other.code(), "dpop-proof-token");
    assert!(world.upstream.received().is_empty());
}

#[test]
fn a_route_can_ask_for_bound_tokens_alone() {
    let world = world("{}");
    let none = world.gate.ask(&Request::get("/bound"));
    assert_eq!(none.code(), "missing-credential");
    assert!(none.header("www-authenticate").unwrap().starts_with("DPoP realm=\"lychgate\", algs="));
    let bearer = world.gate.ask(&Request::get("/bound").bearer(&world.issuer.token().mint()));
    assert_eq!((bearer.status(), bearer.code().as_str()), (401, "not-sender-constrained"));
    let unbound = world.issuer.token().mint();
    let proved = world.ask("/bound", &unbound, &world.proof(&unbound, "/bound", None));
    assert_eq!(proved.code(), "sender-constraint");
    assert!(world.upstream.received().is_empty());
}

#[test]
fn a_nonce_is_given_out_and_then_asked_for() {
    let world = world("{nonce: true}");
    let token = world.token();
    let refused = world.ask("/orders/7", &token, &world.proof(&token, "/orders/7", None));
    assert_eq!((refused.status(), refused.code().as_str()), (401, "dpop-nonce-wanted"));
    assert!(refused.header("www-authenticate").unwrap().contains("error=\"use_dpop_nonce\""));
    let nonce = refused.header("dpop-nonce").unwrap();
    let answer = world.ask("/orders/7", &token, &world.proof(&token, "/orders/7", Some(nonce)));
    assert_eq!(answer.status(), 200);
    assert!(answer.header("dpop-nonce").is_some());
}
