//! The proxy door: pingora's phases, in the order in which a request meets them.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{EXPECT, HOST, TE, UPGRADE};
use http::{HeaderMap, HeaderValue, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, OrErr};

use super::access_log::{Answered, conclude, conclude_unread};
use super::answer::tidy;
use super::context::RequestContext;
use super::head::{forget_case_of_answer, with_parts};
use super::respond::{REQUEST_ID, begun, change, deny, end_connection, ended, failure};
use super::snapshot::Snapshot;
use super::stopping::Stopping;
use super::streams::{
    Closing, Frames, agrees_to_websocket, be_patient, grpc_trailers, is_grpc, let_pass, watch, watch_if_it_streams,
};
use super::upstream::{Replay, Upstream, affinity};
use crate::authorizer::Denial;
use crate::clock::Clock;
use crate::telemetry::{AccessLog, InFlight};

/// Where the system does not say who connected: no network that anyone trusts has this address.
pub(super) const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The gateway: translates HTTP into access requests, and permits into requests to upstreams. Its clones are one.
#[derive(Clone)]
pub struct Gateway {
    current: Arc<ArcSwap<Snapshot>>,
    pub(super) log: AccessLog,
    clock: Clock,
    in_flight: Arc<AtomicUsize>,
    stopping: Stopping,
}

impl Gateway {
    /// A gateway that follows `current`, counts in `in_flight` the requests that are on their way, and ends them as `stopping`
    /// says.
    #[must_use]
    pub fn new(
        current: Arc<ArcSwap<Snapshot>>,
        log: AccessLog,
        clock: Clock,
        in_flight: Arc<AtomicUsize>,
        stopping: Stopping,
    ) -> Self {
        Self { current, log, clock, in_flight, stopping }
    }

    /// The config in force.
    pub(super) fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Counts and logs a request that is refused before any parser has read it, and gives it an id.
    pub(super) fn refused(&self, received: &[u8], client: IpAddr, denial: &Denial) -> String {
        let mut context = self.fresh_context();
        context.client = Some(client);
        conclude_unread(received, denial, &context, &self.log);
        std::mem::take(&mut context.request_id)
    }

    /// Ends an answer that has begun, in the words of its protocol where it has any; otherwise its end is missing, which tells.
    async fn close_stream(&self, session: &mut Session, denial: &Denial, context: &RequestContext) {
        if let Some(metrics) =
            context.findings.route.as_ref().and_then(|route| context.snapshot.point.routes.get(route.name()))
        {
            metrics.stream_closed(denial.code());
        }
        // The client may have gone first, here and below.
        let status = if denial.asks_for_credentials() { Closing::PolicyViolation } else { Closing::GoingAway };
        if let Some(last) = context.websocket.as_ref().and_then(|frames| frames.closing(status, denial.code())) {
            let _gone = session.write_response_body(Some(last.into()), true).await;
            session.downstream_session.shutdown().await;
        } else if is_grpc(session.req_header()) {
            let _gone = session.downstream_session.write_response_trailers(grpc_trailers(denial)).await;
        }
    }

