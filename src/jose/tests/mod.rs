//! The room against what attackers and careless issuers send: keys, sets, signatures, public vectors, anything at all.

mod crafted;
/// One JWK: each reason why it is left out.
mod keys;
/// What must hold for any input, tried with many.
mod properties;
/// A JWK Set: each key judged alone, and which one a token means.
mod sets;
/// Ten algorithms, and everything that is nearly a signature.
mod signatures;
mod support;
/// Wycheproof and the IETF JOSE cookbook, where a folder with them is named.
mod vectors;
