//! The proxy's sockets: plain and TLS listeners on pingora's server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pingora::apps::HttpServerOptions;
use pingora::listeners::tls::TlsSettings;
use pingora::proxy::ProxyServiceBuilder;
use pingora::server::Server;
use pingora::server::configuration::ServerConf;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::certificate::Certificate;
use super::error::ServerError;
use crate::config::{Config, ConfigPath, Loaded};
use crate::proxy::{Gateway, ListenerTlsConfig};

/// Idle connections to upstreams that are kept: a pool smaller than the load doubles the cost of a request.
const KEPT_CONNECTIONS: usize = 1024;
/// An HTTP/2 connection without a stream is closed after this long.
const IDLE: Duration = Duration::from_mins(1);

/// The sockets that clients connect to.
pub(super) struct Listeners<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) runtime: &'a Runtime,
    pub(super) stopped: watch::Receiver<bool>,
}

impl Listeners<'_> {
    /// Puts the gateway behind every configured listener.
    pub(super) fn hang(&self, gateway: Gateway) -> Result<Server, ServerError> {
        let config = &self.loaded.config;
        let mut server = Server::new_with_opt_and_conf(None, server_conf(config));
        server.bootstrap();
        let mut options = HttpServerOptions::default();
        options.h2_idle_timeout = Some(IDLE);
        let builder = ProxyServiceBuilder::new(&server.configuration, gateway).name("proxy").server_options(options);
        let mut service = builder.build();
        for (index, listener) in config.listeners.iter().enumerate() {
            probe(listener.address)?;
            let address = listener.address.to_string();
            match &listener.tls {
                None => service.add_tcp(&address),
                Some(tls) => service.add_tls_with_settings(&address, None, self.tls_settings(index, tls)?),
            }
        }
        server.add_service(service);
        Ok(server)
    }

    fn tls_settings(&self, listener: usize, tls: &ListenerTlsConfig) -> Result<TlsSettings, ServerError> {
        let path = ConfigPath::new("listeners").item(listener).key("tls");
        let refuse =
            |reason: String| self.loaded.refuse(vec![self.loaded.mistake(&path, "certificate-unusable", reason)]);
        let certificate = Arc::new(Certificate::load(tls).map_err(refuse)?);
        self.runtime.spawn(certificate.clone().watch(self.stopped.clone()));
        let paths = (tls.certificate.to_string_lossy(), tls.key.to_string_lossy());
        let mut settings = TlsSettings::intermediate(&paths.0, &paths.1).map_err(|error| refuse(error.to_string()))?;
        settings.set_cert_resolver(certificate);
        settings.enable_h2();
        Ok(settings)
    }
}

/// pingora panics where it cannot listen, so each address is tried before: bound, but without listening, since a client that
/// connected now would be reset a moment later.
fn probe(address: SocketAddr) -> Result<(), ServerError> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let tried = socket.and_then(|socket| socket.set_reuseaddr(true).and_then(|()| socket.bind(address)));
    tried.map_err(|source| ServerError::Listen { address, door: "requests", source })
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
