//! Where each value stands in the file, by its path in the config.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::located::{Node, Segment, Spot, Value};
use super::mistake::Place;

/// A path in the config, as `routes[2].access.policy` or `trusted_issuers.corp.issuer`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ConfigPath(Vec<Segment>);

impl ConfigPath {
    /// The path of a section.
    #[must_use]
    pub fn new(section: &str) -> Self {
        Self::default().key(section)
    }

    /// One step down, by key.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.step(Segment::Key(key.to_owned()))
    }

    /// One step down, by place in a list, counted from 0.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        self.step(Segment::Item(index))
    }

    fn step(&self, segment: Segment) -> Self {
        Self(self.0.iter().cloned().chain([segment]).collect())
    }
}

impl From<Vec<Segment>> for ConfigPath {
    fn from(segments: Vec<Segment>) -> Self {
        Self(segments)
    }
}

impl fmt::Display for ConfigPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(depth, segment)| match segment {
            Segment::Item(index) => write!(formatter, "[{index}]"),
            Segment::Key(key) if !is_plain(key) => write!(formatter, "[{key:?}]"),
            Segment::Key(key) if depth == 0 => formatter.write_str(key),
            Segment::Key(key) => write!(formatter, ".{key}"),
        })
    }
}

/// Whether a key can stand between dots and nobody reads another path.
fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && !key.contains(['.', '[', ']', '"', '`'])
        && !key.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// Where each value of a config file stands.
#[derive(Debug, Clone)]
pub struct Places {
    file: Arc<Path>,
    root: Arc<Node>,
}

impl Places {
    pub(crate) fn new(file: Arc<Path>, mut root: Node) -> Self {
        root.forget_texts();
        Self { file, root: Arc::new(root) }
    }

    /// Where the value at `path` stands; for a list or map, its key. Of a value that the file does not hold, the place of the nearest that would hold it.
    #[must_use]
    pub fn of(&self, path: &ConfigPath) -> Place {
        let (key, node) = self.walk(path);
        place(&self.file, key.filter(|_| node.is_branch()).unwrap_or(node.spot))
    }

    /// The file.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The names of the sections that the file holds.
    pub(crate) fn keys(&self) -> Vec<String> {
        match &self.root.value {
            Value::Mapping(entries) => entries.iter().map(|entry| entry.key.text.clone()).collect(),
            Value::Scalar(_) | Value::Sequence(_) => Vec::new(),
        }
    }

    /// Where the key at the end of `path` stands.
    #[must_use]
    pub fn of_key(&self, path: &ConfigPath) -> Place {
        let (key, node) = self.walk(path);
        place(&self.file, key.unwrap_or(node.spot))
    }

    /// Whether the file itself holds a value at `path`.
    #[must_use]
    pub fn is_written(&self, path: &ConfigPath) -> bool {
        self.root.at(&path.0).is_some()
    }

    /// `value` in backticks as a message may show it: a value that came from the environment or a file is shown as it is written.
    #[must_use]
    pub fn quote(&self, path: &ConfigPath, value: &str) -> String {
        let (_, node) = self.walk(path);
        format!("`{}`", node.written().unwrap_or(value))
    }

    /// The deepest value on the way to the end of `path`, and the key that it stands under.
    fn walk(&self, path: &ConfigPath) -> (Option<Spot>, &Node) {
        let mut here = (None, &*self.root);
        for segment in &path.0 {
            let Some((key, node)) = here.1.child(segment) else {
                break;
            };
            here = (key.map(|key| key.spot), node);
        }
        here
    }
}

pub(crate) fn place(file: &Arc<Path>, spot: Spot) -> Place {
    Place { file: Arc::clone(file), line: spot.line, column: spot.column, bytes: spot.start..spot.end }
}
