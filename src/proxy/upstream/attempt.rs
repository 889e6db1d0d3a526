//! One request's way through the endpoints of its upstream: where it goes, what comes of it, and whether it is tried again.

use std::net::SocketAddr;
use std::sync::Arc;

use pingora::{Error, ErrorSource, ErrorType};

use super::endpoint::Endpoint;
use super::load::Admission;
use super::service::Upstream;
use crate::authorizer::Denial;
use crate::proxy::config::RetryOn;
use crate::telemetry::RetryResult;

/// Tries that a kept connection costs which the upstream had closed already. They count for nothing: the upstream saw no request.
const STALE_TRIES: usize = 3;
/// The error that stands for an answer which is not passed on, since the request is tried again.
const TRIED_AGAIN: &str = "TriedAgain";

/// Where a request is on its way.
#[derive(Default)]
pub(in crate::proxy) struct Attempt {
    admission: Option<Admission>,
    endpoint: Option<Arc<Endpoint>>,
    tried: Vec<SocketAddr>,
    /// Tries after the first.
    again: usize,
    stale: usize,
    answered: bool,
}

/// Whether a request can be sent once more.
#[derive(Debug, Clone, Copy)]
pub(in crate::proxy) struct Replay {
    /// Its method is idempotent (RFC 9110 section 9.2.2), all that was sent of its body is still here, and the client has had
    /// nothing of an answer.
    pub(in crate::proxy) is_safe: bool,
    /// Some of a body was sent.
    pub(in crate::proxy) has_body: bool,
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Attempt")
            .field("again", &self.again)
            .field("tried", &self.tried)
            .finish_non_exhaustive()
    }
}

impl Attempt {
    /// The endpoint of the next try.
    ///
    /// # Errors
    /// [`Denial::UpstreamOverloaded`], [`Denial::UpstreamUnavailable`].
    pub(in crate::proxy) async fn next(
        &mut self,
        upstream: &Upstream,
        caller: Option<u64>,
    ) -> Result<Arc<Endpoint>, Denial> {
        if self.admission.is_none() {
            self.admission = Some(upstream.admit().await.ok_or(Denial::UpstreamOverloaded)?);
        }
        let endpoint = upstream.choose(caller, &self.tried).ok_or(Denial::UpstreamUnavailable)?;
        self.endpoint = Some(endpoint.clone());
        Ok(endpoint)
    }

    /// Whether a connection that has rested may be used: where one has failed, others of its age would as well.
    pub(in crate::proxy) fn may_use_kept(&self) -> bool {
        self.stale == 0
    }

    /// No connection could be made. Whether another endpoint is tried: nothing was sent, so the method does not matter.
    pub(in crate::proxy) fn connect_failed(&mut self, upstream: &Upstream) -> bool {
        if let Some(endpoint) = &self.endpoint {
            upstream.connect_failed(endpoint);
        }
        self.try_again(upstream, RetryOn::ConnectFailure)
    }

    /// The endpoint has answered. An error where the answer goes no further, since the request is tried again.
    pub(in crate::proxy) fn answered(
        &mut self,
        upstream: &Upstream,
        status: http::StatusCode,
        replay: Replay,
    ) -> Result<(), Box<Error>> {
        if let Some(admission) = &mut self.admission {
            admission.answered();
        }
        if let Some(endpoint) = &self.endpoint {
            if status.is_server_error() { upstream.server_failed(endpoint) } else { endpoint.standing.good() }
        }
        if is_gateway_error(status) && replay.is_safe && self.try_again(upstream, RetryOn::GatewayError) {
            let mut error = Error::explain(ErrorType::new(TRIED_AGAIN), "another endpoint is tried");
            error.set_retry(true);
            return Err(error.into_up());
        }
        self.answered = true;
        Ok(())
    }

    /// The endpoint has not answered in time, as the gate itself has found.
    pub(in crate::proxy) fn late(&self, upstream: &Upstream) {
        if !self.answered {
            self.note(upstream, true);
        }
    }

    /// Something broke on the way. Decides whether it is tried again, and says so in `error`.
    pub(in crate::proxy) fn broke(&mut self, upstream: &Upstream, error: &mut Error, reused: bool, replay: Replay) {
        if *error.etype() == ErrorType::new(TRIED_AGAIN) {
            return;
        }
        error.retry.decide_reuse(reused);
        // A kept connection that the upstream had closed, or a stream that it would not begin.
        let was_stale = error.retry();
        let of_upstream = *error.esource() == ErrorSource::Upstream;
        let was_late = matches!(error.etype(), ErrorType::ReadTimedout | ErrorType::WriteTimedout);
        if of_upstream && !was_stale && !self.answered {
            self.note(upstream, was_late);
        }
        let again = replay.is_safe && !self.answered && self.may_follow(upstream, error, was_stale, replay.has_body);
        error.set_retry(again);
    }

    fn may_follow(&mut self, upstream: &Upstream, error: &Error, was_stale: bool, has_body: bool) -> bool {
        let on_reset = upstream.config.retries.on.contains(&RetryOn::Reset);
        if was_stale && self.stale < STALE_TRIES && (!has_body || on_reset) {
            self.stale += 1;
            return true;
        }
        let broke_off = matches!(
            error.etype(),
            ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError | ErrorType::H2Error
        );
        *error.esource() == ErrorSource::Upstream && broke_off && self.try_again(upstream, RetryOn::Reset)
    }

    fn note(&self, upstream: &Upstream, was_late: bool) {
        match &self.endpoint {
            Some(endpoint) if was_late => upstream.server_failed(endpoint),
            Some(endpoint) => upstream.connect_failed(endpoint),
            None => {}
        }
    }

    /// Whether one more try is asked for, not too many for this request, and not too many for the upstream.
    fn try_again(&mut self, upstream: &Upstream, after: RetryOn) -> bool {
        let retries = &upstream.config.retries;
        if !retries.on.contains(&after) || self.again >= retries.attempts {
            return false;
        }
        let may = self.admission.as_mut().is_some_and(Admission::may_retry);
        upstream.metrics().retried(if may { RetryResult::Tried } else { RetryResult::OverBudget });
        if may {
            self.again += 1;
            self.tried.extend(self.endpoint.as_ref().map(|endpoint| endpoint.address));
        }
        may
    }
}

/// What a gate answers where what is behind it is away.
fn is_gateway_error(status: http::StatusCode) -> bool {
    [Denial::UpstreamFailed, Denial::UpstreamUnavailable, Denial::UpstreamTimeout]
        .iter()
        .any(|denial| denial.status() == status.as_u16())
}
