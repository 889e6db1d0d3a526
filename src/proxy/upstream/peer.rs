//! The one place that makes a pingora peer, with the TLS files that it needs.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use pingora::protocols::ALPN;
use pingora::upstreams::peer::HttpPeer;
use pingora::utils::tls::{CertKey, WrappedX509, parse_x509};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use crate::proxy::config::{UpstreamConfig, UpstreamTlsConfig};

/// HTTP/2 streams on one upstream connection; pingora's own default is one.
const STREAMS_PER_CONNECTION: usize = 100;

/// Why an upstream could not be made.
#[derive(Debug, Error)]
pub enum UpstreamError {
    /// A certificate or key could not be used.
    #[error("upstream `{upstream}`: `{file}` is not a usable PEM {kind}")]
    Pem {
        /// The upstream.
        upstream: String,
        /// The file.
        file: String,
        /// What it should be.
        kind: &'static str,
    },
}

/// What a peer has beside its address: made once for an upstream.
pub(super) struct PeerParts {
    config: UpstreamConfig,
    tls: Option<UpstreamTls>,
    /// INVARIANT: no two upstreams share connections. pingora would lend one that was made under other certificate
    /// authorities, since it tells connections apart by address and name but not by whom they believe.
    pool: u64,
}

/// The files of an upstream's TLS, read.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct TlsFiles {
    ca: Option<Vec<Vec<u8>>>,
    /// Chain and key.
    client: Option<(Vec<Vec<u8>>, Vec<u8>)>,
}

struct UpstreamTls {
    server_name: Option<String>,
    ca: Option<Arc<[WrappedX509]>>,
    client: Option<Arc<CertKey>>,
}

impl TlsFiles {
    /// Reads what `config` names.
    ///
    /// # Errors
    /// [`UpstreamError::Pem`] with the file.
    pub(super) fn read(upstream: &str, config: &UpstreamTlsConfig) -> Result<Self, UpstreamError> {
        let ca = config.ca.as_ref().map(|file| read_certificates(upstream, file)).transpose()?;
        let client = match (&config.certificate, &config.key) {
            (Some(certificate), Some(key)) => {
                let key_der = PrivateKeyDer::from_pem_file(key).map_err(|_| pem(upstream, key, "private key"))?;
                let chain = read_certificates(upstream, certificate)?;
                check_pair(&chain, &key_der).ok_or_else(|| pem(upstream, key, "private key of the certificate"))?;
                Some((chain, key_der.secret_der().to_vec()))
            }
            _ => None,
        };
        Ok(Self { ca, client })
    }
}

/// pingora would fail each request of a client key that does not fit.
fn check_pair(chain: &[Vec<u8>], key: &PrivateKeyDer<'static>) -> Option<()> {
    let signing_key = rustls::crypto::aws_lc_rs::sign::any_supported_type(key).ok()?;
    let chain = chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    rustls::sign::CertifiedKey::new(chain, signing_key).keys_match().ok()
}

fn read_certificates(upstream: &str, file: &Path) -> Result<Vec<Vec<u8>>, UpstreamError> {
    let refused = || pem(upstream, file, "certificate");
    let certificates = CertificateDer::pem_file_iter(file).map_err(|_| refused())?;
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(|_| refused())?;
    // pingora takes unreadable certificates as a bug and panics, so they are tried here first.
    let readable = |der: &CertificateDer<'_>| rustls::server::ParsedCertificate::try_from(der).is_ok();
    if certificates.is_empty() || !certificates.iter().all(readable) {
        return Err(refused());
    }
    Ok(certificates.into_iter().map(|der| der.to_vec()).collect())
}

fn pem(upstream: &str, file: &Path, kind: &'static str) -> UpstreamError {
    UpstreamError::Pem { upstream: upstream.to_owned(), file: file.display().to_string(), kind }
}

impl PeerParts {
    /// `pool` keeps the connections apart from those of every other upstream.
    pub(super) fn new(config: &UpstreamConfig, files: Option<&TlsFiles>, pool: u64) -> Self {
        let tls = config.tls.as_ref().zip(files).map(|(tls, files)| UpstreamTls {
            server_name: tls.server_name.clone(),
            ca: files.ca.as_ref().map(|ca| ca.iter().cloned().map(|der| WrappedX509::new(der, parse_x509)).collect()),
            client: files.client.clone().map(|(chain, key)| Arc::new(CertKey::new(chain, key))),
        });
        Self { config: config.clone(), tls, pool }
    }

    /// The only function that makes a peer, so that none is ever without timeouts. `configured` is the endpoint's `host:port`.
    pub(super) fn peer(&self, address: SocketAddr, configured: &str) -> HttpPeer {
        let server_name = self.server_name(configured).to_owned();
        let mut peer = HttpPeer::new(address, self.tls.is_some(), server_name);
        peer.group_key = self.pool;
        let timeouts = &self.config.timeouts;
        peer.options.connection_timeout = Some(timeouts.connect);
        peer.options.total_connection_timeout = Some(timeouts.connect);
        peer.options.read_timeout = Some(timeouts.read);
        peer.options.write_timeout = Some(timeouts.write);
        peer.options.idle_timeout = Some(timeouts.idle);
        peer.options.max_h2_streams = STREAMS_PER_CONNECTION;
        peer.options.alpn = if self.config.http2 { ALPN::H2 } else { ALPN::H1 };
        if let Some(tls) = &self.tls {
            peer.options.ca.clone_from(&tls.ca);
            peer.client_cert_key.clone_from(&tls.client);
        }
        peer
    }

    /// pingora verifies nothing where the server name is empty: there is always one.
    fn server_name<'a>(&'a self, configured: &'a str) -> &'a str {
        let host = configured.rsplit_once(':').map_or(configured, |(host, _)| host);
        let named = self.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
        named.unwrap_or(host).trim_start_matches('[').trim_end_matches(']')
    }

    /// The `Host` of a health check.
    pub(super) fn health_host<'a>(&'a self, configured: &'a str) -> &'a str {
        let asked = self.config.health.as_ref().and_then(|health| health.host.as_deref());
        let named = self.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
        asked.or(named).unwrap_or(configured)
    }
}
