//! The way that a request came: who asked, by which scheme and for which host. Anyone can send such headers, so what the
//! upstream reads is written by the gate, from its own knowledge and from what proxies say that the config trusts.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use pingora::http::RequestHeader;

use crate::authorizer::{ConnectionFacts, Hops, NetworkConfig};

const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";
const HOST: &str = "x-forwarded-host";

/// The way that a request came, as far as it is believed.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// Trusted proxies, the nearest first. Empty where the client came directly.
    proxies: Vec<IpAddr>,
}

impl Way {
    /// Finds the client: the connection's other end, or where that is a trusted proxy the address that it names.
    pub(super) fn read(peer: IpAddr, headers: &HeaderMap, trusted: &[NetworkConfig]) -> (IpAddr, Self) {
        let Hops { client, proxies } = Hops::read(peer, headers, trusted);
        (client, Self { proxies })
    }

    /// Whether it came through a trusted proxy.
    pub(super) fn is_through_a_proxy(&self) -> bool {
        !self.proxies.is_empty()
    }

    /// What the authorizer may know of the way: the scheme and host that the client asked by, before trusted proxies.
    pub(super) fn facts<'a>(&self, tls: bool, headers: &'a HeaderMap) -> ConnectionFacts<'a> {
        let proto = self.said(headers, PROTO).and_then(|proto| proto.to_str().ok());
        let is_secure = match proto {
            Some("https") => true,
            Some("http") => false,
            _ => tls,
        };
        let authority = self.said(headers, HOST).and_then(|host| host.to_str().ok());
        ConnectionFacts { is_secure, authority, ..ConnectionFacts::default() }
    }

    /// What a trusted proxy says under this name.
    fn said<'a>(&self, headers: &'a HeaderMap, name: &str) -> Option<&'a HeaderValue> {
        if self.proxies.is_empty() {
            return None;
        }
        headers.get(name).filter(|value| is_plain(value))
    }

    /// Writes it into the request for the upstream, in place of whatever the client claimed.
    pub(super) fn write(
        &self,
        client: IpAddr,
        scheme: &'static str,
        host: Option<HeaderValue>,
        request: &mut RequestHeader,
    ) -> pingora::Result<()> {
        let said = |name| self.said(&request.headers, name).cloned();
        let proto = said(PROTO).filter(|value| value == "http" || value == "https");
        let (proto, host) = (proto.unwrap_or(HeaderValue::from_static(scheme)), said(HOST).or(host));
        let claimed: Vec<HeaderName> = request.headers.keys().filter(|name| is_ours(name.as_str())).cloned().collect();
        for name in claimed {
            request.remove_header(&name);
        }
        let mut hops = client.to_string();
        for proxy in self.proxies.iter().rev().filter(|proxy| **proxy != client) {
            hops.push_str(", ");
            hops.push_str(&proxy.to_string());
        }
        request.insert_header(FOR, hops)?;
        request.insert_header(PROTO, proto)?;
        host.map_or(Ok(()), |host| request.insert_header(HOST, host))
    }
}

/// One host, and nothing that could become a second value.
fn is_plain(value: &HeaderValue) -> bool {
    value.as_bytes().iter().all(|byte| byte.is_ascii_graphic() && !b",;\"".contains(byte))
}

/// By these some frameworks take another method or path than the request's own: than the one that was decided about.
const OVERRIDES: [&str; 10] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-method",
    "x-original-url",
    "x-original-uri",
    "x-original-path",
    "x-original-host",
    "x-rewrite-url",
    "x-envoy-original-path",
];

/// What only the gate says, in each spelling that an upstream could fold to it: the way (`Forwarded`, RFC 7239, `X-Forwarded-…`
/// and `X-Real-IP`), and what the request is in truth, which nobody says.
fn is_ours(name: &str) -> bool {
    let name = name.as_bytes();
    let reads = |name: &[u8], as_: &[u8]| {
        name.len() == as_.len()
            && name.iter().zip(as_).all(|(byte, as_)| byte == as_ || (*byte == b'_' && *as_ == b'-'))
    };
    match (name.first(), name.get(1)) {
        (Some(b'f'), _) => name == b"forwarded",
        (Some(b'x'), Some(b'-' | b'_')) => {
            name.get(..12).is_some_and(|start| reads(start, b"x-forwarded-"))
                || reads(name, b"x-real-ip")
                || OVERRIDES.iter().any(|override_| reads(name, override_.as_bytes()))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_gate_says_is_known_in_each_spelling() {
        for name in ["forwarded", "x-forwarded-for", "x_forwarded_for", "x-forwarded_prefix", "x-real-ip", "x_real-ip"]
            .into_iter()
            .chain(OVERRIDES)
            .chain(["x_http_method_override", "x-rewrite_url"])
        {
            assert!(is_ours(name), "{name}");
        }
        for name in ["x-forward", "x-forwarded", "x-real-ips", "from", "x", "y-forwarded-for"] {
            assert!(!is_ours(name), "{name}");
        }
    }
}
