//! What operators see: the admin door, metrics, and the access log.

use serde_json::json;

use crate::support::{Key, Request, Setup, TestGateway, TestIssuer, TestUpstream};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - {name: orders, match: {path: "/orders/{id}"}, upstream: echo}
"#;

struct World {
    issuer: TestIssuer,
    upstream: TestUpstream,
    gate: TestGateway,
}

fn world(more: &str) -> World {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let setup = Setup::of(&format!("{CONFIG}{more}")).put("CORP", issuer.trust(""));
    let gate = setup.put("UPSTREAM", upstream.address()).start();
    World { issuer, upstream, gate }
}

#[test]
fn every_request_is_counted_by_route_outcome_and_code() {
    let World { issuer, gate, upstream } = world("");
    let good = issuer.token().mint();
    for (request, status) in [
        (Request::get("/public/a"), 200),
        (Request::get("/public/b?access_token=x"), 200),
        (Request::get("/public/c").header("X-Test-Status", "404"), 404),
        (Request::get("/orders/7").bearer(&good), 200),
        (Request::get("/orders/7"), 401),
        (Request::get("/orders/7").bearer(&issuer.token().expired().mint()), 401),
        (Request::get("/orders/7").bearer("a.b.c"), 401),
        (Request::get("/nowhere"), 404),
        (Request::get("/nowhere/else"), 404),
    ] {
        assert_eq!(gate.ask(&request).status(), status, "{request:?}");
    }
    for (labels, count) in [
        (r#"code="2xx",outcome="allowed",route="open""#, 2),
        (r#"code="4xx",outcome="allowed",route="open""#, 1),
        (r#"code="2xx",outcome="allowed",route="orders""#, 1),
        (r#"code="missing-credential",outcome="denied",route="orders""#, 1),
        (r#"code="token-expired",outcome="denied",route="orders""#, 1),
        (r#"code="malformed-token",outcome="denied",route="orders""#, 1),
        (r#"code="no-route",outcome="denied",route="-""#, 2),
    ] {
        gate.counts(&format!("lychgate_requests_total{{{labels}}}"), count);
    }
    gate.counts(r#"lychgate_request_duration_seconds_count{route="orders"}"#, 4);
    gate.counts(r#"lychgate_decision_duration_seconds_count{route="orders"}"#, 4);
    gate.counts(r#"lychgate_upstream_duration_seconds_count{upstream="echo"}"#, 4);
    gate.counts(r#"lychgate_keys{issuer="corp"}"#, 1);
    gate.counts(r#"lychgate_keys_fetch_total{issuer="corp",result="success"}"#, 1);
    assert_eq!(upstream.received().len(), 4);
    let metrics = gate.admin("/metrics");
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    for family in metrics.text().lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = family.split(' ').next().unwrap();
        assert!(metrics.text().contains(&format!("# HELP {name} ")), "{name} has no HELP");
    }
    assert!(metrics.text().contains("lychgate_build_info{"));
}

#[test]
fn keys_that_stand_in_the_config_never_grow_old() {
    let keys = json!({"keys": [Key::es256("a").jwk()]});
    let config = CONFIG.replace(
        "upstreams:",
        &format!("  fixed: {{issuer: 'https://fixed.example', audience: [api], keys: {{inline: {keys}}}}}\nupstreams:"),
    );
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let gate = Setup::of(&config).put("CORP", issuer.trust("")).put("UPSTREAM", upstream.address()).start();
    let age = |issuer: &str| gate.metric(&format!("lychgate_keys_age_seconds{{issuer=\"{issuer}\"}}"));
    crate::support::until("keys to grow older", || (age("corp") >= 2.0).then_some(()));
    assert!(age("fixed") < 0.5, "{}", age("fixed"));
    gate.counts(r#"lychgate_keys{issuer="fixed"}"#, 1);
}

const SERIES: &str = r#"lychgate_requests_total{code="method-not-allowed",outcome="denied",route="-"}"#;

#[test]
fn nobody_can_add_series_by_what_he_asks_for() {
    let World { gate, .. } = world("");
    for number in 0..20 {
        gate.ask(&Request::new("PURGE", &format!("/nowhere/{number}")).host(&format!("host-{number}.example")));
        gate.ask(&Request::new("PURGE", &format!("/public/{number}")));
    }
    // The last of them has been counted.
    crate::support::until("all counts", || (gate.metric(SERIES) >= 20.0).then_some(()));
    let metrics = gate.admin("/metrics").text();
    let series = metrics.lines().filter(|line| line.starts_with("lychgate_requests_total{")).count();
    assert!(series <= 3, "{metrics}");
    assert!(!metrics.contains("host-1") && !metrics.contains("/nowhere"));
}

#[test]
fn the_operators_door_shows_and_changes_nothing() {
    let World { gate, .. } = world("");
    assert_eq!((gate.admin("/livez").status(), gate.admin("/readyz").status()), (200, 200));
    let status = gate.admin("/status").json();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    let corp = &status["trusted_issuers"]["corp"];
    assert_eq!(
        (corp["available"].as_bool(), corp["keys"].as_u64(), corp["generation"].as_u64()),
        (Some(true), Some(1), Some(1))
    );
    assert_eq!(gate.admin("/nowhere").status(), 404);
    // It is no way round the gate, nor is the gate a way to it.
    for path in ["/metrics", "/status", "/livez", "/readyz"] {
        assert_eq!(gate.ask(&Request::get(path)).status(), 404, "{path}");
    }
}

#[test]
fn a_line_of_the_access_log_says_what_became_of_a_request_and_no_secret() {
    let World { issuer, gate, upstream: _upstream } = world("");
    let token = issuer.token().sub("alice-in-person").mint();
    let answer = gate.ask(&Request::get("/orders/7?access_token=secret-in-query").bearer(&token));
    let line = gate.logged(answer.header("x-request-id").unwrap());
    for (member, value) in [
        ("method", "GET"),
        ("host", "gate.example"),
        ("path", "/orders/7"),
        ("route", "orders"),
        ("outcome", "allowed"),
        ("code", "2xx"),
        ("issuer", "corp"),
        ("upstream", "echo"),
        ("client", "127.0.0.1"),
    ] {
        assert_eq!(line[member], value, "{line}");
    }
    assert_eq!(line["status"], 200);
    assert!(line["duration_us"].as_u64() >= line["decision_us"].as_u64(), "{line}");
    let expired = issuer.token().sub("alice-in-person").expired().mint();
    let answer = gate.ask(&Request::get("/orders/8").bearer(&expired));
    let line = gate.logged(answer.header("x-request-id").unwrap());
    assert_eq!(
        (&line["outcome"], &line["code"], &line["status"]),
        (&"denied".into(), &"token-expired".into(), &401.into())
    );
    let written = gate.stdout() + &gate.stderr();
    for secret in [&token, &expired, "secret-in-query", "alice-in-person", token.rsplit('.').next().unwrap()] {
        assert!(!written.contains(secret), "{secret} in {written}");
    }
}

#[test]
fn subjects_are_named_in_clear_where_that_is_asked_for() {
    let World { issuer, gate, upstream: _upstream } = world("telemetry: {subjects_in_clear: true}\n");
    let answer = gate.ask(&Request::get("/orders/7").bearer(&issuer.token().mint()));
    assert_eq!(gate.logged(answer.header("x-request-id").unwrap())["subject"], "alice");
}

#[test]
fn lines_for_people_and_no_lines_are_a_choice() {
    let World { gate, issuer: _issuer, upstream: _upstream } = world("telemetry: {access_log: text}\n");
    gate.ask(&Request::get("/public/a"));
    crate::support::until("a line", || gate.stdout().contains("gate.example/public/a 200 allowed").then_some(()));
    let World { gate, upstream, .. } = world("telemetry: {access_log: off}\n");
    gate.ask(&Request::get("/public/a"));
    assert_eq!((upstream.received().len(), gate.stdout().as_str()), (1, ""));
}
