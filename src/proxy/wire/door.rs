//! Where connections come in: each is counted, gets its time, and is served until it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use pingora::apps::HttpServerApp;
use pingora::connectors::{ConnectorOptions, TransportConnector};
use pingora::listeners::tls::Acceptor;
use pingora::protocols::http::ServerSession;
use pingora::protocols::tls::TlsRef;
use pingora::protocols::{ALPN, Digest, IO, Ssl};
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::ShutdownWatch;
use pingora::server::configuration::ServerConf;
use pingora::time::timeout;
use tokio::net::TcpStream;

use super::connections::Connections;
use super::one_request::OneRequest;
use super::proven::Proof;
use super::proxy_protocol::read_header;
use super::socket::Socket;
use super::{http1, http2};
use crate::proxy::context::RequestContext;
use crate::proxy::gateway::Gateway;
use crate::proxy::snapshot::Snapshot;
use crate::telemetry::{ConnectionEnd, ConnectionMetrics};

/// How long an answer that ends a connection may take to be sent.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(5);

/// What is spoken on a listener.
#[derive(Clone)]
pub enum Speaks {
    /// HTTP/1.1 in the clear.
    Http1,
    /// HTTP/1.1 in the clear, and HTTP/2 where the client begins with it (RFC 9113 section 3.3).
    Http1AndH2c,
    /// TLS, and within it what ALPN agrees on.
    Tls(Arc<ArcSwap<Acceptor>>),
}

/// How connections come to a listener.
#[derive(Clone)]
pub struct Listener {
    /// What is spoken.
    pub speaks: Speaks,
    /// Whether a load balancer first says who connected.
    pub proxy_protocol: bool,
}

/// The way in for clients: takes accepted connections and serves the requests on them.
pub struct Door {
    /// What carries requests to upstreams that speak HTTP/2, and tunnels.
    pub(super) proxy: Arc<HttpProxy<Gateway>>,
    pub(super) gateway: Gateway,
    /// What opens connections to upstreams that speak HTTP/1.
    connector: TransportConnector,
    connections: Connections,
    pub(super) metrics: ConnectionMetrics,
}

impl Door {
    /// Hangs the gateway behind the door.
    #[must_use]
    pub fn new(gateway: Gateway, metrics: ConnectionMetrics, conf: &Arc<ServerConf>) -> Self {
        let proxy = Arc::new(http_proxy(conf, gateway.clone()));
        let connector = TransportConnector::new(Some(ConnectorOptions::from_server_conf(conf)));
        Self { proxy, gateway, connector, connections: Connections::default(), metrics }
    }

    /// Serves one connection until it ends; once `shutdown` turns true, it ends with the answer that it waits for.
    pub async fn serve(
        self: Arc<Self>,
        mut stream: TcpStream,
        peer: SocketAddr,
        listener: Listener,
        shutdown: ShutdownWatch,
    ) {
        let snapshot = self.gateway.current();
        let limits = &snapshot.limits;
        // What comes before TLS, its handshake and the first head together: none gives a slow client more time.
        let first_by = Instant::now() + limits.header_timeout;
        let client = if listener.proxy_protocol {
            match self.named_by(&mut stream, peer, &snapshot, first_by).await {
                Some(named) => named,
                None => return self.metrics.ended(ConnectionEnd::ProxyProtocol),
            }
        } else {
            peer
        };
        let Some(_counted) = self.connections.open(client.ip(), limits.connections_per_ip) else {
            self.metrics.refused();
            return;
        };
        let _open = self.metrics.open();
        // Answers are written whole; waiting for more to send would only delay them.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let tls = match listener.speaks {
            Speaks::Tls(tls) => tls,
            Speaks::Http1 => {
                let stream = Box::new(OneRequest::new(Socket::plain(stream, client)));
                return http1::serve(&self, stream, client, first_by, shutdown).await;
            }
            Speaks::Http1AndH2c => return self.serve_clear(stream, client, first_by, shutdown).await,
        };
        let (tls, proof) = (tls.load_full(), Proof::default());
        let handshake = tls.tls_handshake(Socket::below_tls(stream, client, proof.clone()));
        let handshake = timeout(first_by.saturating_duration_since(Instant::now()), handshake).await;
        if let Ok(Ok(stream)) = &handshake
            && let Some(certificate) = stream.get_ssl().and_then(TlsRef::peer_certificate_der)
        {
            proof.set(certificate);
        }
        drop(snapshot);
        match handshake {
            Ok(Ok(stream)) if matches!(stream.selected_alpn_proto(), Some(ALPN::H2)) => {
                http2::serve(&self, Box::new(stream), first_by, shutdown).await;
            }
            Ok(Ok(stream)) => {
                http1::serve(&self, Box::new(OneRequest::new(stream)), client, first_by, shutdown).await;
            }
            // A scan, a client that does not trust the certificate, or one that takes too long: nobody to answer.
            Ok(Err(error)) => {
                tracing::debug!(%error, "a TLS handshake failed");
                self.metrics.ended(ConnectionEnd::Handshake);
            }
            Err(_) => self.metrics.ended(ConnectionEnd::Handshake),
        }
    }

    /// Passes on a request that has a permit, by the way that its upstream needs.
    pub(super) async fn pass(&self, session: ServerSession, context: Box<RequestContext>, shutdown: &ShutdownWatch) {
        if context.upstream.as_ref().is_some_and(|upstream| upstream.speaks_http2()) {
            Gateway::hand_over(context, self.proxy.process_new_http(session, shutdown)).await;
        } else {
            // A connection at rest need not have room for it.
            Box::pin(self.gateway.pass(&self.connector, session, context)).await;
        }
    }

    /// Who connected to the load balancer that is at the other end; `None` where there is none that is trusted, or it does not say.
    async fn named_by(
        &self,
        stream: &mut TcpStream,
        peer: SocketAddr,
        snapshot: &Snapshot,
        by: Instant,
    ) -> Option<SocketAddr> {
        let sender = peer.ip().to_canonical();
        if !snapshot.point.trusted_proxies.iter().any(|network| network.contains(sender)) {
            return None;
        }
        timeout(by.saturating_duration_since(Instant::now()), read_header(stream, peer)).await.ok()?.ok()
    }

    /// HTTP/1.1 or HTTP/2, whichever the client begins with. It has no longer to do so than for a first head.
    async fn serve_clear(
        self: Arc<Self>,
        stream: TcpStream,
        client: SocketAddr,
        first_by: Instant,
        shutdown: ShutdownWatch,
    ) {
        let mut stream = Box::new(OneRequest::new(Socket::plain(stream, client)));
        match stream.begins_http2(first_by).await {
            None => {}
            Some(false) => http1::serve(&self, stream, client, first_by, shutdown).await,
            Some(true) => {
                // The preface is read again, and after it the connection is HTTP/2's.
                stream.line().open_tunnel();
                http2::serve(&self, stream, first_by, shutdown).await;
            }
        }
    }
}

/// What is known of a connection, once for all of its requests.
pub(super) fn digest_of(stream: &dyn IO) -> Arc<Digest> {
    Arc::new(Digest {
        ssl_digest: stream.get_ssl_digest(),
        timing_digest: stream.get_timing_digest(),
        proxy_digest: stream.get_proxy_digest(),
        socket_digest: stream.get_socket_digest(),
    })
}
