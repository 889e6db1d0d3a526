//! Upstreams: how load is shared, what happens when they are dead, slow or broken.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Reply, Request, Setup, TestGateway, TestUpstream, free_ports, until};
use crate::wire::frames::{DATA, END_HEADERS, Frames, HEADERS, block, with};

const CONFIG: &str = r#"
upstreams:
  echo: {endpoints: @ENDPOINTS@@MORE@}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
"#;

fn before(endpoints: &str, more: &str) -> TestGateway {
    Setup::of(CONFIG).put("ENDPOINTS", endpoints).put("MORE", more).start()
}

/// An address at which nobody listens.
fn nobody() -> SocketAddr {
    let [port] = free_ports();
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A server that answers each connection with these bytes, and closes it.
fn answering_with(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            // The request is read first, so that closing is no reset.
            let _read = std::io::Read::read(&mut socket, &mut [0; 4096]);
            let _written = socket.write_all(bytes);
        }
    });
    address
}

fn share(gate: &TestGateway, upstreams: &[&TestUpstream], requests: usize) -> Vec<usize> {
    for _ in 0..requests {
        assert_eq!(gate.ask(&Request::get("/public/a")).status(), 200);
    }
    upstreams.iter().map(|upstream| upstream.received().len()).collect()
}

#[test]
fn endpoints_take_turns_by_weight() {
    let [a, b, c] = [TestUpstream::start(), TestUpstream::start(), TestUpstream::start()];
    let endpoints = format!(
        "[\"{}\", {{address: \"{}\", weight: 2}}, {{address: \"{}\", weight: 1}}]",
        a.address(),
        b.address(),
        c.address()
    );
    let gate = before(&endpoints, "");
    assert_eq!(share(&gate, &[&a, &b, &c], 12), [3, 6, 3]);
}

#[test]
fn chance_reaches_every_endpoint() {
    let [a, b] = [TestUpstream::start(), TestUpstream::start()];
    let gate = before(&format!("[\"{}\", \"{}\"]", a.address(), b.address()), ", balance: random");
    let shares = share(&gate, &[&a, &b], 30);
    assert_eq!(shares.iter().sum::<usize>(), 30);
    assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
}

#[test]
fn where_one_endpoint_is_dead_another_is_tried() {
    let alive = TestUpstream::start();
    let gate = before(&format!("[\"{}\", \"{}\"]", nobody(), alive.address()), "");
    for number in 0..6 {
        // Nothing was sent to the dead one, so the method does not matter.
        let request = Request::new(if number % 2 == 0 { "GET" } else { "POST" }, "/public/a").body(b"hello");
        assert_eq!(gate.ask(&request).status(), 200);
        assert_eq!(alive.last().text(), "hello");
    }
    assert_eq!(alive.received().len(), 6);
}

#[test]
fn without_retries_a_dead_endpoint_is_an_answer() {
    let alive = TestUpstream::start();
    let endpoints = format!("[\"{}\", \"{}\"]", nobody(), alive.address());
    let gate = before(&endpoints, ", retries: {attempts: 0}");
    let mut statuses: Vec<_> = (0..4).map(|_| gate.ask(&Request::get("/public/a")).status()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 502, 502]);
}

#[test]
fn where_all_endpoints_are_dead_the_answer_is_502() {
    let gate = before(&format!("[\"{}\", \"{}\"]", nobody(), nobody()), "");
    let answer = gate.ask(&Request::get("/public/a"));
    assert_eq!((answer.status(), answer.code().as_str()), (502, "upstream-unreachable"));
    let text = answer.text();
    assert!(
        !text.contains("127.0.0.1") && !text.contains("echo"),
        "the client learns nothing of what is behind: {text}"
    );
}

#[test]
fn a_slow_upstream_is_given_up_after_its_time() {
    let upstream = TestUpstream::start();
    let gate = before(&format!("[\"{}\"]", upstream.address()), ", timeouts: {read: 300ms}");
    let begun = Instant::now();
    let answer = gate.ask(&Request::get("/public/a").header("X-Test-Delay", "3000"));
    assert_eq!((answer.status(), answer.code().as_str()), (504, "upstream-timeout"));
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert_eq!(upstream.received().len(), 1, "it was not asked twice");
}

