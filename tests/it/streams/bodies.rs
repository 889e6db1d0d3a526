//! Bodies as they come: passed on unbuffered, and given up where they do not come.

use std::time::{Duration, Instant};

use super::world::World;

fn post(path: &str, token: &str, more: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n{more}\r\n")
}

#[test]
fn each_piece_of_a_body_is_passed_on_before_the_next_is_sent() {
    let world = World::new();
    let token = world.issuer.token().mint();
    let mut client = world.send(post("/feed/up", &token, "Transfer-Encoding: chunked\r\n") + "3\r\none\r\n");
    let (mut upstream, _) = world.accept();
    upstream.comes("3\r\none\r\n");
    client.send("3\r\ntwo\r\n");
    upstream.comes("3\r\ntwo\r\n");
    // and the answer while the body still comes
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
    client.head();
    client.comes("2\r\nok\r\n");
    client.send("0\r\n\r\n");
    upstream.comes("0\r\n\r\n");
    upstream.send("0\r\n\r\n");
    client.comes("0\r\n\r\n");
}

#[test]
fn an_answer_before_the_end_of_the_body_makes_no_request_of_the_rest() {
    let world = World::new();
    let hidden = "GET /open/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let length = format!("Content-Length: {}\r\n", "first".len() + hidden.len());
    let chunk = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    for (framing, first, rest) in
        [(length.as_str(), "first", hidden), ("Transfer-Encoding: chunked\r\n", "5\r\nfirst\r\n", chunk.as_str())]
    {
        let mut client = world.send(post("/open/up", "x", framing) + first);
        let (mut upstream, _) = world.accept();
        upstream.comes(first);
        upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        let answer = client.head();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        client.comes("ok");
        client.send(rest);
        std::thread::sleep(Duration::from_millis(200));
        client.try_send("GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let after = String::from_utf8(client.end()).unwrap();
        // the next request is answered, or the connection has ended before it
        assert!(after.is_empty() || after.starts_with("HTTP/1.1 404 "), "{after}");
        assert_eq!(after.matches("HTTP/1.1 ").count(), usize::from(!after.is_empty()), "{after}");
        let came = String::from_utf8(upstream.end_or_silence()).unwrap();
        assert!(came.is_empty() || rest.starts_with(&came), "{came}");
        assert!(world.nobody_waits(), "{framing}");
    }
}

#[test]
fn a_body_that_does_not_come_is_a_408() {
    let world = World::new();
    for (framing, first) in [("Content-Length: 10\r\n", "hello"), ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n")]
    {
        let begun = Instant::now();
        let mut client = world.send(post("/open/up", "x", framing) + first);
        let (upstream, _) = world.accept();
        let answer = client.head();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!((900..10_000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
        drop(upstream);
        client.end();
    }
    world.gate.counts(r#"lychgate_requests_total{code="request-timeout",outcome="denied",route="open"}"#, 2);
}

/// An interim answer is none: the client still waits for one.
#[test]
fn after_an_interim_answer_there_is_a_final_one() {
    let world = World::new();
    let expecting = post("/open/up", "x", "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n");
    for (body, status) in [("", 408), ("19001\r\n", 413), ("zz\r\n", 400)] {
        let mut client = world.send(&expecting);
        let (mut upstream, _) = world.accept();
        upstream.send("HTTP/1.1 100 Continue\r\n\r\n");
        assert!(client.head().starts_with("HTTP/1.1 100 "), "{status}");
        client.send(body);
        let answer = client.head();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
        drop(upstream);
        client.end();
    }
    let mut client = world.send("GET /open/a HTTP/1.1\r\nHost: a\r\n\r\n");
    let (mut upstream, _) = world.accept();
    upstream.send("HTTP/1.1 103 Early Hints\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 103 "));
    drop(upstream);
    let answer = client.head();
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
}

#[test]
fn a_body_that_trickles_in_has_one_deadline_for_all_waits() {
    let world = World::new();
    let begun = Instant::now();
    let mut client = world.send(post("/open/up", "x", "Content-Length: 1000\r\n"));
    let (upstream, _) = world.accept();
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(300));
        client.send("x");
    }
    let answer = client.head();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    drop(upstream);
}

#[test]
fn a_long_body_that_comes_steadily_passes() {
    let world = World::new();
    let mut client = world.send(post("/open/up", "x", "Content-Length: 16384\r\n"));
    let (mut upstream, _) = world.accept();
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(300));
        client.send([b'x'; 2048]);
        upstream.comes([b'x'; 2048]);
    }
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 200 "));
}
