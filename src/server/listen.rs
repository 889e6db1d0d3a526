//! The proxy's sockets: plain and TLS listeners whose connections are taken to the proxy's door.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::configuration::ServerConf;
use pingora::server::{ListenFds, Server, ShutdownWatch};
use pingora::services::Service;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, warn};

use super::error::ServerError;
use super::lifetime::{Hinges, Sockets};
use super::tls::ListenerTls;
use crate::config::{Config, ConfigPath, Loaded};
use crate::proxy::{Door, Gateway, Listener, ListenerTlsConfig, Speaks};
use crate::telemetry::{InFlight, Metrics};

/// Idle connections to upstreams that are kept: a pool smaller than the load doubles the cost of a request.
const KEPT_CONNECTIONS: usize = 1024;
/// How long to wait where the system gives no connection, as when all file descriptors are in use.
const BREATH: Duration = Duration::from_millis(200);

/// The sockets that clients connect to.
pub(super) struct Listeners<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) runtime: &'a Runtime,
    pub(super) stopped: watch::Receiver<bool>,
    pub(super) metrics: &'a Metrics,
    pub(super) sockets: &'a Sockets,
    pub(super) hinges: &'a Hinges,
}

impl Listeners<'_> {
    /// Puts the gateway behind every configured listener.
    pub(super) fn hang(&self, gateway: Gateway) -> Result<Server, ServerError> {
        let config = &self.loaded.config;
        let mut server = Server::new_with_opt_and_conf(None, server_conf(config));
        server.bootstrap();
        let door = Arc::new(Door::new(gateway, self.metrics.connections(), &server.configuration));
        let mut entrances = Entrances { door, hinges: self.hinges.clone(), open: Vec::new() };
        for (index, listener) in config.listeners.iter().enumerate() {
            let speaks = match &listener.tls {
                Some(tls) => self.tls(index, tls)?,
                None if listener.h2c => Speaks::Http1AndH2c,
                None => Speaks::Http1,
            };
            let hung = Listener { speaks, proxy_protocol: listener.proxy_protocol };
            let address = listener.address;
            let socket = self.sockets.listen(address, self.runtime.handle());
            let socket = socket.map_err(|source| ServerError::Listen { address, door: "requests", source })?;
            // Counts until the last connection that waits there is taken.
            let open = InFlight::count(&self.hinges.connections);
            entrances.open.push((socket, hung, open));
        }
        server.add_service(entrances);
        Ok(server)
    }

    fn tls(&self, listener: usize, tls: &ListenerTlsConfig) -> Result<Speaks, ServerError> {
        let path = ConfigPath::new("listeners").item(listener).key("tls");
        let refuse =
            |reason: String| self.loaded.refuse(vec![self.loaded.mistake(&path, "certificate-unusable", reason)]);
        let tls = ListenerTls::load(tls).map_err(refuse)?;
        let current = tls.current();
        self.runtime.spawn(tls.watch(self.stopped.clone()));
        Ok(Speaks::Tls(current))
    }
}

type Open = (TcpListener, Listener, InFlight);

/// Open sockets, as a service on pingora's threads.
struct Entrances {
    door: Arc<Door>,
    hinges: Hinges,
    open: Vec<Open>,
}

#[async_trait]
impl Service for Entrances {
    /// pingora's own signal comes when everything has been waited for: the doors close before it, on ours.
    async fn start_service(&mut self, _handed_over: Option<ListenFds>, _shutdown: ShutdownWatch, _per_socket: usize) {
        let mut accepting = JoinSet::new();
        for (socket, listener, open) in self.open.drain(..) {
            match tokio::net::TcpListener::from_std(socket) {
                Ok(socket) => {
                    let entrance = Entrance { listener, door: self.door.clone(), hinges: self.hinges.clone() };
                    accepting.spawn(async move {
                        let _open = open;
                        entrance.accept(socket).await;
                    });
                }
                Err(error) => error!(%error, "a socket could not be served"),
            }
        }
        accepting.join_all().await;
    }

    fn name(&self) -> &'static str {
        "proxy"
    }
}

impl fmt::Debug for Entrances {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Entrances").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

/// Takes the connections of one socket in.
struct Entrance {
    listener: Listener,
    door: Arc<Door>,
    hinges: Hinges,
}

impl Entrance {
    async fn accept(&self, socket: tokio::net::TcpListener) {
        let mut closing = self.hinges.closing.clone();
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                _ = closing.wait_for(|closes| *closes) => break,
            };
            match accepted {
                Ok((stream, client)) => self.take_in(stream, client),
                Err(error) => {
                    warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
        for (stream, client) in waiting(socket) {
            self.take_in(stream, client);
        }
    }

    fn take_in(&self, stream: TcpStream, client: SocketAddr) {
        let serving = self.door.clone().serve(stream, client, self.listener.clone(), self.hinges.closing.clone());
        let open = InFlight::count(&self.hinges.connections);
        tokio::spawn(async move {
            let _open = open;
            serving.await;
        });
    }
}

/// More than any system holds for a socket.
const MOST_WAITING: usize = 65_535;

/// The connections that a socket holds which is about to close: whoever made them was told that it is open.
pub(super) fn waiting(socket: tokio::net::TcpListener) -> impl Iterator<Item = (TcpStream, SocketAddr)> {
    let socket = socket.into_std().ok();
    std::iter::from_fn(move || {
        let (stream, client) = socket.as_ref()?.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, client))
    })
    .take(MOST_WAITING)
}

fn server_conf(config: &Config) -> ServerConf {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    ServerConf {
        threads: config.threads.unwrap_or(cores),
        upstream_keepalive_pool_size: KEPT_CONNECTIONS,
        // The stop signal has waited for requests already; what is left is idle.
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(1),
        ..ServerConf::default()
    }
}
