//! The room as a gate uses it: tokens of many kinds before one verifier, each with the code that it is answered with.

/// What is remembered of a token, and what is asked again.
mod cache;
/// Claims bound to their token, revocation, unknown keys: what needs more than one token or a moving clock.
mod course;
/// The manual's page on attacks against these tests.
mod manual;
/// Bound tokens, and what their senders must prove.
mod proofs;
/// What must hold for any token, tried with many.
mod properties;
mod support;
/// One case a line: rule, what the token is, the answer.
mod table;
