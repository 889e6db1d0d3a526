//! A client's certificate in PEM, as other proxies and gateways tell it.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::original_request::bad;
use crate::authorizer::{ClientCertificate, Denial};

/// In bytes: longer is nobody's certificate.
const LONGEST: usize = 64 << 10;

const NAME: &str = "the client's certificate";

/// Reads the one certificate of `pem`.
///
/// # Errors
/// [`Denial::BadOriginalRequest`] where there is none, or more than one: of several it would be open which the client holds.
pub(super) fn read(pem: &[u8]) -> Result<ClientCertificate, Denial> {
    if pem.len() > LONGEST {
        return Err(bad(NAME, "too long"));
    }
    let mut sections = CertificateDer::pem_slice_iter(pem);
    match (sections.next(), sections.next()) {
        (Some(Ok(der)), None) => ClientCertificate::read(&der).ok_or(bad(NAME, "unreadable")),
        (Some(Ok(_)), Some(_)) => Err(bad(NAME, "there more than once")),
        _ => Err(bad(NAME, "unreadable")),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn pem(name: &str) -> String {
        CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn one_certificate_is_read_and_nothing_else() {
        let (one, other) = (pem("a.example"), pem("b.example"));
        assert_eq!(read(one.as_bytes()).unwrap().alternative_names, ["dns:a.example"]);
        let cut = &one[..one.len() / 2];
        let wrong = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n";
        let key = KeyPair::generate().unwrap().serialize_pem();
        let long = format!("{one}{}", " ".repeat(LONGEST));
        for refused in ["", "x", cut, wrong, &key, &format!("{one}{other}"), &format!("{one}{one}"), &long] {
            assert_eq!(read(refused.as_bytes()).unwrap_err().code(), "bad-original-request", "{refused}");
        }
    }
}
