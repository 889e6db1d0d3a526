//! What was opened ends with the right that opened it, unless the route says otherwise.

use super::world::{AGREED, World, websocket};

fn get(path: &str, token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n")
}

#[test]
fn a_websocket_is_closed_when_its_token_expires() {
    let world = World::new();
    let mut client = world.send(websocket("/chat", &world.token_for(2).mint(), ""));
    let (mut upstream, _) = world.accept();
    upstream.send(AGREED);
    client.head();
    upstream.send(b"\x81\x02ok");
    client.comes(b"\x81\x02ok");
    client.send(b"\x81\x80\0\0\0\0");
    upstream.comes(b"\x81\x80\0\0\0\0");
    assert_eq!(client.end(), b"\x88\x0f\x03\xf0token-expired", "1008, with the reason");
    assert_eq!(upstream.end(), b"");
    world.closed("chat", "token-expired", 1);
}

#[test]
fn within_a_frame_nothing_is_put_in() {
    let world = World::new();
    let mut client = world.send(websocket("/chat", &world.token_for(2).mint(), ""));
    let (mut upstream, _) = world.accept();
    upstream.send(AGREED);
    client.head();
    upstream.send(b"\x81\x05hel");
    assert_eq!(client.end(), b"\x81\x05hel");
}

#[test]
fn a_route_may_say_that_a_stream_outlives_its_token() {
    let world = World::new();
    let mut client = world.send(websocket("/kept", &world.token_for(2).mint(), ""));
    let (mut upstream, _) = world.accept();
    upstream.send(AGREED);
    client.head();
    std::thread::sleep(std::time::Duration::from_secs(4));
    upstream.send(b"\x81\x02ok");
    client.comes(b"\x81\x02ok");
    client.send(b"\x81\x80\0\0\0\0");
    upstream.comes(b"\x81\x80\0\0\0\0");
}

#[test]
fn an_event_stream_that_says_nothing_ends_when_its_token_is_revoked() {
    let world = World::new();
    let token = world.issuer.token().claim("jti", "one");
    let mut client = world.send(get("/feed/events", &token.mint()));
    let (mut upstream, _) = world.accept();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n");
    // the first event is there before there is a second
    upstream.send("data: 1\n\n");
    client.head();
    client.comes("9\r\ndata: 1\n\n\r\n");
    upstream.send("data: 2\n\n");
    client.comes("9\r\ndata: 2\n\n\r\n");
    world.revoke("one");
    assert_eq!(client.end(), b"", "without the last chunk, so that nobody takes it for whole");
    assert_eq!(upstream.end(), b"");
    world.closed("feed", "token-revoked", 1);
}

#[test]
fn of_any_answer_nothing_passes_after_the_token() {
    let world = World::new();
    let mut client = world.send(get("/feed/download", &world.token_for(3).mint()));
    let (mut upstream, _) = world.accept();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nfirst");
    client.head();
    client.comes("first");
    std::thread::sleep(std::time::Duration::from_secs(4));
    upstream.send("second");
    assert_eq!(client.end(), b"");
    world.closed("feed", "token-expired", 1);
}

#[test]
fn what_nobody_was_asked_a_token_for_ends_by_itself() {
    let world = World::new();
    let mut client = world.send(get("/open/events", &world.token_for(1).mint()));
    let (mut upstream, _) = world.accept();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    client.head();
    std::thread::sleep(std::time::Duration::from_secs(3));
    upstream.send("data: 1\n\n");
    client.comes("9\r\ndata: 1\n\n\r\n");
}
