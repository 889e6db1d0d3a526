//! Ports on loopback that nobody listens on.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Context;

/// A free port for each of these: the usual one, or another where it is taken.
pub(super) fn free<const N: usize>(usual: [u16; N]) -> anyhow::Result<[u16; N]> {
    // All are held until all are found, so that no two are the same.
    let mut held = Vec::with_capacity(N);
    let mut ports = usual;
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, *port));
        let listener = listener.or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.context("no free port on loopback")?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_replaced_by_a_free_one() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let [first, second] = free([port, port]).unwrap();
        assert!(first != port && second != port && first != second);
    }
}
