//! Who asked, behind proxies: `X-Forwarded-For` is believed as far as trusted proxies say it, and no further.

use std::net::IpAddr;

use http::HeaderMap;

use super::config::NetworkConfig;

/// Hops that are read of `X-Forwarded-For`: more is nobody's network.
const MOST_HOPS: usize = 32;

const FOR: &str = "x-forwarded-for";

/// The client, and the trusted proxies that its request came by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hops {
    /// Who asked.
    pub client: IpAddr,
    /// Trusted proxies, the nearest first. Empty where the client came directly.
    pub proxies: Vec<IpAddr>,
}

impl Hops {
    /// Finds the client: the connection's other end, or where that is a trusted proxy the address that it names.
    #[must_use]
    pub fn read(peer: IpAddr, headers: &HeaderMap, trusted: &[NetworkConfig]) -> Self {
        let peer = peer.to_canonical();
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
        if !is_trusted(peer) {
            return Self { client: peer, proxies: Vec::new() };
        }
        Self::behind(peer, headers, trusted)
    }

    /// Finds the client that `proxy` asks for, which is trusted whatever its address.
    #[must_use]
    pub fn behind(proxy: IpAddr, headers: &HeaderMap, trusted: &[NetworkConfig]) -> Self {
        let proxy = proxy.to_canonical();
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
        let (mut client, mut proxies) = (proxy, Vec::new());
        let named = headers.get_all(FOR).iter().rev().filter_map(|value| value.to_str().ok());
        for hop in named.flat_map(|value| value.rsplit(',')).take(MOST_HOPS) {
            // What cannot be read ends the chain: what stands before it was said by nobody we know.
            let Some(address) = address(hop.trim()) else { break };
            proxies.push(client);
            client = address;
            if !is_trusted(client) {
                return Self { client, proxies };
            }
        }
        // The nearest proxy is one even where it names nobody.
        if proxies.is_empty() {
            proxies.push(proxy);
        }
        Self { client, proxies }
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`.
fn address(hop: &str) -> Option<IpAddr> {
    let address = hop.parse().ok().or_else(|| hop.parse().ok().map(|socket: std::net::SocketAddr| socket.ip()));
    address
        .or_else(|| hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn read(peer: &str, said: &[&'static str]) -> (String, Vec<String>) {
        let headers =
            said.iter().map(|value| (HeaderName::from_static(FOR), HeaderValue::from_static(value))).collect();
        let trusted = ["10.0.0.0/8", "2001:db8::1"].map(|text| NetworkConfig::try_from(text.to_owned()).unwrap());
        let hops = Hops::read(peer.parse().unwrap(), &headers, &trusted);
        (hops.client.to_string(), hops.proxies.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_client_is_named_by_trusted_proxies_alone() {
        let none: Vec<String> = Vec::new();
        assert_eq!(read("192.0.2.1", &["6.6.6.6"]), ("192.0.2.1".to_owned(), none));
        assert_eq!(read("10.0.0.1", &["6.6.6.6, 192.0.2.1"]), ("192.0.2.1".to_owned(), vec!["10.0.0.1".to_owned()]));
        assert_eq!(read("::ffff:10.0.0.1", &["192.0.2.1"]).0, "192.0.2.1");
        assert_eq!(read("2001:db8::1", &["[2001:db8::2]:80"]).0, "2001:db8::2");
        let chain = read("10.0.0.1", &["6.6.6.6, 192.0.2.1:80", "10.0.0.2"]);
        assert_eq!(chain, ("192.0.2.1".to_owned(), vec!["10.0.0.1".to_owned(), "10.0.0.2".to_owned()]));
        for odd in ["6.6.6.6, unknown", "6.6.6.6,", "6.6.6.6, 1", ""] {
            assert_eq!(read("10.0.0.1", &[odd]).0, "10.0.0.1", "{odd:?}");
        }
    }
}
