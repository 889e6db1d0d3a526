//! Decides for every door here: one original request, one decision, one count and one line in the log.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use super::original_request::OriginalRequest;
use crate::authorizer::{Decision, DecisionPoint, Denial, Findings, Permit, Took};
use crate::clock::Clock;
use crate::telemetry::{AccessLine, AccessLog, CheckMetrics, InFlight, Outcome};

/// Gives the decision point of the config in force.
type Current = Arc<dyn Fn() -> Arc<DecisionPoint> + Send + Sync>;

/// What all doors here decide by. Its clones are one.
#[derive(Clone)]
pub struct Decider {
    current: Current,
    log: AccessLog,
    clock: Clock,
    in_flight: Arc<AtomicUsize>,
    metrics: CheckMetrics,
}

/// Which door was asked, by its name in metrics and in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DoorName(pub(super) &'static str);

/// A decision that was counted and logged.
pub(super) struct Ruling {
    pub(super) outcome: Result<Permit, Denial>,
    pub(super) findings: Findings,
    pub(super) request_id: String,
    /// The request, where it could be read.
    pub(super) original: Option<OriginalRequest>,
}

impl Decider {
    /// Decides by what `current` gives at each request, and counts in `in_flight` the requests that are on their way.
    #[must_use]
    pub fn new(
        current: Arc<dyn Fn() -> Arc<DecisionPoint> + Send + Sync>,
        log: AccessLog,
        clock: Clock,
        in_flight: Arc<AtomicUsize>,
        metrics: CheckMetrics,
    ) -> Self {
        Self { current, log, clock, in_flight, metrics }
    }

    /// The decision point of the config in force.
    pub(super) fn point(&self) -> Arc<DecisionPoint> {
        (self.current)()
    }

    /// Decides, counts and logs. What could not be read is a decision too.
    pub(super) async fn decide(
        &self,
        door: DoorName,
        point: &DecisionPoint,
        original: Result<OriginalRequest, Denial>,
    ) -> Ruling {
        let _on_its_way = InFlight::count(&self.in_flight);
        let (started, started_unix_millis) = (Instant::now(), self.clock.unix_millis());
        let (original, decision) = match original {
            Err(denial) => (None, Decision { outcome: Err(denial), findings: Findings::default() }),
            Ok(original) => {
                let decision = match original.read(point) {
                    Ok(request) => point.authorizer.authorize(&request).await,
                    Err(denial) => Decision { outcome: Err(denial), findings: Findings::default() },
                };
                (Some(original), decision)
            }
        };
        let request_id = format!("{:032x}", fastrand::u128(..));
        let ruling = Ruling { outcome: decision.outcome, findings: decision.findings, request_id, original };
        self.conclude(door, point, &ruling, started, started_unix_millis);
        ruling
    }

    fn conclude(
        &self,
        door: DoorName,
        point: &DecisionPoint,
        ruling: &Ruling,
        started: Instant,
        started_unix_millis: u64,
    ) {
        let duration = started.elapsed();
        let (outcome, code, status) = match &ruling.outcome {
            Ok(_) => (Outcome::Allowed, "2xx", 200),
            Err(denial) if denial.is_failure() => (Outcome::Failed, denial.code(), denial.status()),
            Err(denial) => (Outcome::Denied, denial.code(), denial.status()),
        };
        point.count(&ruling.findings, outcome, code, Took { all: duration, decision: Some(duration) });
        self.metrics.checked(door.0, outcome);
        if !self.log.is_on() && !point.records(&ruling.findings) {
            return;
        }
        let findings = &ruling.findings;
        let token = findings.token.as_ref();
        let original = ruling.original.as_ref();
        let line = AccessLine {
            time_unix_millis: started_unix_millis,
            request_id: &ruling.request_id,
            trace_id: None,
            door: Some(door.0),
            client: original.map(|original| original.client),
            method: original.map_or("-", |original| original.method.as_str()),
            host: original.and_then(OriginalRequest::host),
            path: original.map_or("-", OriginalRequest::path),
            route: findings.route.as_ref().map(|route| route.name().as_ref()),
            status: Some(status),
            outcome,
            code,
            issuer: token.map(|token| token.issuer_name()),
            subject: token.map(|token| token.subject()),
            policies: findings.policy_ids(),
            duration,
            decision: Some(duration),
            upstream: None,
            upstream_duration: None,
            bytes_in: 0,
            bytes_out: 0,
        };
        self.log.write(&line);
        point.record(findings, &line);
    }
}

impl fmt::Debug for Decider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Decider").finish_non_exhaustive()
    }
}
