//! Pages of other origins: what browsers are told, and that it opens nothing.

use crate::support::{Message, Reply, Request, Setup, TestGateway, TestIssuer, TestUpstream};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
  dead: {endpoints: ["127.0.0.1:1"]}
routes:
  - name: read-orders
    match: {path: "/orders/{id}", methods: [GET, HEAD]}
    upstream: echo
    cors: {origins: ["https://app.example", "https://*.apps.example"], headers: [authorization, x-more], expose: [x-total], credentials: true, max_age: 10m}
  - {name: write-orders, match: {path: "/orders/{id}", methods: [POST, OPTIONS]}, upstream: echo}
  - {name: any, match: {path: "/any"}, access: public, upstream: echo, cors: {origins: ["*"]}}
  - {name: away, match: {path: "/away"}, access: public, upstream: dead, cors: {origins: ["https://app.example"]}}
"#;

const APP: &str = "https://app.example";

struct World {
    issuer: TestIssuer,
    upstream: TestUpstream,
    gate: TestGateway,
}

/// The upstream has an opinion of its own about other origins.
fn world() -> World {
    let answer = |_: &Message| {
        Reply::new(200, "{}")
            .header("Access-Control-Allow-Origin", "https://evil.example")
            .header("access-control-allow-credentials", "true")
            .header("Access-Control-Max-Age", "9")
            .header("Vary", "Accept")
    };
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::answering(answer));
    let gate = Setup::of(CONFIG).put("CORP", issuer.trust("")).put("UPSTREAM", upstream.address()).start();
    World { issuer, upstream, gate }
}

fn preflight(target: &str, origin: &str, method: &str) -> Request {
    Request::new("OPTIONS", target).header("Origin", origin).header("Access-Control-Request-Method", method)
}

fn cross_origin(answer: &Message) -> Vec<(String, String)> {
    let fields = answer.fields().into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    fields.filter(|(name, _)| name.starts_with("access-control-")).collect()
}

#[test]
fn a_preflight_is_answered_by_the_gate_from_the_route_of_the_method_asked_for() {
    let World { upstream, gate, .. } = world();
    let answer = gate.ask(&preflight("/orders/7", APP, "GET").header("X-Auth-Sub", "forged"));
    assert_eq!(answer.status(), 204, "{}", answer.head);
    assert_eq!(answer.header("access-control-allow-origin"), Some(APP));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET, HEAD"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("authorization, x-more"));
    assert_eq!(answer.header("access-control-max-age"), Some("600"));
    assert_eq!(answer.header("vary"), Some("origin"));
    assert!(upstream.received().is_empty());
    gate.counts("lychgate_requests_total{code=\"2xx\",outcome=\"allowed\",route=\"read-orders\"}", 1);
}

#[test]
fn a_preflight_opens_nothing() {
    let World { upstream, gate, .. } = world();
    // another origin, or none that is one
    for origin in ["https://evil.example", "null", "https://app.example.evil.example", "https://apps.example"] {
        let answer = gate.ask(&preflight("/orders/7", origin, "GET"));
        assert_eq!((answer.status(), answer.code().as_str()), (403, "origin-not-allowed"), "{origin}");
        assert_eq!(cross_origin(&answer), [], "{origin}");
    }
    // the route of POST has no `cors`: its OPTIONS is a request like any other, and so is one that is no preflight
    for request in [
        preflight("/orders/7", APP, "POST"),
        Request::new("OPTIONS", "/orders/7").header("Origin", APP),
        Request::new("OPTIONS", "/orders/7").header("Access-Control-Request-Method", "GET"),
        preflight("/orders/7", APP, "GET").header("Origin", APP),
        preflight("/orders/7", APP, "GET").header("Access-Control-Request-Method", "GET"),
    ] {
        let answer = gate.ask(&request);
        assert_eq!(answer.code(), "missing-credential", "{request:?}");
        assert_eq!(cross_origin(&answer), [], "{request:?}");
    }
    let real =
        gate.ask(&Request::get("/orders/7").header("Origin", APP).header("Access-Control-Request-Method", "GET"));
    assert_eq!(real.code(), "missing-credential");
    assert_eq!(gate.ask(&preflight("/nowhere", APP, "GET")).code(), "no-route");
    assert_eq!(gate.ask(&preflight("/orders/7", APP, "DELETE")).code(), "missing-credential");
    assert!(upstream.received().is_empty());
}

#[test]
fn every_answer_of_the_route_says_who_may_read_it_and_the_upstream_has_no_say() {
    let World { issuer, upstream: _upstream, gate } = world();
    let token = issuer.token().mint();
    for origin in [APP, "https://a.apps.example"] {
        let answer = gate.ask(&Request::get("/orders/7").bearer(&token).header("Origin", origin));
        assert_eq!(answer.status(), 200);
        let expected = [
            ("access-control-allow-origin", origin),
            ("access-control-allow-credentials", "true"),
            ("access-control-expose-headers", "x-total"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(cross_origin(&answer), expected);
        assert_eq!(answer.headers("vary"), ["Accept", "origin"]);
    }
    for request in [Request::get("/orders/7"), Request::get("/orders/7").header("Origin", "https://evil.example")] {
        let answer = gate.ask(&request.bearer(&token));
        assert_eq!((answer.status(), cross_origin(&answer)), (200, Vec::new()));
        assert_eq!(answer.headers("vary"), ["Accept", "origin"]);
    }
    let any = gate.ask(&Request::get("/any").header("Origin", "https://whoever.example"));
    assert_eq!(cross_origin(&any), [("access-control-allow-origin".to_owned(), "*".to_owned())]);
    // where the gate has no rules, the upstream's stand
    let other = gate.ask(&Request::new("POST", "/orders/7").bearer(&token).header("Origin", APP).body(b""));
    assert_eq!(other.header("access-control-allow-origin"), Some("https://evil.example"));
}

#[test]
fn a_page_can_read_why_it_was_refused() {
    let World { gate, .. } = world();
    let refused = gate.ask(&Request::get("/orders/7").header("Origin", APP));
    assert_eq!((refused.status(), refused.header("access-control-allow-origin")), (401, Some(APP)));
    assert_eq!(refused.header("vary"), Some("origin"));
    let failed = gate.ask(&Request::get("/away").header("Origin", APP));
    assert_eq!((failed.status(), failed.header("access-control-allow-origin")), (502, Some(APP)));
    let foreign = gate.ask(&Request::get("/orders/7").header("Origin", "https://evil.example"));
    assert_eq!((foreign.status(), cross_origin(&foreign)), (401, Vec::new()));
}
