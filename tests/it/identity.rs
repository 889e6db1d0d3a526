//! What a client claims about itself never reaches an upstream, judged by the bytes that arrive there.

use crate::support::{Message, Request, Setup, TestGateway, TestIssuer, TestUpstream};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - {name: either, match: {path: "/either"}, access: {optional: true}, upstream: echo}
  - {name: orders, match: {path: "/orders/{id}"}, upstream: echo}
  - name: own
    match: {path: "/own"}
    upstream: echo
    identity: {headers: {remote-user: sub, x-auth-realm: {claim: realm, as: json}}}
identity:
  headers: {x-auth-sub: sub, x-auth-groups: groups, x-auth-tenant: "custom:tenant"}
"#;

/// Every field in which a client might try to be someone else.
const FORGED: [(&str, &str); 16] = [
    ("X-Auth-Sub", "forged"),
    ("x-auth-sub", "forged"),
    ("X-AUTH-SUB", "forged"),
    ("x_auth_sub", "forged"),
    ("X_AUTH-sub", "forged"),
    ("x-auth_sub", "forged"),
    ("x.auth.sub", "forged"),
    ("X!Auth~Sub", "forged"),
    ("X-Auth-Groups", "forged"),
    ("X_Auth_Tenant", "forged"),
    ("X-Auth-Anything", "forged"),
    ("x-auth-", "forged"),
    ("Remote-User", "forged"),
    ("REMOTE_USER", "forged"),
    ("X-Auth-Sub", ""),
    ("X-Auth-Realm", "forged"),
];

struct World {
    issuer: TestIssuer,
    upstream: TestUpstream,
    gate: TestGateway,
}

fn world() -> World {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let gate = Setup::of(CONFIG).put("CORP", issuer.trust("")).put("UPSTREAM", upstream.address()).start();
    World { issuer, upstream, gate }
}

/// What an upstream could take for a word of the gate about the caller.
fn told(request: &Message) -> Vec<(String, String)> {
    let fold = |name: &str| name.replace(|character: char| !character.is_ascii_alphanumeric(), "-").to_lowercase();
    let fields = request.fields().into_iter().map(|(name, value)| (fold(name), value.to_owned()));
    fields.filter(|(name, _)| name.starts_with("x-auth-") || name == "remote-user").collect()
}

