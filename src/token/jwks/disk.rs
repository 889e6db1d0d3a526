//! The last good key set of an issuer on disk, so that a cold start survives the issuer's outage.
//!
//! What is read back is believed no more than what came from the network: the same judge reads it, and it serves no longer
//! than `stale_for` after it was fetched.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::error::FetchError;
use super::fetch::{Fetched, parse};
use super::http::MOST_BYTES;

/// Longest first line of a file, in bytes: names and URLs of the config, and some numbers.
const MOST_HEAD_BYTES: usize = 16 << 10;
/// Nobody else may write what we will believe.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Where the key set of one issuer is kept.
#[derive(Debug, Clone)]
pub(super) struct KeyFile {
    directory: PathBuf,
    path: PathBuf,
    issuer: String,
    source: String,
}

/// The first line of the file; the key set follows as it came.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    issuer: String,
    source: String,
    /// Unix milliseconds.
    fetched_at: u64,
    /// Of the document, in hexadecimal: a file that was cut off or patched is not ours.
    sha256: String,
}

/// Why a file was not used or not written.
#[derive(Debug, Error)]
pub(super) enum KeyFileError {
    #[error("the system says: {0}")]
    Io(#[from] std::io::Error),
    #[error("it is no file that only its owner can write")]
    Unsafe,
    #[error("it is larger than a key set may be")]
    TooLarge,
    #[error("it is not what was written there: {0}")]
    Broken(&'static str),
    #[error("it is of another issuer or URL")]
    Foreign,
    #[error("it says that it was fetched in the future")]
    Future,
    #[error("it is older than `stale_for`")]
    TooOld,
    #[error(transparent)]
    KeySet(#[from] FetchError),
}

impl KeyFile {
    /// The file of this issuer and URL in a folder that need not be there yet.
    pub(super) fn new(directory: &Path, issuer: &str, source: &str) -> Self {
        // Neither a name nor a URL of the config holds a line break, so no two pairs give the same text.
        let name = format!("{}.jwks", sha256(format!("{issuer}\n{source}").as_bytes()));
        Self {
            directory: directory.to_owned(),
            path: directory.join(name),
            issuer: issuer.to_owned(),
            source: source.to_owned(),
        }
    }

    /// Keeps a document that was fetched at this time (Unix milliseconds): whole or not at all.
    pub(super) fn write(&self, document: &[u8], fetched_at: u64) -> Result<(), KeyFileError> {
        let head =
            Head { issuer: self.issuer.clone(), source: self.source.clone(), fetched_at, sha256: sha256(document) };
        let head = serde_json::to_string(&head).map_err(|_| KeyFileError::Broken("head"))?;
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        // Readable by its owner alone from its first moment; `tempfile` makes it 0600.
        let mut file = tempfile::Builder::new().prefix(".jwks-").tempfile_in(&self.directory)?;
        file.write_all(head.as_bytes())?;
        file.write_all(b"\n")?;
        file.write_all(document)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }

    /// The key set that was kept, and when it was fetched; none where there is no file.
    pub(super) fn read(&self, now: u64, stale_for_millis: u64) -> Result<Option<(Fetched, u64)>, KeyFileError> {
        let Some(bytes) = self.read_bytes()? else { return Ok(None) };
        let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
        let (Some(head), Some(document)) = (parts.next(), parts.next()) else {
            return Err(KeyFileError::Broken("no head"));
        };
        let head: Head = serde_json::from_slice(head).map_err(|_| KeyFileError::Broken("head"))?;
        if head.issuer != self.issuer || head.source != self.source {
            return Err(KeyFileError::Foreign);
        }
        if head.sha256 != sha256(document) {
            return Err(KeyFileError::Broken("digest"));
        }
        let age = now.checked_sub(head.fetched_at).ok_or(KeyFileError::Future)?;
        if age > stale_for_millis {
            return Err(KeyFileError::TooOld);
        }
        let fetched = parse(document)?;
        if fetched.set.is_empty() {
            return Err(FetchError::NoKeys.into());
        }
        Ok(Some((fetched, head.fetched_at)))
    }

    fn read_bytes(&self) -> Result<Option<Vec<u8>>, KeyFileError> {
        let is_file = match self.path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            found => found?.is_file(),
        };
        let file = File::open(&self.path)?;
        if !is_file || file.metadata()?.mode() & WRITABLE_BY_OTHERS != 0 {
            return Err(KeyFileError::Unsafe);
        }
        let most = MOST_BYTES + MOST_HEAD_BYTES;
        let mut bytes = Vec::new();
        file.take(most as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > most { Err(KeyFileError::TooLarge) } else { Ok(Some(bytes)) }
    }
}

fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string does not fail.
        let _infallible = write!(hex, "{byte:02x}");
        hex
    })
}
