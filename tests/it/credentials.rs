//! Where a token may stand, and that it goes no further unless asked.

use crate::support::{Request, Setup, TestGateway, TestIssuer, TestUpstream};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
credentials: @PLACES@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - {name: either, match: {path: "/either"}, access: {optional: true}, upstream: echo}
  - {name: orders, match: {path: "/orders/{id}"}, upstream: echo}
  - {name: passed-on, match: {path: "/passed-on"}, forward_token: true, upstream: echo}
"#;

const BEARER: &str = "[{header: authorization, scheme: Bearer}]";
const ALL: &str =
    "[{header: authorization, scheme: Bearer}, {header: x-token}, {cookie: session}, {query: access_token}]";

struct World {
    issuer: TestIssuer,
    upstream: TestUpstream,
    gate: TestGateway,
}

fn world(places: &str) -> World {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let setup = Setup::of(CONFIG).put("CORP", issuer.trust("")).put("PLACES", places);
    let gate = setup.put("UPSTREAM", upstream.address()).start();
    World { issuer, upstream, gate }
}

/// The request with the token in each configured place, one at a time.
fn in_each_place(target: &str, token: &str) -> [Request; 5] {
    [
        Request::get(target).bearer(token),
        Request::get(target).header("authorization", &format!("bEARER {token}")),
        Request::get(target).header("X-Token", token),
        Request::get(target).header("Cookie", &format!("theme=dark; session={token}; lang=en")),
        Request::get(&format!("{target}?a=%7e&access_token={token}&b=")),
    ]
}

#[test]
fn a_token_is_found_in_each_configured_place_and_stays_at_the_gate() {
    let World { issuer, upstream, gate } = world(ALL);
    let token = issuer.token().mint();
    for target in ["/orders/7", "/either"] {
        for request in in_each_place(target, &token) {
            assert_eq!(gate.ask(&request).status(), 200, "{request:?}");
            let arrived = upstream.last();
            assert!(!arrived.head.contains(&token), "{}", arrived.head);
            assert_eq!(arrived.header("x-auth-sub"), Some("alice"));
            assert_eq!(arrived.header("authorization"), None);
        }
    }
}

#[test]
fn what_stood_beside_the_token_keeps_its_bytes() {
    let World { issuer, upstream, gate } = world(ALL);
    let token = issuer.token().mint();
    let [.., cookie, query] = in_each_place("/orders/7", &token);
    gate.ask(&cookie);
    assert_eq!(upstream.last().header("cookie"), Some("theme=dark; lang=en"));
    gate.ask(&query);
    assert_eq!(upstream.last().target(), "/orders/7?a=%7e&b=");
    gate.ask(&Request::get(&format!("/orders/7?access_token={token}")));
    assert_eq!(upstream.last().target(), "/orders/7");
    gate.ask(&Request::get("/orders/7").header("Cookie", &format!("session={token}")));
    assert_eq!(upstream.last().header("cookie"), None);
}

#[test]
fn a_credential_does_not_reach_the_upstream_of_a_public_path_either() {
    let World { issuer, upstream, gate } = world(ALL);
    let token = issuer.token().mint();
    for request in in_each_place("/public/a", &token) {
        assert_eq!(gate.ask(&request).status(), 200);
        assert!(!upstream.last().head.contains(&token));
    }
    // On a public path nobody looks whether it is good.
    let twice = Request::get("/public/a").bearer("bad").bearer("worse");
    assert_eq!(gate.ask(&twice).status(), 200);
    assert_eq!(upstream.last().headers("authorization"), [""; 0]);
}

#[test]
fn a_route_that_asks_for_the_token_gets_it_as_it_was_sent() {
    let World { issuer, upstream, gate } = world(ALL);
    let token = issuer.token().mint();
    for request in in_each_place("/passed-on", &token) {
        assert_eq!(gate.ask(&request).status(), 200, "{request:?}");
        assert!(upstream.last().head.contains(&token));
    }
}

