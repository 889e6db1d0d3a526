//! What is asked of a bundle: a principal, a route, and the request's facts.

use std::net::IpAddr;

use super::principal::Principal;

/// One question: may this principal do this, now, from there?
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// The name of the route that matched.
    pub route: &'a str,
    /// The request's method, in upper case.
    pub method: &'a str,
    /// The path's parameters and the raw segments that they matched; policies see them percent-decoded.
    pub path: &'a [(&'a str, &'a str)],
    /// The host in lower case, without port.
    pub host: &'a str,
    /// The raw query string, without `?`.
    pub query: Option<&'a str>,
    /// The client's address.
    pub ip: IpAddr,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub now_millis: u64,
    /// Facts of the token; absent when there was none.
    pub token: Option<TokenFacts<'a>>,
    /// The certificate that the client proved to hold; absent when it showed none.
    pub certificate: Option<CertificateFacts<'a>>,
}

/// What policies may know of a client's certificate.
#[derive(Debug, Clone, Copy)]
pub struct CertificateFacts<'a> {
    /// The subject's distinguished name (RFC 4514).
    pub subject: &'a str,
    /// The alternative names, each with its kind before it.
    pub names: &'a [String],
    /// SHA-256 of the certificate.
    pub sha256: &'a [u8; 32],
}

/// What policies may know of the token itself.
#[derive(Debug, Clone, Copy)]
pub struct TokenFacts<'a> {
    /// Seconds since the token was issued.
    pub age_seconds: u64,
    /// The token's scopes.
    pub scopes: &'a [String],
}
