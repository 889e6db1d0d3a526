//! Short config texts made whole, and mistakes compared with the marks in them.

use std::path::Path;

use tempfile::TempDir;

use crate::config::{Config, ConfigError, Loaded};

/// Stands in a test's text right before the place where a mistake must be found.
const MARK: char = '▸';

/// A folder with the files that the texts name.
pub(super) fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    for directory in ["tls", "policies/orders", "secrets"] {
        std::fs::create_dir_all(folder.path().join(directory)).unwrap();
    }
    for file in ["tls/tls.crt", "tls/tls.key", "tls/clients.pem", "ca.pem", "c.pem", "k.pem", "jwks.json"] {
        std::fs::write(folder.path().join(file), "").unwrap();
    }
    std::fs::write(folder.path().join("secrets/password"), "correct horse\n").unwrap();
    folder
}

/// `text` and, after it, every section that a config must have and `text` has not.
pub(super) fn whole(text: &str) -> String {
    let mut whole = text.to_owned();
    for section in [
        "listeners: [{address: '127.0.0.1:8080'}]",
        "trusted_issuers: {corp: {issuer: 'https://idp.example', audience: [app]}}",
        "upstreams: {app: {endpoints: ['127.0.0.1:9000']}}",
        "routes: [{name: all, match: {path: '/{*rest}'}, upstream: app}]",
    ] {
        let key = section.split_inclusive(':').next().unwrap();
        if !text.lines().any(|line| line.trim_start_matches(MARK).starts_with(key)) {
            whole.push('\n');
            whole.push_str(section);
        }
    }
    whole
}

/// Loads and checks `text` as if it stood in `folder`; the environment holds `SET` and a few more.
pub(super) fn load_in(folder: &Path, text: &str) -> Result<Loaded, ConfigError> {
    let env = |name: &str| match name {
        "SET" => Some("from-the-environment".to_owned()),
        "EMPTY" => Some(String::new()),
        "SHORT" => Some("hunter2".to_owned()),
        "NULL" => Some("null".to_owned()),
        "NUMBER" => Some("4".to_owned()),
        _ => None,
    };
    let loaded = Config::parse(text, &folder.join("lychgate.yaml"), &env)?;
    loaded.check()?;
    Ok(loaded)
}

/// Loads and checks `text` made whole.
pub(super) fn load(text: &str) -> Result<Loaded, ConfigError> {
    load_in(folder().path(), &whole(text))
}

/// Asserts that `marked`, made whole, has a mistake at each mark and nowhere else, and that `fragments` are said.
pub(super) fn assert_mistakes(marked: &str, code: &str, fragments: &[&str]) {
    let (text, marks) = take_marks(&whole(marked));
    let error = load_in(folder().path(), &text).err().unwrap_or_else(|| panic!("no mistake found in:\n{marked}"));
    let shown = error.to_string();
    let found: Vec<_> = error.mistakes().iter().map(|m| (m.place().line, m.place().column)).collect();
    assert_eq!(found, marks, "other places in:\n{marked}\n{shown}");
    for mistake in error.mistakes() {
        assert_eq!(mistake.code(), code, "another code in:\n{marked}\n{shown}");
        let bytes = mistake.place().bytes.clone();
        assert!(text.get(bytes).is_some(), "no such bytes");
    }
    for fragment in fragments {
        assert!(shown.contains(fragment), "`{fragment}` is not said of:\n{marked}\n{shown}");
    }
}

/// The text without its marks, and the line and column of each.
fn take_marks(marked: &str) -> (String, Vec<(usize, usize)>) {
    let mut text = String::new();
    let mut marks = Vec::new();
    let (mut line, mut column) = (1, 1);
    for character in marked.chars() {
        match character {
            MARK => marks.push((line, column)),
            '\n' => (line, column) = (line + 1, 1),
            _ => column += 1,
        }
        if character != MARK {
            text.push(character);
        }
    }
    (text, marks)
}
