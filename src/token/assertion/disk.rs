//! The private keys of assertions on disk, readable by their owner alone.

use std::fs::DirBuilder;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::error::AssertionError;
use super::key_ring::Dated;
use crate::jose::{Algorithm, SigningKey};

const NAME: &str = "assertion-keys.json";
/// Others may neither read the keys nor put in their own.
const OPEN_TO_OTHERS: u32 = 0o077;

impl Drop for Kept {
    /// Nothing of a private key stays in memory that is given back.
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// Where the keys are kept.
#[derive(Debug, Clone)]
pub(super) struct KeysFile {
    directory: PathBuf,
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Unix seconds.
    made_at: u64,
    /// PKCS#8 in base64url.
    key: String,
}

impl KeysFile {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), path: directory.join(NAME) }
    }

    /// The keys that were kept, the oldest first; none where there is no file yet.
    pub(super) fn read(&self) -> Result<Vec<Dated>, AssertionError> {
        let metadata = match std::fs::metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|source| self.failed(source))?,
        };
        if metadata.mode() & OPEN_TO_OTHERS != 0 {
            return Err(AssertionError::Exposed { path: self.path.clone() });
        }
        let bytes = Zeroizing::new(std::fs::read(&self.path).map_err(|source| self.failed(source))?);
        let kept: Vec<Kept> = serde_json::from_slice(&bytes).map_err(|_| self.broken())?;
        let mut keys = kept.iter().map(|kept| self.restore(kept)).collect::<Result<Vec<_>, _>>()?;
        keys.sort_by_key(|key| key.made_at);
        Ok(keys)
    }

    fn restore(&self, kept: &Kept) -> Result<Dated, AssertionError> {
        let der = Zeroizing::new(URL_SAFE_NO_PAD.decode(kept.key.as_bytes()).map_err(|_| self.broken())?);
        let key = SigningKey::from_pkcs8_for(Algorithm::Es256, &der).map_err(|_| self.broken())?;
        Ok(Dated { made_at: kept.made_at, key: Arc::new(key) })
    }

    /// Keeps these keys in place of those before: all of them or none.
    pub(super) fn write(&self, keys: &[Dated]) -> Result<(), AssertionError> {
        let keep =
            |dated: &Dated| Ok(Kept { made_at: dated.made_at, key: URL_SAFE_NO_PAD.encode(dated.key.to_pkcs8()?) });
        let kept = keys.iter().map(keep).collect::<Result<Vec<_>, AssertionError>>()?;
        let text = Zeroizing::new(serde_json::to_vec(&kept).map_err(|_| self.broken())?);
        self.replace(&text).map_err(|source| self.failed(source))
    }

    fn replace(&self, text: &[u8]) -> std::io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        // `tempfile` makes it 0600.
        let mut file = tempfile::Builder::new().prefix(".assertion-keys-").tempfile_in(&self.directory)?;
        file.write_all(text)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }

    fn failed(&self, source: std::io::Error) -> AssertionError {
        AssertionError::File { path: self.path.clone(), source }
    }

    fn broken(&self) -> AssertionError {
        AssertionError::Broken { path: self.path.clone() }
    }
}
