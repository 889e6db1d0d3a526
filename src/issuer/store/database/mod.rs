//! One handle for two databases: SQLite for one node, PostgreSQL for several, the same statements on both.

mod connection;
mod handle;
mod migrations;
mod postgres;
mod sqlite;
mod statement;
mod value;

pub(crate) use connection::{Connection, Write};
pub(crate) use handle::{Database, Listener};
pub(crate) use statement::query;
