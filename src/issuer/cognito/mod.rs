//! The door that speaks the Cognito user-pools API: AWS JSON 1.1 on `POST /`, one file for each family of operations.

mod administer;
mod administration;
mod answers;
mod cors;
mod door;
mod error;
mod input;
mod model;
mod operations;
mod own;
mod sessions;
mod sign_in;
mod sign_up;
mod signature;

pub(crate) use administration::Administration;
pub(crate) use cors::{allow_any_origin, preflight};
pub(crate) use door::{administer, call};
