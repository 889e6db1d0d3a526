//! What can go wrong in the house itself: its config, its database, its keys, its workers.

use std::path::PathBuf;

use thiserror::Error;

use crate::jose::JoseError;

/// Why the issuer cannot start, or cannot do what it was asked through no fault of the caller.
#[derive(Debug, Error)]
pub enum IssuerError {
    /// `public_url` cannot be the base of an issuer's URL.
    #[error("`public_url` must be `http://` or `https://` and a host, without user, query or fragment: `{0}`")]
    PublicUrl(String),
    /// The port is chosen by the system, so that no URL can be made of the address.
    #[error("`public_url` is needed where the issuer's `address` has port 0")]
    NoPort,
    /// Whoever reaches the issuer could administer it.
    #[error("`issuer.signature: off` is taken on a loopback `address` alone")]
    UnsignedBeyondLoopback,
    /// What the config declares is in conflict with what is kept.
    #[error("what the config declares is in conflict with what is kept: {0}")]
    DeclaredConflict(String),
    /// Something that the config declares in a pool cannot be.
    #[error("pool `{pool}`: {item} {problem}")]
    Declared {
        /// The pool's name.
        pool: String,
        /// What it is about, such as "client `web`".
        item: String,
        /// What is wrong with it, without its value.
        problem: &'static str,
    },
    /// The database file cannot be made or protected.
    #[error("could not open the database file `{path}`")]
    DatabaseFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The URL of the database cannot be one. It is not shown: it carries a password.
    #[error("`issuer.database` is not the URL of a PostgreSQL database")]
    DatabaseUrl,
    /// The database refused or was not there.
    #[error("could not {attempted} in the database")]
    Database {
        /// What was attempted.
        attempted: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
    /// A master key cannot be one. It is not shown.
    #[error("a master key must be 32 bytes in base64, or 64 hexadecimal digits")]
    MasterKeyForm,
    /// Several nodes cannot share a key that one of them makes.
    #[error("`issuer.master_key` is needed where the database is PostgreSQL (`openssl rand -base64 32` makes one)")]
    MasterKeyNeeded,
    /// The file with the master key is gone, and what it sealed is still there.
    #[error(
        "the database holds sealed secrets, and the file with their master key `{0}` is gone; give it as `issuer.master_key`"
    )]
    MasterKeyGone(PathBuf),
    /// The file with the master key cannot be read or made.
    #[error("could not use the file with the master key `{path}`")]
    MasterKeyFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something was sealed under a key, by its id, that was not given.
    #[error(
        "the database holds secrets sealed under the master key with the id `{0}`, which neither `issuer.master_key` nor \
         `issuer.previous_master_keys` gives"
    )]
    WrongMasterKey(String),
    /// The ways by which messages go cannot be.
    #[error("`issuer.messages.{key}`: {problem}")]
    Messages {
        /// The key of the config.
        key: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A backup could not be written or read.
    #[error("could not write or read the lines of a pool")]
    Written(#[source] std::io::Error),
    /// A line that was to be imported cannot be.
    #[error("line {number} {problem}")]
    ImportedLine {
        /// Which one, from 1.
        number: usize,
        /// What is wrong with it, without its values.
        problem: String,
    },
    /// The database's tables could not be brought up to date.
    #[error("could not bring the database's tables up to date")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// What is kept cannot be what was put there.
    #[error("the database holds an impossible `{0}`")]
    Kept(&'static str),
    /// A signing key could not be made, read or used.
    #[error(transparent)]
    Key(#[from] JoseError),
    /// A password could not be hashed.
    #[error("a password could not be hashed")]
    PasswordHash,
    /// The system has no randomness to give.
    #[error("the system gave no randomness")]
    Randomness,
    /// More callers wait for hashing or signing than may.
    #[error("too many callers wait for `{0}`")]
    Busy(&'static str),
    /// A piece of work ended without a result.
    #[error("the work `{0}` ended without a result")]
    WorkLost(&'static str),
}

impl IssuerError {
    /// The stable name of this reason, for logs and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::PublicUrl(_) => "issuer-public-url",
            Self::NoPort => "issuer-no-port",
            Self::UnsignedBeyondLoopback => "issuer-unsigned",
            Self::DeclaredConflict(_) => "issuer-declared-conflict",
            Self::Declared { .. } => "issuer-declared",
            Self::DatabaseFile { .. } => "issuer-database-file",
            Self::DatabaseUrl => "issuer-database-url",
            Self::Database { .. } => "issuer-database",
            Self::MasterKeyForm => "issuer-master-key-form",
            Self::MasterKeyNeeded => "issuer-master-key-needed",
            Self::MasterKeyGone(_) => "issuer-master-key-gone",
            Self::MasterKeyFile { .. } => "issuer-master-key-file",
            Self::WrongMasterKey(_) => "issuer-wrong-master-key",
            Self::Messages { .. } => "issuer-messages",
            Self::Written(_) => "issuer-written",
            Self::ImportedLine { .. } => "issuer-imported-line",
            Self::Migration(_) => "issuer-migration",
            Self::Kept(_) => "issuer-kept",
            Self::Key(_) => "issuer-key",
            Self::PasswordHash => "issuer-password-hash",
            Self::Randomness => "issuer-randomness",
            Self::Busy(_) => "issuer-busy",
            Self::WorkLost(_) => "issuer-work-lost",
        }
    }

    /// For `map_err` on a statement: names what was attempted, keeps what the database said.
    pub(crate) fn database(attempted: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { attempted, source }
    }
}
