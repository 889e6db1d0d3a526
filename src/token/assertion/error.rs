//! Why there is no assertion.

use std::path::PathBuf;

use thiserror::Error;

use crate::jose::JoseError;

/// Why keys for assertions could not be had, or an assertion not be made.
#[derive(Debug, Error)]
pub enum AssertionError {
    /// The file with the keys could not be read or written.
    #[error("the assertion keys in `{path}`")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Others than its owner can read or write the file.
    #[error("the assertion keys in `{path}` can be read or written by others than their owner (chmod 600)")]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error("the assertion keys in `{path}` are not what was written there")]
    Broken {
        /// The file.
        path: PathBuf,
    },
    /// A key could not be made or used.
    #[error(transparent)]
    Key(#[from] JoseError),
}

impl AssertionError {
    /// The stable name of this reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "assertion-keys-file",
            Self::Exposed { .. } => "assertion-keys-exposed",
            Self::Broken { .. } => "assertion-keys-broken",
            Self::Key(error) => error.code(),
        }
    }
}
