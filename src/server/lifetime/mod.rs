//! The life of a gate among others of its kind: it takes sockets that are open already, stops without failing a request, and hands
//! over to a new binary.

mod drain;
mod hand_over;
mod heard;
mod inherited;
mod life;
mod sockets;
mod supervisor;
mod take_over;

pub(super) use drain::{Exits, Hinges};
pub(super) use hand_over::HandOver;
pub(super) use heard::{Heard, hangups};
pub use inherited::Inherited;
pub(super) use life::Life;
pub(super) use sockets::Sockets;
pub(super) use take_over::{Greeting, Predecessor};
