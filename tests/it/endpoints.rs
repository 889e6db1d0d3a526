//! Endpoints over their lives: which of them is asked, what is tried again, and how many requests an upstream may have.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{
    Authority, Identity, Message, Reply, Request, Setup, TestGateway, TestIssuer, TestUpstream, free_ports, until,
};

const CONFIG: &str = r#"
upstreams:
  echo: {@UPSTREAM@}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
"#;

fn before(upstream: &str) -> TestGateway {
    Setup::of(CONFIG).put("UPSTREAM", upstream).start()
}

fn endpoints(upstreams: &[&TestUpstream]) -> String {
    let addresses: Vec<_> = upstreams.iter().map(|upstream| format!("\"{}\"", upstream.address())).collect();
    format!("endpoints: [{}]", addresses.join(", "))
}

fn nobody() -> SocketAddr {
    let [port] = free_ports();
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// An upstream whose answers to all and to health checks can be changed.
struct Moody {
    upstream: TestUpstream,
    status: Arc<AtomicU16>,
    health: Arc<AtomicU16>,
}

impl Moody {
    fn start() -> Self {
        let (status, health) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicU16::new(200)));
        let (of_all, of_health) = (status.clone(), health.clone());
        let upstream = TestUpstream::answering(move |request| {
            let status = if request.target() == "/healthz" { &of_health } else { &of_all };
            Reply::new(status.load(Ordering::SeqCst), "moody")
        });
        Self { upstream, status, health }
    }

    /// Requests that were no health checks.
    fn asked(&self) -> Vec<Message> {
        self.upstream.received().into_iter().filter(|request| request.target() != "/healthz").collect()
    }

    fn healthy(&self) -> String {
        format!(r#"lychgate_upstream_healthy{{endpoint="{}",upstream="echo"}}"#, self.upstream.address())
    }
}

#[test]
fn an_endpoint_that_is_not_healthy_gets_no_requests_until_it_is() {
    let (good, bad) = (Moody::start(), Moody::start());
    let health = ", health: {path: /healthz, every: 50ms, unhealthy_after: 2, healthy_after: 2}";
    let gate = before(&(endpoints(&[&good.upstream, &bad.upstream]) + health));
    gate.counts(&bad.healthy(), 1);
    bad.health.store(500, Ordering::SeqCst);
    gate.counts(&bad.healthy(), 0);
    gate.counts(&good.healthy(), 1);
    let (before, ask) = (bad.asked().len(), || gate.ask(&Request::get("/public/a")).status());
    assert!((0..10).all(|_| ask() == 200));
    assert_eq!(bad.asked().len(), before);
    let status = gate.admin("/status").json();
    let told = status["upstreams"]["echo"]["endpoints"].as_array().unwrap().clone();
    let told: Vec<_> = told.iter().map(|endpoint| endpoint["healthy"].as_bool().unwrap()).collect();
    assert_eq!(told.iter().filter(|healthy| **healthy).count(), 1, "{status}");
    bad.health.store(204, Ordering::SeqCst);
    gate.counts(&bad.healthy(), 1);
    assert!((0..10).all(|_| ask() == 200));
    assert!(bad.asked().len() > before);
}

#[test]
fn where_no_endpoint_is_healthy_the_answer_is_503_and_comes_at_once() {
    let moody = Moody::start();
    let health = ", health: {path: /healthz, every: 20ms, unhealthy_after: 1}";
    let gate = before(&(endpoints(&[&moody.upstream]) + health));
    assert_eq!(gate.ask(&Request::get("/public/a")).status(), 200);
    moody.health.store(404, Ordering::SeqCst);
    gate.counts(&moody.healthy(), 0);
    let answer = gate.ask(&Request::new("POST", "/public/a").body(b"x"));
    assert_eq!((answer.status(), answer.code().as_str()), (503, "upstream-unavailable"));
    assert_eq!(answer.header("retry-after"), Some("5"));
    moody.health.store(200, Ordering::SeqCst);
    gate.counts(&moody.healthy(), 1);
    assert_eq!(gate.ask(&Request::get("/public/a")).status(), 200);
}

#[test]
fn a_health_check_asks_as_the_config_says() {
    let moody = Moody::start();
    moody.health.store(418, Ordering::SeqCst);
    let health = ", health: {path: /healthz, every: 20ms, unhealthy_after: 1, expect: [418], host: orders.internal}";
    let gate = before(&(endpoints(&[&moody.upstream]) + health));
    let check = until("a check", || moody.upstream.received().into_iter().next());
    assert_eq!((check.method(), check.target(), check.header("host")), ("GET", "/healthz", Some("orders.internal")));
    until("more checks", || (moody.upstream.received().len() > 5).then_some(()));
    gate.counts(&moody.healthy(), 1);
}

