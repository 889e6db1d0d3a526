//! What becomes of an account: made, confirmed, changed, recovered, given factors, taken away.

mod administer;
mod attributes;
mod codes;
mod factors;
mod groups;
mod passwords;
mod recovery;
mod sign_up;
mod totp;

pub(crate) use administer::{Creation, NewByAdmin};
pub(super) use attributes::Author;
pub(crate) use attributes::{Given, keep_aliases};
pub(crate) use codes::Delivery;
pub(crate) use factors::Preference;
pub(crate) use passwords::sealed_verifier;
pub(crate) use recovery::Recovery;
pub(crate) use sign_up::{Confirmation, SignUp};
pub(crate) use totp::TotpBearer;
