//! How often may be asked: by caller, claim, address and route, at every door, through reloads.

use std::net::SocketAddr;

use serde_json::json;

use crate::support::{
    Connection, Message, Reply, Request, Setup, TestGateway, TestIssuer, TestUpstream, free_ports, until,
};

const CONFIG: &str = r#"
admin: {address: "127.0.0.1:@ADMIN@", explain: true}
trusted_issuers:
  corp: @CORP@
  partner: @PARTNER@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
trusted_proxies: [127.0.0.1]
routes:
  - {name: free, match: {path: "/free"}, upstream: echo}
  - {name: callers, match: {path: "/callers"}, rate_limit: {by: sub, rate: 3/m}, upstream: echo}
  - {name: others, match: {path: "/others"}, rate_limit: {by: sub, rate: 3/m}, upstream: echo}
  - {name: tenants, match: {path: "/tenants"}, rate_limit: {by: tenant, rate: 2/m}, upstream: echo}
  - {name: addresses, match: {path: "/addresses"}, rate_limit: {by: address, rate: 2/m}, upstream: echo}
  - {name: whole, match: {path: "/whole"}, access: public, rate_limit: {by: route, rate: 4/m}, upstream: echo}
  - {name: either, match: {path: "/either"}, access: {optional: true}, rate_limit: {by: sub, rate: 2/m}, upstream: echo}
  - {name: scoped, match: {path: "/scoped"}, access: {scopes: {any: [never]}}, rate_limit: {by: sub, rate: 2/m}, upstream: echo}
  - {name: both, match: {path: "/both"}, rate_limit: [{by: sub, rate: 2/m}, {by: address, rate: 3/m}], upstream: echo}
  - {name: quick, match: {path: "/quick"}, access: public, rate_limit: {by: route, rate: 1/s, burst: 1}, upstream: echo}
ext_authz:
  http: [{address: "127.0.0.1:@DOOR@", forward_auth: [caddy, nginx]}]
"#;

struct World {
    issuer: TestIssuer,
    partner: TestIssuer,
    upstream: TestUpstream,
    gate: TestGateway,
    door: SocketAddr,
}

fn world() -> World {
    let (issuer, partner, [door]) = (TestIssuer::start(), TestIssuer::start(), free_ports());
    // What an upstream says of limits of its own is not what the client has at the gate.
    let upstream = TestUpstream::answering(|_| Reply::new(200, "").header("RateLimit", "\"own\";r=999;t=1"));
    let setup = Setup::of(CONFIG)
        .put("CORP", issuer.trust(""))
        .put("PARTNER", partner.trust(""))
        .put("UPSTREAM", upstream.address())
        .put("DOOR", door);
    let gate = setup.start();
    World { issuer, partner, upstream, gate, door: SocketAddr::from(([127, 0, 0, 1], door)) }
}

impl World {
    fn by(&self, path: &str, sub: &str) -> Message {
        self.gate.ask(&Request::get(path).bearer(&self.issuer.token().sub(sub).mint()))
    }

    fn at(&self, path: &str, address: &str) -> Message {
        let request = Request::get(path).header("X-Forwarded-For", address);
        self.gate.ask(&request.bearer(&self.issuer.token().mint()))
    }
}

/// What is left, without the seconds that pass while a test runs.
fn left(answer: &Message) -> String {
    let items = answer.header("ratelimit").unwrap_or_default().split(", ");
    items.map(|item| item.split(";t=").next().unwrap()).collect::<Vec<_>>().join(", ")
}

fn statuses(answers: impl IntoIterator<Item = Message>) -> Vec<u16> {
    answers.into_iter().map(|answer| answer.status()).collect()
}

