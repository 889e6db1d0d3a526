//! What the service model says of each operation that is built: a compact table of facts, and the judge that holds a request to it.

mod judge;
mod table;

pub(super) use judge::judge;
pub(super) use table::{Operation, operation};
