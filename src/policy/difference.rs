//! How what is tried out differs from what counts: told in logs and metrics, and never of any effect.

use super::verdict::Verdict;

/// What would change if something that is tried out counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// Nothing.
    None,
    /// What is denied would be allowed.
    WouldAllow,
    /// What is allowed would be denied.
    WouldDeny,
    /// Something would go wrong, which would be a deny.
    WouldErr,
    /// The same answer, made by other policies.
    OtherPolicies,
}

impl Difference {
    /// Every difference.
    pub const ALL: [Self; 5] = [Self::None, Self::WouldAllow, Self::WouldDeny, Self::WouldErr, Self::OtherPolicies];

    /// What would change if `tried` counted instead of `counts`.
    #[must_use]
    pub fn between(counts: &Verdict, tried: &Verdict) -> Self {
        match (counts.allowed(), tried.allowed()) {
            _ if !tried.errors().is_empty() && tried.errors() != counts.errors() => Self::WouldErr,
            (true, false) => Self::WouldDeny,
            (false, true) => Self::WouldAllow,
            _ if counts.determining() != tried.determining() => Self::OtherPolicies,
            _ => Self::None,
        }
    }

    /// What would change if a verdict counted that does not.
    #[must_use]
    pub fn were_it_enforced(verdict: &Verdict) -> Self {
        match verdict.allowed() {
            true => Self::None,
            false if verdict.errors().is_empty() => Self::WouldDeny,
            false => Self::WouldErr,
        }
    }

    /// Its name in metrics and logs.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::WouldAllow => "would-allow",
            Self::WouldDeny => "would-deny",
            Self::WouldErr => "would-err",
            Self::OtherPolicies => "other-policies",
        }
    }
}
