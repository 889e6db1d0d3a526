//! HTTP/2 connections: how many streams, how large their fields, and for how long without any.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::Reason;
use h2::server::Connection;
use http::Method;
use pingora::protocols::Stream;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::custom::server::Session;
use pingora::protocols::http::v2::server::H2Options;
use pingora::server::ShutdownWatch;
use pingora::time::timeout;

use super::door::{Door, digest_of};
use super::frames::{Noted, Screened};
use super::stream::Http2Stream;
use crate::authorizer::{Denial, Findings};
use crate::proxy::config::LimitsConfig;
use crate::proxy::judge::Arrival;
use crate::proxy::respond::{denied, ended, give};
use crate::telemetry::ConnectionEnd;

/// Streams at once on a connection.
const STREAMS: u32 = 100;
/// Requests at once on a connection, those counted in that the client has reset and that are not wound up yet.
const AT_WORK: usize = 2 * STREAMS as usize;
/// Streams that were reset, by the client before they were looked at or by us for what was wrong with them.
const RESET: usize = 64;
/// Bytes of an answer that wait here for a client to make room for them, on each stream: the library would take 400 KiB.
const UNSENT: usize = 64 * 1024;
/// A connection without a stream ends after this long.
const IDLE: Duration = Duration::from_mins(1);

/// What came next on a connection.
enum Next<R> {
    Request(R),
    /// The connection is over, for this reason where the gate ended it.
    Over(Option<ConnectionEnd>),
    Stop,
}

/// Serves the streams of one connection.
pub(super) async fn serve(door: &Arc<Door>, stream: Stream, first_by: Instant, mut shutdown: ShutdownWatch) {
    let digest = digest_of(stream.as_ref());
    let left = || first_by.saturating_duration_since(Instant::now());
    let options = options(&door.gateway.current().limits);
    let noted = Arc::new(Noted::default());
    let handshake = options.handshake(Screened::new(stream, noted.clone()));
    let Ok(Ok(mut connection)) = timeout(left(), handshake).await else {
        return door.metrics.ended(ConnectionEnd::Handshake);
    };
    let at_work = Arc::new(AtomicUsize::new(0));
    let (mut stopping, mut patience) = (false, left());
    let end = loop {
        let (request, respond) = match next(&mut connection, &at_work, patience, &mut shutdown, stopping).await {
            Next::Request(request) => request,
            Next::Over(end) => break end,
            Next::Stop => {
                connection.graceful_shutdown();
                stopping = true;
                continue;
            }
        };
        patience = IDLE;
        if at_work.fetch_add(1, Ordering::AcqRel) >= AT_WORK {
            break Some(ConnectionEnd::Flood);
        }
        let had_fragment = noted.had_fragment(respond.stream_id().as_u32());
        let stream = Http2Stream::new(request, respond, digest.clone(), &door.gateway.current().limits);
        let (door, at_work, shutdown) = (door.clone(), at_work.clone(), shutdown.clone());
        tokio::spawn(async move {
            let _working = Working(at_work);
            if had_fragment {
                // The client may have gone first.
                let _gone = refuse(&door, stream, &Denial::BadTarget("a fragment")).await;
            } else {
                answer(&door, stream, &shutdown).await;
            }
        });
    };
    // The library below does not pass on why a connection failed below it.
    let malformed = noted.is_malformed().then_some(ConnectionEnd::Protocol);
    if let Some(end) = end.or(malformed) {
        door.metrics.ended(end);
    }
}

type Wire = Connection<Screened<Stream>, Bytes>;
type Accepted = (http::Request<h2::RecvStream>, h2::server::SendResponse<Bytes>);

/// Waits for the next request. Partial frames and PING are no sign of life: only streams are.
async fn next(
    connection: &mut Wire,
    at_work: &AtomicUsize,
    patience: Duration,
    shutdown: &mut ShutdownWatch,
    stopping: bool,
) -> Next<Accepted> {
    let mut accepted = pin!(connection.accept());
    loop {
        tokio::select! {
            biased;
            accepted = &mut accepted => return match accepted {
                Some(Ok(request)) => Next::Request(request),
                Some(Err(error)) => Next::Over(ended_by_us(&error)),
                None => Next::Over(None),
            },
            _ = shutdown.changed(), if !stopping => return Next::Stop,
            () = pingora::time::sleep(patience) => {
                if at_work.load(Ordering::Acquire) == 0 {
                    return Next::Over(Some(ConnectionEnd::Idle));
                }
            }
        }
    }
}

