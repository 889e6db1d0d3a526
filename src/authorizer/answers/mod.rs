//! What the gate says itself: the CORS protocol, documents about what it protects, and fields that it adds to answers of
//! others.

mod cors;
mod fields;
mod own;
mod resource;

pub(super) use cors::{Cors, preflighted};
pub use fields::AnswerFields;
pub use own::OwnAnswer;
pub(super) use own::WellKnown;
pub(super) use resource::{ProtectedResource, ProtectedResources};
