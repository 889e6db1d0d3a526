//! How the gate stops: after the last request, or at once; and that no request fails where another gate is there.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Connection, Request, Setup, Steady, TestGateway, TestUpstream, until};

const CONFIG: &str = r#"
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
"#;

fn world() -> (TestUpstream, TestGateway) {
    world_with("delay: 0s")
}

fn world_with(shutdown: &str) -> (TestUpstream, TestGateway) {
    let upstream = TestUpstream::start();
    let gate = gate(&upstream, shutdown);
    (upstream, gate)
}

fn gate(upstream: &TestUpstream, shutdown: &str) -> TestGateway {
    let config = format!("{CONFIG}\nshutdown: {{{shutdown}}}\n");
    Setup::of(&config).put("UPSTREAM", upstream.address()).start()
}

fn until_it_says(gate: &TestGateway, words: &str) {
    until(words, || gate.stderr().contains(words).then_some(()));
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

#[test]
fn while_it_is_unready_it_still_takes_requests_as_before() {
    let (_upstream, mut gate) = world_with("delay: 2s, drain: 5s");
    let begun = Instant::now();
    gate.signal("TERM");
    until("it to be unready", || (gate.admin("/readyz").status() == 503).then_some(()));
    let mut kept = gate.connect();
    for _ in 0..3 {
        let answer = kept.ask(&Request::get("/public/a"));
        assert_eq!((answer.status(), answer.header("connection")), (200, Some("keep-alive")));
    }
    drop(kept);
    assert!(gate.is_running());
    assert_eq!(gate.wait().code(), Some(0));
    assert!((2..5).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[test]
fn once_the_doors_are_closed_kept_connections_have_one_more_request_and_new_ones_none() {
    let (upstream, mut gate) = world();
    let (mut slow, mut kept) = (gate.connect(), gate.connect());
    assert_eq!(kept.ask(&Request::get("/public/a")).header("connection"), Some("keep-alive"));
    let asked = thread::spawn(move || slow.ask(&Request::get("/public/slow").header("X-Test-Delay", "1500")));
    until("the request to arrive", || (upstream.received().len() == 2).then_some(()));
    gate.signal("TERM");
    until_it_says(&gate, "nothing new is taken");
    let last = kept.ask(&Request::get("/public/a"));
    assert_eq!((last.status(), last.header("connection")), (200, Some("close")));
    assert!(kept.is_closed());
    until("the port to be closed", || std::net::TcpStream::connect(gate.address()).is_err().then_some(()));
    assert_eq!(gate.admin("/livez").status(), 200, "the operator's door is the last");
    let answer = asked.join().unwrap();
    assert_eq!((answer.status(), answer.header("connection")), (200, Some("close")));
    assert_eq!(gate.wait().code(), Some(0));
}

#[test]
fn connections_that_the_system_holds_are_taken_in_before_the_doors_close() {
    let (_upstream, mut gate) = world();
    gate.signal("STOP");
    let asked = || {
        let mut connection = gate.connect();
        connection.send(&Request::get("/public/a").bytes());
        connection
    };
    let mut waiting: Vec<_> = std::iter::repeat_with(asked).take(300).collect();
    gate.signal("TERM");
    gate.signal("CONT");
    for connection in &mut waiting {
        assert_eq!(connection.read().status(), 200);
    }
    assert_eq!(gate.wait().code(), Some(0));
}

#[test]
fn what_takes_longer_than_it_may_is_cut_off() {
    let (upstream, mut gate) = world_with("delay: 0s, drain: 1s");
    let mut connection = gate.connect();
    connection.send(&Request::get("/public/slow").header("X-Test-Delay", "15000").bytes());
    until("the request to arrive", || (!upstream.received().is_empty()).then_some(()));
    let begun = Instant::now();
    gate.signal("TERM");
    assert_eq!(gate.wait().code(), Some(0));
    assert!((1..5).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    until_it_says(&gate, "what is left is cut off");
}

#[test]
fn told_twice_it_waits_no_longer() {
    for (shutdown, signals) in [("delay: 10m", ["TERM", "TERM"]), ("delay: 0s, drain: 10m", ["TERM", "INT"])] {
        let (upstream, mut gate) = world_with(shutdown);
        let mut connection = gate.connect();
        connection.send(&Request::get("/public/slow").header("X-Test-Delay", "15000").bytes());
        until("the request to arrive", || (!upstream.received().is_empty()).then_some(()));
        let begun = Instant::now();
        gate.signal(signals[0]);
        until_it_says(&gate, "no longer ready");
        thread::sleep(Duration::from_millis(300));
        assert!(gate.is_running());
        gate.signal(signals[1]);
        assert_eq!(gate.wait().code(), Some(0));
        assert!(begun.elapsed() < Duration::from_secs(8), "{shutdown}: {:?}", begun.elapsed());
    }
}

/// Clients that ask whichever of two gates says that it is ready, while one after the other is stopped and started.
#[test]
fn of_two_gates_each_can_be_stopped_without_one_failed_request() {
    let upstream = TestUpstream::start();
    let shutdown = "delay: 1s, drain: 10s";
    let (mut one, other) = (gate(&upstream, shutdown), gate(&upstream, shutdown));
    let doors = [(one.address(), one.admin_address()), (other.address(), other.admin_address())];
    let connect = move || {
        let is_ready = |admin| {
            let mut asked = Connection::try_open(admin).ok()?;
            asked.send(&Request::get("/readyz").header("Connection", "close").bytes());
            asked.try_read(false).ok()?.filter(|answer| answer.status() == 200)
        };
        until("a gate that is ready", || {
            let (gate, _) = doors.iter().find(|(_, admin)| is_ready(*admin).is_some())?;
            Some(Connection::open(*gate))
        })
    };
    let load = Steady::begin(6, connect, |_| Request::get("/public/a"));
    let fresh = Steady::begin(2, connect, |_| Request::get("/public/a").header("Connection", "close"));
    load.more(200);
    // All are at the first: it is the one that goes.
    one.signal("TERM");
    assert_eq!(one.wait().code(), Some(0));
    load.more(200);
    let counts = other.metric(r#"lychgate_requests_total{code="2xx",outcome="allowed",route="open"}"#);
    for (asked, failed) in [load.end(), fresh.end()] {
        assert!(failed.is_empty(), "of {asked} requests {} failed: {failed:?}", failed.len());
    }
    assert!(counts > 100.0, "the other took over: {counts}");
}
