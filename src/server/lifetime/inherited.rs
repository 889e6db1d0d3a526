//! What a process is started with: listening sockets, of systemd or of a gate whose place it takes, and a line to that gate.

use std::env;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use listenfd::ListenFd;

/// Set for a process that takes the place of another; the last of its sockets is then the line to that one.
pub(super) const TAKES_OVER: &str = "LYCHGATE_TAKES_OVER";
/// systemd's words: how many sockets there are, and for which process.
pub(super) const LISTEN_FDS: &str = "LISTEN_FDS";
pub(super) const LISTEN_PID: &str = "LISTEN_PID";
/// The word of the library that reads these, for another number of the first.
pub(super) const LISTEN_FDS_FIRST_FD: &str = "LISTEN_FDS_FIRST_FD";
/// The first of the sockets has this number.
pub(super) const FIRST_FD: i32 = 3;

/// Sockets that were open before the process began.
#[derive(Debug, Default)]
pub struct Inherited {
    pub(in crate::server) listeners: Vec<TcpListener>,
    pub(in crate::server) predecessor: Option<UnixStream>,
}

impl Inherited {
    /// Takes them. It takes them out of the environment, too: so it must be called before there is a second thread, and once.
    #[must_use]
    pub fn take() -> Self {
        let takes_over = env::var_os(TAKES_OVER).is_some();
        let mut given = ListenFd::from_env();
        let mut inherited = Self::default();
        for index in 0..given.len() {
            if let Ok(Some(listener)) = given.take_tcp_listener(index) {
                inherited.listeners.push(listener);
            } else if let Ok(Some(line)) = given.take_unix_listener(index)
                && takes_over
            {
                // No listener, but both are sockets of the same family and kind, which is all that is known of it.
                inherited.predecessor = Some(UnixStream::from(OwnedFd::from(line)));
            }
        }
        inherited
    }
}
