//! An upstream that keeps what it is sent, byte for byte, and echoes it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;

use super::message::Message;
use super::server::{Reply, Server};

/// The upstream. Two fields of a request tell it how to answer: `X-Test-Status` and `X-Test-Delay` (milliseconds).
pub(crate) struct TestUpstream(Server);

impl TestUpstream {
    /// Answers with the request as it came.
    pub(crate) fn start() -> Self {
        Self(Server::start(None, echo))
    }

    /// The same over TLS.
    pub(crate) fn start_tls(config: Arc<ServerConfig>) -> Self {
        Self(Server::start(Some(config), echo))
    }

    /// Answers as `handler` says.
    pub(crate) fn answering(handler: impl Fn(&Message) -> Reply + Send + Sync + 'static) -> Self {
        Self(Server::start(None, handler))
    }

    /// Answers as `handler` says, at this address.
    pub(crate) fn answering_at(
        address: SocketAddr,
        handler: impl Fn(&Message) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self(Server::start_at(address, None, handler))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Every request so far.
    pub(crate) fn received(&self) -> Vec<Message> {
        self.0.received()
    }

    /// The last request that came.
    pub(crate) fn last(&self) -> Message {
        self.received().pop().expect("the upstream was sent nothing")
    }
}

fn echo(request: &Message) -> Reply {
    let number = |name| request.header(name).and_then(|value| value.parse().ok());
    let body = [request.head.as_bytes(), &request.body].concat();
    let status = number("x-test-status").and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
    Reply::new(status, body).after(Duration::from_millis(number("x-test-delay").unwrap_or_default()))
}
