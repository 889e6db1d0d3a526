//! The door that speaks the Cognito user-pools API: AWS JSON 1.1 on `POST /`, one file for each family of operations.

mod cors;
mod door;
mod error;
mod members;
mod operations;
mod profile;
mod sign_in;
mod tokens;

pub(crate) use cors::{allow_any_origin, preflight};
pub(crate) use door::call;
