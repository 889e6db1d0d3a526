//! The way that a request came: who asked, by which scheme and for which host. Anyone can send such headers, so what the
//! upstream reads is written by the gate, from its own knowledge and from what proxies say that the config trusts.

use std::fmt::Write;
use std::net::IpAddr;

use http::header::InvalidHeaderValue;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::authorizer::{ConnectionFacts, Hops, NetworkConfig, overrides_the_request};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

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
    fn said<'a>(&self, headers: &'a HeaderMap, name: HeaderName) -> Option<&'a HeaderValue> {
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
        headers: &mut HeaderMap,
    ) -> Result<(), InvalidHeaderValue> {
        let said = |name| self.said(headers, name).cloned();
        let proto = said(PROTO).filter(|value| value == "http" || value == "https");
        let (proto, host) = (proto.unwrap_or(HeaderValue::from_static(scheme)), said(HOST).or(host));
        let claimed: Vec<HeaderName> = headers.keys().filter(|name| is_ours(name.as_str())).cloned().collect();
        for name in claimed {
            headers.remove(name);
        }
        let mut hops = String::with_capacity(ADDRESS);
        push_address(&mut hops, client);
        for proxy in self.proxies.iter().rev().filter(|proxy| **proxy != client) {
            hops.push_str(", ");
            push_address(&mut hops, *proxy);
        }
        headers.insert(FOR, hops.try_into()?);
        headers.insert(PROTO, proto);
        if let Some(host) = host {
            headers.insert(HOST, host);
        }
        Ok(())
    }
}

/// Room for most addresses.
const ADDRESS: usize = 40;

/// An address as text. The standard library's own way takes as long as the rest of what is written here.
fn push_address(text: &mut String, address: IpAddr) {
    let IpAddr::V4(address) = address else {
        // Writing to a string does not fail.
        let _infallible = write!(text, "{address}");
        return;
    };
    for (place, octet) in address.octets().into_iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        let digits = [octet / 100, octet / 10 % 10, octet % 10].map(|digit| char::from(b'0' + digit));
        let least = if octet > 99 {
            0
        } else if octet > 9 {
            1
        } else {
            2
        };
        text.extend(digits.into_iter().skip(least));
    }
}

/// One host, and nothing that could become a second value.
fn is_plain(value: &HeaderValue) -> bool {
    value.as_bytes().iter().all(|byte| byte.is_ascii_graphic() && !b",;\"".contains(byte))
}

/// What only the gate says, in each spelling that an upstream could fold to it: the way (`Forwarded`, RFC 7239, `X-Forwarded-…`
/// and `X-Real-IP`), and what the request is in truth, which nobody says.
fn is_ours(text: &str) -> bool {
    let name = text.as_bytes();
    // CGI and its heirs read every character that is neither letter nor digit as `_`.
    let reads = |name: &[u8], as_: &[u8]| {
        name.len() == as_.len()
            && name.iter().zip(as_).all(|(byte, as_)| byte == as_ || (*as_ == b'-' && !byte.is_ascii_alphanumeric()))
    };
    match (name.first(), name.get(1)) {
        (Some(b'f'), _) => name == b"forwarded",
        // To CGI it is the environment's `HTTP_PROXY` (CVE-2016-5385), and to nobody anything good.
        (Some(b'p'), _) => name == b"proxy",
        (Some(b'x'), Some(second)) if !second.is_ascii_alphanumeric() => {
            name.get(..12).is_some_and(|start| reads(start, b"x-forwarded-"))
                || reads(name, b"x-real-ip")
                || overrides_the_request(text)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_the_standard_library_writes_them() {
        for text in ["0.0.0.0", "127.0.0.1", "9.10.99.100", "255.249.200.101", "::1", "2001:db8::a:1"] {
            let mut written = String::new();
            push_address(&mut written, text.parse().unwrap());
            assert_eq!(written, text);
        }
    }

    #[test]
    fn what_only_the_gate_says_is_known_in_each_spelling() {
        for name in ["forwarded", "x-forwarded-for", "x_forwarded_for", "x-forwarded_prefix", "x-real-ip", "x_real-ip"]
            .into_iter()
            .chain([
                "x-http-method-override",
                "x_http_method_override",
                "x-original-url",
                "x-rewrite_url",
                "x.forwarded.for",
                "x~real!ip",
                "proxy",
            ])
        {
            assert!(is_ours(name), "{name}");
        }
        for name in ["x-forward", "x-forwarded", "x-real-ips", "from", "x", "proxy-x", "y-forwarded-for"] {
            assert!(!is_ours(name), "{name}");
        }
    }
}
