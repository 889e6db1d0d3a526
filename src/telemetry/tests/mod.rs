//! Tests of the room that are too long for the foot of a file.

mod access_line;
mod line_queue;
mod metrics;
mod page;

pub(super) use page::Page;
