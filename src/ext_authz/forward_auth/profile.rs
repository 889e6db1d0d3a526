//! The words of each proxy: which of its headers tell the original request.
//!
//! A header is believed only where the proxy overwrites what its client sent under that name. No other is read, so that a
//! client's copy of one changes nothing; where two forms could be told, a second one can only lead to a denial.

use std::net::IpAddr;

use http::HeaderMap;

use crate::authorizer::{Denial, Hops, NetworkConfig};
use crate::ext_authz::config::ProfileConfig;
use crate::ext_authz::original_request::{OriginalRequest, Told, bad, one, required};

const ORIGINAL_METHOD: &str = "x-original-method";
const ORIGINAL_URL: &str = "x-original-url";
const ORIGINAL_URI: &str = "x-original-uri";
const ORIGINAL_HOST: &str = "x-original-host";
const REAL_IP: &str = "x-real-ip";
const FORWARDED_METHOD: &str = "x-forwarded-method";
const FORWARDED_URI: &str = "x-forwarded-uri";
const FORWARDED_HOST: &str = "x-forwarded-host";
const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// What nginx tells.
const OF_NGINX: [&str; 5] = [ORIGINAL_METHOD, ORIGINAL_URL, ORIGINAL_URI, ORIGINAL_HOST, REAL_IP];
/// What the others tell.
const FORWARDED: [&str; 5] = [FORWARDED_METHOD, FORWARDED_URI, FORWARDED_HOST, FORWARDED_FOR, FORWARDED_PROTO];

/// Reads the original request from the headers of the asking one. `asker` has been let in as a peer.
///
/// # Errors
/// [`Denial::BadOriginalRequest`] for what is missing, doubled, contradictory or unreadable.
pub(super) fn read(
    profile: ProfileConfig,
    asker: IpAddr,
    mut headers: HeaderMap,
    trusted: &[NetworkConfig],
) -> Result<OriginalRequest, Denial> {
    let (told, believed) = match profile {
        ProfileConfig::Nginx => (of_nginx(&headers)?, OF_NGINX),
        ProfileConfig::Caddy | ProfileConfig::Traefik | ProfileConfig::Haproxy => {
            (forwarded(asker, &headers, trusted)?, FORWARDED)
        }
    };
    // The proxy's own headers are not of the request that it asks about.
    for name in believed {
        headers.remove(name);
    }
    OriginalRequest::new(told, headers)
}

fn of_nginx(headers: &HeaderMap) -> Result<Told, Denial> {
    let method = required(headers, ORIGINAL_METHOD)?;
    let client = required(headers, REAL_IP)?.parse().map_err(|_| bad(REAL_IP, "no address"))?;
    let (url, uri, host) = (one(headers, ORIGINAL_URL)?, one(headers, ORIGINAL_URI)?, one(headers, ORIGINAL_HOST)?);
    let (is_secure, host, target) = match (url, uri, host) {
        (Some(url), None, None) => split_url(url)?,
        // Only the URL tells the scheme. A header of its own for it could be the client's.
        (None, Some(uri), Some(host)) => (false, host, uri),
        (None, None, _) => return Err(bad(ORIGINAL_URL, "missing")),
        (None, Some(_), None) => return Err(bad(ORIGINAL_HOST, "missing")),
        (Some(_), ..) => return Err(bad(ORIGINAL_URL, "there beside x-original-uri or x-original-host")),
    };
    let [method, target, host] = [method, target, host].map(str::to_owned);
    Ok(Told { method, target, host, client, is_secure })
}

fn forwarded(asker: IpAddr, headers: &HeaderMap, trusted: &[NetworkConfig]) -> Result<Told, Denial> {
    let method = required(headers, FORWARDED_METHOD)?;
    let target = required(headers, FORWARDED_URI)?;
    let host = required(headers, FORWARDED_HOST)?;
    let is_secure = match one(headers, FORWARDED_PROTO)? {
        Some("https" | "wss") => true,
        Some("http" | "ws") => false,
        Some(_) => return Err(bad(FORWARDED_PROTO, "neither http nor https")),
        None => return Err(bad(FORWARDED_PROTO, "missing")),
    };
    required(headers, FORWARDED_FOR)?;
    let hops = Hops::behind(asker, headers, trusted);
    // The first proxy is the asker; whom it saw must be said.
    if hops.client == asker.to_canonical() && !names(headers, asker) {
        return Err(bad(FORWARDED_FOR, "no address"));
    }
    let [method, target, host] = [method, target, host].map(str::to_owned);
    Ok(Told { method, target, host, client: hops.client, is_secure })
}

