//! A mistake on its way up from where it was found, gathering its place and path as it rises.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::node::{Node, Segment, Spot};
use super::wording::{clipped, found_in_plain_words, in_plain_words};
use crate::config::mistake::Reason;
use crate::config::nearest::{did_you_mean, list};

/// What is wrong in the tree, and where.
#[derive(Debug)]
pub(crate) struct Fault(Box<Particulars>);

/// Boxed, since every read of a value returns room for it.
#[derive(Debug)]
struct Particulars {
    kind: Kind,
    /// `None` until the first value that it passes tells where it stands.
    spot: Option<Spot>,
    /// Innermost step first.
    steps: Vec<Segment>,
    help: Option<String>,
    /// What the file shows where the value itself must not be repeated, since it came from outside the file.
    written: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// Said by a room about a value of its own.
    Custom(String),
    WrongValue {
        expected: String,
        found: String,
    },
    UnknownKey {
        key: String,
        known: &'static [&'static str],
    },
    UnknownWord {
        word: String,
        known: &'static [&'static str],
    },
    MissingKey(&'static str),
    /// Said in full where it was found.
    Said(Reason, String),
}

impl Fault {
    fn of(kind: Kind) -> Self {
        Self(Box::new(Particulars { kind, spot: None, steps: Vec::new(), help: None, written: None }))
    }

    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self::of(Kind::Said(reason, message.into()))
    }

    pub(crate) fn wrong(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::of(Kind::WrongValue { expected: expected.into(), found: found.into() })
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Sets the place, if none is known yet.
    pub(crate) fn at(mut self, spot: Spot) -> Self {
        self.0.spot.get_or_insert(spot);
        self
    }

    /// Rises out of `node`, which stands under a key at `key` or is an item of a list.
    pub(crate) fn rise(mut self, segment: Segment, node: &Node, key: Option<Spot>) -> Self {
        if self.0.spot.is_none() {
            // What is not there is best shown by the key that it should stand under.
            let lacks = matches!(self.0.kind, Kind::MissingKey(_)) || node.spot.start == node.spot.end;
            self.0.spot = key.filter(|_| lacks).or(Some(node.spot));
            self.0.written = node.written().map(str::to_owned);
        }
        self.0.steps.push(segment);
        self
    }

    /// Says that `expected` was asked for and `found` was there, instead of the bare word of the type that refused it.
    pub(crate) fn expecting(mut self, expected: &str, found: &str) -> Self {
        if matches!(self.0.kind, Kind::Custom(_)) {
            self.0.kind = Kind::WrongValue { expected: expected.to_owned(), found: format!("`{}`", clipped(found)) };
        }
        self
    }

    /// A word that stands as a key is an unknown key.
    pub(crate) fn about_key(mut self) -> Self {
        if let Kind::UnknownWord { word, known } = self.0.kind {
            self.0.kind = Kind::UnknownKey { key: word, known };
        }
        self
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0.kind
    }

    pub(crate) fn spot(&self) -> Option<Spot> {
        self.0.spot
    }

    /// The path from the top to the value that is at fault.
    pub(crate) fn path(&self) -> Vec<Segment> {
        self.0.steps.iter().rev().cloned().collect()
    }

    pub(crate) fn reason(&self) -> Reason {
        match &self.0.kind {
            Kind::Custom(_) | Kind::WrongValue { .. } => Reason::WrongValue,
            Kind::UnknownKey { .. } => Reason::UnknownKey,
            Kind::UnknownWord { .. } => Reason::UnknownWord,
            Kind::MissingKey(_) => Reason::MissingKey,
            Kind::Said(reason, _) => *reason,
        }
    }

    /// The message, for a value that stands at `path`, written as in `routes[2].access`.
    pub(crate) fn message(&self, path: &str) -> String {
        let at = if path.is_empty() { "the file".to_owned() } else { format!("`{path}`") };
        match (&self.0.kind, &self.0.written) {
            (Kind::Said(_, message), _) => message.clone(),
            (Kind::MissingKey(key), _) => format!("missing key `{key}` in {at}"),
            (Kind::UnknownKey { key, known }, _) => {
                format!("unknown key `{}` in {at}{}", clipped(key), did_you_mean(key, known))
            }
            (Kind::UnknownWord { .. }, Some(written)) => format!("{at}: `{written}` holds none of the known words"),
            (Kind::UnknownWord { word, known }, None) => {
                format!("{at}: unknown word `{}`{}", clipped(word), did_you_mean(word, known))
            }
            (Kind::WrongValue { expected, .. }, Some(written)) => {
                format!("{at}: expected {expected}, which `{written}` does not hold")
            }
            (Kind::WrongValue { expected, found }, None) => format!("{at}: expected {expected}, found {found}"),
            (Kind::Custom(_), Some(written)) => format!("{at}: `{written}` holds no value that is taken here"),
            (Kind::Custom(message), None) => format!("{at}: {message}"),
        }
    }

    /// What else helps to put it right.
    pub(crate) fn advice(&self) -> Option<String> {
        match &self.0.kind {
            Kind::UnknownKey { known, .. } => Some(format!("known keys here: {}", list(known))),
            Kind::UnknownWord { known, .. } => Some(format!("known words here: {}", list(known))),
            _ => self.0.help.clone(),
        }
    }
}

/// Only for serde's sake: what is shown to people is made of `message` once the path is known.
impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message(""))
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::of(Kind::Custom(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = in_plain_words(&expected.to_string());
        let found = found_in_plain_words(&found, &expected);
        Self::wrong(expected, found)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::of(Kind::UnknownKey { key: key.to_owned(), known })
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self::of(Kind::UnknownWord { word: word.to_owned(), known })
    }

    fn missing_field(key: &'static str) -> Self {
        Self::of(Kind::MissingKey(key))
    }
}
