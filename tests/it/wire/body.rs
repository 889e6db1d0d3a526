//! Request bodies: the chunked coding read strictly, and what follows a body that nobody has read.

use std::time::Duration;

use super::support::Gate;

const HEAD: &str = "POST /public/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

const MALFORMED: [&str; 38] = [
    "0x5\r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "-5\r\nhello\r\n0\r\n\r\n",
    "5_\r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "5 \r\nhello\r\n0\r\n\r\n",
    "\t5\r\nhello\r\n0\r\n\r\n",
    "5\t\r\nhello\r\n0\r\n\r\n",
    "5 ;a=b\r\nhello\r\n0\r\n\r\n",
    "5;\r\nhello\r\n0\r\n\r\n",
    "5;a\rb\r\nhello\r\n0\r\n\r\n",
    "5;a\nhello\r\n0\r\n\r\n",
    "5;a\0\r\nhello\r\n0\r\n\r\n",
    "5;a\x01\r\nhello\r\n0\r\n\r\n",
    "5;a=\"b\r\nhello\r\n0\r\n\r\n",
    "g\r\nhello\r\n0\r\n\r\n",
    "\r\nhello\r\n0\r\n\r\n",
    "5\nhello\r\n0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n",
    "5\r\nhello\r0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
    "5\r\nhelloXX0\r\n\r\n",
    "5\r\nhell\r\n0\r\n\r\n",
    "5\r\nhello!\r\n0\r\n\r\n",
    "00000000000000005\r\nhello\r\n0\r\n\r\n",
    "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "ffffffffffffffff1\r\nhello\r\n0\r\n\r\n",
    "0\n\r\n",
    "0\r\n\n",
    "0\r\nX: 1\n\r\n",
    "0\r\nX : 1\r\n\r\n",
    "0\r\n X: 1\r\n\r\n",
    "0\r\nX: 1\r\n 2\r\n\r\n",
    "0\r\nX: \0\r\n\r\n",
    "0\r\nContent-Length: 5\r\n\r\n",
    "0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "0\r\nHost: b\r\n\r\n",
];

