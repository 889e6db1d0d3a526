//! The steps of a request's way to its upstream and back, in the order in which it meets them, whoever carries it: the gate itself
//! ([`passage`](super::passage)) or pingora's proxy ([`phases`](super::phases)).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{EXPECT, HOST, TE, UPGRADE};
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::ServerSession;
use pingora::{Error, ErrorType, OrErr};

use super::answer::tidy;
use super::context::RequestContext;
use super::head::{forget_case_of_answer, with_parts};
use super::respond::{REQUEST_ID, begun, change, end_connection, ended};
use super::stopping::Stopping;
use super::streams::{Frames, agrees_to_websocket, is_grpc, let_pass, patience, watch, watch_if_it_streams};
use super::upstream::{Endpoint, Replay, affinity};
use crate::authorizer::Denial;

/// Where the system does not say who connected: no network that anyone trusts has this address.
pub(super) const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Fields beside what the permit sets: the request's id, its way, and `Host`, `TE` or `traceparent` at times.
const TOLD: usize = 6;

/// Where a request goes next.
pub(super) struct Chosen {
    pub(super) endpoint: Arc<Endpoint>,
    /// How long each wait for more of its answer may take.
    pub(super) patience: Duration,
}

/// Makes a request that was judged ready to go on.
pub(super) fn prepare(session: &mut ServerSession, context: &mut RequestContext) {
    // How long a body may take is the wire's to say, and how long a client may take nothing of its answer.
    session.set_read_timeout(None);
    if is_grpc(session.req_header()) {
        context.line.take_time();
    }
    if let Some(judged) = context.judged.take() {
        *session.req_header_mut() = judged;
        // pingora has read but one of the fields that say so.
        if context.line.ends_connection() {
            session.set_keepalive(None);
        }
    }
    if !context.upgrade {
        // What is not offered to the upstream is ignored, as RFC 9110 section 7.8 lets a server do.
        session.req_header_mut().remove_header(&UPGRADE);
    }
    if session.req_header().version < Version::HTTP_11 {
        // What a client of HTTP/1.0 can neither ask for nor read (RFC 9110 sections 10.1.1 and 15.2).
        session.req_header_mut().remove_header(&EXPECT);
        session.set_ignore_info_resp(true);
    }
}

/// Chooses the endpoint of the next try.
pub(super) async fn choose(session: &mut ServerSession, context: &mut RequestContext) -> pingora::Result<Chosen> {
    context.upstream_started.get_or_insert_with(Instant::now);
    let upstream = context.upstream.clone().ok_or_else(no_permit)?;
    let client = context.client.unwrap_or(UNKNOWN);
    let headers = &session.req_header().headers;
    let caller = upstream.hashes_by().map(|by| affinity(by, &context.findings, headers, client));
    match context.attempt.next(&upstream, caller).await {
        Ok(endpoint) => {
            let patience = patience(session, &context.line, context.upgrade, upstream.timeouts());
            if context.is_recorded() {
                context.tries.begin(endpoint.address, endpoint.peer.is_tls());
            }
            Ok(Chosen { endpoint, patience })
        }
        Err(denial) => {
            context.denial = Some(denial);
            Err(Error::explain(ErrorType::ConnectNoRoute, "no endpoint to ask").into_up())
        }
    }
}

/// No connection could be made. The error says whether another endpoint is tried.
pub(super) fn connect_failed(context: &mut RequestContext, error: &mut Error) {
    let again = match context.upstream.clone() {
        Some(upstream) => context.attempt.connect_failed(&upstream),
        None => false,
    };
    error.set_retry(again);
    context.tries.failed(error, context.denial.as_ref());
}

/// Something broke on the way. The error says whether it is tried again.
pub(super) fn broke(session: &ServerSession, context: &mut RequestContext, error: &mut Error, reused: bool) {
    let was_late = matches!(ended(error), Some(Denial::UpstreamTimeout));
    match context.upstream.clone() {
        Some(upstream) if was_late => {
            context.attempt.late(&upstream);
            error.set_retry(false);
        }
        Some(upstream) => context.attempt.broke(&upstream, error, reused, replay(session, context)),
        None => error.set_retry(false),
    }
    context.tries.failed(error, context.denial.as_ref());
}

