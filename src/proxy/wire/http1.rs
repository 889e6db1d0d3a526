//! HTTP/1 connections: one request after the other, each judged as soon as its head is read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use http::Version;
use http::header::CONNECTION;
use pingora::apps::HttpServerApp;
use pingora::http::RequestHeader;
use pingora::protocols::http::ServerSession;
use pingora::protocols::{Digest, IO, Shutdown, Stream};
use pingora::server::ShutdownWatch;
use pingora::time::timeout;
use tokio::io::AsyncWriteExt;

use super::closing::Closing;
use super::door::{Door, LAST_WORDS, digest_of};
use super::exchange::{Exchange, Place};
use super::one_request::{Arrived, OneRequest};
use super::refusal::refusal;
use crate::authorizer::Denial;
use crate::proxy::context::RequestContext;
use crate::proxy::framing;
use crate::proxy::gateway::Gateway;
use crate::proxy::judge::Arrival;

/// Serves the requests of one connection.
pub(super) async fn serve<S: IO + 'static>(
    door: &Door,
    mut stream: Box<OneRequest<S>>,
    client: SocketAddr,
    first_by: Instant,
    shutdown: ShutdownWatch,
) {
    let (mut first_by, mut closing) = (Some(first_by), Closing::new(shutdown));
    let digest = digest_of(stream.as_ref());
    loop {
        let snapshot = door.gateway.current();
        let arrived = match stream.next(&snapshot.limits, first_by.take(), &mut closing).await {
            Ok(Some(arrived)) => arrived,
            Ok(None) => return Shutdown::shutdown(stream.as_mut()).await,
            Err(denial) => return refuse(door, &mut stream, client, &denial).await,
        };
        drop(snapshot);
        match serve_one(door, stream, arrived, &digest, closing.watch()).await {
            Some(kept) => stream = kept,
            None => return,
        }
    }
}

/// Serves a request. Gives the connection back where another may follow.
async fn serve_one<S: IO + 'static>(
    door: &Door,
    stream: Box<OneRequest<S>>,
    arrived: Arrived,
    digest: &Arc<Digest>,
    shutdown: &ShutdownWatch,
) -> Option<Box<OneRequest<S>>> {
    let arrival = Arrival {
        request: &arrived.request,
        target: Some(framing::target(&arrived.head)),
        digest,
        line: stream.line(),
    };
    let (context, judgement) = door.gateway.judge(&arrival).await;
    if *shutdown.borrow() || !wants_to_stay(&arrived.request) {
        context.line.end_connection();
    }
    if judgement.is_ok() && context.upgrade {
        return tunnel(door, stream, arrived, context, shutdown).await;
    }
    let place = Place::default();
    let mut exchange = Exchange::new(arrived, stream, digest.clone(), place.clone());
    let answer = match judgement {
        Ok(None) => {
            let session = ServerSession::new_custom(Box::new(exchange));
            door.pass(session, context, shutdown).await;
            return place.take();
        }
        Ok(Some(answer)) => Ok(answer),
        Err(denial) => Err(denial),
    };
    door.gateway.answer(&mut exchange, answer, context).await;
    exchange.end().await.ok()?;
    place.take()
}

/// Has pingora read the request once more: what a tunnel carries is pingora's to pass on. Gives the connection back where the tunnel
/// was not opened, and another request may follow.
async fn tunnel<S: IO + 'static>(
    door: &Door,
    stream: Box<OneRequest<S>>,
    arrived: Arrived,
    mut context: Box<RequestContext>,
    shutdown: &ShutdownWatch,
) -> Option<Box<OneRequest<S>>> {
    let mut session = ServerSession::new_http1(stream as Stream);
    // It has no body: what asks for a tunnel and has one asks for none.
    let received = BytesMut::from(&arrived.head[..]);
    context.judged = Some(arrived.request);
    session.set_pipelined_prefix(received);
    let reused = Gateway::hand_over(context, door.proxy.process_new_http(session, shutdown)).await?;
    reused.consume().0.into_any().downcast().ok()
}

/// Whether the client means to send another request (RFC 9112 section 9.3).
fn wants_to_stay(request: &RequestHeader) -> bool {
    // Most say nothing.
    if !request.headers.contains_key(CONNECTION) {
        return request.version >= Version::HTTP_11;
    }
    let options =
        || request.headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    let says = |wanted: &[u8]| options().any(|option| option.trim_ascii().eq_ignore_ascii_case(wanted));
    !says(b"close") && (request.version >= Version::HTTP_11 || says(b"keep-alive"))
}

async fn refuse<S: IO>(door: &Door, stream: &mut OneRequest<S>, client: SocketAddr, denial: &Denial) {
    let request_id = door.gateway.refused(stream.received(), client.ip(), denial);
    let answer = refusal(denial, &request_id, stream.received());
    if let Ok(Ok(())) = timeout(LAST_WORDS, stream.write_all(answer.as_bytes())).await {
        let _gone = timeout(LAST_WORDS, Shutdown::shutdown(stream)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_stays_unless_it_says_otherwise_and_one_of_http_1_0_if_it_says_so() {
        let table: [(Version, &[&'static str], bool); 9] = [
            (Version::HTTP_11, &[], true),
            (Version::HTTP_11, &["close"], false),
            (Version::HTTP_11, &["keep-alive, Close"], false),
            (Version::HTTP_11, &["x-a", "CLOSE"], false),
            (Version::HTTP_11, &["x-close"], true),
            (Version::HTTP_10, &[], false),
            (Version::HTTP_10, &["Keep-Alive"], true),
            (Version::HTTP_10, &["x-a ,keep-alive"], true),
            (Version::HTTP_10, &["keep-alive, close"], false),
        ];
        for (version, options, stays) in table {
            let mut request = RequestHeader::build_no_case("GET", b"/", None).unwrap();
            request.set_version(version);
            for option in options {
                request.append_header(CONNECTION, *option).unwrap();
            }
            assert_eq!(wants_to_stay(&request), stays, "{version:?} {options:?}");
        }
    }
}
