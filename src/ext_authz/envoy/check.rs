//! The original request in Envoy's words: the attributes of a `CheckRequest`. A shape that is not known is a denial.

use std::net::IpAddr;

use envoy_types::pb::envoy::config::core::v3::address::Address;
use envoy_types::pb::envoy::config::core::v3::{HeaderMap as RawHeaders, HeaderValue as RawHeader};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use http::HeaderMap;
use http::header::HOST;
use percent_encoding::percent_decode_str;

use crate::authorizer::{ClientCertificate, Denial};
use crate::ext_authz::certificate;
use crate::ext_authz::original_request::{ClientSide, OriginalRequest, Told, bad, field};

/// Rebuilds the request that Envoy asks about.
///
/// # Errors
/// [`Denial::BadOriginalRequest`] for attributes that are missing, contradictory or unreadable.
pub(in crate::ext_authz) fn original_request(check: CheckRequest) -> Result<OriginalRequest, Denial> {
    let AttributeContext { source, request, .. } = check.attributes.ok_or(bad("the attributes", "missing"))?;
    let source = source.ok_or(bad("the source", "missing"))?;
    let certificate = certificate_of(&source)?;
    let client = client_of(source)?;
    let http = request.and_then(|request| request.http).ok_or(bad("the http request", "missing"))?;
    check_target(&http)?;
    let headers = headers_of(&http)?;
    let is_secure = match http.scheme.as_str() {
        "https" => true,
        "http" => false,
        _ => return Err(bad("the scheme", "neither http nor https")),
    };
    let HttpRequest { method, path, host, .. } = http;
    let told = Told { method, target: path, host, client, is_secure };
    Ok(OriginalRequest::new(told, headers)?.with(ClientSide { certificate, ..ClientSide::default() }))
}

/// What Envoy's listener took from its client in the handshake (`include_peer_certificate: true`), PEM in a URL's encoding.
fn certificate_of(source: &Peer) -> Result<Option<ClientCertificate>, Denial> {
    if source.certificate.is_empty() {
        return Ok(None);
    }
    let pem: Vec<u8> = percent_decode_str(&source.certificate).collect();
    certificate::read(&pem).map(Some)
}

/// Who asked, as Envoy's own listener is configured to find out.
fn client_of(source: Peer) -> Result<IpAddr, Denial> {
    match source.address.and_then(|address| address.address) {
        Some(Address::SocketAddress(socket)) => {
            socket.address.parse::<IpAddr>().map(|ip| ip.to_canonical()).map_err(|_| bad("the source", "no address"))
        }
        Some(_) => Err(bad("the source", "no socket address")),
        None => Err(bad("the source", "missing")),
    }
}

/// Envoy's path has the query in it; a query or fragment beside it would be a second reading.
fn check_target(http: &HttpRequest) -> Result<(), Denial> {
    if !http.fragment.is_empty() {
        return Err(Denial::BadTarget("a fragment"));
    }
    let in_path = http.path.split_once('?').map(|(_, query)| query);
    if http.query.is_empty() || in_path == Some(http.query.as_str()) {
        Ok(())
    } else {
        Err(bad("the query", "not the path's"))
    }
}

/// The header fields: each as it was sent (`encode_raw_headers: true`), or those of one name joined by commas.
fn headers_of(http: &HttpRequest) -> Result<HeaderMap, Denial> {
    let raw = http.header_map.as_ref().filter(|raw| !raw.headers.is_empty());
    let mut headers = HeaderMap::with_capacity(http.headers.len());
    match raw {
        Some(_) if !http.headers.is_empty() => return Err(bad("the headers", "told in two ways")),
        Some(RawHeaders { headers: fields }) => {
            for RawHeader { key, value, raw_value } in fields {
                let value = match (value.is_empty(), raw_value.is_empty()) {
                    (false, false) => return Err(bad("a header value", "told in two ways")),
                    (true, _) => raw_value.as_slice(),
                    (false, true) => value.as_bytes(),
                };
                add(&mut headers, http, key, value)?;
            }
        }
        None => {
            for (name, value) in &http.headers {
                add(&mut headers, http, name, value.as_bytes())?;
            }
        }
    }
    Ok(headers)
}

fn add(headers: &mut HeaderMap, http: &HttpRequest, name: &str, value: &[u8]) -> Result<(), Denial> {
    if name.starts_with(':') {
        return check_pseudo(http, name, value);
    }
    let (name, value) = field(name, value)?;
    if name == HOST && !value.as_bytes().eq_ignore_ascii_case(http.host.as_bytes()) {
        return Err(Denial::BadHost("two that disagree"));
    }
    headers.append(name, value);
    Ok(())
}

