//! A listener's certificates, each for the names that it has.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::proxy::{CertificateConfig, ListenerTlsConfig};

/// Certificates to choose from by the name that a client asks for.
#[derive(Debug)]
pub(super) struct Certificates {
    /// For whoever asks for none of the others' names.
    first: Arc<CertifiedKey>,
    others: Vec<Named>,
}

#[derive(Debug)]
struct Named {
    /// In lower case; `*.` stands for one label.
    names: Vec<String>,
    key: Arc<CertifiedKey>,
}

impl Certificates {
    /// Reads certificates and keys.
    ///
    /// # Errors
    /// What is wrong with which file, in words.
    pub(super) fn read(config: &ListenerTlsConfig) -> Result<Self, String> {
        let named = |CertificateConfig { certificate, key }: &CertificateConfig| {
            let key = read(certificate, key)?;
            let names = key.cert.first().map(|leaf| names(leaf)).unwrap_or_default();
            Ok(Named { names, key: Arc::new(key) })
        };
        let others = config.certificates.iter().map(named).collect::<Result<_, String>>()?;
        Ok(Self { first: Arc::new(read(&config.certificate, &config.key)?), others })
    }

    /// A name itself before one that a wildcard stands for.
    fn of(&self, asked: &str) -> &Arc<CertifiedKey> {
        let asked = asked.to_ascii_lowercase();
        let wildcard = asked.split_once('.').map(|(_, domain)| format!("*.{domain}"));
        let with = |name: &String| self.others.iter().find(|other| other.names.contains(name));
        let found = with(&asked).or_else(|| wildcard.as_ref().and_then(with));
        found.map_or(&self.first, |named| &named.key)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(hello.server_name().map_or(&self.first, |name| self.of(name)).clone())
    }
}

/// The DNS names of a certificate.
fn names(leaf: &[u8]) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(leaf) else { return Vec::new() };
    let names = parsed.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names);
    let dns = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    dns.collect()
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, String> {
    let chain = read_chain(certificate)?;
    let der = PrivateKeyDer::from_pem_file(key).map_err(|_| unusable(key, "private key"))?;
    let signing_key = any_supported_type(&der).map_err(|_| unusable(key, "private key"))?;
    let certified = CertifiedKey::new(chain, signing_key);
    match certified.keys_match() {
        Ok(()) => Ok(certified),
        Err(_) => Err(format!("`{}` is not the key of `{}`", key.display(), certificate.display())),
    }
}

/// Every certificate of a PEM file, at least one.
pub(super) fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| unusable(file, "certificate"))
}

pub(super) fn unusable(file: &Path, kind: &str) -> String {
    format!("`{}` is not a usable PEM {kind}", file.display())
}