#[test]
fn a_health_check_that_takes_too_long_has_failed() {
    let slow = TestUpstream::answering(|_| Reply::new(200, "").after(Duration::from_secs(2)));
    let gate = before(&(endpoints(&[&slow]) + ", health: {path: /, every: 20ms, timeout: 50ms, unhealthy_after: 2}"));
    let healthy = format!(r#"lychgate_upstream_healthy{{endpoint="{}",upstream="echo"}}"#, slow.address());
    gate.counts(&healthy, 0);
}

#[test]
fn an_endpoint_that_fails_requests_is_left_out_and_comes_back() {
    let (good, bad) = (Moody::start(), Moody::start());
    let ejection = ", ejection: {server_errors: 2, first: 300ms}";
    let gate = before(&(endpoints(&[&good.upstream, &bad.upstream]) + ejection));
    bad.status.store(500, Ordering::SeqCst);
    let statuses: Vec<_> = (0..20).map(|_| gate.ask(&Request::get("/public/a")).status()).collect();
    let failed = statuses.iter().filter(|status| **status == 500).count();
    assert!((2..6).contains(&failed), "{statuses:?}");
    assert!(gate.metric(r#"lychgate_upstream_ejections_total{upstream="echo"}"#) >= 1.0);
    bad.status.store(200, Ordering::SeqCst);
    let asked = bad.asked().len();
    until("it to be asked again", || {
        gate.ask(&Request::get("/public/a"));
        (bad.asked().len() > asked + 3).then_some(())
    });
}

#[test]
fn requests_to_a_dead_endpoint_are_few_and_none_of_them_fails() {
    let alive = TestUpstream::start();
    let dead = nobody();
    let gate = before(&format!("endpoints: [\"{dead}\", \"{}\"], ejection: {{first: 10s}}", alive.address()));
    let connection = &mut gate.connect();
    assert!((0..60).all(|_| connection.ask(&Request::new("POST", "/public/a").body(b"x")).status() == 200));
    let retries = gate.metric(r#"lychgate_upstream_retries_total{result="tried",upstream="echo"}"#);
    assert!((2.5..3.5).contains(&retries), "it was tried {retries} times");
    let status = gate.admin("/status").json();
    let endpoints = &status["upstreams"]["echo"]["endpoints"];
    assert_eq!((&endpoints[0]["ejected"], &endpoints[1]["healthy"]), (&true.into(), &true.into()), "{status}");
}

/// An upstream that hangs up on the first request that it is sent, and one that does not.
fn hanging_up() -> (TestUpstream, TestUpstream) {
    (TestUpstream::answering(|_| Reply::hang_up()), TestUpstream::start())
}

#[test]
fn a_request_whose_connection_broke_is_tried_again_only_where_that_is_asked_for_and_safe() {
    let body = b"once".as_slice();
    for (on, request, is_safe) in [
        ("connect_failure", Request::get("/public/a"), false),
        ("connect_failure, reset", Request::get("/public/a"), true),
        ("connect_failure, reset", Request::new("PUT", "/public/a").body(body), true),
        ("connect_failure, reset", Request::new("PUT", "/public/a").body(&vec![b'x'; 200_000]), false),
        ("connect_failure, reset", Request::new("POST", "/public/a").body(body), false),
        ("connect_failure, reset", Request::new("PATCH", "/public/a").body(body), false),
    ] {
        let (bad, good) = hanging_up();
        let gate = before(&format!("{}, retries: {{attempts: 1, on: [{on}]}}", endpoints(&[&bad, &good])));
        let answers: Vec<_> = (0..4).map(|_| gate.ask(&request)).collect();
        let failed = answers.iter().filter(|answer| answer.code() == "upstream-failed").count();
        assert_eq!(failed, if is_safe { 0 } else { 2 }, "{on}: {request:?}");
        assert_eq!(answers.iter().filter(|answer| answer.status() == 200).count(), 4 - failed);
        assert_eq!(good.received().len(), 4 - failed);
    }
}

#[test]
fn a_second_try_of_a_body_that_was_empty_says_that_it_is() {
    let (bad, good) = hanging_up();
    let more = ", retries: {attempts: 1, on: [connect_failure, reset]}, timeouts: {read: 3s}";
    let gate = before(&(endpoints(&[&bad, &good]) + more));
    let request = Request::new("PUT", "/public/a").chunked(b"", 1, "");
    assert!((0..4).all(|_| gate.ask(&request).status() == 200));
    assert_eq!((good.received().len(), good.last().body.len()), (4, 0));
}

#[test]
fn a_body_that_is_sent_twice_came_once() {
    let (bad, good) = hanging_up();
    let upstream = endpoints(&[&bad, &good]) + ", retries: {attempts: 1, on: [connect_failure, reset]}";
    let gate = Setup::of(&format!("{CONFIG}limits: {{body: 1000}}\n")).put("UPSTREAM", upstream).start();
    let request = Request::new("PUT", "/public/a").body(&[b'x'; 600]);
    for _ in 0..4 {
        let answer = gate.ask(&request);
        let line = gate.logged(answer.header("x-request-id").unwrap());
        assert_eq!((answer.status(), &line["bytes_in"]), (200, &600.into()), "{line}");
    }
}

#[test]
fn an_answer_of_a_dead_backend_is_tried_again_only_where_that_is_asked_for_and_safe() {
    for (on, method, is_safe) in [
        ("connect_failure", "GET", false),
        ("gateway_error", "GET", true),
        ("gateway_error", "PUT", true),
        ("gateway_error", "POST", false),
    ] {
        let (bad, good) = (Moody::start(), TestUpstream::start());
        bad.status.store(503, Ordering::SeqCst);
        let retries = format!(", retries: {{attempts: 1, on: [{on}]}}");
        let gate = before(&(endpoints(&[&bad.upstream, &good]) + &retries));
        let answers: Vec<_> = (0..4).map(|_| gate.ask(&Request::new(method, "/public/a").body(b"body"))).collect();
        let passed_on = answers.iter().filter(|answer| answer.status() == 503 && answer.text() == "moody").count();
        assert_eq!(passed_on, if is_safe { 0 } else { 2 }, "{on} {method}");
        assert!(good.received().iter().all(|request| request.text() == "body"));
    }
}

#[test]
fn retries_end_and_the_last_answer_is_passed_on() {
    let bad = Moody::start();
    bad.status.store(502, Ordering::SeqCst);
    let gate = before(&(endpoints(&[&bad.upstream]) + ", retries: {attempts: 3, on: [gateway_error]}"));
    let answer = gate.ask(&Request::get("/public/a"));
    assert_eq!((answer.status(), answer.text().as_str()), (502, "moody"));
    assert_eq!(bad.asked().len(), 4);
}

/// Asks so many requests at once that each take half a second, and gives their statuses and codes, sorted.
fn at_once(gate: &TestGateway, requests: usize) -> Vec<(u16, String)> {
    thread::scope(|scope| {
        let ask = || {
            let answer = gate.ask(&Request::get("/public/a").header("X-Test-Delay", "500"));
            assert_eq!(answer.header("retry-after").is_some(), answer.status() == 503);
            (answer.status(), answer.code())
        };
        let asked: Vec<_> = (0..requests).map(|_| scope.spawn(ask)).collect();
        let mut answers: Vec<_> = asked.into_iter().map(|asked| asked.join().unwrap()).collect();
        answers.sort();
        answers
    })
}

#[test]
fn an_upstream_with_too_many_pending_requests_gets_no_more() {
    let upstream = TestUpstream::start();
    let gate = before(&(endpoints(&[&upstream]) + ", limits: {pending: 3}"));
    let answers = at_once(&gate, 8);
    let good = answers.iter().filter(|answer| answer.0 == 200).count();
    assert!((3..8).contains(&good), "{answers:?}");
    assert!(answers.iter().all(|(status, code)| *status == 200 || code == "upstream-overloaded"), "{answers:?}");
    assert_eq!(upstream.received().len(), good, "who was refused never came there");
    assert_eq!(at_once(&gate, 3).len(), 3, "the places are free again");
}

#[test]
fn requests_wait_for_one_of_few_connections() {
    let upstream = TestUpstream::start();
    let limits = ", limits: {connections: 1, pending: 1}, timeouts: {connect: 5s}";
    let gate = before(&(endpoints(&[&upstream]) + limits));
    let answers = at_once(&gate, 4);
    let statuses: Vec<_> = answers.iter().map(|answer| answer.0).collect();
    assert_eq!(statuses, [200, 200, 503, 503]);
    assert_eq!(answers[3].1, "upstream-overloaded");
}

const HASHED: &str = r#"
trusted_issuers:
  corp: @CORP@
upstreams:
  by-sub: {@ENDPOINTS@, balance: {consistent_hash: sub}}
  by-claim: {@ENDPOINTS@, balance: {consistent_hash: {claim: tenant}}}
  by-header: {@ENDPOINTS@, balance: {consistent_hash: {header: X-Tenant}}}
routes:
  - {name: sub, match: {path: "/sub"}, upstream: by-sub}
  - {name: claim, match: {path: "/claim"}, upstream: by-claim}
  - {name: header, match: {path: "/header"}, access: public, upstream: by-header}
  - {name: nobody, match: {path: "/nobody"}, access: public, upstream: by-sub}
"#;

#[test]
fn the_same_caller_reaches_the_same_endpoint() {
    let issuer = TestIssuer::start();
    let upstreams: Vec<_> =
        (0..4).map(|place| TestUpstream::answering(move |_| Reply::new(200, place.to_string()))).collect();
    let upstreams: Vec<_> = upstreams.iter().collect();
    let gate = Setup::of(HASHED).put("CORP", issuer.trust("")).put("ENDPOINTS", endpoints(&upstreams)).start();
    let mut connection = gate.connect();
    let mut reached = |path: &str, caller: &str| {
        let token = issuer.token().sub(if path == "/sub" { caller } else { "alice" }).claim("tenant", caller).mint();
        let mut request = Request::get(path).header("X-Tenant", caller);
        if matches!(path, "/sub" | "/claim") {
            request = request.bearer(&token);
        }
        let reached: BTreeSet<_> = (0..4).map(|_| connection.ask(&request).text()).collect();
        assert_eq!(reached.len(), 1, "{path} {caller} is at {reached:?}");
        reached.into_iter().next().unwrap()
    };
    for path in ["/sub", "/claim", "/header"] {
        let all: BTreeSet<_> = (0..24).map(|number| reached(path, &format!("caller-{number}"))).collect();
        assert!(all.len() > 1, "{path}: all are at {all:?}");
    }
    reached("/nobody", "goes by its address");
}

#[test]
fn a_name_stands_for_all_its_addresses() {
    let upstream = TestUpstream::start();
    let port = upstream.address().port();
    for config in [format!("dns: \"localhost:{port}\""), format!("endpoints: [\"localhost:{port}\"]")] {
        let gate = before(&config);
        assert!((0..5).all(|_| gate.ask(&Request::get("/public/a")).status() == 200), "{config}");
        assert_eq!(upstream.last().header("host"), Some("gate.example"));
        let healthy = format!(r#"lychgate_upstream_healthy{{endpoint="{}",upstream="echo"}}"#, upstream.address());
        gate.counts(&healthy, 1);
    }
}

#[test]
fn a_name_that_is_not_there_yet_keeps_nothing_else_from_starting() {
    let gate = before("dns: \"nowhere.invalid:80\"");
    let answer = gate.ask(&Request::get("/public/a"));
    assert_eq!((answer.status(), answer.code().as_str()), (503, "upstream-unavailable"));
    assert!(gate.metric(r#"lychgate_upstream_resolutions_total{result="failure",upstream="echo"}"#) >= 1.0);
}

const WITH_CLIENT: &str = r#"
upstreams:
  known: {endpoints: ["@UPSTREAM@"], tls: {server_name: orders.internal, ca: ca.pem, certificate: c.pem, key: k.pem}@MORE@}
  unknown: {endpoints: ["@UPSTREAM@"], tls: {server_name: orders.internal, ca: ca.pem}}
routes:
  - {name: known, match: {path: "/known"}, access: public, upstream: known}
  - {name: unknown, match: {path: "/unknown"}, access: public, upstream: unknown}
"#;

#[test]
fn an_upstream_that_asks_for_a_certificate_gets_it_and_so_do_its_health_checks() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let upstream = TestUpstream::start_tls(authority.identity("orders.internal").server_for(&clients));
    let Identity { certificate, key } = clients.identity("gate.internal");
    let setup = Setup::of(WITH_CLIENT)
        .put("UPSTREAM", upstream.address())
        .put("MORE", ", health: {path: /healthz, every: 50ms, unhealthy_after: 1}")
        .file("ca.pem", authority.pem())
        .file("c.pem", certificate)
        .file("k.pem", key);
    let gate = setup.start();
    until("a check", || upstream.received().iter().find(|request| request.target() == "/healthz").cloned());
    assert_eq!(gate.ask(&Request::get("/known")).status(), 200);
    assert_eq!(gate.ask(&Request::get("/unknown")).status(), 502);
    let stranger = clients.identity("other");
    let written = setup.file("k.pem", stranger.key).write();
    let ended = crate::support::lychgate(&["serve", "--config", written.config().to_str().unwrap()]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("k.pem") && !ended.stderr.contains("panicked"), "{}", ended.stderr);
}
