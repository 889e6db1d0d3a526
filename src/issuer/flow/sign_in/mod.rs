//! Sign-in: every flow as one engine, from the first factor through what is then asked for to tokens.

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
pub(super) use password::Counted;
pub(super) use underway::Underway;
