//! HTTP/2 in the clear, by prior knowledge, on a listener that still speaks HTTP/1.1.

use std::time::{Duration, Instant};

use super::world::World;
use crate::support::{Request, Setup, TestUpstream};
use crate::wire::frames::{CONTINUATION, DATA, END_HEADERS, END_STREAM, End, Frames, HEADERS, RST_STREAM, block, with};

const CONFIG: &str = r#"
listeners: [{address: "127.0.0.1:@GATE@", h2c: @H2C@}]
trusted_issuers: {}
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/{*rest}"}, access: public, upstream: echo}
limits: {header_timeout: 1s}
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn both_are_spoken_where_the_listener_says_so() {
    let upstream = TestUpstream::start();
    let gate = Setup::of(CONFIG).put("UPSTREAM", upstream.address()).put("H2C", true).start();
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
    let url = format!("http://{}/a?b=c", gate.address());
    let answer = client.get(&url).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
    assert_eq!(upstream.last().first_line(), "GET /a?b=c HTTP/1.1");
    assert_eq!(upstream.last().header("x-forwarded-proto"), Some("http"));
    assert_eq!(gate.ask(&Request::get("/a")).status(), 200);
    // what begins like the preface and is shorter, or goes on otherwise
    for (begin, status) in [("PRI", "408"), ("P", "408"), ("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "400")] {
        let begun = Instant::now();
        let mut connection = gate.connect();
        connection.send(begin.as_bytes());
        if status == "408" {
            assert!(connection.is_closed(), "{begin:?}: nothing is owed to who says nothing");
        } else {
            assert_eq!(connection.read().status().to_string(), status);
        }
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    // shorter than the preface, and whole
    let mut connection = gate.connect();
    connection.send(b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(connection.read().code(), "bad-host");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn elsewhere_the_preface_is_no_request() {
    let upstream = TestUpstream::start();
    let gate = Setup::of(CONFIG).put("UPSTREAM", upstream.address()).put("H2C", false).start();
    let mut connection = gate.connect();
    connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!(connection.read().code(), "bad-framing");
    assert!(upstream.received().is_empty());
}

#[test]
fn an_upgrade_to_it_is_never_made() {
    let world = World::new();
    let mut client = world.send(
        "GET /open/a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    );
    let (mut upstream, head) = world.accept();
    let lower = head.to_lowercase();
    assert!(!lower.contains("h2c") && !lower.contains("http2-settings"), "{head}");
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 200 "));
}

/// Whether a connection is ended that is treated so, and what it is counted as.
#[track_caller]
fn ends(gate: &crate::support::TestGateway, reason: &str, count: u32, treat: impl FnOnce(&mut Frames)) {
    let mut frames = Frames::clear(gate.address());
    treat(&mut frames);
    assert!(matches!(frames.end_of(1_000_001), End::Connection(_)), "{reason}");
    gate.counts(&format!("lychgate_connections_ended_total{{reason=\"{reason}\"}}"), count);
}

#[test]
fn floods_end_the_connection_and_are_counted() {
    let upstream = TestUpstream::start();
    let gate = Setup::of(CONFIG).put("UPSTREAM", upstream.address()).put("H2C", true).start();
    let request = block(&with("GET", "/a", &[]));
    ends(&gate, "http2-flood", 1, |frames| {
        for stream in (1..6000).step_by(2) {
            frames.frame(HEADERS, END_STREAM | END_HEADERS, stream, &request);
            frames.frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        }
    });
    ends(&gate, "http2-flood", 2, |frames| {
        let malformed = block(&with("GET", "/a", &[("connection", "close")]));
        for stream in (1..2001).step_by(2) {
            frames.frame(HEADERS, END_STREAM | END_HEADERS, stream, &malformed);
        }
    });
    ends(&gate, "http2-flood", 3, |frames| {
        frames.frame(HEADERS, END_STREAM, 1, &request);
        for _ in 0..5000 {
            frames.frame(CONTINUATION, 0, 1, &block(&[(b"x", b"a")]));
        }
    });
    ends(&gate, "http2-protocol", 1, |frames| frames.frame(DATA, 0, 0, b"x"));
    ends(&gate, "idle", 1, |_| {});
    assert_eq!(gate.ask(&Request::get("/a")).status(), 200);
}
