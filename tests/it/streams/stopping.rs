//! Streams while the gate stops: they go on, and what is left at the end is told so.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::world::{AGREED, World, websocket};
use crate::support::until;

const SOON: Duration = Duration::from_secs(20);

fn is_closing(world: &World) {
    until("the doors to close", || world.gate.stderr().contains("nothing new is taken").then_some(()));
}

#[test]
fn a_websocket_goes_on_and_ends_in_its_own_words() {
    let mut world = World::drained_within("4s");
    let mut client = world.send(websocket("/chat", &world.token_for(60).mint(), ""));
    let (mut upstream, _) = world.accept();
    upstream.send(AGREED);
    client.head();
    let begun = Instant::now();
    world.gate.signal("TERM");
    is_closing(&world);
    upstream.send(b"\x81\x02ok");
    client.comes(b"\x81\x02ok");
    client.send(b"\x81\x80\0\0\0\0");
    upstream.comes(b"\x81\x80\0\0\0\0");
    assert_eq!(client.end(), b"\x88\x0f\x03\xe9gate-stopping", "1001, with the reason");
    assert!(begun.elapsed() > Duration::from_secs(2), "it had most of the time: {:?}", begun.elapsed());
    assert_eq!(world.gate.wait().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
}

#[test]
fn an_open_stream_without_a_token_ends_too() {
    let mut world = World::drained_within("3s");
    let mut client = world.send("GET /open/events HTTP/1.1\r\nHost: a\r\n\r\n");
    let (mut upstream, _) = world.accept();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
    assert!(client.head().to_lowercase().contains("\r\nconnection: keep-alive\r\n"));
    client.comes("9\r\ndata: 1\n\n\r\n");
    world.gate.signal("TERM");
    is_closing(&world);
    upstream.send("data: 2\n\n");
    client.comes("9\r\ndata: 2\n\n\r\n");
    assert_eq!(client.end(), b"", "without the last chunk, so that nobody takes it for whole");
    assert_eq!(world.gate.wait().code(), Some(0));
}

#[test]
fn an_answer_that_begins_while_the_gate_stops_is_the_last_on_its_connection() {
    let mut world = World::drained_within("10s");
    let mut client = world.send("GET /open/a HTTP/1.1\r\nHost: a\r\n\r\n");
    let (mut upstream, _) = world.accept();
    world.gate.signal("TERM");
    is_closing(&world);
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let head = client.head().to_lowercase();
    assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
    assert_eq!(client.end(), b"ok");
    let begun = Instant::now();
    assert_eq!(world.gate.wait().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(3), "nothing is waited for: {:?}", begun.elapsed());
}

#[test]
fn over_http_2_a_connection_says_goodbye_and_ends_with_its_last_stream() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut world = World::drained_within("10s");
    runtime.block_on(async {
        let stream = TcpStream::connect(world.address()).await.unwrap();
        let (send, connection) = h2::client::handshake(stream).await.unwrap();
        let ended = tokio::spawn(connection);
        let mut send = send.ready().await.unwrap();
        let request = http::Request::get("http://gate.example/open/a").body(()).unwrap();
        let (answer, _) = send.send_request(request, true).unwrap();
        let (mut upstream, _) = tokio::task::block_in_place(|| world.accept());
        world.gate.signal("TERM");
        tokio::task::block_in_place(|| is_closing(&world));
        // The goodbye is a frame of its own: once it is read, nothing new can be begun.
        let refused = timeout(SOON, async {
            while send.clone().ready().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        refused.await.unwrap();
        upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        let answer = timeout(SOON, answer).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
        let mut body = answer.into_body();
        assert_eq!(timeout(SOON, body.data()).await.unwrap().unwrap().unwrap(), "ok");
        let _closed = timeout(SOON, ended).await.unwrap().unwrap();
    });
    assert_eq!(world.gate.wait().code(), Some(0));
}
