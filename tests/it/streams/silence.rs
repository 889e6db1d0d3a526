//! Streams that say nothing: for as long as a stream may, and no longer; and answers that do not begin.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::world::{AGREED, World, websocket};

/// An answer has a second, a stream four.
const TIMEOUTS: &str = "read: 1s, stream_idle: 4s";
/// Longer than an answer has, shorter than a stream.
const QUIET: Duration = Duration::from_millis(2200);

fn get(path: &str, token: &str, accept: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\nAuthorization: Bearer {token}\r\n\r\n")
}

#[test]
fn a_websocket_is_silent_for_as_long_as_a_stream_may_be() {
    let world = World::with(TIMEOUTS, "");
    let mut client = world.send(websocket("/chat", &world.issuer.token().mint(), ""));
    let (mut upstream, _) = world.accept();
    upstream.send(AGREED);
    client.head();
    std::thread::sleep(QUIET);
    upstream.send(b"\x81\x02ok");
    client.comes(b"\x81\x02ok");
    // whichever side speaks keeps it alive
    for _ in 0..2 {
        std::thread::sleep(QUIET);
        client.send(b"\x81\x80\0\0\0\0");
        upstream.comes(b"\x81\x80\0\0\0\0");
    }
    let begun = Instant::now();
    assert_eq!(client.end(), b"\x88\x12\x03\xe9upstream-timeout", "1001, with the reason");
    assert!(begun.elapsed() >= Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(upstream.end(), b"");
    world.closed("chat", "upstream-timeout", 1);
}

#[test]
fn an_event_stream_that_was_asked_for_is_silent_for_as_long() {
    let world = World::with(TIMEOUTS, "");
    let token = world.issuer.token().mint();
    let mut client = world.send(get("/feed/events", &token, "text/event-stream"));
    let (mut upstream, _) = world.accept();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
    client.head();
    client.comes("9\r\ndata: 1\n\n\r\n");
    std::thread::sleep(QUIET);
    upstream.send("data: 2\n\n");
    client.comes("9\r\ndata: 2\n\n\r\n");
    assert_eq!(client.end(), b"", "without the last chunk, so that nobody takes it for whole");
    world.closed("feed", "upstream-timeout", 1);
    // one that nobody asked for has the time of any answer
    let begun = Instant::now();
    let mut client = world.send(get("/feed/events", &token, "*/*"));
    let (mut upstream, _) = world.accept();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    client.head();
    assert_eq!(client.end(), b"");
    assert!(begun.elapsed() < Duration::from_millis(3500), "{:?}", begun.elapsed());
    world.closed("feed", "upstream-timeout", 2);
}

#[test]
fn a_stream_that_does_not_begin_is_answered_as_late_as_any_other_answer() {
    let world = World::with(TIMEOUTS, "");
    let token = world.issuer.token().mint();
    for (route, request) in [
        ("feed", get("/feed/events", &token, "text/event-stream")),
        ("chat", websocket("/chat", &token, "")),
        ("feed", get("/feed/events", &token, "*/*")),
    ] {
        let begun = Instant::now();
        let mut client = world.send(&request);
        let (upstream, _) = world.accept();
        let answer = client.head();
        assert!(answer.starts_with("HTTP/1.1 504 "), "{request}: {answer}");
        assert!((900..3500).contains(&begun.elapsed().as_millis()), "{request}: {:?}", begun.elapsed());
        drop(upstream);
        let series =
            format!("lychgate_requests_total{{code=\"upstream-timeout\",outcome=\"failed\",route=\"{route}\"}}");
        crate::support::until(&series, || (world.gate.metric(&series) >= 1.0).then_some(()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_grpc_call_is_silent_for_as_long_and_ends_with_a_status() {
    let world = World::with(TIMEOUTS, "");
    let stream = TcpStream::connect(world.address()).await.unwrap();
    let (send, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let listener = world.calls.try_clone().unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    let request = Request::post("http://gate.example/test.Echo/Talk").header("content-type", "application/grpc");
    let request = request.header("authorization", format!("Bearer {}", world.issuer.token().mint())).body(()).unwrap();
    let mut send = send.ready().await.unwrap();
    let (response, _out) = send.send_request(request, false).unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let mut upstream = h2::server::handshake(stream).await.unwrap();
    let (_call, mut respond) = upstream.accept().await.unwrap().unwrap();
    tokio::spawn(async move { while upstream.accept().await.is_some() {} });
    tokio::time::sleep(QUIET).await;
    let header = http::Response::builder().header("content-type", "application/grpc").body(()).unwrap();
    let mut outward = respond.send_response(header, false).unwrap();
    outward.send_data(Bytes::from_static(b"hello"), false).unwrap();
    let soon = Duration::from_secs(20);
    let mut body = timeout(soon, response).await.unwrap().unwrap().into_body();
    assert_eq!(timeout(soon, body.data()).await.unwrap().unwrap().unwrap(), "hello");
    let begun = Instant::now();
    assert!(timeout(soon, body.data()).await.unwrap().is_none());
    assert!(begun.elapsed() >= Duration::from_secs(3), "{:?}", begun.elapsed());
    let trailers = body.trailers().await.unwrap().unwrap();
    assert_eq!(
        (&trailers["grpc-status"], &trailers["lychgate-code"]),
        (&"4".parse().unwrap(), &"upstream-timeout".parse().unwrap())
    );
    world.closed("calls", "upstream-timeout", 1);
}
