//! What came of a bundle's cases, and which policies none of them touched.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::case::{Case, Expectation};
use crate::policy::verdict::{Fault, Verdict};

/// What came of a bundle's cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseReport {
    /// Each case with what came of it, in the bundle's order.
    pub outcomes: Vec<CaseOutcome>,
    /// The policies that decided no case, in the bundle's order.
    pub undecided: Vec<Arc<str>>,
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseOutcome {
    /// The case's name.
    pub name: String,
    /// The file and line it stands at.
    pub place: String,
    /// What was expected: `allow` or `deny`.
    pub expected: &'static str,
    /// The policies that decided.
    pub determining: Vec<Arc<str>>,
    /// What went wrong while the policies were asked, which made it a deny: codes, with the policy or the name that each is about.
    pub errors: Vec<String>,
    /// Why it was refused before any policy was asked, if it was.
    pub refused: Option<&'static str>,
    /// What was not as expected; absent: the case passed.
    pub mismatch: Option<CaseMismatch>,
}

/// What came of a case's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseAnswer {
    /// The policies were asked.
    Decided(Verdict),
    /// Its token or its route refused it before any policy was asked.
    Refused(CaseRefusal),
}

/// Why a case's request came to no policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseRefusal {
    /// The stable name of the reason.
    pub code: &'static str,
    /// More of it, where there is more to say.
    pub says: Option<String>,
}

/// How a case did not come out as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseMismatch {
    /// The bundle could not be asked, such as where no route matches the request.
    NotAsked(String),
    /// The wrong answer.
    Answer {
        /// Whether it was allowed.
        allowed: bool,
        /// The policies that decided.
        determining: Vec<Arc<str>>,
    },
    /// Its token or its route refused it before any policy was asked.
    Refused(CaseRefusal),
    /// The right answer, but not by the policies that the case names.
    By {
        /// The named policies that did not decide.
        missing: Vec<String>,
        /// The policies that did.
        determining: Vec<Arc<str>>,
    },
    /// Errors that the case does not expect.
    Errors(
        /// Their codes, with the policy or the name that each is about.
        Vec<String>,
    ),
    /// The error that the case expects did not happen.
    NoError(String),
}

impl CaseReport {
    /// A report of what each case came to.
    pub(in crate::policy) fn new<'a>(
        answers: impl Iterator<Item = (&'a Case, Result<CaseAnswer, String>)>,
        policies: impl Iterator<Item = Arc<str>>,
    ) -> Self {
        let outcomes: Vec<CaseOutcome> = answers.map(|(case, answer)| CaseOutcome::new(case, answer)).collect();
        let decided: BTreeSet<&Arc<str>> = outcomes.iter().flat_map(|outcome| &outcome.determining).collect();
        let undecided = policies.filter(|policy| !decided.contains(policy)).collect();
        Self { outcomes, undecided }
    }

    /// Whether every case passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.mismatch.is_none())
    }
}

impl CaseOutcome {
    fn new(case: &Case, answer: Result<CaseAnswer, String>) -> Self {
        let (mut determining, mut errors, mut refused) = (Vec::new(), Vec::new(), None);
        let mismatch = match answer {
            Ok(CaseAnswer::Decided(verdict)) => {
                determining = verdict.determining().to_vec();
                errors = verdict.errors().iter().map(told).collect();
                mismatch(case, &verdict)
            }
            Ok(CaseAnswer::Refused(refusal)) => {
                refused = Some(refusal.code);
                mismatch_of_refusal(case, refusal)
            }
            Err(reason) => Some(CaseMismatch::NotAsked(reason)),
        };
        let place = format!("{}:{}", case.place.file.display(), case.place.line);
        let expected = if case.expect == Expectation::Allow { "allow" } else { "deny" };
        Self { name: case.name.clone(), place, expected, determining, errors, refused, mismatch }
    }
}

/// An error of a verdict: its code, with the policy or the name that it is about.
fn told(error: &Fault) -> String {
    [Some(error.code()), error.policy(), error.name()].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// How a verdict differs from what a case expects.
///
/// An error makes a deny, so it is that of a case which says no more; it is none of one that names another error, or a policy
/// which did not decide: such a case would go on passing when the policy that it is about is taken out.
fn mismatch(case: &Case, verdict: &Verdict) -> Option<CaseMismatch> {
    let determining = verdict.determining().to_vec();
    let missing: Vec<String> =
        case.by.iter().filter(|id| !determining.iter().any(|policy| **policy == **id)).cloned().collect();
    let is_expected = |error: &&Fault| match &case.error {
        Some(code) => error.code() == code,
        None => case.expect == Expectation::Deny && missing.is_empty(),
    };
    let unexpected: Vec<String> = verdict.errors().iter().filter(|error| !is_expected(error)).map(told).collect();
    let allowed = verdict.allowed();
    match &case.error {
        _ if !unexpected.is_empty() => Some(CaseMismatch::Errors(unexpected)),
        _ if allowed != (case.expect == Expectation::Allow) => Some(CaseMismatch::Answer { allowed, determining }),
        Some(code) if verdict.errors().is_empty() => Some(CaseMismatch::NoError(code.clone())),
        _ if !missing.is_empty() => Some(CaseMismatch::By { missing, determining }),
        _ => None,
    }
}

/// The same where it was refused before any policy was asked. That is the deny of a case that says no more, or says this very
/// reason; it is none of one that names a policy or another reason, for those were never asked.
fn mismatch_of_refusal(case: &Case, refusal: CaseRefusal) -> Option<CaseMismatch> {
    let as_expected = case.expect == Expectation::Deny
        && case.by.is_empty()
        && case.error.as_deref().is_none_or(|expected| expected == refusal.code);
    (!as_expected).then_some(CaseMismatch::Refused(refusal))
}

impl fmt::Display for CaseMismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked(reason) => formatter.write_str(reason),
            Self::Answer { allowed: true, determining } => write!(formatter, "allowed by {}", names(determining)),
            Self::Answer { allowed: false, determining } if determining.is_empty() => {
                formatter.write_str("denied: no `permit` held")
            }
            Self::Answer { allowed: false, determining } => write!(formatter, "denied by {}", names(determining)),
            Self::Refused(CaseRefusal { code, says }) => {
                write!(formatter, "refused before any policy is asked: `{code}`")?;
                says.iter().try_for_each(|says| write!(formatter, " ({says})"))
            }
            Self::By { missing, determining } => {
                write!(formatter, "decided by {}, not by {}", names(determining), names(missing))
            }
            Self::Errors(errors) => write!(formatter, "denied by an error: {}", errors.join(", ")),
            Self::NoError(code) => write!(formatter, "the error `{code}` did not happen"),
        }
    }
}

fn names(ids: &[impl fmt::Display]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
    if ids.is_empty() { "no policy".to_owned() } else { ids.join(", ") }
}
