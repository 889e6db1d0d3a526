//! A listener's certificate, read again when its files change, without dropping a connection.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;
use tracing::{info, warn};

/// How often the files are looked at. Kubernetes swaps links without a sign that could be waited for everywhere.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The certificate that a listener presents.
pub(super) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Certificate").field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl Certificate {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// What is wrong with which file, in words.
    pub(super) fn load(chain: &Path, key: &Path) -> Result<Self, String> {
        let current = ArcSwap::from_pointee(read(chain, key)?);
        Ok(Self { chain: chain.to_owned(), key: key.to_owned(), current })
    }

    /// Looks at the files again and again until `stop` turns true. What cannot be read changes nothing.
    pub(super) async fn watch(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
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
            match read(&self.chain, &self.key) {
                Ok(read) => {
                    self.current.store(Arc::new(read));
                    seen = now;
                    info!(certificate = %self.chain.display(), "the certificate was read again");
                }
                // Certificate and key may be half written: they are looked at again, and the old ones go on meanwhile.
                Err(reason) => warn!(reason, "the changed certificate was not taken"),
            }
        }
    }

    fn modified(&self) -> [Option<SystemTime>; 2] {
        [&self.chain, &self.key].map(|file| std::fs::metadata(file).and_then(|metadata| metadata.modified()).ok())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, String> {
    let unusable = |file: &Path, kind| format!("`{}` is not a usable PEM {kind}", file.display());
    let chain = CertificateDer::pem_file_iter(certificate).map_err(|_| unusable(certificate, "certificate"))?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(|_| unusable(certificate, "certificate"))?;
    if chain.is_empty() {
        return Err(unusable(certificate, "certificate"));
    }
    let der = PrivateKeyDer::from_pem_file(key).map_err(|_| unusable(key, "private key"))?;
    let signing_key = any_supported_type(&der).map_err(|_| unusable(key, "private key"))?;
    let certified = CertifiedKey::new(chain, signing_key);
    match certified.keys_match() {
        Ok(()) => Ok(certified),
        Err(_) => Err(format!("`{}` is not the key of `{}`", key.display(), certificate.display())),
    }
}
