//! A client's certificate: what policies and tokens are compared with.

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// Names of a certificate that are read: more is nobody's certificate.
const MOST_NAMES: usize = 100;

/// A client's certificate whose chain and private key a TLS handshake has proved: the gate's own, or that of a proxy which
/// may say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// SHA-256 of the certificate in DER: what `cnf.x5t#S256` is compared with (RFC 8705 section 3.1).
    pub sha256: [u8; 32],
    /// The subject's distinguished name, as RFC 4514 writes it; may be empty.
    pub subject: String,
    /// The subject's alternative names (RFC 5280 section 4.2.1.6), each with its kind before it: `dns:`, `uri:`, `email:` or
    /// `ip:`.
    pub alternative_names: Vec<String>,
}

impl ClientCertificate {
    /// Reads a certificate in DER that the gate's own handshake has proved. What cannot be read has no names, and matches
    /// none.
    #[must_use]
    pub fn proved(der: &[u8]) -> Self {
        Self::read(der).unwrap_or_else(|| Self {
            sha256: sha256(der),
            subject: String::new(),
            alternative_names: Vec::new(),
        })
    }

    /// Reads a certificate in DER that somebody else says was proved. None where it is no certificate, or more than one.
    #[must_use]
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok().filter(|(rest, _)| rest.is_empty())?;
        let names = parsed.subject_alternative_name().ok().flatten();
        let names = names.into_iter().flat_map(|names| &names.value.general_names);
        Some(Self {
            sha256: sha256(der),
            subject: distinguished_name(parsed.subject()),
            alternative_names: names.filter_map(alternative_name).take(MOST_NAMES).collect(),
        })
    }
}

fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut sha256 = [0; 32];
    sha256.iter_mut().zip(digest(&SHA256, octets).as_ref()).for_each(|(to, from)| *to = *from);
    sha256
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
        let read = ClientCertificate::read(certificate.der()).unwrap();
        assert_eq!(read.subject, "CN=\\#a\\,O=Other\\ ,O=Example\\, Inc.");
        let names = ["dns:orders.internal", "uri:spiffe://mesh/orders", "email:a@example.com", "ip:2001:db8::1"];
        assert_eq!(read.alternative_names, names);
        assert_eq!(read.sha256.as_slice(), digest(&SHA256, certificate.der()).as_ref());
    }

    fn certificate() -> rcgen::Certificate {
        CertificateParams::new(Vec::new()).unwrap().self_signed(&KeyPair::generate().unwrap()).unwrap()
    }

    #[test]
    fn what_cannot_be_read_has_no_names() {
        assert_eq!(ClientCertificate::read(b"no certificate"), None);
        let proved = ClientCertificate::proved(b"no certificate");
        assert!(proved.subject.is_empty() && proved.alternative_names.is_empty());
        assert_ne!(proved.sha256, [0; 32]);
        let mut doubled = certificate().der().to_vec();
        doubled.extend_from_within(..);
        assert_eq!(ClientCertificate::read(&doubled), None);
    }
}
