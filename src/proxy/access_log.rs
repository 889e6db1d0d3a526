//! The end of a request: its line in the access log and its place in the metrics.

use http::Version;
use pingora::http::RequestHeader;

use super::context::RequestContext;
use crate::authorizer::{Denial, Took, Traced};
use crate::telemetry::{AccessLine, AccessLog, Outcome, Trace, Traces, status_class};

/// A request that is over, and what its client was sent.
pub(super) struct Answered<'a> {
    pub(super) request: &'a RequestHeader,
    /// `None` where no answer has begun.
    pub(super) status: Option<u16>,
    /// Bytes of the answer's body.
    pub(super) bytes_out: u64,
}

/// Counts and logs a request that is over.
pub(super) fn conclude(answered: &Answered<'_>, context: &RequestContext, log: &AccessLog) {
    let Answered { request, status, bytes_out } = *answered;
    let outcome = outcome(context, status);
    let code = context.denial.as_ref().map_or_else(|| status.map_or("aborted", status_class), |denial| denial.code());
    let duration = context.started.elapsed();
    let snapshot = &context.snapshot;
    let route = context.findings.route.as_ref();
    snapshot.point.count(&context.findings, outcome, code, Took { all: duration, decision: context.decision });
    let upstream_duration = context.upstream_started.map(|started| started.elapsed());
    let upstream = route.map(|route| route.upstream()).filter(|_| upstream_duration.is_some());
    if let (Some(upstream), Some(took)) = (upstream, upstream_duration) {
        snapshot.upstreams.get(upstream).iter().for_each(|upstream| upstream.took(took));
    }
    if !log.is_on() && !context.is_recorded() && !snapshot.point.records(&context.findings) {
        return;
    }
    let token = context.findings.token.as_ref();
    let trace_id = Traces::id_of(context.trace.as_ref(), &request.headers);
    let line = AccessLine {
        time_unix_millis: context.started_unix_millis,
        request_id: &context.request_id,
        trace_id: trace_id.as_deref(),
        door: None,
        client: context.client,
        method: request.method.as_str(),
        host: context.host.as_deref(),
        path: request.uri.path(),
        route: route.map(|route| route.name().as_ref()),
        status,
        outcome,
        code,
        issuer: token.map(|token| token.issuer_name()),
        subject: token.map(|token| token.subject()),
        policies: context.findings.policy_ids(),
        duration,
        decision: context.decision,
        upstream: upstream.map(AsRef::as_ref),
        upstream_duration,
        bytes_in: context.body_bytes,
        bytes_out,
    };
    log.write(&line);
    snapshot.point.record(&context.findings, &line);
    if let Some(trace) = &context.trace {
        snapshot.point.trace(traced(request, context, trace, &line), &context.findings, &line);
    }
}

/// What a trace says of the request beside its line.
fn traced<'a>(
    request: &RequestHeader,
    context: &'a RequestContext,
    trace: &'a Trace,
    line: &AccessLine<'_>,
) -> Traced<'a> {
    Traced {
        trace,
        begun: context.started,
        scheme: if context.is_tls { "https" } else { "http" },
        protocol_version: match request.version {
            Version::HTTP_10 => Some("1.0"),
            Version::HTTP_11 => Some("1.1"),
            Version::HTTP_2 => Some("2"),
            _ => None,
        },
        denial: context.denial.as_ref(),
        tries: context.tries.spans(line, request.uri.path(), context.started + line.duration),
    }
}

/// Counts and logs a request that no parser has read: what it asked for is known as far as its first line goes.
pub(super) fn conclude_unread(received: &[u8], denial: &Denial, context: &RequestContext, log: &AccessLog) {
    let duration = context.started.elapsed();
    context.snapshot.point.unrouted.request(Outcome::Denied, denial.code(), duration);
    if !log.is_on() {
        return;
    }
    let mut words = received.split(|byte| matches!(byte, b' ' | b'\r' | b'\n')).map(str::from_utf8);
    let mut word = |longest| words.next().and_then(Result::ok).filter(|word| (1..=longest).contains(&word.len()));
    log.write(&AccessLine {
        time_unix_millis: context.started_unix_millis,
        request_id: &context.request_id,
        trace_id: None,
        door: None,
        client: context.client,
        method: word(16).unwrap_or("-"),
        host: None,
        // What begins otherwise may be anything, a piece of a credential too.
        path: word(1024).filter(|word| word.starts_with('/')).unwrap_or("-"),
        route: None,
        status: Some(denial.status()),
        outcome: Outcome::Denied,
        code: denial.code(),
        issuer: None,
        subject: None,
        policies: Vec::new(),
        duration,
        decision: None,
        upstream: None,
        upstream_duration: None,
        bytes_in: 0,
        bytes_out: 0,
    });
}

fn outcome(context: &RequestContext, status: Option<u16>) -> Outcome {
    match &context.denial {
        Some(denial) if denial.is_failure() => Outcome::Failed,
        Some(_) => Outcome::Denied,
        None if status.is_none() => Outcome::Failed,
        None => Outcome::Allowed,
    }
}
