//! What the issuer does for a caller, one engine behind every door: sign in, refresh, say who the bearer is, sign out.

mod bearer;
mod engine;
mod password;
mod refresh;
mod refusal;
mod sign_out;

pub(crate) use engine::{Engine, SignedIn};
pub(crate) use password::PasswordSignIn;
pub(crate) use refresh::Refresh;
pub(crate) use refusal::Refusal;
pub(crate) use sign_out::TokenRevocation;
