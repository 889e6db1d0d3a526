//! The folder of a quickstart: its config, policies and secrets, written where they are not there yet.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use aws_lc_rs::rand;
use tempfile::TempDir;

use super::ports;

const CONFIG: &str = include_str!("demo/lychgate.yaml");
const POLICY: &str = include_str!("demo/tenants.cedar");
const CASES: &str = include_str!("demo/tenants.cases.yaml");
const USERS: [&str; 2] = ["alice", "bob"];
/// Whose key administers the pools; the config names it, and its secret is kept in the file of [`ADMIN_SECRET`].
pub(super) const ADMIN_KEY: &str = "QUICKSTARTADMIN";
/// Where the secret of [`ADMIN_KEY`] is, in the folder.
pub(super) const ADMIN_SECRET: &str = "secrets/admin";
/// No letter or digit that could be taken for another; 32 of them, so that a byte chooses evenly.
const PASSWORD_LETTERS: [char; 32] = [
    'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'j', 'k', 'm', 'n', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z',
    '2', '3', '4', '5', '6', '7', '8', '9', '_',
];
/// Five bits a letter: 100 bits.
const PASSWORD_LENGTH: usize = 20;

/// A folder that keeps the state, or one that goes when this is dropped.
#[derive(Debug)]
pub(super) enum State {
    /// The user named it; it stays.
    Kept(PathBuf),
    /// Nobody named it; it goes.
    Passing(TempDir),
}

impl State {
    /// Opens the folder, and writes what is not there yet; what is there is never changed.
    pub(super) fn open(folder: Option<&Path>) -> anyhow::Result<Self> {
        let state = match folder {
            Some(folder) => Self::Kept(folder.to_owned()),
            None => Self::Passing(TempDir::with_prefix("lychgate-").context("could not make a folder for the state")?),
        };
        state.write_demo().with_context(|| format!("could not write to `{}`", state.folder().display()))?;
        Ok(state)
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        match self {
            Self::Kept(folder) => folder,
            Self::Passing(folder) => folder.path(),
        }
    }

    /// The config file in it.
    pub(super) fn config(&self) -> PathBuf {
        self.folder().join("lychgate.yaml")
    }

    /// Whether it is there after the end.
    pub(super) fn is_kept(&self) -> bool {
        matches!(self, Self::Kept(_))
    }

    fn write_demo(&self) -> anyhow::Result<()> {
        let policies = self.folder().join("policies/tenants");
        let secrets = self.folder().join("secrets");
        for folder in [self.folder(), &policies, &secrets] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        for user in USERS {
            write_new(&secrets.join(user), &password()?)?;
        }
        write_new(&self.folder().join(ADMIN_SECRET), &password()?)?;
        // The config comes last: where it is there, the rest is too.
        if self.config().exists() {
            return Ok(());
        }
        write_new(&policies.join("tenants.cedar"), POLICY)?;
        write_new(&policies.join("tenants.cases.yaml"), CASES)?;
        let [gate, issuer, admin, echo] = ports::free([8080, 9229, 9901, 8081])?;
        let named = [("@GATE@", gate), ("@ISSUER@", issuer), ("@ADMIN@", admin), ("@ECHO@", echo)];
        let config =
            named.iter().fold(CONFIG.to_owned(), |config, (name, port)| config.replace(name, &port.to_string()));
        write_new(&self.config(), &config)
    }
}

/// Writes a file that is not there yet, for its owner alone.
fn write_new(path: &Path, content: &str) -> anyhow::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => Ok(file.write_all(content.as_bytes())?),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn password() -> anyhow::Result<String> {
    let mut bytes = [0; PASSWORD_LENGTH];
    rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system gives no randomness"))?;
    let letter = |byte: u8| PASSWORD_LETTERS.get(usize::from(byte % 32)).copied().unwrap_or_default();
    Ok(bytes.into_iter().map(letter).collect())
}
