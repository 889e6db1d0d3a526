//! Looks up the names of endpoints, and makes the line-up of what was found.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::peer::PeerParts;
use crate::proxy::config::UpstreamConfig;

/// Longest that one look-up may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Addresses of one name that are used.
const MOST_ADDRESSES: usize = 256;

/// One entry of the config: a `host:port`, and the addresses that it had last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) configured: String,
    weight: u16,
    /// Ascending. A name that was never found has none.
    addresses: Vec<SocketAddr>,
}

/// The entries of an upstream, not looked up yet where they are names.
pub(super) fn entries(config: &UpstreamConfig) -> Vec<Entry> {
    let listed = config.endpoints.iter().map(|endpoint| (endpoint.address.clone(), endpoint.weight));
    let named = config.dns.iter().map(|name| (name.clone(), 1));
    listed
        .chain(named)
        .map(|(configured, weight)| Entry { addresses: literal(&configured).into_iter().collect(), configured, weight })
        .collect()
}

impl Entry {
    /// Whether it is looked up.
    pub(super) fn is_name(&self) -> bool {
        literal(&self.configured).is_none()
    }

    /// Takes in what a look-up found.
    pub(super) fn found(&mut self, mut addresses: Vec<SocketAddr>) {
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(MOST_ADDRESSES);
        self.addresses = addresses;
    }
}

/// An address that needs no look-up.
fn literal(configured: &str) -> Option<SocketAddr> {
    let (host, port) = configured.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some(SocketAddr::new(host.parse::<IpAddr>().ok()?, port.parse().ok()?))
}

/// Asks the system for the addresses of a name; `None` where there are none, or not in time.
pub(super) async fn look_up(name: String) -> Option<Vec<SocketAddr>> {
    let found: Vec<_> = timeout(PATIENCE, lookup_host(name)).await.ok()?.ok()?.collect();
    Some(found).filter(|found| !found.is_empty())
}

/// Every address of every entry as an endpoint. One that is there already stays as it is, with what is known of it.
pub(super) fn endpoints(entries: &[Entry], parts: &PeerParts, before: &[Arc<Endpoint>]) -> Vec<Arc<Endpoint>> {
    let mut endpoints: Vec<Arc<Endpoint>> = Vec::new();
    for entry in entries {
        for address in &entry.addresses {
            // Two names of one machine are one endpoint.
            if endpoints.iter().any(|endpoint| endpoint.address == *address) {
                continue;
            }
            let known = before.iter().find(|known| {
                known.address == *address && known.configured == entry.configured && known.weight == entry.weight
            });
            let made = || {
                let peer = parts.peer(*address, &entry.configured);
                Arc::new(Endpoint::new(&entry.configured, entry.weight, *address, peer))
            };
            endpoints.push(known.cloned().unwrap_or_else(made));
        }
    }
    endpoints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_no_name() {
        for (configured, literally) in
            [("10.0.0.1:80", true), ("[::1]:80", true), ("orders:80", false), ("a.1x:80", false)]
        {
            assert_eq!(literal(configured).is_some(), literally, "{configured}");
        }
    }

    #[test]
    fn an_entry_has_each_address_once_and_not_too_many() {
        let mut entry = Entry { configured: "orders:80".to_owned(), weight: 1, addresses: Vec::new() };
        let address = |number: u16| SocketAddr::from(([10, 0, (number >> 8) as u8, (number & 255) as u8], 80));
        entry.found([3, 1, 3, 2].map(address).to_vec());
        assert_eq!(entry.addresses, [1, 2, 3].map(address));
        entry.found((0..1000).map(address).collect());
        assert_eq!(entry.addresses.len(), MOST_ADDRESSES);
    }
}