#[test]
fn an_upstream_that_does_not_speak_http_is_a_502() {
    for bytes in [&b""[..], b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5", b"SSH-2.0-x\r\n"] {
        let gate = before(&format!("[\"{}\"]", answering_with(bytes)), "");
        let answer = gate.ask(&Request::get("/public/a"));
        assert_eq!((answer.status(), answer.code().as_str()), (502, "upstream-failed"), "{bytes:?}");
    }
}

#[test]
fn an_answer_that_breaks_off_is_not_made_whole() {
    let gate = before(&format!("[\"{}\"]", answering_with(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf")), "");
    let mut connection = gate.connect();
    connection.send(&Request::get("/public/a").bytes());
    // Where the end is seen before the head has gone on, there is still time to say so.
    if let Ok(Some(answer)) = connection.try_read(false) {
        assert_eq!((answer.status(), answer.code().as_str()), (502, "upstream-failed"), "half an answer is no answer");
    }
}

#[test]
fn an_answer_that_came_before_the_body_counts_whatever_becomes_of_the_body() {
    let endpoints = format!("[\"{}\"]", answering_with(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    let config = format!("{CONFIG}limits: {{body_timeout: 1s}}\n");
    let gate = Setup::of(&config).put("ENDPOINTS", endpoints).put("MORE", "").start();
    let mut connection = gate.connect();
    connection.send(b"POST /public/a HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nabc");
    let answer = connection.read();
    assert_eq!((answer.status(), answer.text().as_str(), answer.header("connection")), (200, "ok", Some("close")));
    assert!(connection.has_ended());
    let line = gate.logged(answer.header("x-request-id").unwrap());
    assert_eq!((&line["outcome"], &line["code"]), (&"allowed".into(), &"2xx".into()), "{line}");
}

#[test]
fn over_http_2_too_an_answer_that_came_before_the_body_counts() {
    let endpoints = format!("[\"{}\"]", answering_with(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    let listeners = "listeners: [{address: \"127.0.0.1:@GATE@\", h2c: true}]";
    let config = format!("{CONFIG}limits: {{body_timeout: 1s}}\n{listeners}\n");
    let gate = Setup::of(&config).put("ENDPOINTS", endpoints).put("MORE", "").start();
    let mut frames = Frames::clear(gate.address());
    frames.frame(HEADERS, END_HEADERS, 1, &block(&with("POST", "/public/a", &[("content-length", "50")])));
    frames.frame(DATA, 0, 1, b"abc");
    let line = until("the line of the request", || {
        let lines = gate.stdout();
        lines.lines().find(|line| line.contains("\"bytes_in\":3")).map(str::to_owned)
    });
    assert!(line.contains("\"status\":200,\"outcome\":\"allowed\",\"code\":\"2xx\""), "{line}");
}

#[test]
fn what_the_upstream_answers_is_passed_on() {
    let upstream = TestUpstream::start();
    let gate = before(&format!("[\"{}\"]", upstream.address()), "");
    for status in [201, 204, 301, 304, 400, 401, 403, 404, 418, 500, 503] {
        let answer = gate.ask(&Request::get("/public/a").header("X-Test-Status", &status.to_string()));
        assert_eq!((answer.status(), answer.code().as_str()), (status, ""));
    }
    let own = TestUpstream::answering(|_| {
        Reply::new(200, "body").header("X-Own", "1").header("Set-Cookie", "a=b").header("Set-Cookie", "c=d")
    });
    let gate = before(&format!("[\"{}\"]", own.address()), "");
    let answer = gate.ask(&Request::get("/public/a"));
    assert_eq!((answer.text().as_str(), answer.header("x-own")), ("body", Some("1")));
    assert_eq!(answer.headers("set-cookie"), ["a=b", "c=d"]);
}

#[test]
fn hop_by_hop_fields_and_upgrades_end_at_the_gate() {
    let upstream = TestUpstream::start();
    let gate = before(&format!("[\"{}\"]", upstream.address()), "");
    let request = Request::get("/public/a")
        .header("Connection", "keep-alive, X-Hop, Upgrade")
        .header("X-Hop", "1")
        .header("Keep-Alive", "timeout=5")
        .header("Proxy-Connection", "keep-alive")
        .header("Upgrade", "websocket")
        .header("TE", "trailers, gzip")
        .header("X-End", "1");
    assert_eq!(gate.ask(&request).status(), 200);
    let arrived = upstream.last();
    for name in ["x-hop", "keep-alive", "proxy-connection", "upgrade"] {
        assert_eq!(arrived.headers(name), [""; 0], "{name}");
    }
    assert!(arrived.headers("connection").iter().all(|value| !value.to_lowercase().contains("upgrade")));
    assert_eq!(arrived.header("x-end"), Some("1"));
}

#[test]
fn h2c_is_never_forwarded() {
    let upstream = TestUpstream::start();
    let gate = before(&format!("[\"{}\"]", upstream.address()), "");
    let request = Request::get("/public/a")
        .header("Connection", "Upgrade, HTTP2-Settings")
        .header("Upgrade", "h2c")
        .header("HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA");
    let answer = gate.ask(&request);
    assert!(matches!(answer.status(), 200 | 400), "{}", answer.status());
    for arrived in upstream.received() {
        assert_eq!(arrived.headers("upgrade"), [""; 0]);
        assert_eq!(arrived.headers("http2-settings"), [""; 0]);
    }
}

#[test]
fn large_bodies_pass_whole_in_both_directions() {
    let upstream = TestUpstream::start();
    let gate = before(&format!("[\"{}\"]", upstream.address()), "");
    let body: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[0] ^ number.to_le_bytes()[1]).collect();
    for request in
        [Request::new("POST", "/public/a").body(&body), Request::new("PUT", "/public/a").chunked(&body, 60_000, "")]
    {
        let answer = gate.ask(&request);
        assert_eq!(answer.status(), 200);
        assert!(upstream.last().body == body, "the upstream got another body");
        assert!(answer.body.ends_with(&body), "the client got another body");
    }
}

#[test]
fn an_answer_without_a_length_is_passed_on_to_its_end() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n";
    for (bytes, body) in
        [(&chunked[..], "hello!"), (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", "until the end")]
    {
        let gate = before(&format!("[\"{}\"]", answering_with(bytes)), "");
        assert_eq!(gate.ask(&Request::get("/public/a")).text(), body);
    }
}

#[test]
fn an_upstream_cannot_answer_for_the_gate_with_interim_answers() {
    let bytes = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let gate = before(&format!("[\"{}\"]", answering_with(bytes)), "");
    let mut connection = gate.connect();
    let mut answer = connection.ask(&Request::get("/public/a"));
    if answer.status() == 103 {
        answer = connection.read();
    }
    assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"));
}

const TRIED_AGAIN: &str = r#"
upstreams:
  either:
    endpoints: ["@FIRST@", "@OTHER@"]
    retries: {on: [reset], attempts: 1}
    ejection: {connect_failures: 0, server_errors: 0}
  other: {endpoints: ["@OTHER@"]}
routes:
  - {name: either, match: {path: "/public/{*rest}"}, access: public, upstream: either}
  - {name: next, match: {path: "/next"}, access: public, upstream: other}
"#;

/// A server that resets its connections when whoever has them here lets go.
fn resetting() -> (SocketAddr, Receiver<TcpStream>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, waits) = channel();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            // What is not read makes its end a reset.
            let _first = socket.read(&mut [0]);
            let _over = asked.send(socket);
        }
    });
    (address, waits)
}

#[test]
fn a_body_that_is_tried_again_is_whole_and_the_next_request_stays_out_of_it() {
    let other = TestUpstream::start();
    let (first, asked) = resetting();
    let gate = Setup::of(TRIED_AGAIN).put("FIRST", first.to_string()).put("OTHER", other.address().to_string()).start();
    // As long as is kept, longer than is read at a time, and such that a piece of it would be a request.
    let body = b"GET /public/smuggled HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1400);
    for _ in 0..12 {
        let head = format!("PUT /public/a HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut client = gate.connect();
        client.send(head.as_bytes());
        client.send(&body[..1]);
        if let Ok(reset) = asked.recv_timeout(Duration::from_millis(300)) {
            // For the gate all of this happens at once.
            gate.signal("STOP");
            client.send(&body[1..]);
            client.send(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
            drop(reset);
            thread::sleep(Duration::from_millis(50));
            gate.signal("CONT");
        } else {
            client.send(&body[1..]);
            client.send(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        let (answer, next) = (client.read().status(), client.try_read(false).ok().flatten());
        for request in other.received() {
            assert!(!request.target().contains("smuggled"), "{}", request.head);
            assert!(request.method() != "PUT" || request.body == body, "another body arrived");
        }
        assert_eq!((answer, next.map(|next| next.status())), (200, Some(200)));
    }
}
