//! Loads a config file: bytes, text, tree, typed value, and each mistake on that way with its place.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::check::check;
use super::error::{ConfigError, Mistakes};
use super::located::{Fault, Source, Spot, parse, read};
use super::mistake::{Mistake, Reason};
use super::places::{ConfigPath, Places, place};
use super::redact::redact;
use super::relative::resolve;
use super::sections::Config;
use super::warnings::warnings;

/// Most bytes of a config file.
const FILE_BYTES: u64 = 8 * 1024 * 1024;

/// A config that was read, and where in its file everything stands.
#[derive(Debug)]
pub struct Loaded {
    /// What the file says; every relative path in it has been put after the file's folder.
    pub config: Config,
    /// Where it says so.
    pub places: Places,
    /// The file's text, secrets blotted out.
    text: Arc<str>,
}

impl Config {
    /// Reads the file at `path`, and what it takes from the environment and from secret files.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is not YAML, or does not fit the config's types. [`Loaded::check`] asks the rest.
    pub fn load(path: &Path) -> Result<Loaded, ConfigError> {
        let bytes = read_bytes(path).map_err(|source| ConfigError::Unreadable { file: path.to_owned(), source })?;
        let env = |name: &str| std::env::var(name).ok();
        match str::from_utf8(&bytes) {
            Ok(text) => Self::parse(text, path, &env),
            Err(_) if is_too_large(&bytes) => Self::parse(&String::from_utf8_lossy(&bytes), path, &env),
            Err(error) => Err(not_utf8(path, &bytes, error.valid_up_to())),
        }
    }

    /// Reads the config that `text` holds; `origin` is the file's name, and its folder is where paths begin.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    pub fn parse(text: &str, origin: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, ConfigError> {
        let file: Arc<Path> = origin.into();
        let redacted: Arc<str> = redact(text).into();
        let refuse = |faults: Vec<Fault>| {
            let mistakes = faults.iter().map(|fault| mistake(fault, &file)).collect();
            ConfigError::Mistaken(Mistakes::new(mistakes, &redacted))
        };
        if is_too_large(text.as_bytes()) {
            return Err(refuse(vec![Fault::new(Reason::TooLarge, "the file is larger than 8MiB")]));
        }
        let mut tree = parse(text).map_err(|fault| refuse(vec![fault]))?;
        let folder = folder_of(origin);
        let mut config: Config = read(&mut tree, &Source { env, folder }).map_err(refuse)?;
        resolve(&mut config, folder);
        Ok(Loaded { config, places: Places::new(Arc::clone(&file), tree), text: redacted })
    }
}

impl Loaded {
    /// Asks everything that the types cannot: names that must meet, values that must make sense, files that must be there.
    ///
    /// # Errors
    ///
    /// All mistakes at once.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mistakes = check(&self.config, &self.places);
        if mistakes.is_empty() { Ok(()) } else { Err(self.refuse(mistakes)) }
    }

    /// What does not stop the gate, but may not be meant.
    #[must_use]
    pub fn warnings(&self) -> Vec<Mistake> {
        warnings(&self.config, &self.places)
    }

    /// A mistake that another room found in its part of the config, by the room's own code.
    #[must_use]
    pub fn mistake(&self, path: &ConfigPath, code: &'static str, message: impl Into<String>) -> Mistake {
        Mistake { code, place: self.places.of(path), message: message.into(), help: None }
    }

    /// The file's text, secrets blotted out.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Why this config is not taken after all.
    #[must_use]
    pub fn refuse(&self, mistakes: Vec<Mistake>) -> ConfigError {
        ConfigError::Mistaken(Mistakes::new(mistakes, &self.text))
    }
}

/// The folder that paths in the config begin at.
fn folder_of(origin: &Path) -> &Path {
    origin.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than is taken, so that a larger file is seen to be too large.
    File::open(path)?.take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_too_large(bytes: &[u8]) -> bool {
    bytes.len() as u64 > FILE_BYTES
}

fn not_utf8(path: &Path, bytes: &[u8], valid: usize) -> ConfigError {
    let text = String::from_utf8_lossy(bytes.get(..valid).unwrap_or_default());
    let line_start = text.rfind('\n').map_or(0, |newline| newline + 1);
    let column = text.get(line_start..).map_or(0, |line| line.chars().count()) + 1;
    let spot = Spot { line: text.matches('\n').count() + 1, column, start: valid, end: valid };
    let fault = Fault::new(Reason::Syntax, "the file is not UTF-8 text").at(spot);
    ConfigError::Mistaken(Mistakes::new(vec![mistake(&fault, &path.into())], &redact(&text).into()))
}

fn mistake(fault: &Fault, file: &Arc<Path>) -> Mistake {
    let path = ConfigPath::from(fault.path()).to_string();
    let spot = fault.spot().unwrap_or(Spot { line: 1, column: 1, start: 0, end: 0 });
    Mistake {
        code: fault.reason().code(),
        place: place(file, spot),
        message: fault.message(&path),
        help: fault.advice(),
    }
}
