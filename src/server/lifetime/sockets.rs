//! The listening sockets of all doors: opened here or inherited, and kept so that they can be handed over.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpSocket;
use tokio::runtime::Handle;

/// Connections that the system holds until they are taken; it cuts this to its own bound.
const BACKLOG: u32 = 65_535;

/// The listening sockets; its clones are one.
#[derive(Debug, Clone, Default)]
pub(in crate::server) struct Sockets(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    /// Not asked for by any door yet.
    inherited: Vec<TcpListener>,
    /// A second handle on each socket that a door has.
    open: Vec<TcpListener>,
}

impl Sockets {
    pub(in crate::server) fn inheriting(listeners: Vec<TcpListener>) -> Self {
        Self(Arc::new(Mutex::new(Held { inherited: listeners, open: Vec::new() })))
    }

    /// The socket for this address: the inherited one, where there is one, or a new one. It is of no runtime yet.
    ///
    /// # Errors
    /// What the system said.
    pub(in crate::server) fn listen(&self, address: SocketAddr, runtime: &Handle) -> io::Result<TcpListener> {
        let mut held = self.held();
        let is_it = |listener: &TcpListener| listener.local_addr().is_ok_and(|local| local == address);
        let listener = match held.inherited.iter().position(is_it) {
            Some(index) => held.inherited.swap_remove(index),
            None => open(address, runtime)?,
        };
        listener.set_nonblocking(true)?;
        held.open.push(listener.try_clone()?);
        Ok(listener)
    }

    /// Closes what was inherited and is asked for by no door: nobody would take the connections that come there. Gives where.
    pub(in crate::server) fn close_unclaimed(&self) -> Vec<SocketAddr> {
        let unclaimed = std::mem::take(&mut self.held().inherited);
        unclaimed.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// A handle on each open socket, for another process.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn handles(&self) -> io::Result<Vec<OwnedFd>> {
        self.held().open.iter().map(|listener| listener.try_clone().map(OwnedFd::from)).collect()
    }

    /// Lets go of every socket: each closes with its door.
    pub(super) fn let_go(&self) {
        self.held().open.clear();
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(address: SocketAddr, runtime: &Handle) -> io::Result<TcpListener> {
    let _within = runtime.enter();
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    // Taken back from this runtime: another may be the one that accepts.
    socket.listen(BACKLOG)?.into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_gets_the_socket_that_is_open_at_its_address() {
        let [wanted, other] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let (address, unwanted) = (wanted.local_addr().unwrap(), other.local_addr().unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let sockets = Sockets::inheriting(vec![other, wanted]);
        let given = sockets.listen(address, runtime.handle()).unwrap();
        assert_eq!(given.local_addr().unwrap(), address);
        // A second door there finds nothing left, and the address taken.
        assert_eq!(sockets.listen(address, runtime.handle()).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(sockets.handles().unwrap().len(), 1);
        assert_eq!(sockets.close_unclaimed(), [unwanted]);
        assert!(std::net::TcpStream::connect(unwanted).is_err());
        drop(given);
        assert!(std::net::TcpStream::connect(address).is_ok(), "a handle keeps it open");
        sockets.let_go();
        assert!(std::net::TcpStream::connect(address).is_err());
    }
}