/// Whether the last hop that is named is `address` itself, as for a client on the proxy's own machine.
fn names(headers: &HeaderMap, address: IpAddr) -> bool {
    let last = headers.get(FORWARDED_FOR).and_then(|value| value.to_str().ok());
    let last = last.and_then(|value| value.rsplit(',').next()).and_then(|hop| hop.trim().parse::<IpAddr>().ok());
    last.is_some_and(|last| last.to_canonical() == address.to_canonical())
}

/// `https://api.example.com/orders/7?x=y` as scheme, authority and target.
fn split_url(url: &str) -> Result<(bool, &str, &str), Denial> {
    let (scheme, rest) = url.split_once("://").ok_or(bad(ORIGINAL_URL, "no URL"))?;
    let is_secure = match scheme {
        "https" => true,
        "http" => false,
        _ => return Err(bad(ORIGINAL_URL, "neither http nor https")),
    };
    let path = rest.find('/').ok_or(bad(ORIGINAL_URL, "without a path"))?;
    let (host, target) = rest.split_at(path);
    Ok((is_secure, host, target))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    const PROFILES: [ProfileConfig; 4] =
        [ProfileConfig::Nginx, ProfileConfig::Caddy, ProfileConfig::Traefik, ProfileConfig::Haproxy];

    /// What a proxy sets, and what it should have kept of its client's: a few fields more, and some taken out.
    fn headers() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
        let set = [
            (ORIGINAL_METHOD, "GET"),
            (REAL_IP, "192.0.2.7"),
            (ORIGINAL_URL, "https://api.example/a"),
            (FORWARDED_METHOD, "GET"),
            (FORWARDED_URI, "/a?b"),
            (FORWARDED_HOST, "api.example"),
            (FORWARDED_FOR, "192.0.2.7"),
            (FORWARDED_PROTO, "https"),
        ];
        let names = [OF_NGINX.as_slice(), FORWARDED.as_slice(), &["authorization", "host"]].concat();
        let values = ["GET", "/a", "/a?b", "api.example", "http", "192.0.2.7", "https://api.example/a", "", "\u{e9}"];
        let more = prop::collection::vec((prop::sample::select(names), prop::sample::select(values.to_vec())), 0..4);
        let gone = prop::collection::vec(0..set.len(), 0..3);
        (more, gone).prop_map(move |(more, gone)| {
            let kept = set.into_iter().enumerate().filter(|(index, _)| !gone.contains(index)).map(|(_, field)| field);
            kept.chain(more).collect()
        })
    }

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        map
    }

    proptest! {
        #[test]
        fn what_is_read_was_said_once_by_each_of_the_proxys_own_words(fields in headers(), profile in prop::sample::select(PROFILES.to_vec())) {
            let headers = map(&fields);
            let Ok(read) = read(profile, IpAddr::from([127, 0, 0, 1]), headers.clone(), &[]) else { return Ok(()) };
            let said = |name: &str| headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect::<Vec<_>>();
            if profile == ProfileConfig::Nginx {
                prop_assert_eq!(said(ORIGINAL_METHOD), [read.method.as_str()]);
                prop_assert_eq!(said(REAL_IP), [read.client.to_string()]);
                let host = read.host().unwrap();
                let in_parts = said(ORIGINAL_URI) == [read.target.as_str()] && said(ORIGINAL_HOST) == [host];
                let scheme = if read.is_secure { "https" } else { "http" };
                let whole = said(ORIGINAL_URL) == [format!("{scheme}://{host}{}", read.target)];
                prop_assert!(in_parts != whole, "{:?}", fields);
            } else {
                prop_assert_eq!(said(FORWARDED_METHOD), [read.method.as_str()]);
                prop_assert_eq!(said(FORWARDED_URI), [read.target.as_str()]);
                prop_assert_eq!(said(FORWARDED_HOST), [read.host().unwrap()]);
                prop_assert_eq!(said(FORWARDED_PROTO), [if read.is_secure { "https" } else { "http" }]);
                prop_assert_eq!(said(FORWARDED_FOR), [read.client.to_string()]);
            }
            let believed = if profile == ProfileConfig::Nginx { OF_NGINX } else { FORWARDED };
            prop_assert!(believed.iter().all(|name| !read.headers.contains_key(*name)), "they are not the client's");
            prop_assert_eq!(read.headers.get_all("authorization").iter().count(), said("authorization").len());
        }
    }
}
