//! One case: a caller, a request, and what must come of it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::policy::error::Place;

/// One case of a bundle.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it shows, unique in the bundle.
    pub name: String,
    /// Who asks.
    pub caller: CaseCaller,
    /// What is asked for.
    pub request: CaseRequest,
    /// What must come of it.
    pub expect: Expectation,
    /// The policies that must be among those that decided.
    pub by: Vec<String>,
    /// The code of the error that must have made it a deny; without it, any error fails the case.
    pub error: Option<String>,
    /// When it is asked, in milliseconds since 1970-01-01T00:00:00Z; absent: it does not matter.
    pub now_millis: Option<u64>,
    /// The client's address; absent: it does not matter.
    pub ip: Option<IpAddr>,
    /// The certificate that the client shows; absent: none.
    pub certificate: Option<CaseCertificate>,
    /// Where the case stands.
    pub place: Place,
}

/// Who asks in a case.
#[derive(Debug, Clone, PartialEq)]
pub enum CaseCaller {
    /// Whoever comes without a token.
    Anonymous,
    /// The bearer of a token that verified.
    Token(CaseToken),
}

/// What the token of a case says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseToken {
    /// The name that the config gives to the issuer.
    pub issuer: String,
    /// The subject.
    pub sub: String,
    /// The groups, as the issuer names them; absent: nothing is said of them, and the route's own `groups` are not asked.
    pub groups: Option<Vec<String>>,
    /// The scopes; absent: nothing is said of them, and the route's own `scopes` are not asked.
    pub scopes: Option<Vec<String>>,
    /// Every other claim, under its name in the token.
    #[serde(default)]
    pub claims: BTreeMap<String, Value>,
    /// How long ago it was issued. Default `0s`.
    #[serde(default, with = "humantime_serde")]
    pub age: Duration,
}

/// The certificate of a client in a case, as policies see it in `context.client_certificate`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseCertificate {
    /// The subject's distinguished name (RFC 4514). Default: empty.
    #[serde(default)]
    pub subject: String,
    /// The alternative names, each with its kind before it: `dns:`, `uri:`, `email:` or `ip:`. Default: none.
    #[serde(default)]
    pub names: Vec<String>,
    /// SHA-256 of the certificate, 64 hexadecimal digits in lower case. Default: all zero, which no certificate has.
    #[serde(default)]
    pub sha256: Thumbprint,
}

/// SHA-256 of a certificate, written in hexadecimal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Thumbprint(
    /// Its bytes.
    pub [u8; 32],
);

impl TryFrom<String> for Thumbprint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; 32];
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 2 * bytes.len() || !text.bytes().all(is_hex) {
            return Err("`sha256` is 64 hexadecimal digits in lower case, as policies see it");
        }
        for (byte, place) in bytes.iter_mut().zip((0..).step_by(2)) {
            let digits = text.get(place..place + 2).unwrap_or_default();
            *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
        }
        Ok(Self(bytes))
    }
}

/// What is asked for in a case: `GET https://api.example.com/orders/7?page=2`, or `GET /orders/7` where no route asks for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseRequest {
    /// The method.
    pub method: String,
    /// The host, with the port if one was written.
    pub host: Option<String>,
    /// The raw path.
    pub path: String,
    /// The raw query string, without `?`.
    pub query: Option<String>,
}

/// What must come of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expectation {
    /// The request goes on.
    Allow,
    /// The request is refused.
    Deny,
}

impl FromStr for CaseRequest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (method, target) = text.split_once(' ').ok_or("a request is a method, a blank, and a URL")?;
        if method.is_empty() || !method.chars().all(|c| c.is_ascii_uppercase() || c == '-') {
            return Err("a request begins with its method in upper case");
        }
        if target.contains(|c: char| c == '#' || c.is_whitespace() || c.is_control()) {
            return Err("a request's URL has no blank and no `#`");
        }
        let without_scheme = target.strip_prefix("https://").or_else(|| target.strip_prefix("http://"));
        let (host, target) = match without_scheme {
            Some(rest) => {
                let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
                (Some(host), target)
            }
            None => (None, target),
        };
        if host.is_some_and(|host| host.is_empty() || host.contains('@')) {
            return Err("a request's URL names a host, and no user");
        }
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let path = if path.is_empty() && host.is_some() { "/" } else { path };
        if !path.starts_with('/') {
            return Err("a request's URL begins with `https://`, `http://` or `/`");
        }
        let owned = str::to_owned;
        Ok(Self { method: owned(method), host: host.map(owned), path: owned(path), query: query.map(owned) })
    }
}
