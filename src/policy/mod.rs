//! May this caller do this? Cedar bundles, denied by default; knows neither tokens nor HTTP.
//!
//! A config is told as an [`Outline`], from which the schema comes; a [`Bundle`] is a folder of policies that was checked
//! against it as a whole; a [`Query`] about a [`Principal`] gives a [`Verdict`], which nothing but a bundle can make.

mod bundle;
mod cases;
mod config;
mod context;
mod difference;
mod error;
mod explain;
mod flaws;
mod principal;
mod query;
mod reads;
mod schema;
mod standing;
mod verdict;

pub use bundle::{Bundle, Link, PolicySummary};
pub use cases::{
    Case, CaseAnswer, CaseCaller, CaseCertificate, CaseMismatch, CaseOutcome, CaseRefusal, CaseReport, CaseRequest,
    CaseToken, Expectation,
};
pub use config::{BundleConfig, CandidateConfig, Mode};
pub use difference::Difference;
pub use error::{Flaw, Place, PolicyError};
pub use explain::{FiredPolicy, Need, PolicyExplanation, Way};
pub use principal::{AttributeValue, Principal, User};
pub use query::{CertificateFacts, Query, TokenFacts};
pub use schema::{AttributeType, Outline, RouteOutline, schema_text};
pub use verdict::{Fault, Verdict};

#[cfg(test)]
mod tests;
