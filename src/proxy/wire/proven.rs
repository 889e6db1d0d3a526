//! What the TLS handshake has proved of a client: the certificate that it holds.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{SHA256, digest};
use pingora::http::ResponseHeader;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::proxy::Session;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::authorizer::ClientCertificate;

/// Names of a certificate that are read: more is nobody's certificate.
const MOST_NAMES: usize = 100;

/// What is known of a connection once its handshake is done. pingora passes it on with each request, in the one place that it
/// leaves to others.
#[derive(Debug, Clone, Default)]
pub(super) struct Proof(Arc<OnceLock<Arc<ProxyDigest>>>);

impl Proof {
    /// Takes in the certificate that the client has proved to hold.
    pub(super) fn set(&self, der: &[u8]) {
        let Ok(nothing) = ResponseHeader::build_no_case(200, Some(0)) else { return };
        let proven = ProxyDigest::new(Box::new(nothing), Some(Box::new(read_certificate(der))));
        // A connection has one handshake.
        let _only_once = self.0.set(Arc::new(proven));
    }

    pub(super) fn digest(&self) -> Option<Arc<ProxyDigest>> {
        self.0.get().cloned()
    }
}

/// The certificate that the client of this request has proved to hold.
pub(in crate::proxy) fn proven(session: &Session) -> Option<&ClientCertificate> {
    session.digest()?.proxy_digest.as_ref()?.user_data.as_ref()?.downcast_ref()
}

/// Reads of a certificate in DER what policies and tokens are compared with. What cannot be read has no names, and matches none.
#[must_use]
pub fn read_certificate(der: &[u8]) -> ClientCertificate {
    let mut sha256 = [0; 32];
    sha256.iter_mut().zip(digest(&SHA256, der).as_ref()).for_each(|(to, from)| *to = *from);
    let parsed = X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate);
    let names = parsed.as_ref().and_then(|certificate| certificate.subject_alternative_name().ok().flatten());
    let names = names.into_iter().flat_map(|names| &names.value.general_names);
    ClientCertificate {
        sha256,
        subject: parsed.as_ref().map(|certificate| distinguished_name(certificate.subject())).unwrap_or_default(),
        alternative_names: names.filter_map(alternative_name).take(MOST_NAMES).collect(),
    }
}

/// A name with its kind. One with a control character in it, such as a NUL that some reader takes for its end, is nobody's name.
fn alternative_name(name: &GeneralName<'_>) -> Option<String> {
    let name = match name {
        GeneralName::DNSName(name) => Some(format!("dns:{name}")),
        GeneralName::URI(uri) => Some(format!("uri:{uri}")),
        GeneralName::RFC822Name(address) => Some(format!("email:{address}")),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok()?;
            Some(format!("ip:{address}"))
        }
        _ => None,
    };
    name.filter(|name| !name.contains(char::is_control))
}

/// As RFC 4514 writes it: the last part first, and nothing in a value that could be taken for a part of its own.
fn distinguished_name(name: &X509Name<'_>) -> String {
    let parts: Vec<_> = name.iter_rdn().collect();
    let part = |attributes: Vec<String>| attributes.join("+");
    parts.into_iter().rev().map(|rdn| part(rdn.iter().map(attribute).collect())).collect::<Vec<_>>().join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    /// The names of RFC 4514 section 3.
    const NAMES: [(&str, &str); 9] = [
        ("2.5.4.3", "CN"),
        ("2.5.4.7", "L"),
        ("2.5.4.8", "ST"),
        ("2.5.4.10", "O"),
        ("2.5.4.11", "OU"),
        ("2.5.4.6", "C"),
        ("2.5.4.9", "STREET"),
        ("0.9.2342.19200300.100.1.25", "DC"),
        ("0.9.2342.19200300.100.1.1", "UID"),
    ];
    let oid = attribute.attr_type().to_id_string();
    let named = NAMES.iter().find(|(known, _)| *known == oid).map_or(oid.as_str(), |(_, name)| name);
    if let Ok(value) = attribute.as_str() {
        return format!("{named}={}", escaped(value));
    }
    let hex: String = attribute.as_slice().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{named}=#{hex}")
}

/// RFC 4514 section 2.4.
fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (place, character) in value.chars().enumerate() {
        let at_the_edge = character == ' ' && (place == 0 || place == last) || character == '#' && place == 0;
        match character {
            '\0' => text.push_str("\\00"),
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', character]),
            _ if at_the_edge => text.extend(['\\', character]),
            _ => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

    use super::*;

    #[test]
    fn subject_and_names_are_read_and_cannot_be_forged_by_what_stands_in_them() {
        let mut params = CertificateParams::new(vec!["orders.internal".to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::URI("spiffe://mesh/orders".try_into().unwrap()));
        params.subject_alt_names.push(SanType::Rfc822Name("a@example.com".try_into().unwrap()));
        params.subject_alt_names.push(SanType::IpAddress("2001:db8::1".parse().unwrap()));
        params.subject_alt_names.push(SanType::DnsName("orders.internal\0.evil.example".try_into().unwrap()));
        params.subject_alt_names.push(SanType::URI("spiffe://mesh/admin\0".try_into().unwrap()));
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
        params.distinguished_name.push(DnType::CommonName, "#a,O=Other ");
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let read = read_certificate(certificate.der());
        assert_eq!(read.subject, "CN=\\#a\\,O=Other\\ ,O=Example\\, Inc.");
        let names = ["dns:orders.internal", "uri:spiffe://mesh/orders", "email:a@example.com", "ip:2001:db8::1"];
        assert_eq!(read.alternative_names, names);
        assert_eq!(read.sha256.as_slice(), digest(&SHA256, certificate.der()).as_ref());
    }

    #[test]
    fn what_cannot_be_read_has_no_names() {
        let read = read_certificate(b"no certificate");
        assert!(read.subject.is_empty() && read.alternative_names.is_empty());
        assert_ne!(read.sha256, [0; 32]);
    }
}
