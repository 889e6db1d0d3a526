//! What the integration tests stand on: the real gate as a process, and an issuer, an upstream and clients of our own on
//! real sockets, so that everything is judged by the bytes that arrive.

mod collector;
mod command;
mod connection;
mod gateway;
mod issuer;
mod key;
mod load;
mod message;
mod ports;
mod request;
mod server;
mod setup;
mod steady;
mod tls;
mod token;
mod upstream;
mod wait;

pub(crate) use collector::{TestCollector, ToldSpan};
pub(crate) use command::{Finished, lychgate, shell};
pub(crate) use connection::Connection;
pub(crate) use gateway::TestGateway;
pub(crate) use issuer::TestIssuer;
pub(crate) use key::{Key, encode};
pub(crate) use load::Load;
pub(crate) use message::Message;
pub(crate) use ports::free_ports;
pub(crate) use request::Request;
pub(crate) use server::{Reply, Server};
pub(crate) use setup::{Setup, Written};
pub(crate) use steady::Steady;
pub(crate) use tls::{Authority, Identity};
pub(crate) use token::{Token, now};
pub(crate) use upstream::TestUpstream;
pub(crate) use wait::until;
