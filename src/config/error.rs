//! Why a config is not taken: it could not be read, or it holds mistakes.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use super::mistake::Mistake;

/// Why a config is not taken.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("could not read the config file `{}`", file.display())]
    Unreadable {
        /// The file that was asked for.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file was read and holds mistakes.
    #[error("{0}")]
    Mistaken(Mistakes),
}

impl ConfigError {
    /// The stable kebab-case name of the reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "config-unreadable",
            Self::Mistaken(_) => "config-mistaken",
        }
    }

    /// The mistakes in the file, in the order in which they stand there.
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Mistaken(mistakes) => &mistakes.all,
        }
    }

    /// The file's text with its secrets blotted out, to show a snippet of; [`Mistake::place`] gives the bytes.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Unreadable { .. } => "",
            Self::Mistaken(mistakes) => &mistakes.text,
        }
    }
}

/// Everything that is wrong with a file. Shown, it is one block a mistake.
#[derive(Debug)]
pub struct Mistakes {
    all: Vec<Mistake>,
    text: Arc<str>,
}

impl Mistakes {
    /// `text` is the file's, already redacted.
    pub(crate) fn new(mut all: Vec<Mistake>, text: &Arc<str>) -> Self {
        all.sort_by_key(|mistake| (mistake.place.line, mistake.place.column));
        all.dedup();
        Self { all, text: Arc::clone(text) }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all.iter().enumerate().try_for_each(|(index, mistake)| {
            let break_before = if index == 0 { "" } else { "\n" };
            write!(formatter, "{break_before}{mistake}")
        })
    }
}
