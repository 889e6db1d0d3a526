//! `lychgate health`: what a health check is told of a gate, and its exit code.

use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Finished, Request, Setup, TestGateway, TestIssuer, TestUpstream, lychgate, until};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - {name: orders, match: {path: "/orders"}, upstream: echo}
"#;

fn setup(issuer: &TestIssuer, upstream: &TestUpstream) -> Setup {
    Setup::of(CONFIG).put("CORP", issuer.trust("")).put("UPSTREAM", upstream.address())
}

fn by_config(gate: &TestGateway, more: &[&str]) -> Finished {
    let config = gate.path("lychgate.yaml");
    lychgate(&[&["health", "--config", config.to_str().unwrap()], more].concat())
}

fn by_address(address: SocketAddr, more: &[&str]) -> Finished {
    lychgate(&[&["health", "--address", &address.to_string()], more].concat())
}

#[test]
fn a_gate_that_is_ready_is_good_by_config_and_by_address() {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let gate = setup(&issuer, &upstream).start();
    for asked in [by_config(&gate, &[]), by_address(gate.admin_address(), &[])] {
        assert_eq!((asked.code, asked.stdout.as_str(), asked.stderr.as_str()), (Some(0), "ready\n", ""));
    }
    let alive = by_config(&gate, &["--live"]);
    assert_eq!((alive.code, alive.stdout.as_str()), (Some(0), "alive\n"));
    let told = by_config(&gate, &["--json"]);
    assert_eq!((told.code, told.json()["ready"].as_bool()), (Some(0), Some(true)), "{told:?}");
    assert_eq!(told.json()["address"], gate.admin_address().to_string());
}

#[test]
fn a_gate_that_listens_everywhere_is_asked_on_loopback() {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let everywhere = format!("{CONFIG}\nadmin: {{address: \"0.0.0.0:@ADMIN@\"}}\n");
    let setup = Setup::of(&everywhere).put("CORP", issuer.trust("")).put("UPSTREAM", upstream.address());
    let gate = setup.start();
    let told = by_config(&gate, &["--json"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert_eq!(told.json()["address"], gate.admin_address().to_string());
}

#[test]
fn a_gate_that_waits_for_keys_is_alive_and_not_ready_and_says_what_for() {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    issuer.goes_down();
    let gate = setup(&issuer, &upstream).start_unready();
    let asked = by_config(&gate, &[]);
    assert_eq!((asked.code, asked.stdout.as_str()), (Some(1), "not ready: `keys:corp`\n"), "{asked:?}");
    assert_eq!(by_config(&gate, &["--live"]).code, Some(0));
    let told = by_config(&gate, &["--json"]);
    assert_eq!((told.code, told.json()["missing"][0].as_str()), (Some(1), Some("keys:corp")), "{told:?}");
}

#[test]
fn a_gate_that_drains_is_not_ready() {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let mut gate = setup(&issuer, &upstream).start();
    let mut connection = gate.connect();
    let asked = thread::spawn(move || connection.ask(&Request::get("/public/slow").header("X-Test-Delay", "1500")));
    until("the request to arrive", || (!upstream.received().is_empty()).then_some(()));
    gate.signal("TERM");
    let told = until("draining", || Some(by_config(&gate, &[])).filter(|told| told.code == Some(1)));
    assert!(told.stdout.starts_with("not ready: `draining`"), "{told:?}");
    assert_eq!(asked.join().unwrap().status(), 200);
    gate.wait();
}

#[test]
fn where_nobody_answers_or_something_else_does_that_is_said() {
    let upstream = TestUpstream::start();
    let [closed] = crate::support::free_ports();
    let asked = by_address(SocketAddr::from(([127, 0, 0, 1], closed)), &[]);
    assert_eq!(asked.code, Some(1), "{asked:?}");
    assert!(asked.stderr.contains("does not answer"), "{asked:?}");
    let other = by_address(upstream.address(), &[]);
    assert_eq!(other.code, Some(1), "{other:?}");
    assert!(other.stderr.contains("not the operator's door"), "{other:?}");
    // It accepts and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let begun = Instant::now();
    let asked = by_address(silent.local_addr().unwrap(), &["--timeout", "200ms", "--json"]);
    assert_eq!(asked.code, Some(1), "{asked:?}");
    assert!(asked.json()["error"].as_str().unwrap().contains("does not answer"), "{asked:?}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn a_gate_without_an_operators_door_cannot_be_asked() {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let closed = Setup::of(&format!("{CONFIG}\nadmin: off\n"));
    let written = closed.put("CORP", issuer.trust("")).put("UPSTREAM", upstream.address()).write();
    let asked = lychgate(&["health", "--config", written.config().to_str().unwrap()]);
    assert_eq!(asked.code, Some(2), "{asked:?}");
    assert!(asked.stderr.contains("admin: off"), "{asked:?}");
}
