//! What is said of identity actions afterwards: a line in the audit log, and counts.

mod action;
mod recorder;

pub(crate) use recorder::{Over, sub_before};
pub use recorder::{Recorder, Recording};
