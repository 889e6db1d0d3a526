//! What is sent to users: which message, in whose words, and the outbox that it waits in.

mod courier;
mod message;
mod template;

pub(crate) use courier::Courier;
pub(crate) use message::{Medium, Message, MessageKind};
