//! The wire: owns each client connection from its first byte, judges every request before any parser has read it, and
//! hands on one request at a time.

mod chunked;
mod connections;
mod door;
mod http2;
mod one_request;
mod refusal;
mod socket;

pub use door::Door;
pub(super) use one_request::BadBody;
