//! What changes while requests go on: none of them fails.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::support::{
    Authority, Connection, Identity, Key, Reply, Request, Setup, Steady, TestIssuer, TestUpstream, until,
};

const CLIENTS: usize = 8;
const NAME: &str = "gate.example";

const TWO: &str = r#"
upstreams:
  echo:
    endpoints: ["@ONE@", "@OTHER@"]
    retries: {attempts: 2, on: [connect_failure, reset]}
@MORE@
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
"#;

fn answering(_: &crate::support::Message) -> Reply {
    Reply::new(200, "ok").after(Duration::from_millis(1))
}

/// One of two endpoints is killed and comes back, twice.
fn kill_and_return(more: &str) {
    let (one, other) = (TestUpstream::answering(answering), TestUpstream::answering(answering));
    let address = other.address();
    let gate = Setup::of(TWO).put("ONE", one.address()).put("OTHER", address).put("MORE", more).start();
    let gate_address = gate.address();
    let load = Steady::begin(CLIENTS, move || Connection::open(gate_address), |_| Request::get("/public/a"));
    load.more(200);
    let mut killed = other;
    for _ in 0..2 {
        drop(killed);
        load.more(400);
        killed = TestUpstream::answering_at(address, answering);
        until("it to be used again", || (!killed.received().is_empty()).then_some(()));
        load.more(200);
    }
    let (asked, failed) = load.end();
    assert!(failed.is_empty(), "of {asked} requests {} failed: {failed:?}", failed.len());
}

#[test]
fn an_endpoint_that_is_killed_and_comes_back_costs_no_request() {
    kill_and_return("    ejection: {first: 200ms}");
}

#[test]
fn with_health_checks_it_costs_none_either() {
    kill_and_return("    health: {path: /healthz, every: 50ms, unhealthy_after: 2}\n    ejection: {first: 200ms}");
}

const SERVED: &str = r#"
trusted_issuers:
  corp: @CORP@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - {name: orders, match: {path: "/orders"}, upstream: echo}
"#;

#[test]
fn a_certificate_that_is_swapped_costs_no_request() {
    let (authority, renewed) = (Authority::new(), Authority::new());
    let upstream = TestUpstream::answering(answering);
    let Identity { certificate, key } = authority.identity(NAME);
    let trust = r#"{issuer: "https://idp.example", audience: [api]}"#;
    let setup = Setup::of(SERVED).put("CORP", trust).put("UPSTREAM", upstream.address()).tls();
    let gate = setup.file("tls.crt", certificate).file("tls.key", key).start_unready();
    let both = authority.client_of_both(&renewed, &["http/1.1"]);
    let address = gate.address();
    let connect = {
        let both = both.clone();
        move || Connection::open_tls(address, NAME, both.clone()).unwrap()
    };
    let load = Steady::begin(CLIENTS, connect.clone(), |_| Request::get("/public/a").host(NAME));
    // Beside those that keep their connections, one that makes a new one each time.
    let fresh =
        Steady::begin(1, connect.clone(), |_| Request::get("/public/a").host(NAME).header("Connection", "close"));
    load.more(200);
    let Identity { certificate, key } = renewed.identity(NAME);
    fs::write(gate.path("tls.key"), key).unwrap();
    fs::write(gate.path("tls.crt"), certificate).unwrap();
    until("the new certificate", || Connection::negotiate(gate.address(), NAME, renewed.client(&["http/1.1"])).ok());
    load.more(200);
    for (asked, failed) in [load.end(), fresh.end()] {
        assert!(failed.is_empty(), "of {asked} requests {} failed: {failed:?}", failed.len());
    }
}

#[test]
fn an_issuers_new_key_costs_no_request() {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::answering(answering));
    let trust = issuer.trust("refresh: {every: 1m, unknown_kid_at_most_every: 1s}");
    let gate = Setup::of(SERVED).put("CORP", trust).put("UPSTREAM", upstream.address()).start();
    let tokens = Arc::new(std::sync::RwLock::new(issuer.token().mint()));
    let (address, current) = (gate.address(), tokens.clone());
    let request = move |_| Request::get("/orders").bearer(&current.read().unwrap());
    let load = Steady::begin(CLIENTS, move || Connection::open(address), request);
    load.more(200);
    for name in ["next", "last"] {
        let next = Key::es256(name);
        issuer.publish(&[issuer.key(), next.clone()]);
        *tokens.write().unwrap() = issuer.token().signed_by(&next).mint();
        load.more(300);
        // One look for unknown keys a second.
        thread::sleep(Duration::from_millis(1100));
    }
    let (asked, failed) = load.end();
    assert!(failed.is_empty(), "of {asked} requests {} failed: {failed:?}", failed.len());
}
