//! Why keys could not be had.

use std::path::PathBuf;

use thiserror::Error;

use crate::jose::JoseError;

/// Why keys could not be had.
#[derive(Debug, Error)]
pub enum FetchError {
    /// Not `https`, and not loopback.
    #[error("`{0}` is neither https nor on loopback")]
    Insecure(String),
    /// Not a URL.
    #[error("`{0}` is not a URL")]
    Url(String),
    /// The server could not be asked, or did not answer in time.
    #[error("`{url}` could not be fetched: {reason}")]
    Http {
        /// What was asked for.
        url: String,
        /// The kinds of failure, outermost first.
        reason: String,
    },
    /// The server answered something else than 200.
    #[error("`{url}` answered {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The answer's status.
        status: u16,
    },
    /// The answer is larger than a key set may be.
    #[error("`{0}` is larger than 1 MiB")]
    TooLarge(String),
    /// The discovery document is not one, or states another issuer.
    #[error("the discovery document at `{0}` {1}")]
    Discovery(String, &'static str),
    /// The file could not be read.
    #[error("`{path}` could not be read")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The document is not a key set.
    #[error(transparent)]
    KeySet(#[from] JoseError),
    /// The document has no key that could be used.
    #[error("the key set has no key that could be used")]
    NoKeys,
    /// The file of certificate authorities could not be used.
    #[error("the certificates in `{path}` could not be used: {reason}")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The proxy's URL could not be used.
    #[error("the proxy `{0}` could not be used")]
    Proxy(String),
    /// The embedded issuer has stopped.
    #[error("the embedded issuer has stopped")]
    Stopped,
}