#[test]
fn a_malformed_chunked_body_is_refused_before_anything_is_forwarded() {
    let gate = Gate::start();
    for body in MALFORMED {
        gate.refuses(format!("{HEAD}{body}").as_bytes(), 400, "bad-framing");
    }
    let long = format!("{HEAD}5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(300));
    gate.refuses(long.as_bytes(), 400, "bad-framing");
}

#[test]
fn a_chunked_body_that_goes_wrong_later_never_becomes_a_whole_request() {
    let gate = Gate::start();
    let endless = format!("0\r\n{}", "X: aaaaaaaaaa\r\n".repeat(1000));
    for body in MALFORMED.into_iter().chain([endless.as_str()]) {
        let mut client = gate.connect();
        client.send(HEAD.as_bytes());
        std::thread::sleep(Duration::from_millis(5));
        client.send(body.as_bytes());
        let reply = client.into_end();
        assert_eq!(reply.status(), 400, "{body:?}: {reply:?}");
        assert!(!reply.text.to_lowercase().contains("pingora"), "{reply:?}");
        std::thread::sleep(Duration::from_millis(5));
        let seen = gate.upstream.take();
        assert!(seen.iter().all(|seen| !seen.whole), "{body:?} reached the upstream whole: {seen:#?}");
        gate.control();
    }
}

#[test]
fn a_well_formed_chunked_body_passes_without_its_extensions_and_trailers() {
    let gate = Gate::start();
    let bodies = [
        "3;a\r\nhel\r\n2;b=\"c;d\"\r\nlo\r\n0\r\nX-Auth-Sub: eve\r\nX-Check: 1\r\n\r\n",
        "0005\r\nhello\r\n000;last\r\n\r\n",
    ];
    for body in bodies {
        for pause in [false, true] {
            let mut client = gate.connect();
            client.send(HEAD.as_bytes());
            if pause {
                std::thread::sleep(Duration::from_millis(20));
            }
            client.send(body.as_bytes());
            assert_eq!(client.answer().status(), 200);
            // the connection goes on after it
            client.send(b"GET /public/b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            assert_eq!(client.into_end().status(), 200);
            let seen = gate.upstream.take();
            assert_eq!(seen.len(), 2, "{seen:#?}");
            let text = String::from_utf8_lossy(&seen[0].body).to_lowercase();
            let content: String = text.split("\r\n").skip(1).step_by(2).collect();
            assert_eq!(content, "hello", "{text:?}");
            assert!(!text.contains(';') && !text.contains("x-"), "{text:?}");
        }
    }
}

#[test]
fn a_body_that_was_not_read_is_never_taken_for_a_request() {
    let gate = Gate::start();
    let hidden = "GET /public/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let length = hidden.len();
    let chunk = format!("{length:x}\r\n{hidden}\r\n0\r\n\r\n");
    let denied = [
        format!("POST /closed/a HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{hidden}"),
        format!("POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{hidden}"),
        format!("POST /closed/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"),
        format!("PATCH /closed/a HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{hidden}"),
        format!(
            "POST /closed/a HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n{hidden}"
        ),
    ];
    for request in denied {
        let reply = gate.send(request.as_bytes());
        assert!(matches!(reply.status(), 401 | 404), "{reply:?}");
        assert_eq!(reply.text.matches("HTTP/1.1 ").count(), 1, "{reply:?}");
        assert!(reply.text.to_lowercase().contains("connection: close"), "{reply:?}");
        assert!(gate.upstream.take().is_empty());
        gate.control();
    }
    // the same bytes, as a body that is let through, are a body
    let passed =
        format!("POST /public/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{hidden}");
    assert_eq!(gate.send(passed.as_bytes()).status(), 200);
    let seen = gate.upstream.take();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].body, hidden.as_bytes());
}

#[test]
fn a_body_over_the_limit_is_refused_even_where_no_length_says_so() {
    let gate = Gate::with("limits: {body: 1KiB}");
    let body = format!("400\r\n{}\r\n1\r\na\r\n0\r\n\r\n", "a".repeat(1024));
    let reply = gate.send(format!("{HEAD}{body}").as_bytes());
    assert_eq!(reply.status(), 413, "{reply:?}");
    assert!(gate.upstream.take().iter().all(|seen| !seen.whole));
    gate.control();
}

#[test]
fn a_chunk_that_has_no_room_is_refused_when_it_is_announced() {
    let gate = Gate::with("limits: {body: 1KiB}");
    gate.refuses(format!("{HEAD}401\r\n").as_bytes(), 413, "body-too-large");
    gate.refuses(format!("{HEAD}200\r\n{}\r\n201\r\n", "a".repeat(512)).as_bytes(), 413, "body-too-large");
    let mut client = gate.connect();
    client.send(HEAD.as_bytes());
    std::thread::sleep(Duration::from_millis(20));
    client.send(b"401\r\n");
    assert_eq!(client.into_end().status(), 413);
    assert!(gate.upstream.take().iter().all(|seen| !seen.whole));
    gate.control();
}

#[test]
fn a_body_that_breaks_off_never_becomes_a_whole_request() {
    let gate = Gate::start();
    for request in [
        "POST /public/a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello".to_owned(),
        format!("{HEAD}5\r\nhello\r\n"),
        format!("{HEAD}5\r\nhel"),
        format!("{HEAD}0\r\n"),
    ] {
        let mut client = gate.connect();
        client.send(request.as_bytes());
        std::thread::sleep(Duration::from_millis(20));
        drop(client);
        std::thread::sleep(Duration::from_millis(50));
        let seen = gate.upstream.take();
        assert!(seen.iter().all(|seen| !seen.whole), "{seen:#?}");
        gate.control();
    }
}
