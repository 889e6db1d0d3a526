//! The point where decisions are made, whichever door asks: one config's authorizer, its bounds, and what is counted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::ask::ShadowAnswer;
use super::authorize::{Authorizer, Findings};
use super::config::NetworkConfig;
use super::sizes::SizeLimits;
use crate::policy::{Bundle, Difference, Fault, Verdict};
use crate::telemetry::{
    AccessLine, BundleMetrics, DecisionFacts, DecisionLog, Outcome, PolicyFacts, RouteMetrics, ShadowMetrics, Traces,
};
use crate::token::TokenError;

/// All that a door needs of one config to decide, and to count what was decided.
pub struct DecisionPoint {
    /// Who may pass.
    pub authorizer: Authorizer,
    /// How large a request may be.
    pub sizes: SizeLimits,
    /// Whom we believe about the way that a request came.
    pub trusted_proxies: Vec<NetworkConfig>,
    /// What is counted for each route.
    pub routes: HashMap<Arc<str>, RouteMetrics>,
    /// What is counted for each bundle.
    pub bundles: HashMap<String, BundleMetrics>,
    /// What is counted where no route was found.
    pub unrouted: RouteMetrics,
    /// What is counted for each trusted issuer whose rules are tried out.
    pub token_shadows: HashMap<String, ShadowMetrics>,
    /// Where decisions are written down.
    pub decisions: DecisionLog,
    /// Where requests are recorded.
    pub traces: Traces,
}

/// How long a request took.
#[derive(Debug, Clone, Copy)]
pub struct Took {
    /// From its first byte to the last of its answer.
    pub all: Duration,
    /// The decision alone; none where it did not come to one.
    pub decision: Option<Duration>,
}

impl DecisionPoint {
    /// Counts a request that is over.
    pub fn count(&self, findings: &Findings, outcome: Outcome, code: &'static str, took: Took) {
        let route = findings.route.as_ref();
        let metrics = route.and_then(|route| self.routes.get(route.name())).unwrap_or(&self.unrouted);
        metrics.request(outcome, code, took.all);
        if let Some(decision) = took.decision {
            metrics.decision(decision);
        }
        let Some(answer) = &findings.policy else { return };
        let Some(metrics) = self.bundles.get(answer.bundle.name()) else { return };
        metrics.decided(answer.verdict.allowed());
        if !answer.verdict.errors().is_empty() {
            metrics.failed();
            answer.verdict.errors().iter().filter_map(Fault::policy).for_each(|policy| metrics.erred(policy));
        }
    }

    /// Whether anything about a request is to be written down by [`record`](Self::record).
    #[must_use]
    pub fn records(&self, findings: &Findings) -> bool {
        let erred = || findings.policy.as_ref().is_some_and(|answer| !answer.verdict.errors().is_empty());
        self.decisions.is_on() || findings.token_shadow.is_some() || shadow_of(findings).is_some() || erred()
    }

    /// Writes down what was decided about the request of `line`, and counts and logs what would have been decided by what is
    /// tried out.
    pub fn record(&self, findings: &Findings, line: &AccessLine<'_>) {
        self.record_token_shadow(findings, line);
        self.record_policy_shadow(findings, line);
        record_errors(findings, line);
        if self.decisions.is_on() {
            self.decisions.write(line, &facts(findings, line));
        }
    }

    fn record_token_shadow(&self, findings: &Findings, line: &AccessLine<'_>) {
        let (Some(tried), Some(token)) = (&findings.token_shadow, &findings.token) else { return };
        let difference = tried.as_ref().map_or_else(TokenError::code, |()| NO_DIFFERENCE);
        if let Some(metrics) = self.token_shadows.get(token.issuer_name()) {
            metrics.tried(difference);
        }
        if tried.is_err() {
            let (request_id, issuer) = (line.request_id, token.issuer_name());
            info!(request_id, issuer, difference, "rules that are tried out would refuse this token");
        }
    }

    fn record_policy_shadow(&self, findings: &Findings, line: &AccessLine<'_>) {
        let (Some(answer), Some(tried)) = (&findings.policy, shadow_of(findings)) else { return };
        let difference = tried.difference.label();
        if let Some(metrics) = self.bundles.get(answer.bundle.name()) {
            metrics.tried(difference);
        }
        if tried.difference == Difference::None {
            return;
        }
        info!(
            request_id = line.request_id,
            bundle = answer.bundle.name(),
            revision = tried.bundle.revision(),
            difference,
            policies = answer.verdict.determining().join(", "),
            would_be = tried.verdict.determining().join(", "),
            errors = errors(&tried.verdict).join(", "),
            "policies that are tried out would decide otherwise"
        );
    }
}

impl std::fmt::Debug for DecisionPoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DecisionPoint").field("routes", &self.routes.keys()).finish_non_exhaustive()
    }
}

/// The label of what does not differ.
const NO_DIFFERENCE: &str = "none";

/// A policy that errs is a mistake of its author, who must hear of it; what is wrong with a request alone is its sender's.
fn record_errors(findings: &Findings, line: &AccessLine<'_>) {
    let Some(answer) = &findings.policy else { return };
    if answer.verdict.errors().iter().any(|error| error.policy().is_some()) {
        warn!(
            request_id = line.request_id,
            bundle = answer.bundle.name(),
            revision = answer.bundle.revision(),
            errors = errors(&answer.verdict).join(", "),
            "a policy could not be evaluated, which is a deny"
        );
    }
}

fn shadow_of(findings: &Findings) -> Option<&ShadowAnswer> {
    findings.policy.as_ref()?.shadow.as_ref()
}

fn facts<'a>(findings: &'a Findings, line: &AccessLine<'_>) -> DecisionFacts<'a> {
    let answer = findings.policy.as_ref();
    DecisionFacts {
        allowed: findings.permitted,
        action: findings.route.as_ref().map(|route| format!("{} {}", line.method, route.path())),
        policy: answer.map(|answer| PolicyFacts {
            mode: Some(answer.mode.name()),
            ..policy_facts(&answer.bundle, &answer.verdict)
        }),
        shadow: shadow_of(findings).map(|tried| PolicyFacts {
            difference: Some(tried.difference.label()),
            ..policy_facts(&tried.bundle, &tried.verdict)
        }),
        token_shadow: findings.token_shadow.as_ref().and_then(|tried| tried.as_ref().err()).map(TokenError::code),
    }
}

fn policy_facts<'a>(bundle: &'a Bundle, verdict: &'a Verdict) -> PolicyFacts<'a> {
    PolicyFacts {
        bundle: bundle.name(),
        revision: bundle.revision(),
        mode: None,
        difference: None,
        decision: if verdict.allowed() { "allow" } else { "deny" },
        policies: verdict.determining().iter().map(AsRef::as_ref).collect(),
        errors: errors(verdict),
    }
}

/// What went wrong: the code, and the policy or the name that it is about.
fn errors(verdict: &Verdict) -> Vec<String> {
    let told = verdict.errors().iter().map(|error| {
        let about = error.policy().or(error.name()).map(|about| format!(" {about}"));
        format!("{}{}", error.code(), about.unwrap_or_default())
    });
    told.collect()
}
