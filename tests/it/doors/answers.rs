//! What the gate answers itself is answered at the doors too, or refused where an answer would let the request pass.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::asked::{Asked, HOST, PROFILES};
use super::world::{DOORS, World, allowed, code, denied, fields, fields_of, status};
use crate::support::Message;

const CONFIG: &str = r#"
trusted_issuers:
  corp: {issuer: "https://corp.example", audience: [api], keys: {inline: @KEYS@}}
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
protected_resource: true
identity:
  headers: {x-auth-sub: sub}
  assertion: {header: x-auth-assertion, issuer: "https://gate.example", lifetime: 60s}
routes:
  - name: read-orders
    match: {path: "/orders/{id}", methods: [GET, HEAD]}
    access: {scopes: {any: [orders/read]}}
    upstream: echo
    cors: {origins: ["https://app.example"], headers: [authorization], expose: [x-total], max_age: 10m}
  - {name: write-orders, match: {path: "/orders/{id}", methods: [POST, OPTIONS]}, upstream: echo}
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
"#;

const APP: &str = "https://app.example";
const METADATA: &str = "/.well-known/oauth-protected-resource";
const KEYS: &str = "/.well-known/lychgate/jwks.json";

fn world() -> World {
    World::of(&format!("{CONFIG}{DOORS}"))
}

fn preflight(origin: &str, method: &str) -> Asked {
    Asked::new("OPTIONS", "/orders/7").header("origin", origin).header("access-control-request-method", method)
}

/// What the gate has to say in an answer, and no more: what differs by the way that it is sent is left out.
fn said(fields: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let counts = |name: &str| {
        name.starts_with("access-control-") || ["vary", "www-authenticate", "allow", "content-type"].contains(&name)
    };
    fields.into_iter().filter(|(name, _)| counts(name)).collect()
}

/// The code in the body, which has the status of the denial whatever nginx is told.
fn said_code(answer: &Message) -> String {
    answer.json()["code"].as_str().unwrap().to_owned()
}

/// A refusal with 421 in the words of the profile, which nothing takes for a leave to pass.
fn assert_sent_on(profile: &str, answer: &Message) {
    let expected = if profile == "nginx" { 403 } else { 421 };
    assert_eq!((answer.status(), said_code(answer).as_str()), (expected, "answered-by-the-gate"), "{profile}");
    if profile == "nginx" {
        assert_eq!(answer.header("x-lychgate-status"), Some("421"));
        assert_eq!(answer.header("x-lychgate-code"), Some("answered-by-the-gate"));
    }
    assert_eq!(answer.header("x-auth-sub"), None);
}

fn assert_no(answer: &Value, code: &str) {
    assert_eq!(answer["policyDocument"]["Statement"][0]["Effect"], "Deny", "{answer}");
    assert_eq!(answer["context"]["code"], code);
}

#[test]
fn a_preflight_is_answered_as_by_the_gate_and_passes_at_no_door() {
    let world = world();
    let asked = preflight(APP, "GET").header("x-auth-sub", "root");
    let expected = world.by_the_gate(&asked);
    assert_eq!(expected.status(), 204);
    let by_envoy = world.by_envoy(&asked);
    let answer = denied(&by_envoy);
    assert_eq!((status(answer), answer.body.as_str()), (204, ""));
    assert_eq!(said(fields(&answer.headers)), said(fields_of(&expected)));
    let metadata = by_envoy.dynamic_metadata.as_ref().unwrap();
    assert!(format!("{:?}", metadata.fields["decision"]).contains("answer"));
    for profile in PROFILES {
        assert_sent_on(profile, &world.by_forward_auth(profile, &asked));
    }
    assert_no(&world.by_api_gateway(&asked.event()), "answered-by-the-gate");
    let at_the_door = world.at_the_door(&asked.itself());
    assert_eq!((at_the_door.status(), said(fields_of(&at_the_door))), (204, said(fields_of(&expected))));
    assert!(world.upstream.received().is_empty());
}

#[test]
fn what_is_no_preflight_of_a_route_with_rules_is_decided_like_any_other() {
    let world = world();
    for (asked, expected) in [
        (preflight("https://evil.example", "GET"), "origin-not-allowed"),
        (preflight(APP, "POST"), "missing-credential"),
        (preflight(APP, "GET").header("origin", APP), "missing-credential"),
        (Asked::new("OPTIONS", "/orders/7").header("origin", APP), "missing-credential"),
    ] {
        assert_eq!(world.by_the_gate(&asked).code(), expected, "{asked:?}");
        assert_eq!(code(&world.by_envoy(&asked)), expected, "{asked:?}");
        for profile in PROFILES {
            assert_eq!(said_code(&world.by_forward_auth(profile, &asked)), expected, "{profile} {asked:?}");
        }
        assert_no(&world.by_api_gateway(&asked.event()), expected);
        let at_the_door = world.at_the_door(&asked.itself()).code();
        assert_eq!(at_the_door, if expected == "origin-not-allowed" { expected } else { "no-route" });
    }
}

