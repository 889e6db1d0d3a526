//! Answers as upstreams send them, byte by byte: what goes on is framed in one way, and by the gate.

use super::world::{Hand, World};
use crate::wire::frames::{END_HEADERS, END_STREAM, Frames, HEADERS, block, with};

fn ask(world: &World, version: &str) -> (Hand, Hand) {
    let client = world.send(format!("GET /open/a HTTP/{version}\r\nHost: a\r\n\r\n"));
    let (upstream, _) = world.accept();
    (client, upstream)
}

#[test]
fn an_answer_that_could_be_framed_in_two_ways_is_a_502() {
    let world = World::new();
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b=c\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 5\r\n\r\nhello",
    ] {
        let (mut client, mut upstream) = ask(&world, "1.1");
        upstream.try_send(answer);
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 502 "), "{answer:?}: {head}");
        // pingora ends the connection, and the client is told
        assert!(head.to_lowercase().contains("\r\nconnection: close\r\n"), "{answer:?}: {head}");
        client.end();
    }
}

#[test]
fn what_has_no_body_says_nothing_about_one() {
    let world = World::new();
    let body = "Content-Length: 4\r\nX-Kept: 1\r\n\r\n";
    for answer in [
        format!("HTTP/1.1 204 No Content\r\n{body}"),
        format!("HTTP/1.1 103 Early Hints\r\n{body}HTTP/1.1 204 No Content\r\n\r\n"),
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\nX-Kept: 1\r\n\r\n".to_owned(),
    ] {
        let (mut client, mut upstream) = ask(&world, "1.1");
        upstream.send(&answer);
        let head = client.head().to_lowercase();
        assert!(head.contains("\r\nx-kept: 1\r\n"), "{answer:?}: {head}");
        assert!(!head.contains("content-length") && !head.contains("transfer-encoding"), "{answer:?}: {head}");
        if head.starts_with("http/1.1 103 ") {
            assert!(client.head().starts_with("HTTP/1.1 204 "), "{answer:?}");
        }
        client.send("GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(client.head().starts_with("HTTP/1.1 404 "), "{answer:?}");
    }
}

/// A client would take what follows for the answer to its next request, and so would the gate.
#[test]
fn what_follows_an_answer_is_nobodys_answer() {
    let world = World::new();
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
    ] {
        let (mut client, mut upstream) = ask(&world, "1.1");
        upstream.send(format!("{answer}{evil}"));
        client.head();
        // the next request has a connection, and an answer, of its own
        client.send("GET /open/b HTTP/1.1\r\nHost: a\r\n\r\n");
        let (mut second, head) = world.accept();
        assert!(head.starts_with("GET /open/b "), "{answer:?}: {head}");
        second.send("HTTP/1.1 299 Mine\r\nContent-Length: 0\r\n\r\n");
        let rest = String::from_utf8_lossy(&client.end_or_silence()).into_owned();
        assert!(rest.contains("HTTP/1.1 299 ") && !rest.contains("evil"), "{answer:?}: {rest}");
    }
}

#[test]
fn interim_answers_reach_whoever_can_read_them() {
    let world = World::new();
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n";
    let answer = format!("{hints}{hints}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let (client, mut upstream) = ask(&world, "1.1");
    upstream.send(&answer);
    let all = String::from_utf8(client.end_or_silence()).unwrap();
    assert_eq!(all.matches("HTTP/1.1 103 ").count(), 2, "{all}");
    drop(upstream);
    assert!(all.contains("</a>") && !all.to_lowercase().contains("x-hop") && all.ends_with("\r\n\r\nok"), "{all}");
    let (client, mut upstream) = ask(&world, "1.0");
    upstream.send(&answer);
    let all = String::from_utf8(client.end()).unwrap();
    drop(upstream);
    assert!(all.starts_with("HTTP/1.1 200 ") && all.matches("HTTP/1.1 ").count() == 1, "{all}");
    let mut frames = Frames::clear(world.address());
    frames.frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&with("GET", "/open/a", &[])));
    let (mut upstream, _) = world.accept();
    upstream.send(hints.repeat(50));
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    // as many as are passed on, and the answer itself
    assert_eq!(frames.heads_before_data(1), 8 + 1);
}

#[test]
fn an_answer_goes_on_framed_once_in_the_gates_own_version() {
    let world = World::new();
    for (answer, framed, body) in [
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "\r\ncontent-length: 5\r\n", "hello"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
            "\r\ncontent-length: 5\r\n",
            "hello",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "\r\ntransfer-encoding: chunked\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
        ),
        ("HTTP/1.0 200 OK\r\n\r\nhello", "\r\ntransfer-encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ] {
        let (mut client, mut upstream) = ask(&world, "1.1");
        upstream.send(answer);
        drop(upstream);
        let head = client.head().to_lowercase();
        assert!(head.starts_with("http/1.1 200 ") && head.contains(framed), "{answer:?}: {head}");
        let framings = head.matches("content-length:").count() + head.matches("transfer-encoding:").count();
        assert_eq!(framings, 1, "{answer:?}: {head}");
        client.comes(body);
        // the connection is in step
        client.send("GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(client.head().starts_with("HTTP/1.1 404 "), "{answer:?}");
    }
}

#[test]
fn to_a_client_of_http_1_0_an_answer_of_unknown_length_ends_with_the_connection() {
    let world = World::new();
    for answer in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
    ] {
        let (mut client, mut upstream) = ask(&world, "1.0\r\nConnection: keep-alive");
        upstream.send(answer);
        drop(upstream);
        let head = client.head().to_lowercase();
        assert!(
            head.contains("\r\nconnection: close\r\n") && !head.contains("transfer-encoding"),
            "{answer:?}: {head}"
        );
        assert_eq!(client.end(), b"hello", "{answer:?}");
    }
}

#[test]
fn what_an_upstream_says_to_the_gate_alone_ends_there() {
    let world = World::new();
    let (mut client, mut upstream) = ask(&world, "1.1");
    upstream.send(
        "HTTP/1.1 200 OK\r\nConnection: X-Secret, Upgrade, content-length, keep-alive\r\nX-Secret: 1\r\nKeep-Alive: timeout=5\r\n\
         Upgrade: h2c\r\nProxy-Authenticate: Basic\r\nX-Kept: 1\r\nContent-Length: 5\r\n\r\nhello",
    );
    let head = client.head().to_lowercase();
    client.comes("hello");
    for name in ["x-secret", "keep-alive:", "upgrade", "proxy-authenticate"] {
        assert!(!head.contains(name), "{name}: {head}");
    }
    assert!(head.contains("\r\nx-kept: 1\r\n") && head.contains("\r\ncontent-length: 5\r\n"), "{head}");
}
