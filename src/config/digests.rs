//! What each part of a config says, as digests: two configs can be compared, and nothing that they say is kept for it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

use super::located::{Node, Plain, Segment, Source, Value, resolve};
use super::places::ConfigPath;

/// How deep parts are told apart: `trusted_issuers.corp.keys`.
const DEPTH: usize = 3;

/// A digest of what a part says, the environment and secret files included. Equal digests say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

/// The digests of a config's parts, and the secret files that it takes values from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Digests {
    parts: HashMap<ConfigPath, Digest>,
    secret_files: Vec<PathBuf>,
}

impl Digests {
    /// Walks the tree of a config that was read without a mistake.
    pub(crate) fn of(root: &Node, source: &Source<'_>) -> Self {
        let mut digests = Self::default();
        digests.node(root, source, &mut Vec::new());
        digests
    }

    /// What the part at `path` says; `None` where the file does not hold it.
    pub(crate) fn part(&self, path: &ConfigPath) -> Option<Digest> {
        self.parts.get(path).copied()
    }

    /// The secret files, as they are named.
    pub(crate) fn secret_files(&self) -> &[PathBuf] {
        &self.secret_files
    }

    fn node(&mut self, node: &Node, source: &Source<'_>, path: &mut Vec<Segment>) -> Digest {
        let mut hash = Context::new(&SHA256);
        match &node.value {
            Value::Scalar(scalar) => {
                // What cannot be expanded was no value of this config, or reading it would have said so.
                let text = source.expand(&scalar.text).unwrap_or_default();
                let is_text = !scalar.plain || matches!(resolve(&text), Plain::Text(_));
                update(&mut hash, if is_text { b"text" } else { b"plain" });
                update(&mut hash, text.as_bytes());
            }
            Value::Sequence(items) => {
                update(&mut hash, b"list");
                for (index, item) in items.iter().enumerate() {
                    let digest = self.below(item, Segment::Item(index), source, path);
                    hash.update(&digest.0);
                }
            }
            Value::Mapping(entries) => {
                update(&mut hash, b"map");
                let mut parts: Vec<_> = entries
                    .iter()
                    .map(|entry| {
                        let segment = Segment::Key(entry.key.text.clone());
                        (entry.key.text.as_str(), self.below(&entry.value, segment, source, path))
                    })
                    .collect();
                // The order of keys says nothing.
                parts.sort_unstable_by_key(|(key, _)| *key);
                for (key, digest) in parts {
                    update(&mut hash, key.as_bytes());
                    hash.update(&digest.0);
                }
                self.secret(node, source, &mut hash);
            }
        }
        let digest = finish(hash);
        if path.len() <= DEPTH {
            self.parts.insert(ConfigPath::from(path.clone()), digest);
        }
        digest
    }

    fn below(&mut self, node: &Node, step: Segment, source: &Source<'_>, path: &mut Vec<Segment>) -> Digest {
        path.push(step);
        let digest = self.node(node, source, path);
        path.pop();
        digest
    }

    /// `{file: path}` says what the file says.
    fn secret(&mut self, node: &Node, source: &Source<'_>, hash: &mut Context) {
        let Some(Value::Scalar(name)) = node.secret_file().map(|file| &file.value) else { return };
        let Ok(file) = source.expand(&name.text) else { return };
        self.secret_files.push(source.folder.join(Path::new(file.as_ref())));
        if let Ok(content) = source.secret(&name.text) {
            update(hash, content.as_bytes());
        }
    }
}

/// A digest of texts that belong together.
pub(crate) fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Digest {
    let mut hash = Context::new(&SHA256);
    texts.into_iter().for_each(|text| update(&mut hash, text.as_bytes()));
    finish(hash)
}

