//! A mistake on its way up from where it was found, gathering its place and path as it rises.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::node::{Node, Segment, Spot};
use super::scalar::{Plain, resolve};
use crate::config::mistake::Reason;
use crate::config::nearest::{list, nearest};

/// What is wrong in the tree, and where.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// `None` until the first value that it passes tells where it stands.
    pub(crate) spot: Option<Spot>,
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
        Self { kind, spot: None, steps: Vec::new(), help: None, written: None }
    }

    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self::of(Kind::Said(reason, message.into()))
    }

    pub(crate) fn wrong(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::of(Kind::WrongValue { expected: expected.into(), found: found.into() })
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets the place, if none is known yet.
    pub(crate) fn at(mut self, spot: Spot) -> Self {
        self.spot.get_or_insert(spot);
        self
    }

    /// Rises out of `node`, which stands under a key at `key` or is an item of a list.
    pub(crate) fn rise(mut self, segment: Segment, node: &Node, key: Option<Spot>) -> Self {
        if self.spot.is_none() {
            // What a map lacks is best shown by the map's name.
            let lacks = matches!(self.kind, Kind::MissingKey(_));
            self.spot = key.filter(|_| lacks).or(Some(node.spot));
            self.written = node.written().map(str::to_owned);
        }
        self.steps.push(segment);
        self
    }

    /// What a value of `expected` was asked for and `found` was there, instead of the bare word of the type that refused it.
    pub(crate) fn expecting(mut self, expected: &str, found: &str) -> Self {
        if matches!(self.kind, Kind::Custom(_)) {
            self.kind = Kind::WrongValue { expected: expected.to_owned(), found: format!("`{}`", clipped(found)) };
        }
        self
    }

    /// A word that stands as a key is an unknown key.
    pub(crate) fn as_key(mut self) -> Self {
        if let Kind::UnknownWord { word, known } = self.kind {
            self.kind = Kind::UnknownKey { key: word, known };
        }
        self
    }

    /// The path from the top to the value that is at fault.
    pub(crate) fn path(&self) -> Vec<Segment> {
        self.steps.iter().rev().cloned().collect()
    }

    pub(crate) fn reason(&self) -> Reason {
        match &self.kind {
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
        match (&self.kind, &self.written) {
            (Kind::Said(_, message), _) => message.clone(),
            (Kind::MissingKey(key), _) => format!("missing key `{key}` in {at}"),
            (Kind::UnknownKey { key, known }, _) => format!("unknown key `{key}` in {at}{}", did_you_mean(key, known)),
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
        match &self.kind {
            Kind::UnknownKey { known, .. } if !known.is_empty() => {
                Some(format!("known keys here: {}", list(known.iter().copied())))
            }
            Kind::UnknownWord { known, .. } => Some(format!("known words here: {}", list(known.iter().copied()))),
            _ => self.help.clone(),
        }
    }
}

fn did_you_mean(word: &str, known: &[&str]) -> String {
    nearest(word, known.iter().copied()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// A long text is not repeated whole.
fn clipped(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => text.get(..end).map(|start| format!("{start}…")).unwrap_or_default(),
        None => text.to_owned(),
    }
}

/// What a type calls itself, in words that a reader of the file knows.
pub(crate) fn in_plain_words(expected: String) -> String {
    let plain = match expected.as_str() {
        "socket address" => "an address and port such as `127.0.0.1:8080`",
        "a duration" => "a duration such as `30s` or `5m`",
        "an integer or string" | "parsable string" | "integer overflow" => "a size such as `16KiB`",
        "a boolean" => "`true` or `false`",
        "a string" => "text",
        "path string" => "a path",
        "a sequence" => "a list",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number",
        name if name.starts_with("struct ") => "a map",
        _ => return expected,
    };
    plain.to_owned()
}

/// Plain words for what was there.
fn in_sight(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Str(text) => format!("`{}`", clipped(text)),
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("`{value}`"),
        Unexpected::Signed(value) => format!("`{value}`"),
        Unexpected::Float(value) => format!("`{value}`"),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a map".to_owned(),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        other => other.to_string(),
    }
}

/// Only for serde's sake: what is shown to people is made of `message` once the path is known.
impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message("…"))
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::of(Kind::Custom(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = in_plain_words(expected.to_string());
        let quoted = matches!(&found, Unexpected::Str(text) if !matches!(resolve(text), Plain::Text(_)));
        let found = if quoted { format!("the text {}", in_sight(&found)) } else { in_sight(&found) };
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