/// Tells the upstream what was proved, and who asked. Comes after hop-by-hop fields were taken out, so that a name in `Connection`
/// cannot take out what is set here.
pub(super) fn address(
    session: &ServerSession,
    request: &mut RequestHeader,
    context: &mut RequestContext,
) -> pingora::Result<()> {
    let permit = context.permit.as_ref().ok_or_else(no_permit)?;
    if let Some(trace) = &context.trace {
        context.tries.pass_on(trace, request)?;
    }
    with_parts(request, |parts| {
        parts.headers.reserve(permit.set().len() + TOLD);
        for name in permit.remove() {
            parts.headers.remove(name);
        }
        for (name, value) in permit.set() {
            parts.headers.insert(name, value.clone());
        }
        if let Some(authority) = parts.uri.authority().filter(|_| !parts.headers.contains_key(HOST)) {
            // The path that follows leaves no other place for it.
            parts.headers.insert(HOST, value_of(authority.as_str())?);
        }
        if is_grpc(session.req_header()) && parts.version == Version::HTTP_2 {
            // gRPC servers refuse callers that read no trailers; what else a client says of the kind ends here.
            parts.headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        parts.headers.insert(REQUEST_ID, value_of(&context.request_id)?);
        write_forwarded(session.req_header(), &mut parts.headers, context)
    })?;
    match &context.target {
        Some(target) if request.raw_path() != target.as_bytes() => request.set_raw_path(target.as_bytes()),
        _ => Ok(()),
    }
}

/// Lets a piece of the request's body pass, or of what a tunnel carries.
pub(super) fn let_body_pass(
    session: &ServerSession,
    context: &mut RequestContext,
    stopping: &Stopping,
    piece: usize,
) -> pingora::Result<()> {
    let_pass(context, stopping)?;
    if context.websocket.is_some() {
        // A tunnel is no body.
        context.body_bytes += piece as u64;
        return Ok(());
    }
    // Not what comes by here: what is sent anew for a second try came once.
    context.body_bytes = session.body_bytes_read() as u64;
    if context.body_bytes <= context.snapshot.limits.body.as_u64() {
        return Ok(());
    }
    context.denial = Some(Denial::BodyTooLarge);
    Err(Error::explain(ErrorType::new("BodyTooLarge"), "the body is larger than `limits.body`"))
}

/// Takes in the head of an answer. An error where it is none that goes on.
pub(super) fn take_answer(
    session: &ServerSession,
    response: &mut ResponseHeader,
    context: &mut RequestContext,
    stopping: &Stopping,
) -> pingora::Result<()> {
    forget_case_of_answer(response)?;
    if response.status != StatusCode::SWITCHING_PROTOCOLS {
        tidy(response).map_err(|reason| Error::explain(ErrorType::InvalidHTTPHeader, reason).into_up())?;
        return answered(session, response, context);
    }
    if !context.upgrade || !agrees_to_websocket(response) {
        // A tunnel that was asked for by nobody, or leads elsewhere.
        return Err(Error::explain(ErrorType::InvalidHTTPHeader, "an upgrade that was not asked for").into_up());
    }
    context.line.open_tunnel();
    context.websocket = Some(Frames::default());
    watch(context, stopping);
    answered(session, response, context)
}

/// Makes the head of an answer what the route wants its client to read.
pub(super) fn shape(
    session: &mut ServerSession,
    response: &mut ResponseHeader,
    context: &mut RequestContext,
    stopping: &Stopping,
) -> pingora::Result<()> {
    if stopping.is_closing() {
        // For HTTP/2 the connection has said so itself.
        end_connection(session, &context.line);
    }
    watch_if_it_streams(response, context, stopping);
    change(response, &context.findings.answer)?;
    response.insert_header(REQUEST_ID, context.request_id.as_str())
}

/// Lets a piece of an answer pass, or of what a tunnel carries.
pub(super) fn let_answer_pass(
    context: &mut RequestContext,
    stopping: &Stopping,
    piece: Option<&[u8]>,
) -> pingora::Result<()> {
    let_pass(context, stopping)?;
    if let (Some(frames), Some(bytes)) = (&mut context.websocket, piece) {
        frames.note(bytes);
    }
    Ok(())
}

/// Takes in what the endpoint answered. An error where the request is tried again instead of being answered so.
fn answered(session: &ServerSession, response: &ResponseHeader, context: &mut RequestContext) -> pingora::Result<()> {
    let is_final = !response.status.is_informational() || response.status == StatusCode::SWITCHING_PROTOCOLS;
    match context.upstream.clone() {
        Some(upstream) if is_final => {
            context.line.answered();
            context.tries.answered(response.status.as_u16());
            let replay = replay(session, context);
            context.attempt.answered(&upstream, response.status, replay)
        }
        _ => Ok(()),
    }
}

/// Whether the request can be sent once more.
fn replay(session: &ServerSession, context: &RequestContext) -> Replay {
    let is_kept = !session.retry_buffer_truncated();
    let is_unanswered = begun(session).is_none();
    Replay {
        is_safe: session.req_header().method.is_idempotent() && is_kept && is_unanswered,
        has_body: context.body_bytes > 0,
    }
}

/// Who asked, by which scheme and for which host.
fn write_forwarded(received: &RequestHeader, headers: &mut HeaderMap, context: &RequestContext) -> pingora::Result<()> {
    // HTTP/2 has it in `:authority`.
    let host = received.headers.get(HOST).map(HeaderValue::as_bytes);
    let host = host.or_else(|| received.uri.authority().map(|authority| authority.as_str().as_bytes()));
    let host = host.and_then(|host| HeaderValue::from_bytes(host).ok());
    let client = context.client.unwrap_or(UNKNOWN);
    let scheme = if context.is_tls { "https" } else { "http" };
    context.way.write(client, scheme, host, headers).or_err(ErrorType::InvalidHTTPHeader, "while saying who asked")
}

fn value_of(text: &str) -> pingora::Result<HeaderValue> {
    HeaderValue::from_str(text).or_err(ErrorType::InvalidHTTPHeader, "while writing what is told to the upstream")
}

#[expect(clippy::unnecessary_box_returns, reason = "pingora's errors are boxed wherever they go")]
fn no_permit() -> Box<Error> {
    Error::explain(ErrorType::InternalError, "no permit")
}
