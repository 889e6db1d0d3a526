//! A crowd before the gate: connections at rest, and requests that never come to their end. `benches/crowd.py` has many more.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{Connection, Reply, Request, Setup, Steady, TestGateway, TestUpstream, until};

const CONFIG: &str = r#"
trusted_issuers: {}
upstreams: {up: {endpoints: ["@UPSTREAM@"]}}
routes: [{name: open, match: {path: "/{*rest}"}, access: public, upstream: up}]
limits: {header_timeout: 3s}
telemetry: {access_log: off}
"#;

const IDLE: usize = 500;
const SLOW: usize = 50;
const CLIENTS: usize = 4;
/// What one connection at rest may cost the gate.
const BYTES_AT_REST: usize = 48 << 10;

/// A request whose header section goes on and on.
fn slow(gate: &TestGateway) -> TcpStream {
    let mut stream = TcpStream::connect(gate.address()).unwrap();
    stream.set_nonblocking(true).unwrap();
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: gate.example\r\n").unwrap();
    stream
}

/// Sends a line more on each, until all of them are answered; the answers, and how long the last one took.
fn dawdle(mut streams: Vec<TcpStream>) -> (Vec<String>, Duration) {
    let (begun, mut answers) = (Instant::now(), Vec::new());
    while !streams.is_empty() {
        streams.retain_mut(|stream| {
            let mut answer = [0; 1024];
            match stream.read(&mut answer) {
                Ok(length) => {
                    answers.push(String::from_utf8_lossy(&answer[..length]).into_owned());
                    false
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                    // the gate may have closed it since, which the next read tells
                    let _gone = stream.write_all(b"X-More: and more\r\n");
                    true
                }
            }
        });
        assert!(begun.elapsed() < Duration::from_secs(30), "{} are not ended", streams.len());
        std::thread::sleep(Duration::from_millis(200));
    }
    (answers, begun.elapsed())
}

#[test]
fn a_crowd_at_rest_costs_little_and_one_that_dawdles_is_sent_away_while_others_are_served() {
    let upstream = TestUpstream::answering(|_| Reply::new(200, "ok"));
    let gate = Setup::of(CONFIG).put("UPSTREAM", upstream.address()).start();
    let address = gate.address();
    let load = Steady::begin(CLIENTS, move || Connection::open(address), |_| Request::get("/served"));
    load.more(100);
    let (files, memory) = (gate.open_files(), gate.resident_bytes());
    let mut idle: Vec<Connection> = (0..IDLE).map(|_| gate.connect()).collect();
    for connection in &mut idle {
        assert_eq!(connection.ask(&Request::get("/once")).status(), 200);
    }
    let grown = gate.resident_bytes().saturating_sub(memory);
    assert!(grown < IDLE * BYTES_AT_REST, "{grown} bytes for {IDLE} connections at rest");
    let (answers, took) = dawdle((0..SLOW).map(|_| slow(&gate)).collect());
    assert_eq!(answers.len(), SLOW);
    assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 408 ")), "{answers:?}");
    assert!(took >= Duration::from_secs(2), "{took:?}");
    load.more(100);
    // who rests is as welcome as before
    for connection in idle.iter_mut().step_by(50) {
        assert_eq!(connection.ask(&Request::get("/again")).status(), 200);
    }
    drop(idle);
    until("the connections to be gone", || (gate.open_files() <= files + 20).then_some(()));
    let (asked, failed) = load.end();
    assert!(failed.is_empty(), "of {asked} requests {} failed: {failed:?}", failed.len());
}
