//! The config file as a tree that knows where each value stands, and the way from it to typed values.

mod deserialize;
mod entries;
mod expand;
mod fault;
mod node;
mod read;
mod scalar;
mod wording;
mod yaml;

pub(crate) use expand::Source;
pub(crate) use fault::Fault;
pub(crate) use node::{Node, Segment, Spot, Value};
pub(crate) use read::read;
pub(crate) use scalar::{Plain, resolve};
pub(crate) use yaml::parse;
