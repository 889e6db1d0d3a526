//! Answers as upstreams send them, byte by byte: what goes on is framed in one way, and by the gate.

use super::world::{Hand, World};

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
    }
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
