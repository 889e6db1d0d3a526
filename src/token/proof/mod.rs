//! Whether the sender of a token may use it: DPoP proofs (RFC 9449) and client certificates (RFC 8705), for tokens that say in
//! `cnf` whom they are bound to.

mod checker;
mod confirmation;
mod error;
mod htu;
mod nonce;
mod replay;

pub use checker::{PROOF_ALGORITHMS, ProofChecker, Sender};
pub use confirmation::Confirmation;
pub use error::ProofError;
pub use replay::SeenProofs;
