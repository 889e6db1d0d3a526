//! What the proxy knows of one request while it passes through.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pingora::Error;
use pingora::http::RequestHeader;

use super::forwarded::Way;
use super::snapshot::Snapshot;
use super::streams::Frames;
use super::tries::Tries;
use super::upstream::{Attempt, Upstream};
use super::wire::Line;
use crate::authorizer::{Denial, Findings, Permit};
use crate::telemetry::{InFlight, Trace};

/// One request's state, from its first byte to its line in the access log.
#[derive(Debug)]
pub struct RequestContext {
    /// The config that the request began with, and ends with.
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) request_id: String,
    pub(super) started: Instant,
    pub(super) started_unix_millis: u64,
    pub(super) client: Option<IpAddr>,
    /// Whether its connection is a TLS one.
    pub(super) is_tls: bool,
    /// What the wire is told of it.
    pub(super) line: Arc<Line>,
    /// The request as it was judged, where pingora reads it once more: what goes on is what was judged.
    pub(super) judged: Option<RequestHeader>,
    pub(super) way: Way,
    pub(super) host: Option<String>,
    /// The target to forward, where it is not as the request has it.
    pub(super) target: Option<String>,
    pub(super) permit: Option<Permit>,
    /// Where a request with a permit goes.
    pub(super) upstream: Option<Arc<Upstream>>,
    pub(super) denial: Option<Denial>,
    pub(super) findings: Findings,
    pub(super) decision: Option<Duration>,
    /// Its place in its trace, where there are traces.
    pub(super) trace: Option<Trace>,
    pub(super) tries: Tries,
    pub(super) upstream_started: Option<Instant>,
    pub(super) attempt: Attempt,
    pub(super) body_bytes: u64,
    /// Whether a WebSocket was asked for properly, where the route allows it.
    pub(super) upgrade: bool,
    /// The frames of the WebSocket that was opened.
    pub(super) websocket: Option<Frames>,
    /// Whether the token is asked for again while the request goes on.
    pub(super) watched: bool,
    _in_flight: InFlight,
}

impl RequestContext {
    pub(super) fn new(snapshot: Arc<Snapshot>, started_unix_millis: u64, in_flight: InFlight) -> Self {
        Self {
            snapshot,
            request_id: new_id(),
            started: Instant::now(),
            started_unix_millis,
            client: None,
            is_tls: false,
            line: Arc::default(),
            judged: None,
            way: Way::default(),
            host: None,
            target: None,
            permit: None,
            upstream: None,
            denial: None,
            findings: Findings::default(),
            decision: None,
            trace: None,
            tries: Tries::default(),
            upstream_started: None,
            attempt: Attempt::default(),
            body_bytes: 0,
            upgrade: false,
            websocket: None,
            watched: false,
            _in_flight: in_flight,
        }
    }

    /// Whether what becomes of it is told to a collector.
    pub(super) fn is_recorded(&self) -> bool {
        self.trace.as_ref().is_some_and(Trace::is_recorded)
    }

    /// A try that failed is told by the request that it belongs to, without an address for a client to provoke.
    pub(super) fn tell_of_retry(&self, error: &Error) {
        tracing::debug!(request_id = self.request_id, %error, "another endpoint is tried");
    }
}

/// An id for a request: 32 hexadecimal digits.
fn new_id() -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = fastrand::u128(..).to_be_bytes().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| DIGITS.get(usize::from(digit)).copied().map(char::from)).collect()
}
