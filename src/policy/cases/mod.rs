//! A bundle's own tests: what must be allowed and denied, and by which policy.

mod case;
mod read;
mod report;

pub use case::{Case, CaseCaller, CaseCertificate, CaseRequest, CaseToken, Expectation};
pub(super) use read::{check_names, read};
pub use report::{CaseAnswer, CaseMismatch, CaseOutcome, CaseRefusal, CaseReport};
