//! What the issuer does for a caller, one engine behind every door: accounts, sign-in, refresh, sign-out, and their administration.

mod account;
mod bearer;
mod directory;
mod engine;
mod even;
mod pools;
mod refresh;
mod refusal;
mod sign_in;
mod sign_out;
mod user_sessions;

pub(crate) use account::{
    Confirmation, Creation, Delivery, Given, NewByAdmin, Preference, Recovery, SignUp, TotpBearer, keep_aliases,
    sealed_verifier,
};
pub(crate) use engine::{Engine, SignedIn};
pub(crate) use refusal::Refusal;
pub(crate) use sign_in::{Ask, Challenge, Reply, Step};
pub(crate) use sign_out::TokenRevocation;
