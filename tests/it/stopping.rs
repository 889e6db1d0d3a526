//! How the gate stops: after the last request, or at once.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Request, Setup, TestGateway, TestUpstream, until};

const CONFIG: &str = r#"
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
"#;

fn world() -> (TestUpstream, TestGateway) {
    let upstream = TestUpstream::start();
    let gate = Setup::of(CONFIG).put("UPSTREAM", upstream.address()).start();
    (upstream, gate)
}

#[test]
fn a_request_on_its_way_is_finished_before_the_gate_stops() {
    let (upstream, mut gate) = world();
    let mut connection = gate.connect();
    let asked = thread::spawn(move || connection.ask(&Request::get("/public/slow").header("X-Test-Delay", "1500")));
    until("the request to arrive", || (!upstream.received().is_empty()).then_some(()));
    gate.signal("TERM");
    until("draining", || {
        let ready = gate.admin("/readyz");
        (ready.status() == 503 && ready.json()["missing"][0] == "draining").then_some(())
    });
    assert!(gate.is_running());
    assert_eq!(asked.join().unwrap().status(), 200);
    assert_eq!(gate.wait().code(), Some(0));
    until("its line in the access log", || gate.stdout().contains("/public/slow").then_some(()));
}

#[test]
fn an_idle_gate_stops_soon() {
    for signal in ["TERM", "INT"] {
        let (_upstream, mut gate) = world();
        let mut idle = gate.connect();
        assert_eq!(idle.ask(&Request::get("/public/a")).status(), 200);
        let begun = Instant::now();
        gate.signal(signal);
        assert_eq!(gate.wait().code(), Some(0), "{signal}");
        assert!(begun.elapsed() < Duration::from_secs(6), "{signal}: {:?}", begun.elapsed());
        assert!(idle.is_closed());
        until("the line in the access log", || gate.stdout().contains("/public/a").then_some(()));
    }
}

#[test]
fn an_interrupt_waits_for_nobody() {
    let (upstream, mut gate) = world();
    let mut connection = gate.connect();
    connection.send(&Request::get("/public/slow").header("X-Test-Delay", "15000").bytes());
    until("the request to arrive", || (!upstream.received().is_empty()).then_some(()));
    let begun = Instant::now();
    gate.signal("INT");
    assert_eq!(gate.wait().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn a_port_that_is_taken_is_named() {
    let (upstream, gate) = world();
    let config = format!("{CONFIG}\nlisteners: [{{address: \"@TAKEN@\"}}]\n");
    let written = Setup::of(&config).put("UPSTREAM", upstream.address()).put("TAKEN", gate.address()).write();
    let ended = crate::support::lychgate(&["serve", "--config", written.config().to_str().unwrap()]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains(&gate.address().to_string()), "{}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[test]
fn a_hangup_ends_nothing() {
    let (_upstream, mut gate) = world();
    gate.signal("HUP");
    until("the word about it", || gate.stderr().contains("the changed config is in force").then_some(()));
    assert_eq!(gate.ask(&Request::get("/public/a")).status(), 200);
    gate.signal("TERM");
    assert_eq!(gate.wait().code(), Some(0));
}
