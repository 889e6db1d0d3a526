//! What can be wrong with policies, told so that their author finds the place and the remedy.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

/// Why policies, or what they are asked about, cannot be used. Nothing that runs changes by it.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A bundle's folder has flaws; it does not take effect.
    #[error("policy bundle `{bundle}` cannot be used: {}", List(flaws))]
    Bundle {
        /// The bundle's name in the config.
        bundle: String,
        /// What is wrong, in the order of files; never empty.
        flaws: Vec<Flaw>,
    },
    /// A route's name also stands for something else among the actions.
    #[error("route name `{name}` is taken: policies know it as another route, an action, or one of `read` and `write`")]
    RouteName {
        /// The route's name.
        name: String,
    },
    /// An attribute's name is one that every user has by itself.
    #[error("attribute name `{name}` is taken: every user has an attribute of this name by itself")]
    AttributeName {
        /// The attribute's name.
        name: String,
    },
    /// An issuer's name cannot stand in the id of an entity.
    #[error("issuer name `{name}` cannot be used: it is empty or has a `|`")]
    IssuerName {
        /// The issuer's name.
        name: String,
    },
    /// The schema extension, or the schema that was generated, has flaws.
    #[error("the schema cannot be used: {}", List(.0))]
    Schema(
        /// What is wrong; never empty.
        Vec<Flaw>,
    ),
    /// The names of the entity types are not taken by the Cedar that is built in.
    #[error("cedar does not take the names of the entity types")]
    EntityTypes,
    /// A user's attribute cannot be told to policies.
    #[error("attribute `{name}` of a user cannot be told to policies")]
    UserAttribute {
        /// The attribute's name.
        name: String,
    },
}

impl PolicyError {
    /// The stable name of the reason, in kebab case; for flaws, that of the first.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bundle { flaws, .. } | Self::Schema(flaws) => flaws.first().map_or("policy-unfit", |flaw| flaw.code),
            Self::RouteName { .. } => "route-name-taken",
            Self::AttributeName { .. } => "attribute-name-taken",
            Self::IssuerName { .. } => "issuer-name-unfit",
            Self::EntityTypes => "entity-types-unfit",
            Self::UserAttribute { .. } => "user-attribute-unfit",
        }
    }

    /// The same error, in which flaws of links stand where the config has the link.
    #[must_use]
    pub fn with_links_at(mut self, place_of: impl Fn(usize) -> Place) -> Self {
        if let Self::Bundle { flaws, .. } = &mut self {
            for flaw in flaws {
                flaw.place = flaw.link.map(|link| Box::new(place_of(link))).or(flaw.place.take());
            }
        }
        self
    }

    /// The flaws of files, each with its place; empty for errors that lie in no file.
    #[must_use]
    pub fn flaws(&self) -> &[Flaw] {
        match self {
            Self::Bundle { flaws, .. } | Self::Schema(flaws) => flaws,
            _ => &[],
        }
    }
}

/// One thing that is wrong with a bundle's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The stable name of the reason, in kebab case.
    pub code: &'static str,
    /// What is wrong, in lower case.
    pub message: String,
    /// What to do about it, such as the nearest known name.
    pub help: Option<String>,
    /// Where it stands; absent when it is about the folder as a whole.
    pub place: Option<Box<Place>>,
    /// The link that it is about, by its place in the list: links stand in the config, which knows where.
    pub link: Option<usize>,
}

impl Flaw {
    /// A flaw without a place and without help.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: None, place: None, link: None }
    }

    /// The same flaw, with what to do about it.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same flaw, said of a link.
    pub(super) fn of_link(mut self, index: usize) -> Self {
        self.link = Some(index);
        self.place = None;
        self
    }

    /// The same flaw, with where it stands.
    pub(super) fn at(mut self, place: Place) -> Self {
        self.place = Some(Box::new(place));
        self
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(formatter, "{place}: ")?;
        }
        formatter.write_str(&self.message)?;
        self.help.iter().try_for_each(|help| write!(formatter, " ({help})"))
    }
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// Bytes before the place.
    pub offset: usize,
    /// Bytes that the place covers; may be none.
    pub length: usize,
    /// The file's whole text, into which `offset` points.
    pub source: Arc<str>,
}

impl Place {
    /// Whether another place begins in this one.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let end = self.offset.saturating_add(self.length);
        self.file == other.file && (self.offset..end).contains(&other.offset)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

struct List<'a>(&'a [Flaw]);

impl fmt::Display for List<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, flaw) in self.0.iter().enumerate() {
            let between = if position == 0 { "" } else { "; " };
            write!(formatter, "{between}{flaw}")?;
        }
        Ok(())
    }
}
