//! Where pools are kept: SQLite, one file of statements for each aggregate. What a write has answered is on disk.

mod attempts;
mod clients;
mod column;
mod database;
mod groups;
mod keys;
mod pools;
mod sessions;
mod users;

pub(crate) use attempts::PasswordAttempts;
pub(crate) use clients::Clients;
pub(crate) use database::{Connection, Database};
pub(crate) use groups::Groups;
pub(crate) use keys::SigningKeys;
pub(crate) use pools::Pools;
pub(crate) use sessions::Sessions;
pub(crate) use users::{DeclaredUser, Users};
