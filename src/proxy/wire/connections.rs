//! How many connections each address has open. The table holds only addresses that have one, so its size is bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The open connections, by client address; its clones count together.
#[derive(Debug, Clone, Default)]
pub struct Connections(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection that is counted for as long as this lives.
#[derive(Debug)]
pub struct Counted {
    connections: Connections,
    address: IpAddr,
}

impl Connections {
    /// Counts one more from this address, unless it has `most` already.
    #[must_use]
    pub fn open(&self, address: IpAddr, most: usize) -> Option<Counted> {
        // The same machine, whether the listener's socket is of IPv4 or of both.
        let address = address.to_canonical();
        let mut table = self.table();
        let count = table.get(&address).copied().unwrap_or_default();
        if count >= most {
            return None;
        }
        table.insert(address, count + 1);
        Some(Counted { connections: self.clone(), address })
    }

    fn table(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut table = self.connections.table();
        match table.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                table.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_bound_and_gets_its_place_back() {
        let connections = Connections::default();
        let address = IpAddr::from([192, 0, 2, 1]);
        let open = |address| connections.open(address, 2);
        let first = open(address).unwrap();
        let second = open("::ffff:192.0.2.1".parse().unwrap()).unwrap();
        assert!(open(address).is_none());
        assert!(open(IpAddr::from([192, 0, 2, 2])).is_some());
        drop(first);
        let third = open(address).unwrap();
        assert!(open(address).is_none());
        drop((second, third));
        assert!(connections.table().is_empty());
    }
}
