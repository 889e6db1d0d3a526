//! Bytes on sockets: what no parser may read in two ways, who waits how long, and what a connection keeps from one request
//! to the next.

mod body;
mod connection;
pub(crate) mod frames;
mod head;
mod http2;
mod identity;
mod limits;
mod manual;
mod secrets;
mod support;