/// Why the protocol's rules or bounds ended a connection; nothing where the client left.
fn ended_by_us(error: &h2::Error) -> Option<ConnectionEnd> {
    if error.is_io() || error.is_remote() {
        return None;
    }
    let is_flood = matches!(error.reason(), Some(Reason::ENHANCE_YOUR_CALM | Reason::COMPRESSION_ERROR));
    Some(if is_flood { ConnectionEnd::Flood } else { ConnectionEnd::Protocol })
}

fn options(limits: &LimitsConfig) -> H2Options {
    let mut options = H2Options::new();
    // Twice what a request may have, so that one that has more still reads why it is refused.
    let header = u32::try_from(limits.header.as_u64().saturating_mul(2)).unwrap_or(u32::MAX);
    options
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(header)
        .max_send_buffer_size(UNSENT)
        .max_concurrent_reset_streams(RESET)
        .max_pending_accept_reset_streams(RESET)
        .max_local_error_reset_streams(Some(RESET));
    options
}

async fn answer(door: &Door, mut stream: Http2Stream, shutdown: &ShutdownWatch) {
    let denial = match objection(&stream) {
        Some(denial) => denial,
        None => match stream.end_of_empty_body().await {
            Ok(()) => return judge(door, stream, shutdown).await,
            Err(error) => match ended(&error) {
                Some(denial) => denial.clone(),
                // The stream is no more.
                None => return,
            },
        },
    };
    // The client may have gone first.
    let _gone = refuse(door, stream, &denial).await;
}

async fn judge(door: &Door, mut stream: Http2Stream, shutdown: &ShutdownWatch) {
    let (request, line) = (stream.req_header(), stream.line());
    let arrival = Arrival { request, target: None, digest: stream.connection(), line };
    let (context, judgement) = door.gateway.judge(&arrival).await;
    let answer = match judgement {
        Ok(None) => {
            let session = ServerSession::new_custom(Box::new(stream));
            return door.pass(session, context, shutdown).await;
        }
        Ok(Some(answer)) => Ok(answer),
        Err(denial) => Err(denial),
    };
    door.gateway.answer(&mut stream, answer, context).await;
    // The client may have gone first.
    let _gone = stream.finish().await;
}

/// What pingora would answer in its own words, or read in another way than HTTP/2 means it.
fn objection(stream: &Http2Stream) -> Option<Denial> {
    let request = stream.req_header();
    if request.method == Method::CONNECT {
        return Some(Denial::MethodNotAllowed { allow: Vec::new() });
    }
    let (scheme, authority) = (request.uri.scheme_str(), request.uri.authority());
    // Without an authority the library below keeps no scheme.
    let is_http = scheme.map_or(authority.is_none(), |scheme| matches!(scheme, "http" | "https"));
    if !is_http {
        return Some(Denial::BadTarget("a scheme that is neither `http` nor `https`"));
    }
    // RFC 9113 section 8.3.1: `:path` begins with a slash; an absolute form would name a second authority.
    let begins_with_slash = request.uri.path_and_query().is_some_and(|path| path.as_str().starts_with('/'));
    (!begins_with_slash).then_some(Denial::BadTarget("a path that does not begin with a slash"))
}

async fn refuse(door: &Door, mut stream: Http2Stream, denial: &Denial) -> pingora::Result<()> {
    let client = stream.client_addr().and_then(|address| address.as_inet()).map(SocketAddr::ip);
    let client = client.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let request_id = door.gateway.refused(stream.req_header().method.as_str().as_bytes(), client, denial);
    let (header, body) = denied(denial, &Findings::default(), &request_id, stream.req_header())?;
    give(&mut stream, header, body).await
}

struct Working(Arc<AtomicUsize>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
