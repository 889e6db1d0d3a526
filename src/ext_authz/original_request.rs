//! The request that another proxy received and asks about, rebuilt from its words: one reading, or none.

use std::net::IpAddr;

use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::authorizer::{AccessRequest, ClientCertificate, ConnectionFacts, DecisionPoint, Denial, ReceivedRequest};

/// The original request, as the asking proxy tells it.
#[derive(Debug)]
pub(super) struct OriginalRequest {
    pub(super) method: String,
    /// Path and query, as the client sent them.
    pub(super) target: String,
    /// The client's header fields; `Host` is the original one.
    pub(super) headers: HeaderMap,
    pub(super) client: IpAddr,
    /// Whether the client asked by `https`.
    pub(super) is_secure: bool,
    client_side: ClientSide,
}

/// What an asking proxy knows of its client beside the request that it would pass on.
#[derive(Debug, Default)]
pub(super) struct ClientSide {
    /// The host and port that the client asked for, where it is not the one that routes see.
    pub(super) authority: Option<String>,
    /// The path that the client asked for, where it is not the one that routes see.
    pub(super) path: Option<String>,
    /// The certificate that the client proved to hold.
    pub(super) certificate: Option<ClientCertificate>,
}

/// What an asking proxy says of where a request was sent.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) host: String,
    pub(super) client: IpAddr,
    pub(super) is_secure: bool,
}

impl OriginalRequest {
    /// Puts together what was told with the client's own header fields, in which `Host` is replaced.
    ///
    /// # Errors
    /// [`Denial::BadOriginalRequest`] for a method that is no token, or a host that cannot stand in a header.
    pub(super) fn new(told: Told, mut headers: HeaderMap) -> Result<Self, Denial> {
        let is_method = !told.method.is_empty() && told.method.bytes().all(is_token_byte);
        if !is_method {
            return Err(bad("the method", "no token"));
        }
        let host = HeaderValue::from_str(&told.host).map_err(|_| bad("the host", "unreadable"))?;
        headers.insert(HOST, host);
        let Told { method, target, client, is_secure, .. } = told;
        Ok(Self { method, target, headers, client, is_secure, client_side: ClientSide::default() })
    }

    /// The same request, of which the asking proxy knows this too.
    pub(super) fn with(self, client_side: ClientSide) -> Self {
        Self { client_side, ..self }
    }

    /// The request as the authorizer asks for it, within the bounds that hold for every request.
    ///
    /// # Errors
    /// As [`AccessRequest::read`], and for a request that is too large.
    pub(super) fn read(&self, point: &DecisionPoint) -> Result<AccessRequest<'_>, Denial> {
        point.sizes.check(&self.target, &self.headers)?;
        AccessRequest::read(ReceivedRequest {
            method: &self.method,
            target: self.target.as_bytes(),
            authority: None,
            headers: &self.headers,
            client: self.client,
            connection: ConnectionFacts {
                is_secure: self.is_secure,
                authority: self.client_side.authority.as_deref(),
                path: self.client_side.path.as_deref(),
                certificate: self.client_side.certificate.as_ref(),
            },
        })
    }

    /// The path alone, for the log.
    pub(super) fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or_default()
    }

    /// The host as it was told.
    pub(super) fn host(&self) -> Option<&str> {
        self.headers.get(HOST).and_then(|host| host.to_str().ok())
    }
}

/// What an asking proxy says about a request is not to be believed, or not to be read.
pub(super) fn bad(what: &'static str, flaw: &'static str) -> Denial {
    Denial::BadOriginalRequest { what, flaw }
}

/// The one value of a header, if it is there. Several would leave open which of them counts.
pub(super) fn one<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Denial> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(bad(name, "there more than once"));
    }
    let value = value.to_str().map_err(|_| bad(name, "not ASCII"))?;
    if value.is_empty() { Err(bad(name, "empty")) } else { Ok(Some(value)) }
}

/// The one value of a header that must be there.
pub(super) fn required<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Denial> {
    one(headers, name)?.ok_or(bad(name, "missing"))
}

/// A client's header field, as another proxy hands it over.
pub(super) fn field(name: &str, value: &[u8]) -> Result<(HeaderName, HeaderValue), Denial> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("a header name", "no token"))?;
    let value = HeaderValue::from_bytes(value).map_err(|_| bad("a header value", "unreadable"))?;
    Ok((name, value))
}

/// RFC 9110 section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
