//! The heart: one decision behind every door.
//!
//! A request passes by four keys, each cut only by the stage before: [`AccessRequest`], then a verified token, then a
//! policy's verdict, then the [`Permit`]. On no there is a [`Denial`], and it alone says what the client gets.

mod access;
mod answers;
mod ask;
mod authorize;
mod cases;
mod client_certificate;
mod config;
mod decision_point;
mod denial;
mod explain;
mod hops;
mod identity_headers;
mod overrides;
mod permit;
mod principals;
mod proved;
mod rate_limit;
mod rehearse;
mod request;
mod route;
mod sizes;
mod target;
#[cfg(test)]
mod tests;
mod timeline;
mod traced;

pub use answers::{AnswerFields, OwnAnswer};
pub use ask::{AppliedBundle, Evaluation, PolicyAnswer, ShadowAnswer};
pub use authorize::{Authorizer, AuthorizerError, Decision, Findings, Parts};
pub use cases::CaseOptions;
pub use client_certificate::ClientCertificate;
pub use config::{
    AccessConfig, AccessRules, AssertionConfig, CorsConfig, CountedBy, IdentityConfig, IdentitySourceConfig,
    MatchConfig, NamedResourceConfig, NetworkConfig, Notation, ProtectedResourceConfig, RateConfig, RateLimitConfig,
    RateLimitsConfig, Requirement, RouteConfig, RouteIdentityConfig, SenderConstrained, SharedCountsConfig,
    UpgradeConfig,
};
pub use decision_point::{DecisionPoint, Took};
pub use denial::{Answer, Challenge, Denial, Stage};
pub use explain::{AskedRequest, Explanation, Presented, Step, WantedChange, WayToPass};
pub use hops::Hops;
pub use overrides::overrides_the_request;
pub use permit::{Permit, Right};
pub use rate_limit::{Exceeded, RateCounts, RateLimitError, SharedCountsTask};
pub use rehearse::{Passage, Rehearsal, SupposedCaller};
pub use request::{AccessRequest, ConnectionFacts, ReceivedRequest};
pub use route::{Route, RouteConflict, methods_of, parameters_of};
pub use sizes::SizeLimits;
pub use target::Target;
pub use timeline::{DecisionStep, Timeline};
pub use traced::{Traced, known_method};