fn words(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn with_forged(request: Request) -> Request {
    FORGED.iter().fold(request, |request, (name, value)| request.header(name, value))
}

#[test]
fn no_spelling_of_an_identity_header_passes_on_a_public_path() {
    let World { upstream, gate, .. } = world();
    for (name, value) in FORGED {
        let request = Request::get("/public/a").header(name, value);
        assert_eq!(gate.ask(&request).status(), 200, "{name}");
        assert_eq!(told(&upstream.last()), [], "{name}");
        assert!(!upstream.last().head.contains("forged"), "{name}");
    }
    assert_eq!(gate.ask(&with_forged(Request::get("/public/all"))).status(), 200);
    assert_eq!(told(&upstream.last()), []);
}

#[test]
fn no_spelling_passes_where_nobody_is_asked_who_he_is() {
    let World { upstream, gate, .. } = world();
    for request in [
        Request::get("/either"),
        Request::new("OPTIONS", "/public/a"),
        Request::new("OPTIONS", "/either").header("Origin", "https://a.example"),
        Request::new("POST", "/either").body(b"x"),
        Request::new("HEAD", "/public/a"),
    ] {
        assert_eq!(gate.ask(&with_forged(request.clone())).status(), 200, "{request:?}");
        assert_eq!(told(&upstream.last()), [], "{request:?}");
    }
}

#[test]
fn beside_a_token_only_what_it_proves_is_told() {
    let World { issuer, upstream, gate } = world();
    let token = issuer.token().groups(&["sales", "staff"]).claim("custom:tenant", "acme").mint();
    let proved = words(&[("x-auth-groups", "sales,staff"), ("x-auth-sub", "alice"), ("x-auth-tenant", "acme")]);
    for target in ["/either", "/orders/7"] {
        for method in ["GET", "POST", "OPTIONS"] {
            let request = with_forged(Request::new(method, target).bearer(&token));
            assert_eq!(gate.ask(&request).status(), 200, "{method} {target}");
            let mut told = told(&upstream.last());
            told.sort();
            assert_eq!(told, proved, "{method} {target}");
        }
    }
}

#[test]
fn a_claim_that_is_absent_leaves_no_room_for_the_clients_own() {
    let World { issuer, upstream, gate } = world();
    let request = with_forged(Request::get("/orders/7").bearer(&issuer.token().mint()));
    assert_eq!(gate.ask(&request).status(), 200);
    assert_eq!(told(&upstream.last()), words(&[("x-auth-sub", "alice")]));
}

#[test]
fn a_routes_own_headers_are_ours_on_every_route() {
    let World { issuer, upstream, gate } = world();
    let token = issuer.token().claim("realm", serde_json::json!({"é": "a,b"})).mint();
    assert_eq!(gate.ask(&with_forged(Request::get("/own").bearer(&token))).status(), 200);
    let mut told = told(&upstream.last());
    told.sort();
    assert_eq!(told, words(&[("remote-user", "alice"), ("x-auth-realm", r#"{"\u00e9":"a,b"}"#)]));
}

/// Some of these are refused: names of what is for the upstream. What matters is that no name in `Connection` changes what the
/// upstream is told.
#[test]
fn a_name_in_connection_takes_out_nothing_that_was_proved_and_brings_in_nothing_claimed() {
    let World { issuer, upstream, gate } = world();
    let token = issuer.token().mint();
    for options in [
        "x-auth-sub",
        "X-Auth-Sub",
        "close, x-auth-sub",
        "x-auth-sub, close",
        "keep-alive, X_Auth_Sub",
        "x_auth_sub",
        "x-auth-sub,,x-auth-sub",
        "x-request-id, x-forwarded-host",
        "authorization",
    ] {
        let seen = upstream.received().len();
        let request = Request::get("/orders/7").header("Connection", options).bearer(&token);
        let answer = gate.ask(&with_forged(request));
        if answer.status() != 200 {
            assert_eq!((answer.status(), upstream.received().len()), (400, seen), "{options}");
            continue;
        }
        let arrived = upstream.last();
        assert_eq!(told(&arrived), words(&[("x-auth-sub", "alice")]), "{options}");
        assert_eq!(arrived.headers("x-request-id").len(), 1, "{options}");
        assert_eq!(arrived.header("x-forwarded-host"), Some("gate.example"), "{options}");
    }
    let public = Request::get("/public/a").header("Connection", "x-auth-sub");
    assert!(matches!(gate.ask(&with_forged(public)).status(), 200 | 400));
    assert!(upstream.received().iter().all(|request| !request.head.contains("forged")));
}

#[test]
fn trailers_bring_in_nothing() {
    let World { issuer, upstream, gate } = world();
    let token = issuer.token().mint();
    for target in ["/public/a", "/either", "/orders/7"] {
        let forged = "X-Auth-Sub: forged\r\nx_auth_groups: forged\r\nX-Other: forged\r\n";
        let request = Request::new("POST", target).header("Trailer", "X-Auth-Sub").chunked(b"hello", 2, forged);
        let request = if target == "/public/a" { request } else { request.bearer(&token) };
        assert_eq!(gate.ask(&request).status(), 200, "{target}");
        let arrived = upstream.last();
        assert_eq!((arrived.text().as_str(), arrived.trailers.as_str()), ("hello", ""), "{target}");
        assert!(!arrived.head.contains("forged"), "{target}");
    }
}

#[test]
fn where_no_route_leads_nothing_arrives() {
    let World { issuer, upstream, gate } = world();
    let token = issuer.token().mint();
    let refused = [
        (Request::get("/nowhere"), 404),
        (Request::new("OPTIONS", "/nowhere").bearer(&token), 404),
        (Request::new("OPTIONS", "/orders/7").header("Access-Control-Request-Method", "GET"), 401),
        (Request::new("PROPFIND", "/public/a"), 405),
        (Request::get("/orders/7"), 401),
        (Request::get("/either").bearer(&issuer.token().expired().mint()), 401),
    ];
    for (request, status) in refused {
        assert_eq!(gate.ask(&with_forged(request.clone())).status(), status, "{request:?}");
    }
    assert_eq!(upstream.received().len(), 0);
}

#[test]
fn a_claim_with_another_meaning_as_a_header_is_refused_and_never_injected() {
    let World { issuer, upstream, gate } = world();
    let groups = |group: &str| issuer.token().groups(&[group]);
    for token in [
        issuer.token().claim("custom:tenant", "acme\r\nx-auth-sub: root"),
        issuer.token().claim("custom:tenant", "a\0b"),
        issuer.token().claim("custom:tenant", " acme"),
        issuer.token().claim("custom:tenant", "é"),
        issuer.token().claim("custom:tenant", serde_json::json!({"a": 1})),
        groups("sales,admin"),
        groups("sales\n"),
        groups(""),
    ] {
        let answer = gate.ask(&Request::get("/orders/7").bearer(&token.mint()));
        assert_eq!((answer.status(), answer.code().as_str()), (401, "claim-not-forwardable"));
    }
    for sub in ["", " alice", "alice ", "a\nb", "a\u{7f}b"] {
        let answer = gate.ask(&Request::get("/orders/7").bearer(&issuer.token().sub(sub).mint()));
        assert_eq!((answer.status(), answer.code().as_str()), (401, "invalid-subject"), "{sub:?}");
    }
    assert_eq!(upstream.received().len(), 0);
}

#[test]
fn who_asked_and_for_which_host_is_written_by_the_gate_alone() {
    let World { upstream, gate, .. } = world();
    let request = Request::get("/public/a")
        .header("X-Forwarded-For", "6.6.6.6")
        .header("X-Forwarded-Proto", "https")
        .header("X-Forwarded-Host", "evil.example")
        .header("Forwarded", "for=6.6.6.6")
        .header("X-Request-Id", "6");
    let answer = gate.ask(&request);
    let arrived = upstream.last();
    assert_eq!(arrived.headers("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(arrived.headers("x-forwarded-proto"), ["http"]);
    assert_eq!(arrived.headers("x-forwarded-host"), ["gate.example"]);
    assert_eq!(arrived.headers("forwarded"), [""; 0]);
    assert_eq!(arrived.header("x-request-id"), answer.header("x-request-id"));
    assert_ne!(arrived.header("x-request-id"), Some("6"));
}

#[test]
fn each_request_of_a_connection_is_decided_for_itself() {
    let World { issuer, upstream, gate } = world();
    let [alice, bob] = ["alice", "bob"].map(|sub| issuer.token().sub(sub).mint());
    let mut connection = gate.connect();
    for _ in 0..3 {
        assert_eq!(connection.ask(&Request::get("/orders/7").bearer(&alice)).status(), 200);
        assert_eq!(told(&upstream.last()), words(&[("x-auth-sub", "alice")]));
        assert_eq!(connection.ask(&Request::get("/orders/7")).status(), 401);
        assert_eq!(connection.ask(&Request::get("/orders/7").bearer(&bob)).status(), 200);
        assert_eq!(told(&upstream.last()), words(&[("x-auth-sub", "bob")]));
        assert_eq!(connection.ask(&Request::get("/either")).status(), 200);
        assert_eq!(told(&upstream.last()), []);
        assert_eq!(connection.ask(&Request::get("/orders/7").bearer("a.b.c")).status(), 401);
    }
    assert_eq!(upstream.received().len(), 9);
}

#[test]
fn many_callers_at_once_are_never_taken_for_each_other() {
    let World { issuer, upstream: _upstream, gate } = world();
    std::thread::scope(|scope| {
        for caller in 0..8 {
            let (issuer, gate) = (&issuer, &gate);
            scope.spawn(move || {
                let sub = format!("caller-{caller}");
                let token = issuer.token().sub(&sub).mint();
                let mut connection = gate.connect();
                for _ in 0..20 {
                    // The upstream answers with the request as it came.
                    let arrived = connection.ask(&Request::get("/orders/7").bearer(&token)).text();
                    assert!(arrived.contains(&format!("x-auth-sub: {sub}\r\n")), "{sub}: {arrived}");
                }
            });
        }
    });
}
