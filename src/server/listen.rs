//! The proxy's sockets: plain and TLS listeners whose connections are taken to the proxy's door.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::configuration::ServerConf;
use pingora::server::{ListenFds, Server, ShutdownWatch};
use pingora::services::Service;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, warn};

use super::error::ServerError;
use super::tls::ListenerTls;
use crate::config::{Config, ConfigPath, Loaded};
use crate::proxy::{Door, Gateway, Listener, ListenerTlsConfig, Speaks};
use crate::telemetry::Metrics;

/// Idle connections to upstreams that are kept: a pool smaller than the load doubles the cost of a request.
const KEPT_CONNECTIONS: usize = 1024;
/// Connections that the system holds until they are taken; it cuts this to its own bound.
const BACKLOG: u32 = 65_535;
/// How long to wait where the system gives no connection, as when all file descriptors are in use.
const BREATH: Duration = Duration::from_millis(200);

/// The sockets that clients connect to.
pub(super) struct Listeners<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) runtime: &'a Runtime,
    pub(super) stopped: watch::Receiver<bool>,
    pub(super) metrics: &'a Metrics,
}

impl Listeners<'_> {
    /// Puts the gateway behind every configured listener.
    pub(super) fn hang(&self, gateway: Gateway) -> Result<Server, ServerError> {
        let config = &self.loaded.config;
        let mut server = Server::new_with_opt_and_conf(None, server_conf(config));
        server.bootstrap();
        let door = Arc::new(Door::new(gateway, self.metrics.connections(), &server.configuration));
        let mut sockets = Sockets { door, open: Vec::new() };
        for (index, listener) in config.listeners.iter().enumerate() {
            let speaks = match &listener.tls {
                Some(tls) => self.tls(index, tls)?,
                None if listener.h2c => Speaks::Http1AndH2c,
                None => Speaks::Http1,
            };
            let hung = Listener { speaks, proxy_protocol: listener.proxy_protocol };
            sockets.open.push((self.listen(listener.address)?, hung));
        }
        server.add_service(sockets);
        Ok(server)
    }

    fn listen(&self, address: SocketAddr) -> Result<TcpListener, ServerError> {
        let _within = self.runtime.enter();
        let open = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            // Taken back from this runtime: the proxy's own will accept.
            socket.listen(BACKLOG)?.into_std()
        };
        open().map_err(|source| ServerError::Listen { address, door: "requests", source })
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

type Open = (TcpListener, Listener);

/// Open sockets, as a service on pingora's threads.
struct Sockets {
    door: Arc<Door>,
    open: Vec<Open>,
}

#[async_trait]
impl Service for Sockets {
    async fn start_service(&mut self, _handed_over: Option<ListenFds>, shutdown: ShutdownWatch, _per_socket: usize) {
        let mut accepting = JoinSet::new();
        for (socket, listener) in self.open.drain(..) {
            match tokio::net::TcpListener::from_std(socket) {
                Ok(socket) => {
                    accepting.spawn(accept(socket, listener, self.door.clone(), shutdown.clone()));
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

impl fmt::Debug for Sockets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sockets").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

async fn accept(socket: tokio::net::TcpListener, listener: Listener, door: Arc<Door>, mut shutdown: ShutdownWatch) {
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = shutdown.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, client)) => {
                tokio::spawn(door.clone().serve(stream, client, listener.clone(), shutdown.clone()));
            }
            Err(error) => {
                warn!(%error, "a connection could not be taken");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
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
