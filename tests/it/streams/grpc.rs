//! gRPC: answers, denials and trailers over HTTP/2 on both sides, down to the frames.

use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::world::World;

const SOON: Duration = Duration::from_secs(20);

/// A caller's connection, in the clear.
async fn caller(world: &World) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(world.address()).await.unwrap();
    let (send, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    send.ready().await.unwrap()
}

fn call(path: &str, token: &str) -> Request<()> {
    let request = Request::post(format!("http://gate.example{path}")).header("content-type", "application/grpc");
    request.header("te", "trailers").header("authorization", format!("Bearer {token}")).body(()).unwrap()
}

/// The next call at the upstream.
async fn accept(world: &World) -> (Request<RecvStream>, SendResponse<Bytes>) {
    let listener = world.calls.try_clone().unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    let (stream, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let accepted = connection.accept().await.unwrap().unwrap();
    tokio::spawn(async move { while connection.accept().await.is_some() {} });
    accepted
}

fn answer(mut respond: SendResponse<Bytes>) -> SendStream<Bytes> {
    let header = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
    respond.send_response(header, false).unwrap()
}

async fn message(body: &mut RecvStream) -> Bytes {
    let part = timeout(SOON, body.data()).await.unwrap().unwrap().unwrap();
    body.flow_control().release_capacity(part.len()).unwrap();
    part
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_call_passes_in_both_directions_with_its_trailers() {
    let world = World::new();
    let mut send = caller(&world).await;
    let mut request = call("/test.Echo/Talk", &world.issuer.token().mint());
    request.headers_mut().insert("x-auth-sub", HeaderValue::from_static("eve"));
    let (response, mut out) = send.send_request(request, false).unwrap();
    out.send_data(Bytes::from_static(b"first"), false).unwrap();
    let (request, respond) = accept(&world).await;
    assert_eq!(request.uri().path(), "/test.Echo/Talk");
    assert_eq!(request.uri().authority().unwrap(), "gate.example");
    assert_eq!(request.headers()["te"], "trailers");
    assert_eq!(request.headers()["x-auth-sub"], "alice");
    assert!(!request.headers().contains_key("authorization"));
    let mut inward = request.into_body();
    assert_eq!(message(&mut inward).await, "first");
    // each side speaks when it likes
    let mut outward = answer(respond);
    outward.send_data(Bytes::from_static(b"hello"), false).unwrap();
    let mut body = timeout(SOON, response).await.unwrap().unwrap().into_body();
    assert_eq!(message(&mut body).await, "hello");
    out.send_data(Bytes::from_static(b"second"), false).unwrap();
    assert_eq!(message(&mut inward).await, "second");
    // a caller's trailers end at the gate
    out.send_trailers([("x-auth-sub".parse().unwrap(), HeaderValue::from_static("eve"))].into_iter().collect())
        .unwrap();
    while let Some(part) = timeout(SOON, inward.data()).await.unwrap() {
        assert_eq!(part.unwrap(), "");
    }
    assert!(inward.trailers().await.unwrap().is_none());
    outward
        .send_trailers([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))].into_iter().collect())
        .unwrap();
    assert!(timeout(SOON, body.data()).await.unwrap().is_none());
    assert_eq!(body.trailers().await.unwrap().unwrap()["grpc-status"], "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn trailers_over_http_1_end_before_an_http_2_upstream() {
    let world = World::new();
    let head = format!(
        "POST /test.Echo/Up HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nTrailer: X-Auth-Sub\r\nTransfer-Encoding: chunked\r\n\r\n",
        world.issuer.token().mint()
    );
    let mut client = world.send(head + "5\r\nhello\r\n0\r\nX-Auth-Sub: eve\r\nX-Check: 1\r\n\r\n");
    let (request, mut respond) = accept(&world).await;
    assert_eq!(request.headers()["x-auth-sub"], "alice");
    let mut body = request.into_body();
    assert_eq!(message(&mut body).await, "hello");
    while let Some(part) = timeout(SOON, body.data()).await.unwrap() {
        assert_eq!(part.unwrap(), "");
    }
    assert!(body.trailers().await.unwrap().is_none());
    respond.send_response(Response::new(()), true).unwrap();
    let answer = tokio::task::block_in_place(|| client.head());
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn to_a_client_of_http_1_0_an_answer_over_http_2_comes_without_chunks() {
    let world = World::new();
    let token = world.issuer.token().mint();
    let mut client = world.send(format!(
        "GET /test.Echo/Down HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nAuthorization: Bearer {token}\r\n\r\n"
    ));
    let (_request, mut respond) = accept(&world).await;
    let mut out = respond.send_response(Response::new(()), false).unwrap();
    out.send_data(Bytes::from_static(b"hello"), true).unwrap();
    let head = tokio::task::block_in_place(|| client.head()).to_lowercase();
    assert!(head.contains("\r\nconnection: close\r\n") && !head.contains("transfer-encoding"), "{head}");
    tokio::task::block_in_place(|| {
        client.comes("hello");
        client.end();
    });
}

/// Status and code.
fn told(fields: &HeaderMap) -> (&str, &str) {
    (fields["grpc-status"].to_str().unwrap(), fields["lychgate-code"].to_str().unwrap())
}

/// The whole of a denied call's answer: one header section.
async fn denied(send: &SendRequest<Bytes>, request: Request<()>) -> HeaderMap {
    let mut send = send.clone().ready().await.unwrap();
    let (response, _out) = send.send_request(request, true).unwrap();
    let response = timeout(SOON, response).await.unwrap().unwrap();
    assert_eq!(response.status(), 200);
    let (parts, body) = response.into_parts();
    assert!(body.is_end_stream(), "no body");
    assert_eq!(parts.headers["content-type"], "application/grpc");
    assert_eq!(parts.headers["x-request-id"].len(), 32);
    parts.headers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_denial_is_a_status_in_the_header_section_alone() {
    let mut world = World::new();
    let send = caller(&world).await;
    let good = world.issuer.token().mint();
    let mut without = call("/test.Echo/Talk", "");
    without.headers_mut().remove("authorization");
    for (request, status, code) in [
        (without, "16", "missing-credential"),
        (call("/test.Echo/Talk", &world.issuer.token().expired().mint()), "16", "token-expired"),
        (call("/test.Admin/Stop", &good), "7", "insufficient-scope"),
        (call("/test.Nowhere/Go", &good), "12", "no-route"),
        (call("/test.Echo/a%2fb", &good), "3", "bad-target"),
    ] {
        let headers = denied(&send, request).await;
        assert_eq!(told(&headers), (status, code));
        assert!(!headers["grpc-message"].is_empty());
        assert_eq!(headers.contains_key("www-authenticate"), matches!(status, "16" | "7"), "{code}");
    }
    // an upstream that is not there
    drop(std::mem::replace(&mut world.calls, std::net::TcpListener::bind("127.0.0.1:0").unwrap()));
    let headers = denied(&send, call("/test.Echo/Talk", &good)).await;
    assert_eq!(told(&headers), ("14", "upstream-unreachable"));
    // a plain caller reads a plain answer
    let mut plain = call("/test.Echo/Talk", "");
    plain.headers_mut().remove("authorization");
    plain.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    let (response, _) = caller(&world).await.send_request(plain, true).unwrap();
    assert_eq!(timeout(SOON, response).await.unwrap().unwrap().status(), 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_call_ends_with_a_status_when_its_token_does() {
    let world = World::new();
    let mut send = caller(&world).await;
    let (response, _out) = send.send_request(call("/test.Echo/Talk", &world.token_for(2).mint()), false).unwrap();
    let (request, respond) = accept(&world).await;
    let mut outward = answer(respond);
    outward.send_data(Bytes::from_static(b"hello"), false).unwrap();
    let mut body = timeout(SOON, response).await.unwrap().unwrap().into_body();
    assert_eq!(message(&mut body).await, "hello");
    assert!(timeout(SOON, body.data()).await.unwrap().is_none());
    let trailers = body.trailers().await.unwrap().unwrap();
    assert_eq!(told(&trailers), ("16", "token-expired"));
    world.closed("calls", "token-expired", 1);
    // the upstream is told as well
    assert!(timeout(SOON, request.into_body().data()).await.unwrap().is_none_or(|part| part.is_err()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_call_whose_upstream_breaks_off_ends_with_a_status() {
    let world = World::new();
    let mut send = caller(&world).await;
    let token = world.issuer.token().mint();
    let (response, _out) = send.send_request(call("/test.Echo/Talk", &token), false).unwrap();
    let (_request, respond) = accept(&world).await;
    let mut outward = answer(respond);
    outward.send_data(Bytes::from_static(b"hello"), false).unwrap();
    let mut body = timeout(SOON, response).await.unwrap().unwrap().into_body();
    assert_eq!(message(&mut body).await, "hello");
    outward.send_reset(h2::Reason::INTERNAL_ERROR);
    assert!(timeout(SOON, body.data()).await.unwrap().is_none());
    let trailers = body.trailers().await.unwrap().unwrap();
    assert_eq!(told(&trailers), ("14", "upstream-failed"));
    world.closed("calls", "upstream-failed", 1);
}

/// Why a body ends before its end.
async fn reset_of(mut body: RecvStream) -> Option<h2::Reason> {
    loop {
        match timeout(SOON, body.data()).await.unwrap()? {
            Ok(part) => body.flow_control().release_capacity(part.len()).unwrap(),
            Err(error) => return error.reason(),
        }
    }
}

/// Whatever has come of it: nobody may take it for the whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_answer_over_http_2_whose_upstream_breaks_off_is_reset() {
    let world = World::new();
    let mut send = caller(&world).await;
    for answer in [
        "Content-Length: 10\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "Transfer-Encoding: chunked\r\n\r\nzz",
    ] {
        send = send.ready().await.unwrap();
        let request = Request::get("http://gate.example/open/a").body(()).unwrap();
        let (response, _) = send.send_request(request, true).unwrap();
        let (mut upstream, _) = tokio::task::block_in_place(|| world.accept());
        upstream.send(format!("HTTP/1.1 200 OK\r\n{answer}"));
        drop(upstream);
        // the reset may overtake the head
        let end = match timeout(SOON, response).await.unwrap() {
            Err(error) => error.reason(),
            Ok(response) => reset_of(response.into_body()).await,
        };
        assert_eq!(end, Some(h2::Reason::INTERNAL_ERROR), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_event_stream_over_http_2_is_reset_when_its_token_ends() {
    let world = World::new();
    let mut send = caller(&world).await;
    let token = world.token_for(2).mint();
    let request = Request::get("http://gate.example/feed/events").header("authorization", format!("Bearer {token}"));
    let (response, _) = send.send_request(request.body(()).unwrap(), true).unwrap();
    let (mut upstream, _) = tokio::task::block_in_place(|| world.accept());
    upstream.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
    let mut body = timeout(SOON, response).await.unwrap().unwrap().into_body();
    assert_eq!(message(&mut body).await, "data: 1\n\n");
    let end = timeout(SOON, body.data()).await.unwrap().unwrap();
    assert_eq!(end.unwrap_err().reason(), Some(h2::Reason::CANCEL));
    world.closed("feed", "token-expired", 1);
    // the connection is none the worse
    let mut send = send.ready().await.unwrap();
    let (response, _) = send.send_request(Request::get("http://gate.example/nowhere").body(()).unwrap(), true).unwrap();
    assert_eq!(timeout(SOON, response).await.unwrap().unwrap().status(), 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_body_over_http_2_has_a_deadline_and_a_call_has_none() {
    let world = World::new();
    let mut send = caller(&world).await;
    let upload = Request::post("http://gate.example/open/up").body(()).unwrap();
    let (response, mut out) = send.send_request(upload, false).unwrap();
    out.send_data(Bytes::from_static(b"x"), false).unwrap();
    let upstream = tokio::task::block_in_place(|| world.accept());
    assert_eq!(timeout(SOON, response).await.unwrap().unwrap().status(), 408);
    drop(upstream);
    let mut send = send.ready().await.unwrap();
    let token = world.issuer.token().mint();
    let (_response, mut out) = send.send_request(call("/test.Echo/Talk", &token), false).unwrap();
    let (request, _respond) = accept(&world).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    out.send_data(Bytes::from_static(b"late"), false).unwrap();
    assert_eq!(message(&mut request.into_body()).await, "late");
}
