//! What an explanation says, in words that need no policy at hand.

use std::fmt;

use crate::policy::verdict::Fault;

/// Why a bundle answered as it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyExplanation {
    /// The policies that made the answer.
    pub fired: Vec<FiredPolicy>,
    /// The policies that erred, each of which makes the answer a deny.
    pub erred: Vec<(Fault, Option<FiredPolicy>)>,
    /// Of a deny, what would have to be otherwise: of all that forbid, and of one that permits. The nearest first.
    pub ways: Vec<Way>,
    /// Of a deny, how many more permits are about this action and not among the ways.
    pub more: usize,
    /// Whether evaluating every policy gives the same answer; it always does, unless lychgate is wrong.
    pub same_by_all: bool,
}

/// A policy with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiredPolicy {
    /// Its id.
    pub id: String,
    /// Whether it is a `forbid`.
    pub forbids: bool,
    /// The file that it, or its template, stands in.
    pub file: String,
    /// The line that it begins at.
    pub line: usize,
    /// Its `@message`, which the client reads.
    pub message: Option<String>,
}

/// What would have to be otherwise with one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The policy.
    pub policy: FiredPolicy,
    /// All of these; none where nothing in the request could change it.
    pub needs: Vec<Need>,
}

/// One thing that would have to be otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The stable name of its kind, in kebab case.
    pub code: &'static str,
    /// What it is.
    pub says: String,
    /// The line of the policy's file that asks for it.
    pub line: usize,
}

/// `own-tenant (policies/tenants/tenants.cedar:4)`.
impl fmt::Display for FiredPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` ({}:{})", self.id, self.file, self.line)
    }
}
