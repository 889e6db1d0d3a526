//! The wire: owns each client connection from its first byte, judges every request before any parser has read it, and
//! hands on one request at a time.

mod chunked;
mod closing;
mod connections;
mod door;
mod exchange;
mod frames;
mod http1;
mod http2;
mod incoming;
mod kept;
mod line;
mod one_request;
mod outgoing;
mod pace;
mod proven;
mod proxy_protocol;
mod refusal;
mod socket;
mod stream;

pub use connections::Connections;
pub use door::{Door, Listener, Speaks};
pub(super) use line::{Ended, Line};
pub(super) use one_request::BadBody;
pub(super) use proven::proven;
