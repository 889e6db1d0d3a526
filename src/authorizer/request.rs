//! What is asked of the gate: one request that every door has translated in the same way.

use std::borrow::Cow;
use std::net::IpAddr;

use http::HeaderMap;
use http::header::HOST;

use super::client_certificate::ClientCertificate;
use super::denial::Denial;
use super::target::{Target, read_host};

/// A request as a door received it.
#[derive(Debug, Clone, Copy)]
pub struct ReceivedRequest<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// The request target, as sent: origin-form or absolute-form.
    pub target: &'a [u8],
    /// The authority of HTTP/2's `:authority`, where there is one.
    pub authority: Option<&'a str>,
    /// All header fields.
    pub headers: &'a HeaderMap,
    /// The client's address.
    pub client: IpAddr,
    /// How the request came here.
    pub connection: ConnectionFacts<'a>,
}

/// How a request came: what its connection proves, and what a trusted proxy before the gate says of the client's own.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConnectionFacts<'a> {
    /// Whether the client asked by `https`.
    pub is_secure: bool,
    /// The host and port that the client asked for, where a trusted proxy says so; otherwise the request's own host counts.
    pub authority: Option<&'a str>,
    /// The path that the client asked for, where what stands before the gate has taken a part of it away; otherwise the
    /// target's own counts.
    pub path: Option<&'a str>,
    /// The certificate that the client proved to hold, in the TLS handshake with the gate or with a proxy that may say so.
    pub certificate: Option<&'a ClientCertificate>,
}

/// A request that reads the same for everyone. The first of the four keys: only [`AccessRequest::read`] makes one.
#[derive(Debug, Clone)]
pub struct AccessRequest<'a> {
    method: &'a str,
    host: Cow<'a, str>,
    target: Target<'a>,
    headers: &'a HeaderMap,
    client: IpAddr,
    connection: ConnectionFacts<'a>,
    /// The host and port that the client asked for, as they were written.
    authority: &'a str,
}

impl<'a> AccessRequest<'a> {
    /// Judges method, host and target before anything is looked up by them.
    ///
    /// # Errors
    /// [`Denial::MethodNotAllowed`] for TRACE and CONNECT, [`Denial::BadHost`], [`Denial::BadTarget`].
    pub fn read(received: ReceivedRequest<'a>) -> Result<Self, Denial> {
        // TRACE echoes credentials, CONNECT opens tunnels (RFC 9110 sections 9.3.6 and 9.3.8): no route may have them.
        if received.method == "TRACE" || received.method == "CONNECT" {
            return Err(Denial::MethodNotAllowed { allow: Vec::new() });
        }
        let (authority, target) = split_absolute_form(received.target)?;
        let target = Target::read(target)?;
        let said = host_of(received.headers, received.authority, authority)?;
        let host = read_host(said)?;
        let ReceivedRequest { method, headers, client, connection, .. } = received;
        let authority = connection.authority.filter(|authority| read_host(authority).is_ok()).unwrap_or(said);
        Ok(Self { method, host, target, headers, client, connection, authority })
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// The host in lower case, without port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Path and query.
    #[must_use]
    pub fn target(&self) -> &Target<'a> {
        &self.target
    }

    /// The header fields, as sent.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The client's address.
    #[must_use]
    pub fn client(&self) -> IpAddr {
        self.client
    }

    /// The certificate that the client proved to hold: on a listener with `client_ca`, or to a proxy that may say so.
    #[must_use]
    pub fn certificate(&self) -> Option<&'a ClientCertificate> {
        self.connection.certificate
    }

    /// The path that the client asked for, as far as it is believed: what proofs of possession name.
    #[must_use]
    pub fn asked_path(&self) -> &str {
        self.connection.path.unwrap_or(self.target.path())
    }

    /// The origin that the client asked, as far as it is believed: scheme and authority, `https://api.example.com:8443`.
    #[must_use]
    pub fn origin(&self) -> String {
        let scheme = if self.connection.is_secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }
}

