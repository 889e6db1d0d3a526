//! What lasts longer than one answer: upgrades, event streams and gRPC, and the right by which each goes on.

mod grpc;
mod right;
mod silence;
mod upgrade;
mod websocket;

pub(super) use grpc::{answer as grpc_answer, is_grpc, trailers as grpc_trailers};
pub(super) use right::{let_pass, watch, watch_if_it_streams};
pub(super) use silence::patience;
pub(super) use upgrade::{agrees_to_websocket, asks_for_websocket};
pub(super) use websocket::{Closing, Frames};
