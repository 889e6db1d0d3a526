//! The issuer's URLs. They are made of the config alone: no `Host` that a client sends ever gets into one.

use std::net::SocketAddr;

use axum::http::Uri;

use super::error::IssuerError;

/// The base of all URLs: `public_url` without slashes at its end, or else `http://` and the address.
pub(crate) fn base_url(public_url: Option<&str>, address: SocketAddr) -> Result<String, IssuerError> {
    match public_url {
        None if address.port() == 0 => Err(IssuerError::NoPort),
        None => Ok(format!("http://{address}")),
        Some(url) if is_base(url) => Ok(url.trim_end_matches('/').to_owned()),
        Some(url) => Err(IssuerError::PublicUrl(url.to_owned())),
    }
}

/// The `iss` of a pool's tokens, and where its discovery document is found.
pub(crate) fn issuer_url(base_url: &str, pool_id: &str) -> String {
    format!("{base_url}/{pool_id}")
}

/// Where a pool's keys are found.
pub(crate) fn jwks_uri(issuer_url: &str) -> String {
    format!("{issuer_url}/.well-known/jwks.json")
}

/// Whether this is an `http` or `https` URL with a host, without user, query or fragment.
pub(crate) fn is_base(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host =
        uri.authority().is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
    let scheme = uri.scheme_str().is_some_and(|scheme| ["http", "https"].contains(&scheme));
    scheme && host && uri.query().is_none() && !url.contains('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn urls_are_made_of_the_config() {
        assert_eq!(base_url(None, address("127.0.0.1:9000")).unwrap(), "http://127.0.0.1:9000");
        assert_eq!(base_url(None, address("[::1]:9000")).unwrap(), "http://[::1]:9000");
        let base = base_url(Some("https://login.example/auth/"), address("0.0.0.0:0")).unwrap();
        assert_eq!(issuer_url(&base, "local_1"), "https://login.example/auth/local_1");
    }

    #[test]
    fn what_cannot_be_a_base_is_refused() {
        let base = |url| base_url(Some(url), address("127.0.0.1:9000")).map_err(|error| error.code());
        for url in [
            "",
            "/auth",
            "login.example",
            "ftp://a",
            "https://",
            "https://a?b",
            "https://a#b",
            "https://a@b",
            "https://a b",
        ] {
            assert_eq!(base(url), Err("issuer-public-url"), "{url}");
        }
        assert_eq!(base_url(None, address("127.0.0.1:0")).unwrap_err().code(), "issuer-no-port");
    }
}
