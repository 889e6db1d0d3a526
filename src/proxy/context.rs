//! What the proxy knows of one request while it passes through.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::forwarded::Way;
use super::snapshot::Snapshot;
use super::streams::Frames;
use super::upstream::Attempt;
use crate::authorizer::{Denial, Findings, Permit};

/// One request's state, from its first byte to its line in the access log.
#[derive(Debug)]
pub struct RequestContext {
    /// The config that the request began with, and ends with.
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) request_id: String,
    pub(super) started: Instant,
    pub(super) started_unix_millis: u64,
    pub(super) client: Option<IpAddr>,
    pub(super) way: Way,
    pub(super) host: Option<String>,
    /// The target to forward, where it is not as pingora would forward it.
    pub(super) target: Option<String>,
    pub(super) permit: Option<Permit>,
    pub(super) denial: Option<Denial>,
    pub(super) findings: Findings,
    pub(super) decision: Option<Duration>,
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

/// A request that counts as on its way for as long as this lives: however it ends, by a panic too.
#[derive(Debug)]
pub(super) struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    pub(super) fn count(requests: &Arc<AtomicUsize>) -> Self {
        requests.fetch_add(1, Ordering::AcqRel);
        Self(requests.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl RequestContext {
    pub(super) fn new(snapshot: Arc<Snapshot>, started_unix_millis: u64, in_flight: InFlight) -> Self {
        Self {
            snapshot,
            request_id: format!("{:032x}", fastrand::u128(..)),
            started: Instant::now(),
            started_unix_millis,
            client: None,
            way: Way::default(),
            host: None,
            target: None,
            permit: None,
            denial: None,
            findings: Findings::default(),
            decision: None,
            upstream_started: None,
            attempt: Attempt::default(),
            body_bytes: 0,
            upgrade: false,
            websocket: None,
            watched: false,
            _in_flight: in_flight,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_panics_is_no_longer_on_its_way() {
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = requests.clone();
        let panicked = std::panic::catch_unwind(move || {
            let _counted = InFlight::count(&counted);
            assert_eq!(counted.load(Ordering::Acquire), 0, "counted");
        });
        assert!(panicked.is_err());
        assert_eq!(requests.load(Ordering::Acquire), 0);
    }
}
