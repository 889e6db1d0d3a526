//! The files under `src`, read so that laws can be held against them: without comments, texts and tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Every file of the crate, by its path under `src`.
pub(super) struct House {
    pub(super) files: BTreeMap<String, SourceFile>,
}

pub(super) struct SourceFile {
    /// Under `src`, with slashes.
    pub(super) path: String,
    pub(super) text: String,
    /// Everything but comments and the inside of texts, which are blank; lines stay where they were.
    pub(super) code: String,
    /// The same without what is compiled for tests only.
    pub(super) shipping: String,
    /// Lines that ship, comments included.
    pub(super) shipping_lines: usize,
}

impl House {
    pub(super) fn of_this_crate() -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut texts = Vec::new();
        read_all(&source, "", &mut texts);
        assert!(texts.len() > 10, "found only {} files", texts.len());
        Self::of(texts)
    }

    pub(super) fn of<Text: Into<String>>(texts: impl IntoIterator<Item = (Text, Text)>) -> Self {
        let files = texts.into_iter().map(|(path, text)| (path.into(), text.into()));
        let mut house = Self { files: files.map(|(path, text)| (path.clone(), SourceFile::new(path, text))).collect() };
        house.forget_test_files();
        house
    }

    /// The files that ship at least in part.
    pub(super) fn shipping(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.values().filter(|file| file.shipping_lines > 0)
    }

    /// A module that its parent declares under `#[cfg(test)]` is a test with all that is below it.
    fn forget_test_files(&mut self) {
        let tests: Vec<String> = self.files.values().flat_map(SourceFile::test_modules).collect();
        for file in self.files.values_mut() {
            let is_test = |module: &String| {
                let rest = file.path.strip_prefix(module.as_str());
                rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            };
            if tests.iter().any(is_test) {
                file.shipping = String::new();
                file.shipping_lines = 0;
            }
        }
    }
}

impl SourceFile {
    fn new(path: String, text: String) -> Self {
        let code = without_comments_and_texts(&text);
        let (shipping, test_lines) = without_test_items(&code);
        let shipping_lines = text.lines().count() - test_lines;
        Self { path, text, code, shipping, shipping_lines }
    }

    /// The room that the file stands in: its first folder, or its own name.
    pub(super) fn room(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// The folder in which the modules that this file declares lie, with its slash.
    fn folder(&self) -> String {
        for card in ["mod.rs", "lib.rs", "main.rs"] {
            if let Some(folder) = self.path.strip_suffix(card) {
                return folder.to_owned();
            }
        }
        format!("{}/", self.path.trim_end_matches(".rs"))
    }

    fn test_modules(&self) -> Vec<String> {
        let declared = |code: &str| -> Vec<String> {
            let statements = code.split([';', '}']);
            let names = statements.filter_map(|statement| statement.rsplit_once("mod ").map(|(_, name)| name.trim()));
            names.map(str::to_owned).collect()
        };
        let shipping = declared(&self.shipping);
        let tests = declared(&self.code).into_iter().filter(|name| !shipping.contains(name));
        tests.map(|name| self.folder() + &name).collect()
    }

    /// `path:line`, of a byte of the code.
    pub(super) fn place(&self, at: usize) -> String {
        format!("src/{}:{}", self.path, 1 + self.code[..at].matches('\n').count())
    }
}

fn read_all(folder: &Path, prefix: &str, texts: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap().path();
        let name = entry.file_name().unwrap().to_str().unwrap();
        if entry.is_dir() {
            read_all(&entry, &format!("{prefix}{name}/"), texts);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            texts.push((format!("{prefix}{name}"), fs::read_to_string(&entry).unwrap()));
        }
    }
}

/// Blanks comments and the inside of texts and characters, byte for byte, so that places stay what they were.
fn without_comments_and_texts(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = at + length_of_prose(&bytes[at..], at > 0 && is_word(bytes[at - 1]));
        blank(&mut code[at..end]);
        at = end.max(at + 1);
    }
    String::from_utf8(code).unwrap()
}

/// How long the comment, text or character is that starts here; 0 where none does.
fn length_of_prose(rest: &[u8], inside_word: bool) -> usize {
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => length_of_block_comment(rest),
        [b'"', ..] => length_of_text(rest, b'"'),
        [b'r', b'"' | b'#', ..] if !inside_word => length_of_raw_text(rest),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !inside_word => 1 + length_of_raw_text(&rest[1..]),
        [b'\'', b'\\', ..] => length_of_text(rest, b'\''),
        // a lifetime has no closing quote right after its first letter
        [b'\'', letter, ..] => {
            let width = char_width(*letter);
            if rest.get(1 + width) == Some(&b'\'') { 2 + width } else { 0 }
        }
        _ => 0,
    }
}

fn length_of_block_comment(rest: &[u8]) -> usize {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 && at < rest.len() {
        match rest[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    at
}

fn length_of_text(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

fn length_of_raw_text(rest: &[u8]) -> usize {
    let marks = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + marks) != Some(&b'"') {
        return 0; // a raw name such as `r#type`
    }
    let close = [b"\"".as_slice(), &b"#".repeat(marks)].concat();
    let body = 2 + marks;
    let end = rest[body..].windows(close.len()).position(|window| window == close);
    end.map_or(rest.len(), |end| body + end + close.len())
}

fn char_width(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

/// Blanks each item that stands under `#[cfg(test)]`, with its attribute, and says how many lines they were.
fn without_test_items(code: &str) -> (String, usize) {
    const MARK: &str = "#[cfg(test)]";
    let mut shipping = code.as_bytes().to_vec();
    let (mut from, mut lines) = (0, 0);
    while let Some(start) = code[from..].find(MARK).map(|found| from + found) {
        let end = start + MARK.len() + length_of_item(&code[start + MARK.len()..]);
        blank(&mut shipping[start..end]);
        lines += 1 + code[start..end].matches('\n').count();
        from = end;
    }
    (String::from_utf8(shipping).unwrap(), lines)
}

/// Up to the `;` or the closing brace that ends the item.
fn length_of_item(rest: &str) -> usize {
    let mut depth = 0;
    for (at, character) in rest.char_indices() {
        match character {
            '{' | '[' | '(' => depth += 1,
            '}' if depth <= 1 => return at + depth,
            '}' | ']' | ')' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    rest.len()
}
