//! The proxy's sockets: plain and TLS listeners whose connections are taken to the proxy's door.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::listeners::tls::Acceptor;
use pingora::server::configuration::ServerConf;
use pingora::server::{ListenFds, Server, ShutdownWatch};
use pingora::services::Service;
use rustls::ServerConfig;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, warn};

use super::certificate::Certificate;
use super::error::ServerError;
use crate::config::{Config, ConfigPath, Loaded};
use crate::proxy::{Door, Gateway, ListenerTlsConfig};
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
            let tls = listener.tls.as_ref().map(|tls| self.acceptor(index, tls)).transpose()?;
            sockets.open.push((self.listen(listener.address)?, tls));
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

    fn acceptor(&self, listener: usize, tls: &ListenerTlsConfig) -> Result<Arc<Acceptor>, ServerError> {
        let path = ConfigPath::new("listeners").item(listener).key("tls");
        let refuse =
            |reason: String| self.loaded.refuse(vec![self.loaded.mistake(&path, "certificate-unusable", reason)]);
        let certificate = Arc::new(Certificate::load(&tls.certificate, &tls.key).map_err(refuse)?);
        self.runtime.spawn(certificate.clone().watch(self.stopped.clone()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let versions = versions.map_err(|error| refuse(error.to_string()))?;
        let mut config = versions.with_no_client_auth().with_cert_resolver(certificate);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(Acceptor::from_server_config(Arc::new(config))))
    }
}

type Open = (TcpListener, Option<Arc<Acceptor>>);

/// Open sockets, as a service on pingora's threads.
struct Sockets {
    door: Arc<Door>,
    open: Vec<Open>,
}

#[async_trait]
impl Service for Sockets {
    async fn start_service(&mut self, _handed_over: Option<ListenFds>, shutdown: ShutdownWatch, _per_socket: usize) {
        let mut accepting = JoinSet::new();
        for (listener, tls) in self.open.drain(..) {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => {
                    accepting.spawn(accept(listener, tls, self.door.clone(), shutdown.clone()));
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

async fn accept(
    listener: tokio::net::TcpListener,
    tls: Option<Arc<Acceptor>>,
    door: Arc<Door>,
    mut shutdown: ShutdownWatch,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = shutdown.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, client)) => {
                tokio::spawn(door.clone().serve(stream, client, tls.clone(), shutdown.clone()));
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
