//! Tokens that are bound to their sender, at doors where somebody else received the request: proofs of possession (RFC 9449)
//! name the URL that the client asked for, and certificates (RFC 8705) are those that the asking proxy has seen.

use aws_lc_rs::digest::{SHA256, digest};
use lychgate::jose::thumbprint;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use super::asked::{Asked, HOST, PROFILES};
use super::world::{DOORS, World, allowed, code, denied, fields};
use crate::support::{Authority, Key, encode, now};

const CONFIG: &str = r#"
trusted_issuers:
  corp: {issuer: "https://corp.example", audience: [api], keys: {inline: @KEYS@}}
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
dpop: @DPOP@
policies:
  certified: {directory: certified}
identity: {headers: {x-auth-sub: sub}}
routes:
  - {name: orders, match: {path: "/orders/{id}"}, upstream: echo}
  - {name: bound, match: {path: "/bound"}, access: {sender_constrained: required}, upstream: echo}
  - {name: passed-on, match: {path: "/passed-on"}, forward_token: true, upstream: echo}
  - {name: certified, match: {path: "/certified"}, access: {policy: certified}, upstream: echo}
"#;

const POLICY: &str = r#"
@id("orders-service")
permit (principal, action, resource)
when { context has client_certificate && context.client_certificate.names.contains("dns:orders.internal") };
"#;

fn world(dpop: &str) -> World {
    World::with(&format!("{CONFIG}{DOORS}"), |setup| setup.put("DPOP", dpop).file("certified/p.cedar", POLICY))
}

/// A client with a key of its own.
struct Holder {
    key: Key,
    token: String,
}

impl Holder {
    fn of(world: &World) -> Self {
        let key = Key::es256("");
        let jkt = thumbprint(key.jwk().as_object().unwrap()).unwrap();
        Self { token: world.token().claim("cnf", json!({"jkt": jkt})).mint(), key }
    }

