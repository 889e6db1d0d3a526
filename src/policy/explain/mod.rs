//! Why a bundle answered as it did: the policies that fired, with their places, and what would have let a request pass.

mod conditions;
mod explanation;
mod heads;
mod judge;
mod tokens;
mod values;

pub use explanation::{FiredPolicy, Need, PolicyExplanation, Way};
pub(super) use judge::Scene;