/// A digest of what these files and folders hold now. Of a folder it is the files right in it that are not hidden.
///
/// What cannot be read counts as nothing: whoever needs it says why it cannot be.
#[must_use]
pub fn contents_of<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Digest {
    let mut hash = Context::new(&SHA256);
    for path in paths {
        update(&mut hash, path.as_os_str().as_encoded_bytes());
        for file in files_at(path) {
            update(&mut hash, file.as_os_str().as_encoded_bytes());
            update(&mut hash, &std::fs::read(&file).unwrap_or_default());
        }
    }
    finish(hash)
}

/// The file itself, or the files in the folder. A pipe or a device could keep us waiting, or never end.
fn files_at(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let is_hidden = |path: &Path| path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    let entries = std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<_> =
        entries.map(|entry| entry.path()).filter(|file| !is_hidden(file) && file.is_file()).collect();
    files.sort();
    files
}

impl Digest {
    /// Its first 12 hexadecimal digits.
    pub(crate) fn short(self) -> String {
        self.0.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The length first, so that two parts never read as one.
fn update(hash: &mut Context, part: &[u8]) {
    hash.update(&(part.len() as u64).to_be_bytes());
    hash.update(part);
}

fn finish(hash: Context) -> Digest {
    let mut digest = [0; 32];
    digest.copy_from_slice(hash.finish().as_ref());
    Digest(digest)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::located::parse;

    fn part(text: &str, path: &ConfigPath) -> Option<Digest> {
        let env = |name: &str| (name == "PORT").then(|| "8080".to_owned());
        let source = Source { env: &env, folder: Path::new(".") };
        Digests::of(&parse(text).unwrap(), &source).part(path)
    }

    #[test]
    fn what_is_written_otherwise_and_says_the_same_is_the_same() {
        let path = ConfigPath::new("a").key("b");
        let plain = part("a: {b: {c: 8080, d: [x, 'y']}}", &path);
        assert!(plain.is_some());
        for text in ["a:\n  b:\n    d: ['x', y] # said\n    c: ${PORT}\n", "{z: 1, a: {b: {d: [x, y], c: 8080}}}"] {
            assert_eq!(part(text, &path), plain, "{text}");
        }
    }

    #[test]
    fn what_says_something_else_is_another() {
        let path = ConfigPath::new("a").key("b");
        let plain = part("a: {b: {c: 8080, d: [x, y]}}", &path);
        for text in [
            "a: {b: {c: '8080', d: [x, y]}}",
            "a: {b: {c: 8080, d: [y, x]}}",
            "a: {b: {c: 8080, d: [xy]}}",
            "a: {b: {c: 8080, d: {x: y}}}",
            "a: {b: {c: 8080}}",
            "a: {b: {cd: 8080, d: [x, y]}}",
            "a: {}",
        ] {
            assert_ne!(part(text, &path), plain, "{text}");
        }
        assert_eq!(part("a: {b: 1}", &ConfigPath::new("c")), None);
    }

    #[test]
    fn a_secret_file_counts_by_what_it_holds_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let env = |_: &str| None;
        let source = Source { env: &env, folder: folder.path() };
        let of = |content: &str| {
            fs::write(&file, content).unwrap();
            let digests = Digests::of(&parse("a: {token: {file: token}}").unwrap(), &source);
            assert_eq!(digests.secret_files(), std::slice::from_ref(&file));
            digests.part(&ConfigPath::new("a"))
        };
        let first = of("one");
        assert_ne!(of("two"), first);
        assert_eq!(of("one"), first);
    }

    #[test]
    fn contents_are_those_of_files_and_of_what_lies_open_in_folders() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("policies")).unwrap();
        let now = || contents_of([&*at("policies"), &*at("ca.pem")]);
        let mut seen = vec![now()];
        for (name, content) in [("policies/a", "1"), ("policies/b", "1"), ("policies/a", "2"), ("ca.pem", "3")] {
            fs::write(at(name), content).unwrap();
            assert!(!seen.contains(&now()), "{name}");
            seen.push(now());
        }
        fs::write(at("policies/.a.swp"), "x").unwrap();
        fs::write(at("other"), "x").unwrap();
        assert_eq!(seen.last(), Some(&now()));
    }
}
