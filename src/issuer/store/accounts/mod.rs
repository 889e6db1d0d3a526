//! Statements about what accounts need besides users themselves: aliases, codes, factors, lists, and sign-ins under way.

mod aliases;
mod auth_sessions;
mod ceilings;
mod client_secrets;
mod codes;
mod factors;
mod lists;
mod outbox;

pub(crate) use aliases::Aliases;
pub(crate) use auth_sessions::AuthSessions;
pub(crate) use ceilings::Ceilings;
pub(crate) use client_secrets::{ClientSecrets, KeptSecret};
pub(crate) use codes::{Codes, SentCode};
pub(crate) use factors::Factors;
pub(crate) use lists::{Page, UserFilter, UserLists};
pub(crate) use outbox::{Outbox, Waiting};
