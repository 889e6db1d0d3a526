//! Encryption at rest: what is secret and must be read again is sealed under the master key before it is kept.

mod mark;
mod master_key;
mod resealing;
mod sealer;

pub(crate) use sealer::Sealer;
