//! The keys of a pool, and the tokens made with them.

mod key_ring;
mod mint;

pub(crate) use key_ring::{KeyRing, Purpose};
pub(crate) use mint::{Mint, USER_ADMIN_SCOPE};
