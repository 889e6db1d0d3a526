//! The words of a source and the paths into our own crate that it names, groups taken apart.

use super::source::SourceFile;

/// A word, number or sign of the code, and the byte at which it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

/// A path into our own crate, from its root: `["token", "Verifier"]`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OwnPath<'a> {
    pub(super) segments: Vec<&'a str>,
    pub(super) at: usize,
}

impl OwnPath<'_> {
    pub(super) fn room(&self) -> &str {
        self.segments.first().copied().unwrap_or_default()
    }

    pub(super) fn written(&self) -> String {
        format!("crate::{}", self.segments.join("::"))
    }
}

/// Words as a whole, `::` as one sign, every other sign alone.
pub(super) fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = code[at..].chars().next() {
        let rest = &code[at..];
        let length = if is_word(first) {
            rest.find(|character| !is_word(character)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            tokens.push(Token { text: &rest[..length], at });
        }
        at += length;
    }
    tokens
}

pub(super) fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// All paths into our own crate that the shipping part of a file names, in `use` or in place.
pub(super) fn own_paths(file: &SourceFile) -> Vec<OwnPath<'_>> {
    let tokens = tokens(&file.shipping);
    let mut paths = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let goes_on = tokens.get(index + 1).is_some_and(|next| next.text == "::");
        let is_first = index == 0 || !matches!(tokens[index - 1].text, "::");
        let root = match token.text {
            "crate" if is_first => Some(Vec::new()),
            "lychgate" if is_first && file.path == "main.rs" => Some(Vec::new()),
            "super" if is_first => Some(module_of(file)),
            _ => None,
        };
        if let (Some(root), true) = (root, goes_on) {
            branches(&tokens, index, root, token.at, &mut paths);
        }
    }
    paths
}

/// The names that `pub use` lines export, each with the path that it comes from.
pub(super) fn exports(code: &str) -> Vec<(&str, Vec<&str>)> {
    let tokens = tokens(code);
    let mut paths = Vec::new();
    for (index, pair) in tokens.windows(2).enumerate() {
        if pair[0].text == "pub" && pair[1].text == "use" {
            branches_from(&tokens, index + 2, Vec::new(), pair[0].at, &mut paths);
        }
    }
    paths.into_iter().map(|path| (*path.segments.last().unwrap(), path.segments)).collect()
}

/// The module that a file is, from the root of the crate.
fn module_of(file: &SourceFile) -> Vec<&str> {
    let mut module: Vec<&str> = file.path.trim_end_matches(".rs").split('/').collect();
    if matches!(module.last(), Some(&("mod" | "lib" | "main"))) {
        module.pop();
    }
    module
}

/// Follows the path whose first word (`crate`, `super`) stands at `index`.
fn branches<'a>(tokens: &[Token<'a>], index: usize, mut prefix: Vec<&'a str>, at: usize, paths: &mut Vec<OwnPath<'a>>) {
    let mut next = index;
    while tokens.get(next).is_some_and(|token| token.text == "super") {
        prefix.pop();
        next += 2;
    }
    let next = if next == index { index + 2 } else { next };
    branches_from(tokens, next, prefix, at, paths);
}

/// Follows a path from the segment at `index` on; says where it ended.
fn branches_from<'a>(
    tokens: &[Token<'a>],
    mut index: usize,
    mut segments: Vec<&'a str>,
    at: usize,
    paths: &mut Vec<OwnPath<'a>>,
) -> usize {
    while let Some(token) = tokens.get(index) {
        if token.text == "{" {
            return group(tokens, index + 1, &segments, paths);
        }
        if token.text == "<" {
            break; // the type arguments of `Type::<T>`
        }
        if token.text != "self" {
            segments.push(token.text);
        }
        index += 1;
        if tokens.get(index).is_none_or(|next| next.text != "::") {
            break;
        }
        index += 1;
    }
    if tokens.get(index).is_some_and(|next| next.text == "as") {
        index += 2;
    }
    paths.push(OwnPath { segments, at });
    index
}

fn group<'a>(tokens: &[Token<'a>], mut index: usize, segments: &[&'a str], paths: &mut Vec<OwnPath<'a>>) -> usize {
    while let Some(token) = tokens.get(index) {
        index = match token.text {
            "}" => return index + 1,
            "," => index + 1,
            _ => branches_from(tokens, index, segments.to_vec(), token.at, paths),
        };
    }
    index
}
