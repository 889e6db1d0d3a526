//! Upgrades: only where a route allows them, only for whoever may pass, and only once the upstream has agreed.

use super::world::{AGREED, World, websocket};

#[test]
fn bytes_pass_both_ways_once_the_upstream_has_agreed_and_not_before() {
    let world = World::new();
    let token = world.issuer.token().mint();
    // what looks like another request behind the first is the other protocol's, once it is spoken
    let early = "GET /feed/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut client = world.send(websocket("/chat", &token, "") + early);
    let (mut upstream, head) = world.accept();
    let lower = head.to_lowercase();
    assert!(lower.contains("\r\nupgrade: websocket\r\n") && lower.contains("\r\nconnection: upgrade\r\n"), "{head}");
    assert!(lower.contains("\r\nsec-websocket-key: ") && lower.contains("\r\nx-auth-sub: alice\r\n"), "{head}");
    assert!(!lower.contains("authorization"), "{head}");
    upstream.is_silent();
    upstream.send(AGREED);
    upstream.comes(early);
    let answer = client.head();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.to_lowercase().contains("\r\nupgrade: websocket\r\n"), "{answer}");
    for _ in 0..3 {
        client.send(b"\x81\x85\0\0\0\0hello\0\xff\r\n\r\n");
        upstream.comes(b"\x81\x85\0\0\0\0hello\0\xff\r\n\r\n");
        upstream.send(b"\x81\x02ok");
        client.comes(b"\x81\x02ok");
    }
    // more than any body may have
    let much = vec![7; 300 * 1024];
    std::thread::scope(|scope| {
        scope.spawn(|| client.send(&much));
        upstream.comes(&much);
    });
    drop(upstream);
    assert_eq!(client.end(), b"");
}

#[test]
fn nobody_without_a_right_gets_as_far_as_the_upstream() {
    let world = World::new();
    let mut client = world.send(websocket("/chat", &world.issuer.token().expired().mint(), ""));
    assert!(client.head().starts_with("HTTP/1.1 401 "));
    let mut client = world.send(websocket("/chat", "", "").replace("Authorization: Bearer \r\n", ""));
    assert!(client.head().starts_with("HTTP/1.1 401 "));
}

#[test]
fn a_wish_that_is_not_proper_or_not_allowed_is_not_passed_on() {
    let world = World::new();
    let token = world.issuer.token().mint();
    let proper = websocket("/chat", &token, "");
    for wish in [
        websocket("/feed/a", &token, ""),
        proper.replace("GET ", "DELETE "),
        proper.replace("HTTP/1.1", "HTTP/1.0"),
        proper.replace("Connection: Upgrade", "Connection: keep-alive"),
        proper.replace("Upgrade: websocket", "Upgrade: h2c"),
        proper.replace("Upgrade: websocket", "Upgrade: websocket, h2c"),
        websocket("/chat", &token, "Upgrade: h2c\r\n"),
    ] {
        let mut client = world.send(&wish);
        let (mut upstream, head) = world.accept();
        assert!(!head.to_lowercase().contains("upgrade"), "{wish}: {head}");
        // an upstream that switches all the same opens nothing
        upstream.send(AGREED);
        let answer = client.head();
        assert!(answer.starts_with("HTTP/1.1 502 "), "{wish}: {answer}");
    }
    let with_body = websocket("/chat", &token, "Content-Length: 5\r\n") + "hello";
    let mut client = world.send(with_body);
    let (mut upstream, head) = world.accept();
    assert!(!head.to_lowercase().contains("upgrade"), "{head}");
    upstream.comes("hello");
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 200 "));
}

#[test]
fn an_answer_that_is_no_agreement_opens_no_tunnel() {
    let world = World::new();
    let token = world.issuer.token().mint();
    // refused by the upstream: what follows is judged as a request
    let mut client = world.send(websocket("/chat", &token, "") + "GET /feed/a HTTP/1.1\r\nHost : a\r\n\r\n");
    let (mut upstream, _) = world.accept();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
    assert!(client.head().starts_with("HTTP/1.1 200 "));
    client.comes("no");
    let next = client.head();
    assert!(next.starts_with("HTTP/1.1 400 ") && next.contains("connection: close"), "{next}");
    upstream.is_silent();
    drop(upstream);
    // nor is another judged where the client has said in any field that it sends none
    let last = websocket("/chat", &token, "Connection: close\r\n") + "GET /feed/a HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut client = world.send(last);
    let (mut upstream, _) = world.accept();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
    let answer = client.head().to_lowercase();
    assert!(answer.starts_with("http/1.1 200 ") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    client.comes("no");
    client.end();
    drop(upstream);
    for other in [
        AGREED.replace("HTTP/1.1", "HTTP/1.0"),
        AGREED.replace("websocket", "h2c"),
        AGREED.replace("Upgrade: websocket\r\n", ""),
    ] {
        let mut client = world.send(websocket("/chat", &token, ""));
        let (mut upstream, _) = world.accept();
        upstream.send(&other);
        let answer = client.head();
        assert!(answer.starts_with("HTTP/1.1 502 "), "{other}: {answer}");
    }
}
