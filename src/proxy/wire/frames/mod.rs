//! HTTP/2 as it comes, beside the library that speaks it: what the library cuts off or passes over without a word is seen here.
//!
//! A connection's bytes pass unchanged; of its frames only header sections are looked into, and of these only names, sizes and the
//! path. What is found is either the end of the connection or noted for the stream that it belongs to.

mod fields;
mod huffman;
mod reader;
mod screened;

pub(super) use screened::{Noted, Screened};
