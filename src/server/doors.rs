//! The sockets of the doors at which other proxies ask: who may connect, TLS, and how many at once.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use pingora::server::{ListenFds, ShutdownWatch};
use pingora::services::Service;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, error, warn};

use super::error::ServerError;
use super::lifetime::{Hinges, Sockets};
use super::listen::waiting;
use super::tls::ListenerTls;
use crate::authorizer::NetworkConfig;
use crate::clock::Clock;
use crate::config::{ConfigPath, Loaded};
use crate::ext_authz::{Decider, DoorTlsConfig, ExtAuthzConfig, GrpcDoor, HttpDoor};
use crate::proxy::{ClientAuthConfig, ListenerTlsConfig, TlsVersionConfig};
use crate::telemetry::{InFlight, Readiness};

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long to wait where the system gives no connection, as when all file descriptors are in use.
const BREATH: Duration = Duration::from_millis(200);
/// Strangers are told of at most this often.
const WARN_EVERY_SECONDS: u64 = 10;

/// What the doors are hung with.
pub(super) struct DoorFrame<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) runtime: &'a Runtime,
    pub(super) stopped: watch::Receiver<bool>,
    pub(super) clock: Clock,
    pub(super) readiness: Readiness,
    pub(super) sockets: &'a Sockets,
    pub(super) hinges: &'a Hinges,
}

impl DoorFrame<'_> {
    /// Opens every door's socket. The service serves them once it is started.
    pub(super) fn open(&self, config: &ExtAuthzConfig, decider: &Decider) -> Result<DoorSockets, ServerError> {
        let mut open = Vec::new();
        for (index, door) in config.http.iter().enumerate() {
            let at = ConfigPath::new("ext_authz").key("http").item(index);
            let kind = Kind::Http(Arc::new(HttpDoor::new(decider.clone(), door, config)));
            open.push(self.door(&at, door.address, door.tls.as_ref(), door.peers.as_deref(), kind)?);
        }
        for (index, door) in config.grpc.iter().enumerate() {
            let at = ConfigPath::new("ext_authz").key("grpc").item(index);
            let grpc = Arc::new(GrpcDoor::new(decider.clone(), config));
            self.runtime.spawn(grpc.clone().report_health(self.readiness.clone(), self.stopped.clone()));
            open.push(self.door(&at, door.address, door.tls.as_ref(), door.peers.as_deref(), Kind::Grpc(grpc))?);
        }
        let places = open.iter().map(|_| Arc::new(Semaphore::new(config.limits.connections))).collect();
        Ok(DoorSockets { open, places, hinges: self.hinges.clone() })
    }

    fn door(
        &self,
        at: &ConfigPath,
        address: SocketAddr,
        tls: Option<&DoorTlsConfig>,
        peers: Option<&[NetworkConfig]>,
        kind: Kind,
    ) -> Result<OpenDoor, ServerError> {
        let listen = |source| ServerError::Listen { address, door: "other proxies", source };
        let listener = self.sockets.listen(address, self.runtime.handle());
        let tls = tls.map(|tls| self.acceptor(&at.key("tls"), tls, kind.protocols())).transpose()?;
        let peers = match peers {
            Some(networks) => Peers::Of(networks.to_vec()),
            None if tls.as_ref().is_some_and(|(_, is_mutual)| *is_mutual) => Peers::WithCertificate,
            None => Peers::Loopback,
        };
        let strangers = Strangers { clock: self.clock.clone(), told: AtomicU64::new(0) };
        Ok(OpenDoor {
            listener: listener.map_err(listen)?,
            counted: InFlight::count(&self.hinges.connections),
            door: Arc::new(Door { tls: tls.map(|(tls, _)| tls), peers, kind, strangers }),
        })
    }

    /// The acceptor, and whether it asks for certificates.
    fn acceptor(
        &self,
        at: &ConfigPath,
        tls: &DoorTlsConfig,
        protocols: &'static [&'static [u8]],
    ) -> Result<(Arc<ArcSwap<TlsAcceptor>>, bool), ServerError> {
        let refuse = |reason: String| self.loaded.refuse(vec![self.loaded.mistake(at, "certificate-unusable", reason)]);
        let listener = ListenerTlsConfig {
            certificate: tls.certificate.clone(),
            key: tls.key.clone(),
            client_ca: tls.client_ca.clone(),
            client_auth: ClientAuthConfig::Required,
            min_version: TlsVersionConfig::default(),
            certificates: Vec::new(),
        };
        let loaded = ListenerTls::load_for(&listener, protocols, TlsAcceptor::from).map_err(refuse)?;
        let current = loaded.current();
        self.runtime.spawn(loaded.watch(self.stopped.clone()));
        Ok((current, tls.client_ca.is_some()))
    }
}