    /// What is known of a request before its first byte.
    pub(super) fn fresh_context(&self) -> Box<RequestContext> {
        let in_flight = InFlight::count(&self.in_flight);
        Box::new(RequestContext::new(self.current.load_full(), self.clock.unix_millis(), in_flight))
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = Box<RequestContext>;

    /// Of a request that was handed over without a judgement nothing is known, so it has no permit.
    fn new_ctx(&self) -> Self::CTX {
        Self::handed_over().unwrap_or_else(|| self.fresh_context())
    }

    /// No modules: what the gate does to a request is all in these phases.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    /// The request was judged before pingora had it: here it is made ready to go on.
    async fn request_filter(&self, session: &mut Session, context: &mut Self::CTX) -> pingora::Result<bool> {
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
        forget_later_versions(session);
        Ok(false)
    }

    async fn upstream_peer(&self, session: &mut Session, context: &mut Self::CTX) -> pingora::Result<Box<HttpPeer>> {
        context.upstream_started.get_or_insert_with(Instant::now);
        let upstream =
            upstream_of(context).cloned().ok_or_else(|| Error::explain(ErrorType::InternalError, "no permit"))?;
        let upgrades = context.upgrade;
        let client = context.client.unwrap_or(UNKNOWN);
        let headers = &session.req_header().headers;
        let caller = upstream.hashes_by().map(|by| affinity(by, &context.findings, headers, client));
        match context.attempt.next(&upstream, caller).await {
            Ok(mut peer) => {
                be_patient(&mut peer, session, &context.line, upgrades, upstream.timeouts());
                if let Some(endpoint) = context.attempt.address().filter(|_| context.is_recorded()) {
                    context.tries.begin(endpoint, peer.is_tls());
                }
                Ok(Box::new(peer))
            }
            Err(denial) => {
                context.denial = Some(denial);
                Err(Error::explain(ErrorType::ConnectNoRoute, "no endpoint to ask").into_up())
            }
        }
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        context: &mut Self::CTX,
        mut error: Box<Error>,
    ) -> Box<Error> {
        let upstream = upstream_of(context).cloned();
        error.set_retry(upstream.is_some_and(|upstream| context.attempt.connect_failed(&upstream)));
        context.tries.failed(&error, context.denial.as_ref());
        error
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        context: &mut Self::CTX,
        reused: bool,
    ) -> Box<Error> {
        let was_late = matches!(ended(&error), Some(Denial::UpstreamTimeout));
        match upstream_of(context).cloned() {
            Some(upstream) if was_late => {
                context.attempt.late(&upstream);
                error.set_retry(false);
            }
            Some(upstream) => context.attempt.broke(&upstream, &mut error, reused, replay(session, context)),
            None => error.set_retry(false),
        }
        context.tries.failed(&error, context.denial.as_ref());
        error
    }

    /// Runs after pingora has taken out hop-by-hop headers, so a name in `Connection` cannot take out what is set here.
    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        context: &mut Self::CTX,
    ) -> pingora::Result<()> {
        let Some(permit) = &context.permit else {
            return Err(Error::explain(ErrorType::InternalError, "no permit"));
        };
        if let Some(trace) = &context.trace {
            context.tries.pass_on(trace, request)?;
        }
        with_parts(request, |parts| {
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
            write_forwarded(session, &mut parts.headers, context)
        })?;
        match &context.target {
            Some(target) if request.raw_path() != target.as_bytes() => request.set_raw_path(target.as_bytes()),
            _ => Ok(()),
        }
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        _end_of_stream: bool,
        context: &mut Self::CTX,
    ) -> pingora::Result<()> {
        let_pass(context, &self.stopping)?;
        if context.websocket.is_some() {
            // A tunnel is no body.
            context.body_bytes += body.as_ref().map_or(0, |body| body.len() as u64);
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

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Self::CTX,
    ) -> pingora::Result<()> {
        forget_case_of_answer(response)?;
        if response.status != http::StatusCode::SWITCHING_PROTOCOLS {
            tidy(response).map_err(|reason| Error::explain(ErrorType::InvalidHTTPHeader, reason).into_up())?;
            return answered(session, response, context);
        }
        if !context.upgrade || !agrees_to_websocket(response) {
            // A tunnel that was asked for by nobody, or leads elsewhere.
            return Err(Error::explain(ErrorType::InvalidHTTPHeader, "an upgrade that was not asked for").into_up());
        }
        context.line.open_tunnel();
        context.websocket = Some(Frames::default());
        watch(context, &self.stopping);
        answered(session, response, context)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Self::CTX,
    ) -> pingora::Result<()> {
        if self.stopping.is_closing() {
            // For HTTP/2 the connection has said so itself.
            end_connection(session, &context.line);
        }
        watch_if_it_streams(response, context, &self.stopping);
        change(response, &context.findings.answer)?;
        response.insert_header(REQUEST_ID, context.request_id.as_str())
    }

    fn response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        _end_of_stream: bool,
        context: &mut Self::CTX,
    ) -> pingora::Result<Option<Duration>> {
        let_pass(context, &self.stopping)?;
        if let (Some(frames), Some(bytes)) = (&mut context.websocket, body) {
            frames.note(bytes);
        }
        Ok(None)
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, context: &mut Self::CTX) -> FailToProxy {
        if context.line.has_whole_answer() {
            // What is missing of a body that the upstream has not waited for changes nothing about it.
            context.denial = None;
            finish(session).await;
            return FailToProxy { error_code: 0, can_reuse_downstream: false };
        }
        let denial = context.denial.clone().or_else(|| failure(error));
        let mut error_code = 0;
        if let Some(denial) = denial {
            error_code = denial.status();
            let answered = begun(session).is_some();
            // pingora ends the connection after any failure: the client is to know before it sends its next request there.
            end_connection(session, &context.line);
            let was_silent = context.watched && denial == Denial::UpstreamTimeout;
            let is_ours = was_silent || ended(error).is_some();
            if answered && (is_ours || is_grpc(session.req_header())) {
                self.close_stream(session, &denial, context).await;
            } else if answered {
                break_off(session).await;
            } else {
                // The client may have gone; the log line says what it would have read.
                let _gone = deny(session, &denial, context).await;
            }
            context.denial = Some(denial);
        }
        FailToProxy { error_code, can_reuse_downstream: false }
    }