/// RFC 9112 section 3.2.2: `http://host/path` carries its own authority.
fn split_absolute_form(target: &[u8]) -> Result<(Option<&str>, &[u8]), Denial> {
    let after_scheme = [&b"http://"[..], b"https://"].into_iter().find_map(|scheme| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let Some(rest) = after_scheme else { return Ok((None, target)) };
    let end = rest.iter().position(|byte| *byte == b'/').ok_or(Denial::BadTarget("no path"))?;
    let (authority, path) = rest.split_at(end);
    let authority = std::str::from_utf8(authority).map_err(|_| Denial::BadHost("not ASCII"))?;
    Ok((Some(authority), path))
}

/// One host, wherever it is said; where it is said twice, both must agree (RFC 9112 section 3.2, RFC 9113 section 8.3.1).
fn host_of<'a>(headers: &'a HeaderMap, pseudo: Option<&'a str>, absolute: Option<&'a str>) -> Result<&'a str, Denial> {
    let mut fields = headers.get_all(HOST).iter();
    let field = fields.next().map(|value| value.to_str().map_err(|_| Denial::BadHost("not ASCII"))).transpose()?;
    if fields.next().is_some() {
        return Err(Denial::BadHost("several"));
    }
    // RFC 9112 section 3.2: a Host is sent even where the target names one, and a request without it is refused.
    if field.is_none() && pseudo.is_none() {
        return Err(Denial::BadHost("missing"));
    }
    let mut said = [absolute, pseudo, field].into_iter().flatten();
    let first = said.next().ok_or(Denial::BadHost("missing"))?;
    if said.any(|other| !other.eq_ignore_ascii_case(first)) {
        return Err(Denial::BadHost("two that disagree"));
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(method: &str, target: &str, authority: Option<&str>, hosts: &[&'static str]) -> Result<String, Denial> {
        let headers = hosts.iter().map(|host| (HOST, HeaderValue::from_static(host))).collect();
        let client = IpAddr::from([127, 0, 0, 1]);
        let received = ReceivedRequest {
            method,
            target: target.as_bytes(),
            authority,
            headers: &headers,
            client,
            connection: ConnectionFacts::default(),
        };
        AccessRequest::read(received).map(|request| format!("{} {}", request.host(), request.target().path()))
    }

    #[test]
    fn a_host_is_said_once_or_twice_alike() {
        assert_eq!(read("GET", "/a", None, &["X.example"]).unwrap(), "x.example /a");
        assert_eq!(read("GET", "/a", Some("x.example"), &[]).unwrap(), "x.example /a");
        assert_eq!(read("GET", "/a", Some("x.example"), &["X.example"]).unwrap(), "x.example /a");
        assert_eq!(read("GET", "http://x.example/a", None, &["x.example"]).unwrap(), "x.example /a");
        assert_eq!(read("GET", "HTTP://x.example/a", None, &["x.example"]).unwrap(), "x.example /a");
        let refused = [
            read("GET", "/a", None, &[]),
            read("GET", "http://x.example/a", None, &[]),
            read("GET", "/a", None, &["x.example", "x.example"]),
            read("GET", "/a", None, &["x.example", "y.example"]),
            read("GET", "/a", Some("y.example"), &["x.example"]),
            read("GET", "http://y.example/a", None, &["x.example"]),
            read("GET", "http://x.example:81/a", None, &["x.example"]),
            read("GET", "http://u@x.example/a", None, &["x.example"]),
            read("GET", "/a", None, &[""]),
        ];
        for denial in refused {
            assert_eq!(denial.unwrap_err().code(), "bad-host");
        }
        for target in ["http://x.example", "ftp://x.example/a", "x.example:80", "*", "http:///a"] {
            assert!(read("GET", target, None, &["x.example"]).is_err(), "{target}");
        }
    }

    #[test]
    fn the_origin_is_what_the_client_asked_for() {
        let headers = [(HOST, HeaderValue::from_static("Inner:81"))].into_iter().collect();
        let origin = |connection| {
            let client = IpAddr::from([127, 0, 0, 1]);
            let received =
                ReceivedRequest { method: "GET", target: b"/", authority: None, headers: &headers, client, connection };
            AccessRequest::read(received).unwrap().origin()
        };
        assert_eq!(origin(ConnectionFacts::default()), "http://Inner:81");
        let told = ConnectionFacts { is_secure: true, authority: Some("api.example"), ..ConnectionFacts::default() };
        assert_eq!(origin(told), "https://api.example");
    }

    #[test]
    fn trace_and_connect_never_pass() {
        for method in ["TRACE", "CONNECT"] {
            assert_eq!(read(method, "/a", None, &["x.example"]).unwrap_err().status(), 405);
        }
    }
}
