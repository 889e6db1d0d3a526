//! The tries at an upstream, as spans of the request's trace, and the trace context that each of them carries.

use std::net::SocketAddr;
use std::time::Instant;

use pingora::Error;
use pingora::http::RequestHeader;

use super::respond::failure;
use crate::authorizer::{Denial, known_method};
use crate::telemetry::{AccessLine, Attributes, Span, SpanKind, Trace};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
/// What became of a try whose end was the client's.
const ABORTED: &str = "aborted";

/// The tries of one request; none where it is not recorded.
#[derive(Debug, Default)]
pub(super) struct Tries(Vec<Try>);

#[derive(Debug)]
struct Try {
    span: u64,
    begun: Instant,
    ended: Option<Instant>,
    endpoint: SocketAddr,
    scheme: &'static str,
    status: Option<u16>,
    error: Option<&'static str>,
}

impl Tries {
    /// A request is sent to this endpoint.
    pub(super) fn begin(&mut self, endpoint: SocketAddr, is_tls: bool) {
        let (span, begun) = (Trace::new_span(), Instant::now());
        let scheme = if is_tls { "https" } else { "http" };
        self.0.push(Try { span, begun, ended: None, endpoint, scheme, status: None, error: None });
    }

    /// The endpoint has answered.
    pub(super) fn answered(&mut self, status: u16) {
        if let Some(last) = self.0.last_mut() {
            last.status = Some(status);
        }
    }

    /// The try is over, and another may follow. `denial` is what the gate itself has found, where it has ended it.
    pub(super) fn failed(&mut self, error: &Error, denial: Option<&Denial>) {
        if let Some(last) = self.0.last_mut().filter(|last| last.ended.is_none()) {
            last.ended = Some(Instant::now());
            last.error = Some(denial.or(failure(error).as_ref()).map_or(ABORTED, Denial::code));
        }
    }

    /// Writes into the request for the upstream whose span it belongs to.
    pub(super) fn pass_on(&self, trace: &Trace, request: &mut RequestHeader) -> pingora::Result<()> {
        if !trace.keeps_state() {
            request.remove_header(TRACESTATE);
        }
        let span = self.0.last().map_or(trace.span(), |last| last.span);
        request.insert_header(TRACEPARENT, trace.traceparent(span))
    }

    /// The spans of the tries of the request of `line`, which asked for this path and was over at `ended`.
    pub(super) fn spans(&self, line: &AccessLine<'_>, path: &str, ended: Instant) -> Vec<Span> {
        self.0.iter().enumerate().map(|(index, one)| one.span(index, line, path, ended)).collect()
    }
}

impl Try {
    fn span(&self, index: usize, line: &AccessLine<'_>, path: &str, ended: Instant) -> Span {
        let url = format!("{}://{}{path}", self.scheme, self.endpoint);
        let attributes = Attributes::default()
            .text("http.request.method", known_method(line.method))
            .number("http.request.resend_count", Some(index as u64).filter(|index| *index > 0))
            .number("http.response.status_code", self.status.map(u64::from))
            .text("url.full", url.as_str())
            .text("server.address", self.endpoint.ip().to_string().as_str())
            .number("server.port", u64::from(self.endpoint.port()))
            .text("lychgate.upstream", line.upstream);
        // Of what was asked for, any refusal is an error to the one who asks, even where it is none to the one who answers.
        let status = self.status.filter(|status| status / 100 >= 4).map(|status| status.to_string().into());
        Span {
            id: self.span,
            name: "upstream".into(),
            kind: SpanKind::Client,
            begun: self.begun,
            ended: self.ended.unwrap_or(ended),
            attributes,
            error: status.or(self.error.map(Into::into)),
        }
    }
}
