//! What lasts: tunnels, event streams, gRPC and bodies that take their time. The tests play client and upstream themselves,
//! step by step, so that what comes before what depends on no clock.

mod answers;
mod bodies;
mod clear_http2;
mod grpc;
mod rights;
mod silence;
mod slow_readers;
mod stopping;
mod upgrades;
mod world;
