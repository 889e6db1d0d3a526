//! One mistake in the config: what, where, and how to put it right.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Something wrong with the config, with the place in the file that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub(crate) code: &'static str,
    pub(crate) place: Place,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Mistake {
    /// The stable kebab-case name of the kind of mistake.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What is wrong. Never holds a secret, nor what a variable of the environment holds.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What may help to put it right.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

/// `lychgate.yaml:12:5: unknown key …`, and the help on a line of its own.
impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)?;
        self.help.iter().try_for_each(|help| write!(formatter, "\n    {help}"))
    }
}

/// A place in the config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The config file, named as it was when it was loaded.
    pub file: Arc<Path>,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// The stretch in bytes of the file's text.
    pub bytes: Range<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// Every kind of mistake that this room finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Not YAML, or YAML that a config may not use.
    Syntax,
    /// Larger or deeper than a config may be.
    TooLarge,
    DuplicateKey,
    UnknownKey,
    MissingKey,
    UnknownWord,
    /// A value of another type, or one that cannot be.
    WrongValue,
    UnsetVariable,
    SecretFile,
    /// A name that nothing in the file bears.
    UnknownName,
    DuplicateName,
    /// A file or folder that is not there.
    MissingFile,
    /// Values that make no sense together.
    Contradiction,
    /// A warning: more is open than may be meant.
    Exposed,
    /// A warning: declared, and used by nothing.
    Unused,
}

impl Reason {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::TooLarge => "too-large",
            Self::DuplicateKey => "duplicate-key",
            Self::UnknownKey => "unknown-key",
            Self::MissingKey => "missing-key",
            Self::UnknownWord => "unknown-word",
            Self::WrongValue => "wrong-value",
            Self::UnsetVariable => "unset-variable",
            Self::SecretFile => "secret-file",
            Self::UnknownName => "unknown-name",
            Self::DuplicateName => "duplicate-name",
            Self::MissingFile => "missing-file",
            Self::Contradiction => "contradiction",
            Self::Exposed => "exposed",
            Self::Unused => "unused",
        }
    }
}
