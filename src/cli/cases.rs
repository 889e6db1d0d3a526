//! Runs the cases of every bundle of a house, candidates included, for the commands that show what came of them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::authorizer::{AppliedBundle, CaseOptions};
use crate::policy::{Bundle, CaseOutcome, CaseReport};
use crate::server::House;

/// What came of one bundle's cases.
pub(super) struct RanBundle {
    /// Its name, with ` (candidate)` after that of a candidate.
    pub(super) name: String,
    pub(super) bundle: Arc<Bundle>,
    pub(super) report: CaseReport,
}

/// Runs the cases of the bundles that are wanted.
pub(super) fn run_cases(house: &House, wanted: &[String], options: CaseOptions<'_>) -> Vec<RanBundle> {
    let is_wanted = |name: &String| wanted.is_empty() || wanted.contains(name);
    let bundles = house.bundles.iter().filter(|(name, _)| is_wanted(name));
    let each = bundles.flat_map(|(name, AppliedBundle { bundle, candidate, .. })| {
        let candidate = candidate.as_ref().map(|candidate| (name, format!("{name} (candidate)"), candidate));
        [(name, name.clone(), bundle)].into_iter().chain(candidate)
    });
    let run = each.map(|(name, shown, bundle)| RanBundle {
        report: house.snapshot.point.authorizer.run_cases(name, bundle, options),
        name: shown,
        bundle: bundle.clone(),
    });
    run.collect()
}

impl RanBundle {
    /// The cases that did not pass.
    pub(super) fn failed(&self) -> impl Iterator<Item = &CaseOutcome> {
        self.report.outcomes.iter().filter(|outcome| outcome.mismatch.is_some())
    }

    /// As JSON.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "bundle": self.name,
            "revision": self.bundle.revision(),
            "policies": self.bundle.policy_count(),
            "passed": self.report.passed(),
            "cases": self.report.outcomes.iter().map(case_json).collect::<Vec<_>>(),
            "undecided": self.report.undecided,
        })
    }
}

fn case_json(outcome: &CaseOutcome) -> Value {
    json!({
        "name": outcome.name,
        "place": outcome.place,
        "passed": outcome.mismatch.is_none(),
        "expected": outcome.expected,
        "says": outcome.mismatch.as_ref().map(ToString::to_string),
        "by": outcome.determining,
        "errors": outcome.errors,
        "refused": outcome.refused,
    })
}
