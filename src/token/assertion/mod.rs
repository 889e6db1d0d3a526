//! Assertions: short-lived JWTs in which the gate itself says who calls, so that an upstream can tell a proved identity from
//! a header that somebody else wrote.

mod disk;
mod error;
mod key_ring;
mod minter;

pub use error::AssertionError;
pub use key_ring::{AssertionKeys, RingSettings};
pub use minter::{AssertionMinter, MinterSettings};
