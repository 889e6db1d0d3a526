//! Upstreams: where requests go. Which endpoints there are, which of them can be used, whose turn it is, how many requests each
//! upstream may have, and what is tried again; and the one place that makes a pingora peer.

mod affinity;
mod attempt;
mod balance;
mod endpoint;
mod health;
mod kept;
mod load;
mod names;
mod peer;
mod registry;
mod service;

pub(super) use affinity::affinity;
pub(super) use attempt::{Attempt, Replay};
pub(super) use endpoint::Endpoint;
pub use endpoint::EndpointStatus;
pub use peer::UpstreamError;
pub use registry::Upstreams;
pub use service::Upstream;
