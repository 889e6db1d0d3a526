//! Decides for every door here: one original request, one decision, one count and one line in the log.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use super::original_request::OriginalRequest;
use crate::authorizer::{AccessRequest, DecisionPoint, Denial, Findings, OwnAnswer, Permit, Timeline, Took, Traced};
use crate::clock::Clock;
use crate::telemetry::{AccessLine, AccessLog, CheckMetrics, InFlight, Outcome, Trace, Traces};

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

/// A door that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Door {
    /// Its name in metrics and in the log.
    pub(super) name: &'static str,
    pub(super) gives: Gives,
}

/// What can be had at a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    /// Whether a request may pass. What is no refusal there lets it pass, so what the gate answers itself is refused.
    Decisions,
    /// What the gate answers itself, and nothing else: nobody asks there whether a request may pass.
    Answers,
    /// Both: the asker takes any answer to its client, and lets nothing pass by it.
    Both,
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum Ruled {
    /// It may go on.
    Permit(Permit),
    /// The gate answers it itself, and it goes no further.
    Answer(OwnAnswer),
    /// It was refused.
    Denial(Denial),
}

impl From<Result<Permit, Denial>> for Ruled {
    fn from(outcome: Result<Permit, Denial>) -> Self {
        outcome.map_or_else(Self::Denial, Self::Permit)
    }
}

/// When a request was asked about, and its place in its trace.
struct Began {
    at: Instant,
    unix_millis: u64,
    trace: Option<Trace>,
}

/// A decision that was counted and logged.
pub(super) struct Ruling {
    pub(super) outcome: Ruled,
    pub(super) findings: Findings,
    pub(super) request_id: String,
    /// The request, where it could be read.
    pub(super) original: Option<OriginalRequest>,
}

impl Ruling {
    /// Whether the request may go on.
    pub(super) fn permits(&self) -> bool {
        matches!(self.outcome, Ruled::Permit(_))
    }

    fn denial(&self) -> Option<&Denial> {
        match &self.outcome {
            Ruled::Denial(denial) => Some(denial),
            Ruled::Permit(_) | Ruled::Answer(_) => None,
        }
    }
}

impl Began {
    fn is_recorded(&self) -> bool {
        self.trace.as_ref().is_some_and(Trace::is_recorded)
    }

    fn timeline(&self) -> Timeline {
        Timeline::kept_if(self.is_recorded())
    }
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
        door: Door,
        point: &DecisionPoint,
        original: Result<OriginalRequest, Denial>,
    ) -> Ruling {
        let _on_its_way = InFlight::count(&self.in_flight);
        // What a client says of its trace comes through whoever asks here, but nobody says that it should count.
        let trace = original.as_ref().ok().and_then(|original| point.traces.join(&original.headers, false));
        let began = Began { at: Instant::now(), unix_millis: self.clock.unix_millis(), trace };
        let unread = |denial| (Ruled::Denial(denial), Findings::default());
        let (original, (outcome, findings)) = match original {
            Err(denial) => (None, unread(denial)),
            Ok(original) => {
                let ruled = match original.read(point) {
                    Ok(request) => rule(door.gives, point, &request, began.timeline()).await,
                    Err(denial) => unread(denial),
                };
                (Some(original), ruled)
            }
        };
        let request_id = format!("{:032x}", fastrand::u128(..));
        let ruling = Ruling { outcome, findings, request_id, original };
        self.conclude(door, point, &ruling, &began);
        ruling
    }

    fn conclude(&self, door: Door, point: &DecisionPoint, ruling: &Ruling, began: &Began) {
        let duration = began.at.elapsed();
        let (outcome, code, status) = match &ruling.outcome {
            Ruled::Permit(_) => (Outcome::Allowed, "2xx", 200),
            Ruled::Answer(answer) => (Outcome::Allowed, "2xx", answer.status()),
            Ruled::Denial(denial) if denial.is_failure() => (Outcome::Failed, denial.code(), denial.status()),
            Ruled::Denial(denial) => (Outcome::Denied, denial.code(), denial.status()),
        };
        point.count(&ruling.findings, outcome, code, Took { all: duration, decision: Some(duration) });
        self.metrics.checked(door.name, outcome);
        if !self.log.is_on() && !began.is_recorded() && !point.records(&ruling.findings) {
            return;
        }
        let findings = &ruling.findings;
        let token = findings.token.as_ref();
        let original = ruling.original.as_ref();
        let trace_id = original.and_then(|original| Traces::id_of(began.trace.as_ref(), &original.headers));
        let line = AccessLine {
            time_unix_millis: began.unix_millis,
            request_id: &ruling.request_id,
            trace_id: trace_id.as_deref(),
            door: Some(door.name),
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
        if let Some(trace) = &began.trace {
            let traced = Traced {
                trace,
                begun: began.at,
                scheme: if original.is_some_and(|original| original.is_secure) { "https" } else { "http" },
                protocol_version: None,
                denial: ruling.denial(),
                tries: Vec::new(),
            };
            point.trace(traced, findings, &line);
        }
    }
}

impl fmt::Debug for Decider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Decider").finish_non_exhaustive()
    }
}

/// What the gate itself would do about a request, as far as the door can tell it.
async fn rule(
    gives: Gives,
    point: &DecisionPoint,
    request: &AccessRequest<'_>,
    timeline: Timeline,
) -> (Ruled, Findings) {
    match (point.authorizer.answer_itself(request), gives) {
        (Some((Err(denial), findings)), _) => (Ruled::Denial(denial), findings),
        (Some((Ok(_), findings)), Gives::Decisions) => (Ruled::Denial(Denial::AnsweredByTheGate), findings),
        (Some((Ok(answer), findings)), Gives::Answers | Gives::Both) => (Ruled::Answer(answer), findings),
        (None, Gives::Answers) => (Ruled::Denial(Denial::NoRoute), Findings::default()),
        (None, Gives::Decisions | Gives::Both) => {
            let decision = point.authorizer.authorize_in_time(request, timeline).await;
            (decision.outcome.into(), decision.findings)
        }
    }
}
