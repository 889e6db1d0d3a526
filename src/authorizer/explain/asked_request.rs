//! A request as people write it to have it explained: method and URL, headers, and a credential said apart from them.

use std::net::IpAddr;

use http::header::{AUTHORIZATION, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::authorizer::client_certificate::ClientCertificate;
use crate::authorizer::denial::Denial;
use crate::authorizer::request::{AccessRequest, ConnectionFacts, ReceivedRequest};

/// A request that is only asked about.
#[derive(Debug, Clone)]
pub struct AskedRequest {
    method: String,
    uri: Uri,
    headers: HeaderMap,
    client: IpAddr,
    certificate: Option<ClientCertificate>,
}

impl AskedRequest {
    /// Reads `GET https://host/path?query` and header fields; `Host` is the URL's where no field says another.
    ///
    /// # Errors
    /// What is wrong, for whoever wrote it; never a value.
    pub fn read<'a>(
        request: &str,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
        client: IpAddr,
    ) -> Result<Self, String> {
        let (method, url) = request.split_once(' ').ok_or("there is no blank between method and URL")?;
        let uri: Uri = url.trim().parse().map_err(|_| "what follows the method is not a URL")?;
        let authority = uri.authority().ok_or("the URL has no host")?;
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name: HeaderName = name.trim().parse().map_err(|_| "a header's name is not one")?;
            let value = HeaderValue::from_str(value.trim());
            headers.append(&name, value.map_err(|_| format!("the value of header `{name}` cannot be sent"))?);
        }
        if !headers.contains_key(HOST) {
            headers
                .insert(HOST, HeaderValue::from_str(authority.as_str()).map_err(|_| "the URL's host cannot be sent")?);
        }
        Ok(Self { method: method.to_owned(), uri, headers, client, certificate: None })
    }

    /// The same request with this token as `Authorization: Bearer`, beside whatever else it carries.
    ///
    /// # Errors
    /// The token cannot stand in a header.
    pub fn with_token(mut self, token: &str) -> Result<Self, String> {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
            .map_err(|_| "the token has control characters".to_owned())?;
        bearer.set_sensitive(true);
        self.headers.append(AUTHORIZATION, bearer);
        Ok(self)
    }

    /// The same request of a client that has proved to hold this certificate.
    #[must_use]
    pub fn with_certificate(self, certificate: ClientCertificate) -> Self {
        Self { certificate: Some(certificate), ..self }
    }

    /// As a door would read it.
    pub(super) fn received(&self) -> Result<AccessRequest<'_>, Denial> {
        let target = self.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        AccessRequest::read(ReceivedRequest {
            method: &self.method,
            target: target.as_bytes(),
            authority: None,
            headers: &self.headers,
            client: self.client,
            connection: ConnectionFacts {
                is_secure: self.uri.scheme_str() == Some("https"),
                certificate: self.certificate.as_ref(),
                ..ConnectionFacts::default()
            },
        })
    }
}
