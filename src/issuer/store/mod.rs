//! Where pools are kept: SQLite, one file of statements for each aggregate. What a write has answered is on disk.

pub(crate) mod attempts;
pub(crate) mod clients;
mod column;
mod database;
pub(crate) mod groups;
pub(crate) mod keys;
pub(crate) mod pools;
pub(crate) mod sessions;
pub(crate) mod users;

pub(crate) use database::{Connection, Database};
