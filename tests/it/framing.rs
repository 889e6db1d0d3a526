//! Messages that could be framed in two ways are refused, and their connection ends; what is too large has its own answer.

use std::io::ErrorKind;
use std::thread;
use std::time::Duration;

use crate::support::{Message, Request, Setup, TestGateway, TestUpstream};

const CONFIG: &str = r#"
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
limits: {body: 1000, target: 1KiB, header: 8KiB, headers: 40, header_timeout: 1s}
"#;

/// What would be a second request, if the first one's end were seen elsewhere.
const SMUGGLED: &str = "GET /public/smuggled HTTP/1.1\r\nHost: gate.example\r\n\r\n";

fn world() -> (TestUpstream, TestGateway) {
    let upstream = TestUpstream::start();
    let gate = Setup::of(CONFIG).put("UPSTREAM", upstream.address()).start();
    (upstream, gate)
}

/// Sends each of these with [`SMUGGLED`] behind it. Each must be answered with 400 and a closed connection, and nothing but
/// the control request that follows each may arrive.
fn are_refused(rows: &[(&str, String)]) {
    let (upstream, gate) = world();
    let mut wrong = Vec::new();
    for (row, bytes) in rows {
        let seen = upstream.received().len();
        let mut connection = gate.connect();
        connection.send(format!("{bytes}{SMUGGLED}").as_bytes());
        let answer = connection.read();
        let closed = connection.is_closed();
        assert_eq!(gate.ask(&Request::get("/public/control")).status(), 200);
        let arrived = upstream.received().split_off(seen);
        let targets: Vec<_> = arrived.iter().map(Message::target).collect();
        let ours = matches!(answer.code().as_str(), "" | "bad-framing");
        if answer.status() != 400 || !ours || !closed || targets != ["/public/control"] {
            wrong.push(format!(
                "{row:?}: {} {}, closed: {closed}, {targets:?} arrived",
                answer.status(),
                answer.code()
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Where pingora answers before the gate is asked, it does so with a bare 400 and a closed connection. Without something of
/// ours before it, it does for all of these but: Content-Length with Transfer-Encoding, a Content-Length or `chunked` said
/// twice alike, `gzip, chunked`, `identity` before `chunked`, and lines that end in a bare LF.
#[test]
fn a_head_that_could_be_framed_in_two_ways_is_refused() {
    let fields = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: 5;\r\n",
        "Content-Length: 5.0\r\n",
        "Content-Length: \r\n",
        "Content-Length: five\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Content-Length : 5\r\n",
        "Content-Length\t: 5\r\n",
        " Content-Length: 5\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunkedx\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: chunked;a=b\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\t: chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "\tTransfer-Encoding: chunked\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n",
        "X: y\r\n folded\r\n",
        "X: y\r\n\tfolded\r\n",
        "X: y\nTransfer-Encoding: chunked\r\n",
        "X: y\n",
        "X: y\rTransfer-Encoding: chunked\r\n",
        "X: y\r\r\n",
        "X: \0\r\n",
        "X\0: y\r\n",
        "X: \x01\r\n",
        "X: \x7f\r\n",
        "X\r\n",
        ": y\r\n",
        "X Y: z\r\n",
        "X(: y\r\n",
        "\u{e9}: y\r\n",
    ];
    let head = |field| format!("POST /public/a HTTP/1.1\r\nHost: gate.example\r\n{field}\r\n0\r\n\r\n");
    are_refused(&fields.map(|field| (field, head(field))));
}

#[test]
fn a_request_line_that_could_be_read_in_two_ways_is_refused() {
    let lines = [
        "GET /public/a HTTP/1.1 \r\n",
        " GET /public/a HTTP/1.1\r\n",
        "GET\t/public/a\tHTTP/1.1\r\n",
        "GET /public/a HTTP/1.2\r\n",
        "GET /public/a HTTP/2.0\r\n",
        "GET /public/a HTTP/3\r\n",
        "GET /public/a http/1.1\r\n",
        "GET /public/a HTTP/1.1\n",
        "GET /public/a HTTP/1.1\r",
        "GET /public/a\r\n",
        "G(T /public/a HTTP/1.1\r\n",
        "G\0T /public/a HTTP/1.1\r\n",
        "\u{e9} /public/a HTTP/1.1\r\n",
        "\r\n\r\nGET /public/a HTTP/1.1\r\n",
        "\nGET /public/a HTTP/1.1\r\n",
    ];
    are_refused(&lines.map(|line| (line, format!("{line}Host: gate.example\r\n\r\n"))));
    let old = "POST /public/a HTTP/1.0\r\nHost: gate.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    are_refused(&[("chunked before HTTP/1.1", old.to_owned())]);
}

#[test]
fn a_request_line_with_a_blank_too_many_is_refused() {
    let lines = ["GET  /public/a HTTP/1.1\r\n", "GET /public/a  HTTP/1.1\r\n", "GET /public/a b HTTP/1.1\r\n"];
    are_refused(&lines.map(|line| (line, format!("{line}Host: gate.example\r\n\r\n"))));
}

/// The head is good, so the request is on its way when the body turns out to be bad: the upstream may have seen its
/// beginning, but never its end, nor what stood behind it.
#[test]
fn a_body_with_bad_chunk_lines_never_becomes_a_whole_request() {
    let (upstream, gate) = world();
    let head = "POST /public/broken HTTP/1.1\r\nHost: gate.example\r\nTransfer-Encoding: chunked\r\n\r\n";
    let bodies = [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "five\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        ";a=b\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nX\0: y\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5\0\r\nhello\r\n0\r\n\r\n",
    ];
    let mut taken = Vec::new();
    for body in bodies {
        let seen = upstream.received().len();
        let mut connection = gate.connect();
        connection.send(format!("{head}{body}{SMUGGLED}").as_bytes());
        connection.finish();
        let status = match connection.try_read(false) {
            Ok(answer) => answer.map_or(0, |answer| answer.status()),
            Err(error) => {
                assert!(
                    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
                    "{body:?}: {error}"
                );
                0
            }
        };
        assert!(matches!(status, 0 | 400) || connection.is_closed(), "{body:?}: {status}, and goes on");
        let arrived = upstream.received().split_off(seen);
        if status == 200 || !arrived.is_empty() {
            taken.push((body, status, arrived.len()));
        }
        assert!(arrived.iter().all(|request| request.target() != "/public/smuggled"), "{body:?}");
    }
    assert!(taken.is_empty(), "{taken:?}");
}

#[test]
fn a_request_behind_another_is_never_taken_for_its_body() {
    let (upstream, gate) = world();
    for first in [
        Request::new("POST", "/public/first").body(b"hello"),
        Request::new("POST", "/public/first").chunked(b"hello", 2, ""),
        Request::get("/public/first"),
    ] {
        let mut connection = gate.connect();
        connection.send(&[first.bytes(), SMUGGLED.replace("smuggled", "second").into_bytes()].concat());
        assert_eq!(connection.read().status(), 200);
        assert!(connection.try_read(false).is_ok(), "answered in turn, or closed");
        let arrived = upstream.received();
        assert!(arrived.iter().all(|request| !request.text().contains("second")), "{arrived:?}");
    }
}

#[test]
fn after_a_refusal_an_unread_body_is_not_taken_for_a_request() {
    let (upstream, gate) = world();
    for request in [
        Request::new("POST", "/nowhere").body(SMUGGLED.as_bytes()),
        Request::new("POST", "/nowhere").chunked(SMUGGLED.as_bytes(), 9, ""),
        Request::new("PURGE", "/public/a").body(SMUGGLED.as_bytes()),
    ] {
        let mut connection = gate.connect();
        connection.send(&request.bytes());
        assert!(matches!(connection.read().status(), 404 | 405));
        assert!(connection.is_closed());
    }
    assert_eq!(upstream.received().len(), 0);
}

#[test]
fn a_connection_goes_on_after_a_request_that_was_read_whole() {
    let (upstream, gate) = world();
    let mut connection = gate.connect();
    for (request, status) in [
        (Request::get("/public/a"), 200),
        (Request::new("POST", "/public/a").body(b"hello"), 200),
        (Request::new("POST", "/public/a").chunked(b"hello", 2, ""), 200),
        (Request::get("/nowhere"), 404),
        (Request::new("HEAD", "/public/a"), 200),
        (Request::new("HEAD", "/nowhere"), 404),
        (Request::get("/public/a"), 200),
    ] {
        assert_eq!(connection.ask(&request).status(), status, "{request:?}");
    }
    let bodies: Vec<_> = upstream.received().iter().map(Message::text).collect();
    assert_eq!(bodies, ["", "hello", "hello", "", ""]);
}

#[test]
fn what_is_too_large_has_its_own_answer() {
    let (upstream, gate) = world();
    let long = |length: usize| format!("/public/{}", "x".repeat(length - "/public/".len()));
    assert_eq!(gate.ask(&Request::get(&long(1024))).status(), 200);
    let seen = upstream.received().len();
    let answer = gate.ask(&Request::get(&long(1025)));
    assert_eq!((answer.status(), answer.code().as_str()), (414, "target-too-long"));
    let many = (0..40).fold(Request::get("/public/a"), |request, number| request.header(&format!("x-{number}"), "y"));
    let answer = gate.ask(&many);
    assert_eq!((answer.status(), answer.code().as_str()), (431, "headers-too-large"));
    let answer = gate.ask(&Request::get("/public/a").header("X", &"y".repeat(8 * 1024)));
    assert_eq!((answer.status(), answer.code().as_str()), (431, "headers-too-large"));
    assert_eq!(upstream.received().len(), seen);
}

#[test]
fn a_body_over_the_limit_is_refused_whether_it_says_its_length_or_not() {
    let (upstream, gate) = world();
    assert_eq!(gate.ask(&Request::new("POST", "/public/a").body(&[b'x'; 1000])).status(), 200);
    assert_eq!(gate.ask(&Request::new("POST", "/public/a").chunked(&[b'x'; 1000], 100, "")).status(), 200);
    assert_eq!(upstream.last().body.len(), 1000);
    let seen = upstream.received().len();
    for request in [
        Request::new("POST", "/public/a").body(&[b'x'; 1001]),
        Request::new("POST", "/public/a").chunked(&[b'x'; 1001], 100, ""),
        Request::new("POST", "/public/a").chunked(&[b'x'; 1001], 1001, ""),
    ] {
        let mut connection = gate.connect();
        let answer = connection.ask(&request);
        assert_eq!((answer.status(), answer.code().as_str()), (413, "body-too-large"));
        assert!(connection.is_closed());
    }
    assert_eq!(upstream.received().len(), seen);
}

#[test]
fn who_is_still_sending_too_large_a_body_reads_the_refusal_to_its_end() {
    let (_upstream, gate) = world();
    let mut connection = gate.connect();
    let request = Request::new("POST", "/public/a").chunked(&vec![b'x'; 400_000], 900, "").bytes();
    let (begun, rest) = request.split_at(600);
    connection.send(begun);
    // So that what comes is another's to read than what came with the head.
    thread::sleep(Duration::from_millis(200));
    connection.send(rest);
    let answer = connection.read();
    assert_eq!((answer.status(), answer.code().as_str()), (413, "body-too-large"));
    assert!(connection.has_ended(), "and no reset, which on its way could have overtaken the answer");
}