#[test]
fn a_page_can_read_why_it_was_refused_and_a_client_learns_where_tokens_are_had() {
    let world = world();
    let poor = world.token().mint();
    for asked in [
        Asked::get("/orders/7").header("origin", APP),
        Asked::get("/orders/7").header("origin", "https://evil.example"),
        Asked::get("/orders/7").header("origin", APP).bearer("a.b.c"),
        Asked::get("/orders/7").header("origin", APP).bearer(&poor),
        Asked::new("DELETE", "/orders/7").header("origin", APP),
    ] {
        let by_the_gate = world.by_the_gate(&asked);
        let expected = said(fields_of(&by_the_gate));
        if by_the_gate.status() != 405 {
            let metadata = format!("resource_metadata=\"http://{HOST}{METADATA}\"");
            assert!(expected["www-authenticate"].ends_with(&metadata), "{expected:?}");
            assert_eq!(expected["vary"], "origin");
        }
        let by_envoy = world.by_envoy(&asked);
        assert_eq!(said(fields(&denied(&by_envoy).headers)), expected, "{asked:?}");
        for profile in PROFILES {
            let answer = world.by_forward_auth(profile, &asked);
            assert_eq!(
                (said_code(&answer), said(fields_of(&answer))),
                (by_the_gate.code(), expected.clone()),
                "{profile}"
            );
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
        let context = &world.by_api_gateway(&asked.event())["context"];
        for (name, value) in expected.iter().filter(|(name, _)| *name != "content-type") {
            // API Gateway's own scheme is always https
            let told = context[name.replace('-', "_")].as_str().unwrap_or_else(|| panic!("{name}: {context}"));
            assert_eq!(&told.replace("https://gate", "http://gate"), value, "{name}");
        }
    }
}

#[test]
fn of_a_refused_call_envoy_is_told_what_grpc_says_of_it() {
    let world = world();
    let poor = world.token().mint();
    for (asked, http, grpc, code) in [
        (Asked::get("/orders/7"), 401, "16", "missing-credential"),
        (Asked::get("/orders/7").bearer(&poor), 403, "7", "insufficient-scope"),
        (Asked::new("POST", "/a.B/C"), 404, "12", "no-route"),
        (Asked::get("/a/../b"), 400, "3", "bad-target"),
    ] {
        for kind in ["application/grpc", "application/grpc+proto"] {
            let by_envoy = world.by_envoy(&asked.clone().header("content-type", kind));
            let (answer, said) = (denied(&by_envoy), fields(&denied(&by_envoy).headers));
            assert_eq!(
                (status(answer), said["grpc-status"].as_str(), said["lychgate-code"].as_str()),
                (http, grpc, code)
            );
            assert!(!said.contains_key("content-type"), "Envoy writes its own");
            assert!(!answer.body.is_empty() && !answer.body.contains('{'), "a text: {}", answer.body);
            assert_eq!(said.contains_key("www-authenticate"), http == 401 || http == 403);
        }
        for kind in ["application/grpc-web", "application/json", "application/grpcx"] {
            let by_envoy = world.by_envoy(&asked.clone().header("content-type", kind));
            let said = fields(&denied(&by_envoy).headers);
            assert_eq!(said["content-type"], "application/problem+json", "{kind}");
            assert!(!said.contains_key("grpc-status"));
        }
    }
}

#[test]
fn documents_about_the_gate_are_given_where_they_can_be() {
    let world = world();
    for target in [METADATA, KEYS, "/.well-known/oauth-protected-resource/orders/7"] {
        let asked = Asked::get(target);
        let expected = world.by_the_gate(&asked);
        assert_eq!((expected.status(), expected.header("content-type")), (200, Some("application/json")), "{target}");
        let by_envoy = world.by_envoy(&asked);
        let answer = denied(&by_envoy);
        assert_eq!((status(answer), answer.body.as_bytes()), (200, expected.body.as_slice()));
        assert_eq!(said(fields(&answer.headers)), said(fields_of(&expected)));
        for profile in PROFILES {
            assert_sent_on(profile, &world.by_forward_auth(profile, &asked));
        }
        assert_no(&world.by_api_gateway(&asked.event()), "answered-by-the-gate");
        let at_the_door = world.at_the_door(&asked.itself());
        assert_eq!((at_the_door.status(), &at_the_door.body), (200, &expected.body));
        assert_eq!(said(fields_of(&at_the_door)), said(fields_of(&expected)));
        let head = world.at_the_door(&Asked::new("HEAD", target).itself());
        assert_eq!((head.status(), head.body.len()), (200, 0));
        let posted = Asked::new("POST", target);
        assert_eq!(code(&world.by_envoy(&posted)), "method-not-allowed");
        assert_eq!(world.by_forward_auth("caddy", &posted).code(), "method-not-allowed");
        assert_eq!(world.at_the_door(&posted.itself().body(b"")).header("allow"), Some("GET, HEAD"));
    }
    let by_https = world.at_the_door(&Asked::get(METADATA).header("X-Forwarded-Proto", "https").itself());
    assert_eq!(by_https.json()["resource"], json!(format!("https://{HOST}")));
    assert!(world.upstream.received().is_empty());
}

#[test]
fn the_door_itself_answers_nothing_else() {
    let world = world();
    let token = world.token().scopes("orders/read").mint();
    for target in ["/", "/orders/7", "/public/a", "/nowhere", "/.well-known/other", "/forward-auth/other"] {
        let answer = world.at_the_door(&Asked::get(target).bearer(&token).itself());
        assert_eq!((answer.status(), answer.code().as_str()), (404, "no-route"), "{target}");
        assert_eq!(answer.header("x-auth-sub"), None);
    }
    let odd = |asked: Asked| world.at_the_door(&asked.itself()).code();
    assert_eq!(odd(Asked::get(METADATA).header("X-Forwarded-Proto", "ftp")), "bad-original-request");
    let twice = Asked::get(METADATA).header("X-Forwarded-Proto", "http").header("X-Forwarded-Proto", "https");
    assert_eq!(odd(twice), "bad-original-request");
    assert_eq!(odd(Asked::get(METADATA).header("Host", HOST)), "bad-original-request");
    assert_eq!(odd(Asked::get(METADATA).header("x-long", &"a".repeat(40_000))), "headers-too-large");
    let counted = |outcome: &str| {
        world.gate.metric(&format!("lychgate_checks_total{{door=\"own-answers\",outcome=\"{outcome}\"}}"))
    };
    assert!(counted("denied") >= 10.0 && counted("allowed") < 1.0);
}

#[test]
fn an_answer_that_may_pass_says_what_is_added_to_the_upstreams() {
    let world = world();
    let token = world.token().scopes("orders/read").mint();
    let asked = |origin: &str| Asked::get("/orders/7").header("origin", origin).bearer(&token);
    let by_envoy = world.by_envoy(&asked(APP));
    let expected = json!({
        "access-control-allow-origin": APP, "access-control-expose-headers": "x-total", "vary": "origin",
        // what only the gate says, it says by silence
        "access-control-allow-credentials": "", "access-control-allow-methods": "", "access-control-allow-headers": "",
        "access-control-allow-private-network": "", "access-control-max-age": "",
    });
    assert_eq!(json!(fields(&allowed(&by_envoy).response_headers_to_add)), expected);
    for option in &allowed(&by_envoy).response_headers_to_add {
        let header = option.header.as_ref().unwrap();
        // appended, overwritten where it is there, or set whether it is there or not
        let action = if header.key == "vary" {
            0
        } else if header.value.is_empty() {
            3
        } else {
            2
        };
        assert_eq!(option.append_action, action, "{}", header.key);
    }
    for profile in PROFILES {
        let answer = world.by_forward_auth(profile, &asked(APP));
        assert_eq!((answer.status(), answer.header("access-control-allow-origin")), (200, Some(APP)), "{profile}");
        let answer = world.by_forward_auth(profile, &asked("https://evil.example"));
        assert_eq!((answer.status(), answer.header("access-control-allow-origin")), (200, None), "{profile}");
        assert_eq!(answer.header("vary"), Some("origin"));
    }
    let context = &world.by_api_gateway(&asked(APP).event())["context"];
    assert_eq!(context["access_control_allow_origin"], APP);
    let without = world.by_envoy(&Asked::get("/public/a").header("origin", APP));
    assert_eq!(allowed(&without).response_headers_to_add, []);
}