    /// The gate's own access log says what became of a request; pingora's line would quote the query.
    fn suppress_error_log(&self, _session: &Session, _context: &Self::CTX, _error: &Error) -> bool {
        true
    }

    /// A try that failed is told by the line of the request that it belongs to, without an address for a client to provoke.
    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        context: &Self::CTX,
        error: &Error,
        _retry: ProxyWarnLogContext,
    ) -> bool {
        tracing::debug!(request_id = context.request_id, %error, "another endpoint is tried");
        true
    }

    fn request_summary(&self, session: &Session, context: &Self::CTX) -> String {
        format!("{} request {}", session.req_header().method, context.request_id)
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, context: &mut Self::CTX) {
        if let Some(error) = error {
            tracing::debug!(request_id = context.request_id, %error, "the request failed");
        }
        let status = begun(session).map(|response| response.status.as_u16());
        let answered = Answered { request: session.req_header(), status, bytes_out: session.body_bytes_sent() as u64 };
        conclude(&answered, context, &self.log);
    }
}

/// Ends an answer that is whole, and with it a connection that has still to hear of that.
async fn finish(session: &mut Session) {
    if let Some(stream) = session.downstream_session.as_custom_mut() {
        // The client may have gone.
        let _gone = stream.finish().await;
    }
}

/// Ends an answer of which the rest will never come. Over HTTP/1.1 its missing end tells that.
async fn break_off(session: &mut Session) {
    if let Some(stream) = session.downstream_session.as_custom_mut() {
        stream.shutdown(0, "the upstream broke off").await;
    }
}

fn upstream_of(context: &RequestContext) -> Option<&Arc<Upstream>> {
    let permit = context.permit.as_ref()?;
    context.snapshot.upstreams.get(permit.route().upstream())
}

/// Takes in what the endpoint answered. An error where the request is tried again instead of being answered so.
fn answered(session: &Session, response: &ResponseHeader, context: &mut RequestContext) -> pingora::Result<()> {
    let is_final = !response.status.is_informational() || response.status == http::StatusCode::SWITCHING_PROTOCOLS;
    match upstream_of(context).cloned() {
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
fn replay(session: &Session, context: &RequestContext) -> Replay {
    let is_kept = !session.as_ref().retry_buffer_truncated();
    let is_unanswered = begun(session).is_none();
    Replay {
        is_safe: session.req_header().method.is_idempotent() && is_kept && is_unanswered,
        has_body: context.body_bytes > 0,
    }
}

/// Takes out what a client of HTTP/1.0 can neither ask for nor read (RFC 9110 sections 10.1.1 and 15.2).
fn forget_later_versions(session: &mut Session) {
    if session.req_header().version < Version::HTTP_11 {
        session.req_header_mut().remove_header(&EXPECT);
        session.downstream_session.set_ignore_info_resp(true);
    }
}

/// Who asked, by which scheme and for which host.
fn write_forwarded(session: &Session, headers: &mut HeaderMap, context: &RequestContext) -> pingora::Result<()> {
    let received = session.req_header();
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