#[test]
fn several_credentials_are_refused_wherever_they_stand() {
    let World { issuer, upstream, gate } = world(ALL);
    let token = issuer.token().mint();
    let bearer = || Request::get("/orders/7").bearer(&token);
    let several = [
        bearer().bearer(&token),
        bearer().header("Authorization", "Basic YTpi"),
        bearer().header("X-Token", &token),
        bearer().header("Cookie", &format!("session={token}")),
        Request::get(&format!("/orders/7?access_token={token}")).bearer(&token),
        Request::get(&format!("/orders/7?access_token={token}&access_token={token}")),
        Request::get(&format!("/orders/7?access_token={token}&access%5Ftoken={token}")),
        Request::get("/orders/7").header("Cookie", &format!("session={token}; session={token}")),
        Request::get("/orders/7")
            .header("Cookie", &format!("session={token}"))
            .header("Cookie", &format!("session={token}")),
        Request::get("/either").bearer(&token).header("X-Token", &token),
    ];
    for request in several {
        let answer = gate.ask(&request);
        assert_eq!((answer.status(), answer.code().as_str()), (400, "several-credentials"), "{request:?}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer realm=\"lychgate\", error=\"invalid_request\""), "{challenge}");
    }
    assert_eq!(upstream.received().len(), 0);
}

#[test]
fn a_place_that_is_not_configured_is_never_read() {
    let World { issuer, upstream, gate } = world(BEARER);
    let token = issuer.token().mint();
    let [.., token_header, cookie, query] = in_each_place("/orders/7", &token);
    for request in [token_header, cookie, query] {
        let answer = gate.ask(&request);
        assert_eq!((answer.status(), answer.code().as_str()), (401, "missing-credential"), "{request:?}");
    }
    let form = format!("access_token={token}");
    let form = Request::new("POST", "/orders/7")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form.as_bytes());
    assert_eq!(gate.ask(&form).code(), "missing-credential");
    assert_eq!(upstream.received().len(), 0);
    // And so it is none of two, and goes on as it is.
    let beside = Request::get("/orders/7?access_token=other").bearer(&token).header("Cookie", "session=other");
    assert_eq!(gate.ask(&beside).status(), 200);
    assert_eq!(upstream.last().target(), "/orders/7?access_token=other");
    assert_eq!(upstream.last().header("cookie"), Some("session=other"));
}

#[test]
fn where_a_token_is_optional_none_is_anonymous_and_a_bad_one_never_is() {
    let (World { issuer, upstream, gate }, stranger) = (world(ALL), TestIssuer::start());
    assert_eq!(gate.ask(&Request::get("/either")).status(), 200);
    assert_eq!(upstream.last().header("x-auth-sub"), None);
    assert_eq!(gate.ask(&Request::get("/either").bearer(&issuer.token().mint())).status(), 200);
    assert_eq!(upstream.last().header("x-auth-sub"), Some("alice"));
    let seen = upstream.received().len();
    let good = issuer.token().mint();
    let bad = [
        issuer.token().expired().mint(),
        stranger.token().mint(),
        issuer.token().claim("aud", "another").mint(),
        good[..good.len() - 4].to_owned(),
        "a.b.c".to_owned(),
        "nonsense".to_owned(),
    ];
    for token in bad {
        for request in in_each_place("/either", &token) {
            assert_eq!(gate.ask(&request).status(), 401, "{request:?}");
        }
    }
    for value in ["", "Bearer", "Bearer ", "Basic YTpi", "Negotiate", &good, "Bearer a b", "Bearer\ta.b.c"] {
        let answer = gate.ask(&Request::get("/either").header("Authorization", value));
        assert_eq!((answer.status(), answer.code().as_str()), (401, "malformed-credential"), "{value:?}");
    }
    for request in [Request::get("/either?access_token="), Request::get("/either").header("Cookie", "session=")] {
        assert_eq!(gate.ask(&request).code(), "malformed-credential", "{request:?}");
    }
    assert_eq!(upstream.received().len(), seen);
}

#[test]
fn a_token_longer_than_the_limit_is_refused() {
    let World { issuer, upstream, gate } = world(ALL);
    let token = issuer.token().claim("filler", "x".repeat(16 * 1024)).mint();
    let answer = gate.ask(&Request::get("/orders/7").bearer(&token));
    assert_eq!((answer.status(), answer.code().as_str()), (401, "token-too-long"));
    assert_eq!(upstream.received().len(), 0);
}
