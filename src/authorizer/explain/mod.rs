//! A decision told to people: each step with its outcome, each policy with its place, and what would have let it pass.

mod asked_request;
mod explanation;
mod needs;
mod steps;

pub use asked_request::AskedRequest;
pub use explanation::{Explanation, Presented};
pub use needs::{WantedChange, WayToPass};
pub use steps::Step;
