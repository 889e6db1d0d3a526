//! API Gateway's door: Lambda-authorizer events, and IAM policies or simple responses.

mod answer;
mod arn;
mod event;
mod read;

pub(super) use answer::{Asked, answer};
pub(super) use event::Event;
pub(super) use read::original_request;