#[test]
fn each_caller_has_a_quota_and_is_told_of_it() {
    let world = world();
    for (sub, units) in [("alice", 2), ("alice", 1), ("bob", 2), ("alice", 0)] {
        let answer = world.by("/callers", sub);
        assert_eq!(answer.status(), 200);
        assert_eq!(left(&answer), format!("\"sub\";r={units}"));
        assert_eq!(answer.header("ratelimit-policy"), Some("\"sub\";q=3;w=60"));
    }
    let answer = world.by("/callers", "alice");
    assert_eq!((answer.status(), answer.code().as_str()), (429, "rate-limited"));
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(answer.header("ratelimit"), Some(format!("\"sub\";r=0;t={wait}").as_str()));
    assert_eq!(answer.header("ratelimit-policy"), Some("\"sub\";q=3;w=60"));
    assert_eq!(answer.header("www-authenticate"), None);
    assert_eq!(world.by("/callers", "bob").status(), 200);
    assert_eq!(world.upstream.received().len(), 5);
    world.gate.counts(r#"lychgate_requests_total{code="rate-limited",outcome="denied",route="callers"}"#, 1);
    let decisions = |outcome| {
        format!(r#"lychgate_rate_limit_decisions_total{{counted="local",outcome="{outcome}",route="callers"}}"#)
    };
    world.gate.counts(&decisions("limited"), 1);
    world.gate.counts(&decisions("allowed"), 5);
    assert_eq!(world.by("/free", "alice").header("ratelimit"), Some("\"own\";r=999;t=1"), "a route without limits");
}

#[test]
fn a_caller_is_one_of_one_issuer_on_one_route() {
    let world = world();
    assert_eq!(statuses((0..4).map(|_| world.by("/callers", "alice"))), [200, 200, 200, 429]);
    let namesake = world.partner.token().sub("alice").mint();
    assert_eq!(left(&world.gate.ask(&Request::get("/callers").bearer(&namesake))), "\"sub\";r=2");
    assert_eq!(left(&world.by("/others", "alice")), "\"sub\";r=2");
}

#[test]
fn an_explanation_uses_up_nothing() {
    let world = world();
    let token = world.issuer.token().sub("alice").mint();
    let asked = json!({"request": "GET http://gate.example/callers", "token": token}).to_string();
    let request = Request::new("POST", "/explain").header("Content-Type", "application/json");
    let request = request.header("Connection", "close").body(asked.as_bytes());
    for _ in 0..5 {
        assert_eq!(world.gate.ask_admin(&request).json()["allowed"], true);
    }
    assert_eq!(left(&world.by("/callers", "alice")), "\"sub\";r=2");
}

#[test]
fn whoever_is_not_proved_uses_up_nothing_of_another() {
    let world = world();
    let forged = TestIssuer::start();
    let token = forged.token().sub("alice").claim("iss", world.issuer.url()).mint();
    for _ in 0..5 {
        assert_eq!(world.gate.ask(&Request::get("/callers").bearer(&token)).status(), 401);
    }
    assert_eq!(left(&world.by("/callers", "alice")), "\"sub\";r=2");
}

#[test]
fn whoever_may_not_pass_has_asked_all_the_same() {
    let world = world();
    assert_eq!(statuses((0..3).map(|_| world.by("/scoped", "alice"))), [403, 403, 429]);
}

#[test]
fn values_of_a_claim_are_counted_apart_and_tokens_without_it_together() {
    let world = world();
    let ask = |sub: &str, tenant: Option<&str>| {
        let token = world.issuer.token().sub(sub).claim("tenant", tenant);
        world.gate.ask(&Request::get("/tenants").bearer(&token.mint()))
    };
    let asked = [("a", Some("acme")), ("b", Some("acme")), ("c", Some("acme")), ("c", Some("other"))];
    assert_eq!(statuses(asked.map(|(sub, tenant)| ask(sub, tenant))), [200, 200, 429, 200]);
    assert_eq!(statuses(["a", "b", "c"].map(|sub| ask(sub, None))), [200, 200, 429]);
}

#[test]
fn addresses_are_counted_before_a_credential_is_looked_at() {
    let world = world();
    let without = |address: &str| world.gate.ask(&Request::get("/addresses").header("X-Forwarded-For", address));
    assert_eq!(statuses([without("192.0.2.1"), without("192.0.2.1"), without("192.0.2.1")]), [401, 401, 429]);
    assert_eq!(world.at("/addresses", "192.0.2.1").status(), 429);
    assert_eq!(world.at("/addresses", "192.0.2.2").status(), 200);
    let refused = without("192.0.2.2");
    assert_eq!((refused.status(), left(&refused).as_str()), (401, "\"address\";r=0"));
}

#[test]
fn all_requests_of_a_route_together_can_be_limited() {
    let world = world();
    let answers = (1..=5).map(|host| world.at("/whole", &format!("192.0.2.{host}")));
    assert_eq!(statuses(answers), [200, 200, 200, 200, 429]);
}

#[test]
fn callers_without_a_token_are_counted_by_address() {
    let world = world();
    let without = |address: &str| world.gate.ask(&Request::get("/either").header("X-Forwarded-For", address));
    assert_eq!(statuses([without("192.0.2.1"), without("192.0.2.1"), without("192.0.2.1")]), [200, 200, 429]);
    assert_eq!(statuses([without("192.0.2.2"), world.at("/either", "192.0.2.1")]), [200, 200]);
}

#[test]
fn of_several_limits_each_must_hold() {
    let world = world();
    let first = world.by("/both", "alice");
    assert_eq!(left(&first), "\"address\";r=2, \"sub\";r=1");
    assert_eq!(first.header("ratelimit-policy"), Some("\"address\";q=3;w=60, \"sub\";q=2;w=60"));
    let answers = [world.by("/both", "alice"), world.by("/both", "alice"), world.by("/both", "bob")];
    let told = answers.each_ref().map(left);
    assert_eq!(statuses(answers), [200, 429, 429]);
    assert_eq!(told[1..], ["\"address\";r=0, \"sub\";r=0", "\"address\";r=0"]);
}

#[test]
fn what_was_used_up_is_earned_again() {
    let world = world();
    let ask = || world.gate.ask(&Request::get("/quick"));
    let refused = until("a refusal", || Some(ask()).filter(|answer| answer.status() == 429));
    assert_eq!(refused.header("retry-after"), Some("1"));
    until("another turn", || Some(ask()).filter(|answer| answer.status() == 200));
}

#[test]
fn every_door_counts_in_the_same_buckets() {
    let world = world();
    let token = world.issuer.token().sub("alice").mint();
    let forwarded = |profile: &str| {
        let told = if profile == "nginx" {
            [
                ("X-Original-Method", "GET"),
                ("X-Original-URL", "http://gate.example/callers"),
                ("X-Real-IP", "192.0.2.1"),
            ]
            .to_vec()
        } else {
            [
                ("X-Forwarded-Method", "GET"),
                ("X-Forwarded-Uri", "/callers"),
                ("X-Forwarded-Host", "gate.example"),
                ("X-Forwarded-For", "192.0.2.1"),
                ("X-Forwarded-Proto", "http"),
            ]
            .to_vec()
        };
        let request = Request::get(&format!("/forward-auth/{profile}")).bearer(&token).header("Connection", "close");
        Connection::open(world.door)
            .ask(&told.iter().fold(request, |request, (name, value)| request.header(name, value)))
    };
    assert_eq!(forwarded("caddy").status(), 200);
    assert_eq!(left(&world.by("/callers", "alice")), "\"sub\";r=1");
    assert_eq!(forwarded("caddy").status(), 200);
    let refused = forwarded("caddy");
    assert_eq!((refused.status(), refused.code().as_str()), (429, "rate-limited"));
    assert!(refused.header("retry-after").is_some() && refused.header("ratelimit").is_some(), "{}", refused.head);
    let for_nginx = forwarded("nginx");
    assert_eq!((for_nginx.status(), for_nginx.header("x-lychgate-status")), (403, Some("429")));
}

#[test]
fn a_reload_frees_nobody_unless_it_changes_the_limit() {
    let world = world();
    assert_eq!(statuses((0..4).map(|_| world.by("/callers", "alice"))), [200, 200, 200, 429]);
    let reloads = || world.gate.metric(r#"lychgate_config_reload_total{result="success"}"#);
    let taken_up = |from: &str, to: &str| {
        let before = reloads();
        world.gate.rewrite("lychgate.yaml", from, to);
        until("the changed config", || (reloads() > before).then_some(()));
    };
    taken_up("name: free", "name: as-ever");
    assert_eq!(world.by("/callers", "alice").status(), 429);
    taken_up("rate: 3/m", "rate: 3000/m");
    assert_eq!(world.by("/callers", "alice").status(), 200);
}
