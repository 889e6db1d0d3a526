//! Whether a URL may be asked: HTTPS, or plain HTTP where nobody can listen in.

use std::net::IpAddr;

use http::Uri;

/// Why `url` cannot be fetched from, or `None` where it can.
///
/// `allow_insecure` takes plain HTTP to any host, not only to loopback.
pub(crate) fn objection(url: &str, allow_insecure: bool) -> Option<&'static str> {
    let Ok(uri) = url.parse::<Uri>() else {
        return Some("is not a URL");
    };
    let Some(host) = uri.host().filter(|host| !host.is_empty()) else {
        return Some("is not a URL with a host, such as `https://idp.example`");
    };
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Some("must not carry a user name or password");
    }
    if url.contains('#') {
        return Some("must not carry a fragment");
    }
    match uri.scheme_str() {
        Some("https") => None,
        Some("http") if allow_insecure || is_loopback(host) => None,
        Some("http") => Some(
            "must be https: over plain http anyone on the way can put in other keys (`allow_insecure: true` takes it)",
        ),
        _ => Some("must be an https URL"),
    }
}

/// Why `url` is not that of an HTTP proxy, or `None` where it is.
pub(crate) fn proxy_objection(url: &str) -> Option<&'static str> {
    let uri = url.parse::<Uri>().ok();
    let is_bare = uri.as_ref().is_some_and(|uri| matches!(uri.path(), "" | "/") && uri.query().is_none());
    let is_http = uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
    if is_http && is_bare {
        objection(url, true)
    } else {
        Some("is not the URL of a proxy, such as `http://proxy.example:3128`")
    }
}

/// Whether a host, as it stands in a URL, is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{objection, proxy_objection};

    #[test]
    fn https_and_loopback_may_be_asked() {
        for url in [
            "https://idp.example",
            "https://idp.example:8443/tenant?p=1",
            "http://127.0.0.1:8080/a",
            "http://[::1]:1/",
            "http://localhost/x",
        ] {
            assert_eq!(objection(url, false), None, "`{url}`");
        }
        assert_eq!(objection("http://idp.example", true), None);
    }

    #[test]
    fn anything_else_may_not() {
        for url in [
            "",
            "idp.example",
            "/keys",
            "https://",
            "https:///keys",
            "http://idp.example",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "ftp://idp.example",
            "https://user:pass@idp.example",
            "https://idp.example/#a",
            "https://a b",
        ] {
            assert!(objection(url, false).is_some(), "`{url}`");
        }
        assert!(objection("ftp://idp.example", true).is_some());
    }

    #[test]
    fn a_proxy_is_named_by_scheme_host_and_port_alone() {
        for url in ["http://proxy.example:3128", "https://proxy.example", "http://10.0.0.1:80/"] {
            assert_eq!(proxy_objection(url), None, "`{url}`");
        }
        for url in
            ["", "proxy.example:3128", "socks5://p.example", "http://p.example/a", "http://a:b@p.example", "http://"]
        {
            assert!(proxy_objection(url).is_some(), "`{url}`");
        }
    }
}