/// What the pseudo-headers say, the attributes say too (RFC 9113 section 8.3.1).
fn check_pseudo(http: &HttpRequest, name: &str, value: &[u8]) -> Result<(), Denial> {
    let agrees = match name {
        ":method" => value == http.method.as_bytes(),
        ":path" => value == http.path.as_bytes(),
        ":authority" => value.eq_ignore_ascii_case(http.host.as_bytes()),
        ":scheme" => value == http.scheme.as_bytes(),
        // `:protocol` of an extended CONNECT, which Envoy tells for upgrades: the method refuses those that matter.
        _ => true,
    };
    if agrees { Ok(()) } else { Err(bad("a pseudo-header", "not what the attributes say")) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use envoy_types::pb::envoy::config::core::v3::{Address as Wrapped, Pipe, SocketAddress};
    use envoy_types::pb::envoy::service::auth::v3::attribute_context::Request;

    use super::*;

    fn http() -> HttpRequest {
        let headers = [(":method", "GET"), (":path", "/a?b=c"), (":authority", "X.example"), ("accept", "*/*")];
        HttpRequest {
            method: "GET".to_owned(),
            path: "/a?b=c".to_owned(),
            host: "x.example".to_owned(),
            scheme: "https".to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            ..HttpRequest::default()
        }
    }

    fn at(address: Address) -> Peer {
        Peer { address: Some(Wrapped { address: Some(address) }), ..Peer::default() }
    }

    fn socket(address: &str) -> Peer {
        at(Address::SocketAddress(SocketAddress { address: address.to_owned(), ..SocketAddress::default() }))
    }

    fn check(http: HttpRequest, source: Option<Peer>) -> Result<OriginalRequest, Denial> {
        let request = Some(Request { http: Some(http), time: None });
        original_request(CheckRequest { attributes: Some(AttributeContext { source, request, ..Default::default() }) })
    }

    fn raw(pairs: &[(&str, &str, &[u8])]) -> HttpRequest {
        let header = |(key, value, raw_value): &(&str, &str, &[u8])| RawHeader {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
            raw_value: raw_value.to_vec(),
        };
        let header_map = Some(RawHeaders { headers: pairs.iter().map(header).collect() });
        HttpRequest { headers: HashMap::new(), header_map, ..http() }
    }

    #[test]
    fn a_request_is_rebuilt_from_its_attributes() {
        let original = check(http(), Some(socket("::ffff:192.0.2.1"))).unwrap();
        assert_eq!((original.method.as_str(), original.target.as_str()), ("GET", "/a?b=c"));
        assert_eq!(original.host(), Some("x.example"));
        assert_eq!(original.client, IpAddr::from([192, 0, 2, 1]));
        assert!(original.is_secure);
        assert_eq!(original.headers.len(), 2, "accept and host");
        let twice = raw(&[("authorization", "", b"Bearer a"), ("authorization", "Bearer b", b"")]);
        let original = check(twice, Some(socket("192.0.2.1"))).unwrap();
        assert_eq!(original.headers.get_all("authorization").iter().count(), 2);
    }

    fn pem() -> String {
        let params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
    }

    /// As Envoy writes it.
    fn encoded(pem: &str) -> String {
        pem.replace('\n', "%0A").replace(' ', "%20").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
    }

    #[test]
    fn a_clients_certificate_is_taken_from_the_source() {
        let source = Peer { certificate: encoded(&pem()), ..socket("192.0.2.1") };
        assert_eq!(certificate_of(&source).unwrap().unwrap().alternative_names, ["dns:a.example"]);
        assert_eq!(certificate_of(&socket("192.0.2.1")).unwrap(), None);
        assert!(check(http(), Some(source)).is_ok());
    }

    #[test]
    fn attributes_of_another_shape_are_refused() {
        let source = || Some(socket("192.0.2.1"));
        let pipe = Some(at(Address::Pipe(Pipe::default())));
        let refused = [
            original_request(CheckRequest { attributes: None }),
            original_request(CheckRequest { attributes: Some(AttributeContext::default()) }),
            check(http(), None),
            check(http(), Some(Peer::default())),
            check(http(), pipe),
            check(http(), Some(socket(""))),
            check(http(), Some(socket("localhost"))),
            check(http(), Some(Peer { certificate: "x".to_owned(), ..socket("192.0.2.1") })),
            check(http(), Some(Peer { certificate: encoded(&[pem(), pem()].concat()), ..socket("192.0.2.1") })),
            check(HttpRequest { scheme: String::new(), ..http() }, source()),
            check(HttpRequest { method: String::new(), ..http() }, source()),
            check(HttpRequest { method: "GET x".to_owned(), ..http() }, source()),
            check(HttpRequest { method: "POST".to_owned(), ..http() }, source()),
            check(HttpRequest { path: "/other".to_owned(), ..http() }, source()),
            check(HttpRequest { host: "y.example".to_owned(), ..http() }, source()),
            check(HttpRequest { query: "b=d".to_owned(), ..http() }, source()),
            check(HttpRequest { fragment: "x".to_owned(), ..http() }, source()),
            check(HttpRequest { header_map: raw(&[("a", "b", b"")]).header_map, ..http() }, source()),
            check(raw(&[("a", "b", b"c")]), source()),
            check(raw(&[("a b", "c", b"")]), source()),
            check(raw(&[("a", "", b"b\r\nc")]), source()),
            check(raw(&[("host", "y.example", b"")]), source()),
        ];
        for (row, refused) in refused.into_iter().enumerate() {
            assert!(refused.is_err(), "row {row}");
        }
    }
}