    fn proof(&self, method: &str, url: &str, nonce: Option<&str>) -> String {
        let mut jwk = self.key.jwk();
        jwk.as_object_mut().unwrap().retain(|name, _| !["kid", "alg", "use"].contains(&name.as_str()));
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
        let mut claims = json!({
            "jti": format!("{:x}", fastrand::u128(..)), "htm": method, "htu": url, "iat": now(),
            "ath": encode(digest(&SHA256, self.token.as_bytes()).as_ref()),
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        let part = |part: &Value| encode(part.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(&claims));
        format!("{signed}.{}", self.key.sign(signed.as_bytes()))
    }

    /// A request by `https` with a proof for this URL.
    fn ask(&self, target: &str, url: &str) -> Asked {
        self.ask_with(target, &self.proof("GET", url, None))
    }

    fn ask_with(&self, target: &str, proof: &str) -> Asked {
        let asked = Asked::get(target).by_https().header("authorization", &format!("DPoP {}", self.token));
        asked.header("dpop", proof)
    }
}

fn effect(answer: &Value) -> &str {
    answer["policyDocument"]["Statement"][0]["Effect"].as_str().unwrap()
}

#[test]
fn a_proof_is_of_the_url_that_the_client_asked_for() {
    let world = world("{}");
    let holder = Holder::of(&world);
    let url = format!("https://{HOST}/orders/7");
    let asked = || holder.ask("/orders/7?a=b", &url);
    let by_envoy = world.by_envoy(&asked());
    let to_go = &allowed(&by_envoy).headers_to_remove;
    assert!(["authorization", "dpop"].iter().all(|name| to_go.iter().any(|gone| gone == name)), "{to_go:?}");
    assert_eq!(fields(&allowed(&by_envoy).headers)["x-auth-sub"], "alice");
    for profile in PROFILES {
        let answer = world.by_forward_auth(profile, &asked());
        assert_eq!((answer.status(), answer.header("x-auth-sub")), (200, Some("alice")), "{profile}");
        assert!(answer.header("dpop").is_none() && answer.header("authorization").is_none(), "{profile}");
        let passed_on = holder.ask("/passed-on", &format!("https://{HOST}/passed-on"));
        let proof = passed_on.headers[1].1.clone();
        assert_eq!(world.by_forward_auth(profile, &passed_on).header("dpop"), Some(proof.as_str()), "{profile}");
    }
    // what API Gateway puts before the path is part of the URL, and so is the name of the domain
    let staged = || holder.ask("/orders/7", &format!("https://{HOST}/prod/orders/7"));
    assert_eq!(effect(&world.by_api_gateway(&staged().event())), "Allow");
    assert_eq!(effect(&world.by_api_gateway(&staged().event_2())), "Allow");
    let unstaged = world.by_api_gateway(&asked().event());
    assert_eq!((effect(&unstaged), &unstaged["context"]["code"]), ("Deny", &json!("dpop-proof-uri")));
}

#[test]
fn a_proof_of_another_request_and_a_used_one_are_refused_at_every_door() {
    let world = world("{}");
    let holder = Holder::of(&world);
    let good = format!("https://{HOST}/orders/7");
    for (asked, expected) in [
        (holder.ask("/orders/7", &format!("https://{HOST}/orders/8")), "dpop-proof-uri"),
        (holder.ask("/orders/7", &format!("http://{HOST}/orders/7")), "dpop-proof-uri"),
        (holder.ask("/orders/7", "https://other.example/orders/7"), "dpop-proof-uri"),
        (holder.ask_with("/orders/7", &holder.proof("POST", &good, None)), "dpop-proof-method"),
        (Asked::get("/orders/7").by_https().bearer(&holder.token), "sender-constraint"),
        (
            Asked::get("/orders/7").by_https().header("authorization", &format!("DPoP {}", holder.token)),
            "dpop-proof-missing",
        ),
    ] {
        assert_eq!(code(&world.by_envoy(&asked)), expected, "{asked:?}");
        for profile in PROFILES {
            assert_eq!(world.by_forward_auth(profile, &asked).json()["code"], expected, "{profile} {asked:?}");
        }
        let answer = world.by_api_gateway(&asked.event());
        assert_eq!(effect(&answer), "Deny");
    }
    // used at one door, it is used at all
    let once = holder.ask("/orders/7", &good);
    allowed(&world.by_envoy(&once));
    for profile in PROFILES {
        let again = world.by_forward_auth(profile, &once);
        assert_eq!(again.code(), "dpop-proof-replayed", "{profile}");
        assert!(again.header("www-authenticate").unwrap().starts_with("DPoP "), "{}", again.head);
    }
    let bound = Asked::get("/bound").by_https().bearer(&world.token().mint());
    assert_eq!(code(&world.by_envoy(&bound)), "not-sender-constrained");
}

#[test]
fn a_nonce_is_given_out_at_every_door() {
    let world = world("{nonce: true}");
    let holder = Holder::of(&world);
    let url = format!("https://{HOST}/orders/7");
    let by_envoy = world.by_envoy(&holder.ask("/orders/7", &url));
    assert_eq!(code(&by_envoy), "dpop-nonce-wanted");
    let nonce = fields(&denied(&by_envoy).headers)["dpop-nonce"].clone();
    let again = || holder.ask_with("/orders/7", &holder.proof("GET", &url, Some(&nonce)));
    let added = fields(&allowed(&world.by_envoy(&again())).response_headers_to_add);
    assert!(added.contains_key("dpop-nonce"), "{added:?}");
    for profile in PROFILES {
        let refused = world.by_forward_auth(profile, &holder.ask("/orders/7", &url));
        assert_eq!(refused.code(), "dpop-nonce-wanted", "{profile}");
        assert!(refused.header("dpop-nonce").is_some(), "{}", refused.head);
        let answer = world.by_forward_auth(profile, &again());
        assert!(answer.status() == 200 && answer.header("dpop-nonce").is_some(), "{}", answer.head);
    }
    let refused = world.by_api_gateway(&holder.ask("/orders/7", &url).event());
    assert!(refused["context"]["dpop_nonce"].is_string(), "{refused}");
}

#[test]
fn the_certificate_that_envoy_or_api_gateway_has_seen_is_the_clients() {
    let world = world("{}");
    let authority = Authority::new();
    let [own, other] = ["orders.internal", "billing.internal"].map(|name| authority.identity(name).certificate);
    let der = CertificateDer::from_pem_slice(own.as_bytes()).unwrap();
    let bound = json!({"x5t#S256": encode(digest(&SHA256, &der).as_ref())});
    let bound = world.token().claim("cnf", bound).mint();
    let unbound = world.token().mint();
    let certified = |target: &str, token: &str, pem: Option<&str>| {
        let asked = Asked::get(target).by_https().bearer(token);
        pem.map_or(asked.clone(), |pem| asked.with_certificate(pem))
    };
    for (target, token, pem, expected) in [
        ("/orders/7", &bound, Some(&own), ""),
        ("/bound", &bound, Some(&own), ""),
        ("/certified", &bound, Some(&own), ""),
        ("/certified", &unbound, Some(&own), ""),
        ("/orders/7", &unbound, Some(&other), ""),
        ("/orders/7", &bound, Some(&other), "sender-constraint"),
        ("/orders/7", &bound, None, "sender-constraint"),
        ("/certified", &unbound, Some(&other), "denied-by-policy"),
        ("/certified", &unbound, None, "denied-by-policy"),
        ("/bound", &unbound, Some(&own), "not-sender-constrained"),
        ("/orders/7", &unbound, Some(&own[..own.len() / 2].to_owned()), "bad-original-request"),
        ("/orders/7", &unbound, Some(&format!("{own}{other}")), "bad-original-request"),
        ("/orders/7", &unbound, Some(&"x".to_owned()), "bad-original-request"),
    ] {
        let asked = certified(target, token, pem.map(String::as_str));
        let by_envoy = world.by_envoy(&asked);
        let in_2 = |mut event: Value| {
            event["requestContext"]["authentication"]["clientCert"]["clientCertPem"] = json!(pem);
            event
        };
        let by_api_gateway = [asked.event(), in_2(asked.event_2())].map(|event| world.by_api_gateway(&event));
        if expected.is_empty() {
            assert_eq!(fields(&allowed(&by_envoy).headers)["x-auth-sub"], "alice", "{asked:?}");
            assert!(by_api_gateway.iter().all(|answer| effect(answer) == "Allow"), "{asked:?} {by_api_gateway:?}");
        } else {
            let codes = by_api_gateway.each_ref().map(|answer| answer["context"]["code"].as_str().unwrap().to_owned());
            for code in codes.into_iter().chain([code(&by_envoy)]) {
                assert_eq!(code, expected, "{asked:?}");
            }
        }
    }
    // nobody else's word counts: not a client's, and not that of a proxy which has no such word
    let claimed = certified("/certified", &unbound, None).header("x-forwarded-client-cert", &in_one_line(&own));
    assert_eq!(code(&world.by_envoy(&claimed)), "denied-by-policy");
    for profile in PROFILES {
        assert_eq!(world.by_forward_auth(profile, &claimed).json()["code"], "denied-by-policy", "{profile}");
    }
}

/// As proxies put a certificate in a header.
fn in_one_line(pem: &str) -> String {
    format!("Cert=\"{}\"", pem.replace('\n', "%0A"))
}
