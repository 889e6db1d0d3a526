//! A YAML value that knows where it stands.

use std::fmt;

/// A stretch of the text, and where it begins for a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    /// Counted from 1.
    pub(crate) line: usize,
    /// In characters, counted from 1.
    pub(crate) column: usize,
    /// In bytes from the beginning of the text.
    pub(crate) start: usize,
    /// In bytes; never before `start`.
    pub(crate) end: usize,
}

/// A value of the tree.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) spot: Spot,
    pub(crate) value: Value,
    /// Taken out after a mistake was found in it, so that reading can go on with the rest.
    pub(crate) pruned: bool,
}

#[derive(Clone)]
pub(crate) enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// A text as written, before anything in it is expanded.
#[derive(Clone)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// A plain scalar may be a number, a boolean or nothing; any other style is text.
    pub(crate) plain: bool,
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) value: Node,
}

#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) spot: Spot,
    pub(crate) text: String,
}

/// One step of a path through the tree.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Segment {
    Key(String),
    Item(usize),
}

impl Node {
    pub(crate) fn new(spot: Spot, value: Value) -> Self {
        Self { spot, value, pruned: false }
    }

    /// The value one step down, and the key it stands under.
    pub(crate) fn child(&self, segment: &Segment) -> Option<(Option<&Key>, &Self)> {
        match (&self.value, segment) {
            (Value::Sequence(items), Segment::Item(index)) => items.get(*index).map(|node| (None, node)),
            (Value::Mapping(entries), Segment::Key(name)) => {
                entries.iter().find(|entry| entry.key.text == *name).map(|entry| (Some(&entry.key), &entry.value))
            }
            _ => None,
        }
    }

    /// The value at the end of `path`, if the whole path is there.
    pub(crate) fn at(&self, path: &[Segment]) -> Option<&Self> {
        path.iter().try_fold(self, |node, segment| node.child(segment).map(|(_, child)| child))
    }

    /// Takes out the value at the end of `path`; false where there is none to take out.
    pub(crate) fn prune(&mut self, path: &[Segment]) -> bool {
        let Some((first, rest)) = path.split_first() else {
            return false;
        };
        let child = match (&mut self.value, first) {
            (Value::Sequence(items), Segment::Item(index)) => items.get_mut(*index),
            (Value::Mapping(entries), Segment::Key(name)) => {
                entries.iter_mut().find(|entry| entry.key.text == *name).map(|entry| &mut entry.value)
            }
            _ => None,
        };
        match child {
            Some(child) if rest.is_empty() => !std::mem::replace(&mut child.pruned, true),
            Some(child) => child.prune(rest),
            None => false,
        }
    }

    /// Whether it is a list or a map.
    pub(crate) fn is_branch(&self) -> bool {
        !matches!(self.value, Value::Scalar(_))
    }

    /// Whether a value right below was taken out.
    pub(crate) fn was_thinned(&self) -> bool {
        self.children().any(|child| child.pruned)
    }

    /// The values right below.
    pub(crate) fn children(&self) -> impl Iterator<Item = &Self> {
        let (items, entries) = match &self.value {
            Value::Scalar(_) => (&[][..], &[][..]),
            Value::Sequence(items) => (&items[..], &[][..]),
            Value::Mapping(entries) => (&[][..], &entries[..]),
        };
        items.iter().chain(entries.iter().map(|entry| &entry.value))
    }

    /// The path of `{file: path}`, where this is such a map and nothing more.
    pub(crate) fn secret_file(&self) -> Option<&Self> {
        match &self.value {
            Value::Mapping(entries) => match entries.as_slice() {
                [only] if only.key.text == "file" => Some(&only.value),
                _ => None,
            },
            _ => None,
        }
    }

    /// What the file shows in place of a value that is expanded and must not be repeated; `None` where nothing is expanded.
    pub(crate) fn written(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => scalar.text.contains("${").then_some(scalar.text.as_str()),
            _ => self.secret_file().map(|_| "{file: …}"),
        }
    }

    /// Forgets every text but those that are expanded: their places stay, what they say is not kept twice.
    pub(crate) fn forget_texts(&mut self) {
        match &mut self.value {
            Value::Scalar(scalar) if !scalar.text.contains("${") => scalar.text = String::new(),
            Value::Scalar(_) => {}
            Value::Sequence(items) => items.iter_mut().for_each(Self::forget_texts),
            Value::Mapping(entries) => entries.iter_mut().for_each(|entry| entry.value.forget_texts()),
        }
    }
}

/// Only the place: a text may be a secret.
impl fmt::Debug for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Node").field("spot", &self.spot).finish_non_exhaustive()
    }
}
