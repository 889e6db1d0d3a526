//! Where a client learns whose tokens are taken here (RFC 9728).

use serde_json::json;

use crate::support::{Request, Setup, TestGateway, TestIssuer, TestUpstream};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
  other: {issuer: "https://other.example", audience: [api], keys: {inline: {keys: [@KEY@]}}}
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
trusted_proxies: @PROXIES@
protected_resource: @RESOURCE@
routes:
  - {name: open, match: {path: "/{*rest}"}, access: public, upstream: echo}
  - {name: read-orders, match: {path: "/orders/{id}", methods: [GET]}, access: {issuers: [corp], scopes: {any: [orders/read, admin]}}, upstream: echo}
  - {name: write-orders, match: {path: "/orders/{id}", methods: [POST]}, access: {scopes: {all: [orders/write]}}, upstream: echo}
  - {name: silent, match: {path: "/silent"}, protected_resource: false, upstream: echo}
  - name: mcp
    match: {path: "/mcp"}
    access: {issuers: [corp]}
    upstream: echo
    protected_resource: {resource: "https://api.example/mcp/", name: Tools, documentation: "https://docs.example"}
"#;

fn gate(resource: &str, proxies: &str) -> (TestIssuer, TestUpstream, TestGateway) {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let setup = Setup::of(CONFIG).put("CORP", issuer.trust("")).put("KEY", issuer.key().jwk());
    let setup = setup.put("UPSTREAM", upstream.address()).put("RESOURCE", resource).put("PROXIES", proxies);
    let gate = setup.start();
    (issuer, upstream, gate)
}

fn challenge(gate: &TestGateway, request: &Request) -> String {
    gate.ask(request).header("www-authenticate").unwrap_or_default().to_owned()
}

#[test]
fn a_challenge_leads_to_the_metadata_and_the_metadata_to_the_issuers() {
    let (issuer, upstream, gate) = gate("{resource: 'https://api.example'}", "[]");
    let at = "resource_metadata=\"https://api.example/.well-known/oauth-protected-resource\"";
    assert_eq!(challenge(&gate, &Request::get("/orders/7")), format!("Bearer realm=\"lychgate\", {at}"));
    assert!(challenge(&gate, &Request::get("/orders/7").bearer("a.b.c")).ends_with(at));
    let lacking = Request::get("/orders/7").bearer(&issuer.token().mint());
    assert!(challenge(&gate, &lacking).contains("insufficient_scope"));
    assert!(challenge(&gate, &lacking).ends_with(at));

    let answer = gate.ask(&Request::get("/.well-known/oauth-protected-resource"));
    assert_eq!((answer.status(), answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let expected = json!({
        "resource": "https://api.example",
        "authorization_servers": [issuer.url(), "https://other.example"],
        "scopes_supported": ["admin", "orders/read", "orders/write"],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": answer.json()["dpop_signing_alg_values_supported"],
    });
    assert_eq!(answer.json(), expected);
    let head = gate.ask(&Request::new("HEAD", "/.well-known/oauth-protected-resource"));
    assert_eq!((head.status(), head.body.len()), (200, 0));
    let posted = gate.ask(&Request::new("POST", "/.well-known/oauth-protected-resource").body(b""));
    assert_eq!((posted.status(), posted.header("allow")), (405, Some("GET, HEAD")));
    assert!(upstream.received().is_empty());
}

#[test]
fn a_resource_with_a_path_has_its_metadata_behind_the_well_known_one() {
    let (issuer, upstream, gate) = gate("false", "[]");
    let at = "resource_metadata=\"https://api.example/.well-known/oauth-protected-resource/mcp\"";
    assert!(challenge(&gate, &Request::get("/mcp")).ends_with(at));
    let document = gate.ask(&Request::get("/.well-known/oauth-protected-resource/mcp")).json();
    assert_eq!(document["resource"], "https://api.example/mcp");
    assert_eq!(document["authorization_servers"], json!([issuer.url()]));
    assert_eq!(document["resource_name"], "Tools");
    assert_eq!(document["resource_documentation"], "https://docs.example");
    // what is nobody's goes the usual way, here to the route that is open
    assert!(!challenge(&gate, &Request::get("/orders/7")).contains("resource_metadata"));
    assert_eq!(gate.ask(&Request::get("/.well-known/oauth-protected-resource/other")).status(), 200);
    assert_eq!(upstream.last().target(), "/.well-known/oauth-protected-resource/other");
}

#[test]
fn the_origin_itself_can_be_the_resource() {
    let (_issuer, upstream, gate) = gate("true", "['127.0.0.1']");
    let at = "resource_metadata=\"http://gate.example/.well-known/oauth-protected-resource\"";
    assert!(challenge(&gate, &Request::get("/orders/7")).ends_with(at));
    let by_proxy = |request: Request| {
        request
            .header("X-Forwarded-For", "192.0.2.7")
            .header("X-Forwarded-Proto", "https")
            .header("X-Forwarded-Host", "api.example")
    };
    assert!(challenge(&gate, &by_proxy(Request::get("/orders/7"))).contains("\"https://api.example/.well-known/"));
    let resource = |target: &str| {
        let answer = gate.ask(&by_proxy(Request::get(target)));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        answer.json()["resource"].as_str().unwrap().to_owned()
    };
    assert_eq!(resource("/.well-known/oauth-protected-resource"), "https://api.example");
    assert_eq!(resource("/.well-known/oauth-protected-resource/orders/7"), "https://api.example/orders/7");
    assert!(upstream.received().is_empty());
    assert!(!challenge(&gate, &Request::get("/silent")).contains("resource_metadata"));
    for target in ["/silent", "/public", "x"] {
        gate.ask(&Request::get(&format!("/.well-known/oauth-protected-resource{target}")));
    }
    assert_eq!(upstream.received().len(), 3);
}