struct OpenDoor {
    listener: std::net::TcpListener,
    /// Until the last connection that waits there is taken.
    counted: InFlight,
    door: Arc<Door>,
}

struct Door {
    tls: Option<Arc<ArcSwap<TlsAcceptor>>>,
    peers: Peers,
    kind: Kind,
    strangers: Strangers,
}

/// Who may connect.
enum Peers {
    Loopback,
    WithCertificate,
    Of(Vec<NetworkConfig>),
}

#[derive(Clone)]
enum Kind {
    Http(Arc<HttpDoor>),
    Grpc(Arc<GrpcDoor>),
}

/// Says that strangers knock, without letting them fill the log.
struct Strangers {
    clock: Clock,
    told: AtomicU64,
}

impl Peers {
    fn include(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match self {
            Self::Loopback => address.is_loopback(),
            // The handshake asks.
            Self::WithCertificate => true,
            Self::Of(networks) => networks.iter().any(|network| network.contains(address)),
        }
    }
}

impl Kind {
    /// Its name for ALPN (RFC 7301 section 6).
    fn protocols(&self) -> &'static [&'static [u8]] {
        match self {
            Self::Http(_) => &[b"http/1.1"],
            Self::Grpc(_) => &[b"h2"],
        }
    }

    async fn serve<S>(self, stream: S, peer: IpAddr, stop: ShutdownWatch)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        match self {
            Self::Http(door) => door.serve(stream, peer, stop).await,
            Self::Grpc(door) => door.serve(stream, stop).await,
        }
    }
}

impl Strangers {
    fn tell(&self, peer: SocketAddr) {
        let now = self.clock.unix_seconds();
        let told = self.told.load(Ordering::Relaxed);
        let is_due = now.saturating_sub(told) >= WARN_EVERY_SECONDS;
        if is_due && self.told.compare_exchange(told, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            warn!(%peer, "a connection to `ext_authz` was closed: it is from none of its `peers`");
        }
    }
}

impl Door {
    async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        peer: IpAddr,
        stop: ShutdownWatch,
        _place: (OwnedSemaphorePermit, InFlight),
    ) {
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let kind = self.kind.clone();
        let Some(tls) = &self.tls else { return kind.serve(stream, peer, stop).await };
        match timeout(HANDSHAKE, tls.load_full().accept(stream)).await {
            Ok(Ok(stream)) => kind.serve(stream, peer, stop).await,
            Ok(Err(error)) => debug!(%error, "a TLS handshake failed"),
            Err(_) => debug!("a TLS handshake took too long"),
        }
    }
}

/// Open sockets, as a service on threads of its own.
pub(super) struct DoorSockets {
    open: Vec<OpenDoor>,
    /// How many more connections each takes.
    places: Vec<Arc<Semaphore>>,
    hinges: Hinges,
}

#[async_trait]
impl Service for DoorSockets {
    async fn start_service(&mut self, _handed_over: Option<ListenFds>, _shutdown: ShutdownWatch, _per_socket: usize) {
        let mut accepting = JoinSet::new();
        for (OpenDoor { listener, counted, door }, places) in self.open.drain(..).zip(self.places.drain(..)) {
            match TcpListener::from_std(listener) {
                Ok(listener) => {
                    let entrance = Entrance { door, places, hinges: self.hinges.clone() };
                    accepting.spawn(async move {
                        let _counted = counted;
                        entrance.accept(listener).await;
                    });
                }
                Err(error) => error!(%error, "a socket could not be served"),
            }
        }
        accepting.join_all().await;
    }

    fn name(&self) -> &'static str {
        "ext_authz"
    }
}

impl fmt::Debug for DoorSockets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DoorSockets").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

/// Takes the connections of one socket in.
struct Entrance {
    door: Arc<Door>,
    places: Arc<Semaphore>,
    hinges: Hinges,
}

impl Entrance {
    async fn accept(&self, listener: TcpListener) {
        let mut closing = self.hinges.closing.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = closing.wait_for(|closes| *closes) => break,
            };
            match accepted {
                Ok((stream, peer)) => self.take_in(stream, peer),
                Err(error) => {
                    warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
        for (stream, peer) in waiting(listener) {
            self.take_in(stream, peer);
        }
    }

    fn take_in(&self, stream: TcpStream, peer: SocketAddr) {
        if !self.door.peers.include(peer.ip()) {
            return self.door.strangers.tell(peer);
        }
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            debug!("a connection was closed: there are `ext_authz.limits.connections` already");
            return;
        };
        let counted = (place, InFlight::count(&self.hinges.connections));
        tokio::spawn(self.door.clone().serve(stream, peer.ip(), self.hinges.closing.clone(), counted));
    }
}
