//! When each step of a decision began and ended, for whoever records it. For all others, nothing is noted and no clock read.

use std::time::Instant;

/// A step of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionStep {
    /// Finding the route.
    Route,
    /// Counting the request by the route's limits.
    RateLimit,
    /// Finding the token.
    Credential,
    /// Proving it, and that its sender may use it.
    Verify,
    /// Asking for scopes and groups.
    Access,
    /// Asking the policies.
    Policy,
    /// Writing what goes to the upstream.
    Permit,
}

impl DecisionStep {
    /// Its name in traces.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::RateLimit => "rate_limit",
            Self::Credential => "credential",
            Self::Verify => "verify",
            Self::Access => "access",
            Self::Policy => "policy",
            Self::Permit => "permit",
        }
    }
}

/// The steps of one decision, each of which ends where the next begins.
#[derive(Debug, Default)]
pub struct Timeline(Option<Box<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    begun: Vec<(DecisionStep, Instant)>,
    ended: Option<Instant>,
}

impl Timeline {
    /// One that is kept, if somebody wants it.
    #[must_use]
    pub fn kept_if(wanted: bool) -> Self {
        Self(wanted.then(Box::default))
    }

    /// A step begins, and the one before it is over.
    pub(super) fn begin(&mut self, step: DecisionStep) {
        if let Some(noted) = &mut self.0 {
            noted.begun.push((step, Instant::now()));
        }
    }

    /// All is over.
    pub(super) fn end(&mut self) {
        if let Some(noted) = &mut self.0 {
            noted.ended = Some(Instant::now());
        }
    }

    /// How many steps there were.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |noted| noted.begun.len())
    }

    /// Whether nothing was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The steps, with when each began and ended, and whether it is the last.
    pub(super) fn steps(&self) -> impl Iterator<Item = NotedStep> {
        let noted = self.0.as_deref();
        let begun = noted.map_or(&[][..], |noted| &noted.begun);
        let ended = noted.and_then(|noted| noted.ended);
        begun.iter().enumerate().map(move |(index, (step, at))| {
            let next = begun.get(index + 1).map(|(_, next)| *next);
            NotedStep { step: *step, begun: *at, ended: next.or(ended).unwrap_or(*at), is_last: next.is_none() }
        })
    }
}

/// One step that was noted.
#[derive(Debug, Clone, Copy)]
pub(super) struct NotedStep {
    pub(super) step: DecisionStep,
    pub(super) begun: Instant,
    pub(super) ended: Instant,
    pub(super) is_last: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_ends_where_the_next_begins() {
        let mut timeline = Timeline::kept_if(true);
        timeline.begin(DecisionStep::Route);
        timeline.begin(DecisionStep::Credential);
        timeline.end();
        let steps: Vec<_> = timeline.steps().collect();
        assert_eq!(timeline.len(), 2);
        assert_eq!((steps[0].step, steps[1].step), (DecisionStep::Route, DecisionStep::Credential));
        assert_eq!(steps[0].ended, steps[1].begun);
        assert!(steps[1].ended >= steps[1].begun && steps[1].is_last && !steps[0].is_last);
    }

    #[test]
    fn what_nobody_wants_is_not_noted() {
        let mut timeline = Timeline::default();
        timeline.begin(DecisionStep::Route);
        timeline.end();
        assert!(timeline.is_empty() && timeline.steps().next().is_none());
    }
}
