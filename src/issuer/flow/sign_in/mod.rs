//! Sign-in: every flow as one engine, from the first factor through what is then asked for to tokens.

mod after_sign_up;
mod answer;
mod ask;
mod first_code;
mod initiate;
mod next;
mod password;
mod second;
mod srp;
mod underway;

pub(crate) use ask::{Ask, Challenge, Reply, Step};
pub(super) use next::active_factors;
pub(super) use password::Counted;
pub(super) use underway::{Underway, Whom};
