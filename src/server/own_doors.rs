//! The doors that are ours to answer at, the issuer's and the operator's: how many connect, and how long each may be silent.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::listen::waiting;
use crate::proxy::Connections;

/// How long a connection is kept that sends no whole head: clients keep theirs for the next call.
const KEPT: Duration = Duration::from_secs(75);
/// Open connections to one door, from all addresses together.
const MOST: usize = 4096;
/// How long to wait where the system gives no connection, as when all file descriptors are in use.
const BREATH: Duration = Duration::from_millis(200);

/// A door with its bounds.
pub(super) struct OwnDoor {
    router: Router,
    most_per_address: usize,
    kept: Duration,
    /// How long connections without a request are kept when it closes.
    rest: Duration,
}

/// Who is inside.
struct Guests {
    door: Arc<OwnDoor>,
    connections: Connections,
    places: Arc<Semaphore>,
    serving: JoinSet<()>,
    stopped: watch::Receiver<bool>,
}

impl Guests {
    fn take_in(&mut self, stream: TcpStream, peer: SocketAddr) {
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        let counted = self.connections.open(peer.ip(), self.door.most_per_address);
        let (Some(place), Some(counted)) = (place, counted) else {
            debug!(%peer, "a connection was closed: there are enough already");
            return;
        };
        let (door, stopped) = (Arc::clone(&self.door), self.stopped.clone());
        self.serving.spawn(async move {
            let _held = (place, counted);
            door.answer(stream, peer, stopped).await;
        });
    }

    async fn all_gone(&mut self) {
        while self.serving.join_next().await.is_some() {}
    }
}

impl OwnDoor {
    pub(super) fn new(router: Router, most_per_address: usize, rest: Duration) -> Self {
        Self { router, most_per_address, kept: KEPT, rest }
    }

    /// Serves until `closes`, and then until what is being answered is answered.
    pub(super) async fn serve(self, listener: TcpListener, closes: impl Future<Output = ()>) {
        let (rest, mut closes) = (self.rest, pin!(closes));
        let (stop, stopped) = watch::channel(false);
        let mut guests = Guests {
            door: Arc::new(self),
            connections: Connections::default(),
            places: Arc::new(Semaphore::new(MOST)),
            serving: JoinSet::new(),
            stopped,
        };
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = closes.as_mut() => break,
                // Those that have ended are forgotten.
                Some(_) = guests.serving.join_next() => continue,
            };
            match accepted {
                Ok((stream, peer)) => guests.take_in(stream, peer),
                Err(error) => {
                    warn!(%error, "a connection could not be taken");
                    sleep(BREATH).await;
                }
            }
        }
        for (stream, peer) in waiting(listener) {
            guests.take_in(stream, peer);
        }
        // The first request of a connection that was just taken may be on its way.
        let _rest_is_over = timeout(rest, guests.all_gone()).await;
        // Nobody hears it where nobody is connected.
        let _told = stop.send(true);
        guests.all_gone().await;
    }

    async fn answer(&self, stream: TcpStream, peer: SocketAddr, mut stopped: watch::Receiver<bool>) {
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let router = self.router.clone().layer(Extension(ConnectInfo(peer)));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.kept)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        let mut connection = pin!(connection);
        let stopping = async {
            let _told = stopped.wait_for(|stopped| *stopped).await;
        };
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = stopping => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            debug!(%error, "a connection has failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn begin(most_per_address: usize, kept: Duration) -> (SocketAddr, watch::Sender<bool>) {
        let router =
            Router::new().route("/", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, mut stopped) = watch::channel(false);
        let closes = async move {
            let _told = stopped.wait_for(|stopped| *stopped).await;
        };
        tokio::spawn(OwnDoor { router, most_per_address, kept, rest: Duration::ZERO }.serve(listener, closes));
        (address, stop)
    }

    async fn asked(connection: &mut TcpStream) -> String {
        let _ = connection.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let mut answer = vec![0; 1024];
        let read = connection.read(&mut answer).await.unwrap_or(0);
        String::from_utf8_lossy(&answer[..read]).into_owned()
    }

    #[tokio::test]
    async fn who_asks_is_known_and_a_connection_serves_again() {
        let (address, _stop) = begin(10, KEPT).await;
        let mut connection = TcpStream::connect(address).await.unwrap();
        let own = connection.local_addr().unwrap().to_string();
        for _ in 0..2 {
            assert!(asked(&mut connection).await.ends_with(&own));
        }
    }

    #[tokio::test]
    async fn a_head_that_does_not_come_ends_its_connection() {
        let (address, _stop) = begin(10, Duration::from_millis(200)).await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
        let begun = Instant::now();
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(10), slow.read_to_end(&mut rest)).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(150));
    }

    #[tokio::test]
    async fn an_address_has_only_so_many_connections_and_gets_its_places_back() {
        let (address, _stop) = begin(2, KEPT).await;
        let connect = || async { TcpStream::connect(address).await.unwrap() };
        let (mut first, mut second) = (connect().await, connect().await);
        assert!(!asked(&mut first).await.is_empty() && !asked(&mut second).await.is_empty());
        assert_eq!(asked(&mut connect().await).await, "", "the third is closed");
        drop(first);
        let begun = Instant::now();
        while asked(&mut connect().await).await.is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(5));
        }
    }

    #[tokio::test]
    async fn a_door_that_is_stopped_answers_what_was_asked_and_closes() {
        let (address, stop) = begin(2, KEPT).await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        assert!(!asked(&mut idle).await.is_empty());
        stop.send_replace(true);
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), idle.read_to_end(&mut rest)).await;
        assert!(read.is_ok() && TcpStream::connect(address).await.is_err());
    }
}
