//! Connections to an endpoint that rest between two requests. pingora's own pool has a task for each, that watches it and is to be
//! stopped before the connection can be used; here one that fails is found when it is wanted, or within a second.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use pingora::protocols::Stream;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::unconstrained;
use tokio::time::sleep;

use super::endpoint::Endpoint;

/// Connections that rest at one endpoint. More than clients ask for at once are not worth their place.
const MOST: usize = 1024;
/// How often those that rest are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The connections that rest, the last to be used at the end.
#[derive(Default)]
pub(super) struct Kept(Mutex<Resting>);

#[derive(Default)]
struct Resting {
    connections: VecDeque<Rests>,
    /// Whether a task looks at them.
    is_watched: bool,
}

struct Rests {
    stream: Stream,
    since: Instant,
}

impl Endpoint {
    /// A connection that has rested, of those that still can be used the last that was.
    pub(in crate::proxy) fn take_kept(&self) -> Option<Stream> {
        loop {
            let mut last = self.kept.lock().connections.pop_back()?;
            if last.can_be_used(self.longest_rest()) {
                return Some(last.stream);
            }
        }
    }

    /// Has a connection rest until it is wanted, or for as long as its upstream says.
    pub(in crate::proxy) fn keep(self: &Arc<Self>, stream: Stream) {
        let mut kept = self.kept.lock();
        // Dropped behind the lock.
        let _oldest = if kept.connections.len() < MOST { None } else { kept.connections.pop_front() };
        kept.connections.push_back(Rests { stream, since: Instant::now() });
        let begins = !kept.is_watched;
        kept.is_watched = true;
        drop(kept);
        if begins {
            tokio::spawn(watch(Arc::downgrade(self)));
        }
    }

    /// For how long a connection may rest.
    fn longest_rest(&self) -> Duration {
        self.peer.options.idle_timeout.unwrap_or_default()
    }
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Resting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of those that cannot be used any more. Whether others are left.
    fn look(&self, longest_rest: Duration) -> bool {
        let mut gone = Vec::new();
        let mut kept = self.lock();
        for _ in 0..kept.connections.len() {
            let Some(mut rests) = kept.connections.pop_front() else { break };
            if rests.can_be_used(longest_rest) {
                kept.connections.push_back(rests);
            } else {
                gone.push(rests);
            }
        }
        kept.is_watched = !kept.connections.is_empty();
        let goes_on = kept.is_watched;
        // They are closed behind the lock.
        drop(kept);
        goes_on
    }
}

impl Rests {
    /// Whether it has not rested too long, and the upstream has neither closed it nor said anything that nobody asked for.
    fn can_be_used(&mut self, longest_rest: Duration) -> bool {
        let mut byte = [0];
        let mut read = ReadBuf::new(&mut byte);
        // Apart from what a task may find ready in a row: behind that a connection that was closed would look like one at rest.
        let look = unconstrained(poll_fn(|context| Pin::new(&mut self.stream).poll_read(context, &mut read)));
        let is_quiet = pin!(look).poll(&mut Context::from_waker(Waker::noop())).is_pending();
        is_quiet && self.since.elapsed() < longest_rest
    }
}

/// Looks at the connections of an endpoint while there are any, and the endpoint.
async fn watch(endpoint: Weak<Endpoint>) {
    loop {
        sleep(LOOK_EVERY).await;
        let Some(endpoint) = endpoint.upgrade() else { return };
        if !endpoint.kept.look(endpoint.longest_rest()) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use pingora::protocols::l4;
    use pingora::upstreams::peer::HttpPeer;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    /// An endpoint, and connections to it with their other ends.
    async fn connected(count: usize) -> (Arc<Endpoint>, Vec<(Stream, TcpStream)>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut peer = HttpPeer::new(address, false, String::new());
        peer.options.idle_timeout = Some(LONG);
        let endpoint = Endpoint::new("a:1", 1, address, peer);
        let mut connections = Vec::new();
        for _ in 0..count {
            let near = TcpStream::connect(address).await.unwrap();
            let far = listener.accept().await.unwrap().0;
            connections.push((Box::new(l4::stream::Stream::from(near)) as Stream, far));
        }
        (Arc::new(endpoint), connections)
    }

    /// Waits until the other end's doings have come.
    async fn comes_true(mut holds: impl FnMut() -> bool) {
        for _ in 0..500 {
            if holds() {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("it never came true");
    }

    fn at_rest(endpoint: &Endpoint) -> usize {
        endpoint.kept.lock().connections.len()
    }

    #[tokio::test]
    async fn the_last_that_was_used_is_used_next() {
        let (endpoint, connections) = connected(2).await;
        let ids: Vec<_> = connections.iter().map(|(near, _)| near.id()).collect();
        let (near, _far): (Vec<_>, Vec<_>) = connections.into_iter().unzip();
        for stream in near {
            endpoint.keep(stream);
        }
        let taken: Vec<_> = std::iter::from_fn(|| endpoint.take_kept()).map(|stream| stream.id()).collect();
        assert_eq!(taken, [ids[1], ids[0]]);
    }

    #[tokio::test]
    async fn what_was_closed_spoke_unasked_or_rested_too_long_is_not_used() {
        let (endpoint, connections) = connected(4).await;
        let mut far = Vec::new();
        for (near, other) in connections {
            endpoint.keep(near);
            far.push(other);
        }
        let since = Instant::now().checked_sub(LONG).unwrap();
        endpoint.kept.lock().connections[3].since = since;
        far.remove(1).shutdown().await.unwrap();
        far[1].write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        comes_true(|| !endpoint.kept.look(LONG) || at_rest(&endpoint) == 1).await;
        assert!(endpoint.take_kept().is_some());
        assert!(endpoint.take_kept().is_none());
    }

    #[tokio::test]
    async fn of_many_that_were_closed_at_once_none_is_used() {
        let (endpoint, mut connections) = connected(1).await;
        let (open, _far) = connections.remove(0);
        let open_id = open.id();
        endpoint.keep(open);
        // More than a task may find ready in a row.
        for _ in 0..500 {
            endpoint.keep(Box::new(tokio::io::duplex(1).0));
        }
        assert_eq!(endpoint.take_kept().map(|stream| stream.id()), Some(open_id));
        assert!(endpoint.take_kept().is_none());
    }

    #[tokio::test]
    async fn they_are_looked_at_while_they_rest_and_let_go_with_their_endpoint() {
        let (endpoint, mut connections) = connected(2).await;
        let (first, mut far) = connections.remove(0);
        endpoint.keep(first);
        far.shutdown().await.unwrap();
        comes_true(|| at_rest(&endpoint) == 0).await;
        assert!(!endpoint.kept.lock().is_watched);
        // A later one is looked at anew.
        let (second, far) = connections.remove(0);
        endpoint.keep(second);
        assert!(endpoint.kept.lock().is_watched);
        drop(endpoint);
        let mut byte = [0];
        assert_eq!(tokio::io::AsyncReadExt::read(&mut { far }, &mut byte).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn only_so_many_rest() {
        let (endpoint, mut connections) = connected(1).await;
        let (last, _far) = connections.remove(0);
        let last_id = last.id();
        for _ in 0..=MOST {
            endpoint.keep(Box::new(tokio::io::duplex(1).0));
        }
        endpoint.keep(last);
        assert_eq!((at_rest(&endpoint), endpoint.take_kept().map(|stream| stream.id())), (MOST, Some(last_id)));
    }
}
