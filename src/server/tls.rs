//! What a listener needs for TLS, read again when its files change, without dropping a connection.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use pingora::listeners::tls::Acceptor;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::sync::watch;
use tracing::{info, warn};

use super::certificate::{Certificates, read_chain, unusable};
use crate::proxy::{ClientAuthConfig, ListenerTlsConfig, TlsVersionConfig};

/// How often the files are looked at. Kubernetes swaps links without a sign that could be waited for everywhere.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The TLS of one listener or door, whose handshakes an `A` does. A connection goes on with what it began with; the next one
/// meets what is current then.
pub(super) struct ListenerTls<A> {
    config: ListenerTlsConfig,
    /// What is offered by ALPN.
    protocols: &'static [&'static [u8]],
    acceptor: fn(Arc<ServerConfig>) -> A,
    current: Arc<ArcSwap<A>>,
}

impl ListenerTls<Acceptor> {
    /// Reads every file, for a listener of the gate itself.
    ///
    /// # Errors
    /// What is wrong with which file, in words.
    pub(super) fn load(config: &ListenerTlsConfig) -> Result<Self, String> {
        Self::load_for(config, &[b"h2", b"http/1.1"], Acceptor::from_server_config)
    }
}

impl<A: Send + Sync + 'static> ListenerTls<A> {
    /// Reads every file.
    ///
    /// # Errors
    /// What is wrong with which file, in words.
    pub(super) fn load_for(
        config: &ListenerTlsConfig,
        protocols: &'static [&'static [u8]],
        acceptor: fn(Arc<ServerConfig>) -> A,
    ) -> Result<Self, String> {
        let first = acceptor(Arc::new(server_config(config, protocols)?));
        Ok(Self { config: config.clone(), protocols, acceptor, current: Arc::new(ArcSwap::from_pointee(first)) })
    }

    /// What shakes hands with clients.
    pub(super) fn current(&self) -> Arc<ArcSwap<A>> {
        self.current.clone()
    }

    /// Looks at the files again and again until `stop` turns true. What cannot be read changes nothing.
    pub(super) async fn watch(self, mut stop: watch::Receiver<bool>) {
        let mut seen = self.modified();
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let now = self.modified();
            if now == seen {
                continue;
            }
            match server_config(&self.config, self.protocols) {
                Ok(read) => {
                    self.current.store(Arc::new((self.acceptor)(Arc::new(read))));
                    seen = now;
                    info!(certificate = %self.config.certificate.display(), "the certificates were read again");
                }
                // Certificate and key may be half written: they are looked at again, and the old ones go on meanwhile.
                Err(reason) => warn!(reason, "the changed certificate was not taken"),
            }
        }
    }

    fn modified(&self) -> Vec<Option<SystemTime>> {
        files(&self.config).map(|file| std::fs::metadata(file).and_then(|metadata| metadata.modified()).ok()).collect()
    }
}

fn files(config: &ListenerTlsConfig) -> impl Iterator<Item = &PathBuf> {
    let others = config.certificates.iter().flat_map(|other| [&other.certificate, &other.key]);
    [&config.certificate, &config.key].into_iter().chain(&config.client_ca).chain(others)
}

fn server_config(config: &ListenerTlsConfig, protocols: &[&[u8]]) -> Result<ServerConfig, String> {
    let versions: &[_] = match config.min_version {
        TlsVersionConfig::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersionConfig::Tls13 => &[&rustls::version::TLS13],
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions);
    let builder = builder.map_err(|error| error.to_string())?;
    let builder = match &config.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => builder.with_client_cert_verifier(verifier(file, config.client_auth)?),
    };
    let mut server = builder.with_cert_resolver(Arc::new(Certificates::read(config)?));
    server.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(server)
}

/// What checks the certificates of clients.
fn verifier(file: &Path, auth: ClientAuthConfig) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in read_chain(file)? {
        roots.add(certificate).map_err(|_| unusable(file, "certificate authority"))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match auth {
        ClientAuthConfig::Required => builder,
        ClientAuthConfig::Optional => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|_| unusable(file, "certificate authority"))
}
