//! HTTP/2 connections: how many streams, how large their fields, and for how long without any.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use pingora::apps::HttpServerApp;
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::{H2Accept, H2Options, HttpSession, handshake};
use pingora::protocols::{Digest, Stream};
use pingora::server::ShutdownWatch;
use pingora::time::timeout;

use super::door::Door;
use crate::authorizer::Denial;
use crate::proxy::config::LimitsConfig;
use crate::proxy::respond::REQUEST_ID;

/// Streams at once on a connection.
const STREAMS: u32 = 100;
/// Requests at once on a connection, those counted in that the client has reset and that are not wound up yet.
const AT_WORK: usize = 2 * STREAMS as usize;
/// Requests that are no HTTP on one connection.
const MALFORMED: usize = 32;
/// Streams that were reset, by the client before they were looked at or by us for what was wrong with them.
const RESET: usize = 64;
/// A connection without a stream ends after this long.
const IDLE: Duration = Duration::from_mins(1);

/// Serves the streams of one connection.
pub(super) async fn serve(door: &Arc<Door>, stream: Stream, first_by: Instant, mut shutdown: ShutdownWatch) {
    let digest = Arc::new(Digest {
        ssl_digest: stream.get_ssl_digest(),
        timing_digest: stream.get_timing_digest(),
        proxy_digest: None,
        socket_digest: stream.get_socket_digest(),
    });
    let left = || first_by.saturating_duration_since(Instant::now());
    let options = options(&door.gateway.current().limits);
    let Ok(Ok(mut connection)) = timeout(left(), handshake(stream, Some(options))).await else { return };
    let at_work = Arc::new(AtomicUsize::new(0));
    let mut malformed = 0;
    let mut stopping = false;
    let mut patience = left();
    loop {
        let accepted = {
            let mut next = pin!(HttpSession::from_h2_conn(&mut connection, digest.clone()));
            loop {
                tokio::select! {
                    biased;
                    accepted = &mut next => break Some(accepted),
                    _ = shutdown.changed(), if !stopping => break None,
                    () = pingora::time::sleep(patience) => {
                        // Partial frames and PING are no sign of life: only streams are.
                        if at_work.load(Ordering::Acquire) == 0 {
                            return;
                        }
                    }
                }
            }
        };
        let session = match accepted {
            None => {
                connection.graceful_shutdown();
                stopping = true;
                continue;
            }
            Some(Ok(Some(H2Accept::Session(session)))) => session,
            Some(Ok(Some(H2Accept::Rejected))) if malformed < MALFORMED => {
                malformed += 1;
                continue;
            }
            Some(_) => return,
        };
        patience = IDLE;
        if at_work.fetch_add(1, Ordering::AcqRel) >= AT_WORK {
            return;
        }
        let (door, at_work, shutdown) = (door.clone(), at_work.clone(), shutdown.clone());
        tokio::spawn(async move {
            let _working = Working(at_work);
            answer(&door, session, &shutdown).await;
        });
    }
}

fn options(limits: &LimitsConfig) -> H2Options {
    let mut options = H2Options::new();
    // Twice what a request may have, so that one that has more still reads why it is refused.
    let header = u32::try_from(limits.header.as_u64().saturating_mul(2)).unwrap_or(u32::MAX);
    options
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(header)
        .max_concurrent_reset_streams(RESET)
        .max_pending_accept_reset_streams(RESET)
        .max_local_error_reset_streams(Some(RESET));
    options
}

async fn answer(door: &Door, session: HttpSession, shutdown: &ShutdownWatch) {
    // pingora would answer in its own words.
    if session.req_header().method == http::Method::CONNECT {
        let denial = Denial::MethodNotAllowed { allow: Vec::new() };
        // The client may have gone first.
        let _gone = refuse(door, session, &denial).await;
        return;
    }
    door.proxy.process_new_http(ServerSession::new_http2(session), shutdown).await;
}

async fn refuse(door: &Door, mut session: HttpSession, denial: &Denial) -> pingora::Result<()> {
    let client = session.client_addr().and_then(|address| address.as_inet()).map(std::net::SocketAddr::ip);
    let client = client.unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into());
    let request_id = door.gateway.refused(session.req_header().method.as_str().as_bytes(), client, denial);
    let answer = denial.answer(&request_id);
    let mut header = ResponseHeader::build(answer.status, Some(5))?;
    header.insert_header(CONTENT_TYPE, "application/problem+json")?;
    header.insert_header(CONTENT_LENGTH, answer.body.len())?;
    header.insert_header(CACHE_CONTROL, "no-store")?;
    header.insert_header(REQUEST_ID, request_id)?;
    for (name, value) in answer.headers {
        header.insert_header(name, value)?;
    }
    session.write_response_header(Box::new(header), false)?;
    session.write_body(Bytes::from(answer.body), true).await
}

struct Working(Arc<AtomicUsize>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
