//! Free ports for processes that must be told theirs.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range that the system gives to outgoing connections, so that none of those takes a port before its gate does.
const FIRST: u16 = 12_000;
const LAST: u16 = 32_000;

/// Ports on loopback that nobody listens on, different for each call in this process.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    std::array::from_fn(|_| free_port())
}

fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another run of these tests begins elsewhere.
    let _begun = NEXT.compare_exchange(0, fastrand::u16(FIRST..LAST), Ordering::Relaxed, Ordering::Relaxed);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        if port >= LAST {
            let _again = NEXT.compare_exchange(port + 1, FIRST, Ordering::Relaxed, Ordering::Relaxed);
        } else if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
