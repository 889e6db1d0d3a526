//! The gateway: what all requests of the proxy door share, and how one of them ends.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use arc_swap::ArcSwap;
use pingora::Error;
use pingora::protocols::http::ServerSession;

use super::access_log::{Answered, conclude, conclude_unread};
use super::context::RequestContext;
use super::respond::{begun, deny, end_connection, ended, failure};
use super::snapshot::Snapshot;
use super::stopping::Stopping;
use super::streams::{Closing, grpc_trailers, is_grpc};
use crate::authorizer::Denial;
use crate::clock::Clock;
use crate::telemetry::{AccessLog, InFlight};

/// The gateway: translates HTTP into access requests, and permits into requests to upstreams. Its clones are one.
#[derive(Clone)]
pub struct Gateway {
    current: Arc<ArcSwap<Snapshot>>,
    pub(super) log: AccessLog,
    clock: Clock,
    in_flight: Arc<AtomicUsize>,
    pub(super) stopping: Stopping,
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
    async fn close_stream(&self, session: &mut ServerSession, denial: &Denial, context: &RequestContext) {
        if let Some(metrics) =
            context.findings.route.as_ref().and_then(|route| context.snapshot.point.routes.get(route.name()))
        {
            metrics.stream_closed(denial.code());
        }
        // The client may have gone first, here and below.
        let status = if denial.asks_for_credentials() { Closing::PolicyViolation } else { Closing::GoingAway };
        if let Some(last) = context.websocket.as_ref().and_then(|frames| frames.closing(status, denial.code())) {
            let _gone = session.write_response_body(last.into(), true).await;
            session.shutdown().await;
        } else if is_grpc(session.req_header()) {
            let _gone = session.write_response_trailers(grpc_trailers(denial)).await;
        }
    }

    /// What is known of a request before its first byte.
    pub(super) fn fresh_context(&self) -> Box<RequestContext> {
        let in_flight = InFlight::count(&self.in_flight);
        Box::new(RequestContext::new(self.current.load_full(), self.clock.unix_millis(), in_flight))
    }

    /// Ends a request that could not be passed on, or its answer: as far as nothing has begun, with one of the gate's own.
    pub(super) async fn fail(&self, session: &mut ServerSession, error: &Error, context: &mut RequestContext) {
        if context.line.has_whole_answer() {
            // What is missing of a body that the upstream has not waited for changes nothing about it.
            context.denial = None;
            return finish(session).await;
        }
        let Some(denial) = context.denial.clone().or_else(|| failure(error)) else { return };
        let answered = begun(session).is_some();
        // The connection ends after any failure: the client is to know before it sends its next request there.
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

    /// Counts and logs a request that is over.
    pub(super) fn conclude(&self, session: &ServerSession, error: Option<&Error>, context: &RequestContext) {
        if let Some(error) = error {
            tracing::debug!(request_id = context.request_id, %error, "the request failed");
        }
        let status = begun(session).map(|response| response.status.as_u16());
        let answered = Answered { request: session.req_header(), status, bytes_out: session.body_bytes_sent() as u64 };
        conclude(&answered, context, &self.log);
    }
}

/// Ends an answer that is whole, and with it a connection that has still to hear of that.
async fn finish(session: &mut ServerSession) {
    if let Some(stream) = session.as_custom_mut() {
        // The client may have gone.
        let _gone = stream.finish().await;
    }
}

/// Ends an answer of which the rest will never come. Over HTTP/1.1 its missing end tells that.
async fn break_off(session: &mut ServerSession) {
    if let Some(stream) = session.as_custom_mut() {
        stream.shutdown(0, "the upstream broke off").await;
    }
}
