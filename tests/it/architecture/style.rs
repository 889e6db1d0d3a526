//! Sizes, first lines and names.

use super::Broken;
use super::paths::tokens;
use super::source::{House, SourceFile};

const MOST_LINES: usize = 500;

/// Parts of names that stand for anything, and so say nothing.
const EMPTY_WORDS: [&str; 12] =
    ["manager", "managers", "helper", "helpers", "util", "utils", "utility", "common", "base", "impl", "data", "info"];

pub(super) fn each_file_opens_with_a_sentence(house: &House) -> Broken {
    let silent = house.files.values().filter(|file| !file.text.starts_with("//! "));
    silent.map(|file| format!("src/{}:1: opens without `//!`", file.path)).collect()
}

pub(super) fn no_file_is_too_long(house: &House) -> Broken {
    let long = house.shipping().filter(|file| file.shipping_lines > MOST_LINES);
    long.map(|file| format!("src/{}: {} shipping lines, at most {MOST_LINES}", file.path, file.shipping_lines))
        .collect()
}

pub(super) fn names_say_something(house: &House) -> Broken {
    house.shipping().flat_map(|file| empty_names(file).into_iter().chain(empty_path(file))).collect()
}

fn empty_path(file: &SourceFile) -> Option<String> {
    let parts = file.path.trim_end_matches(".rs").split(['/', '_']);
    parts
        .into_iter()
        .find(|part| EMPTY_WORDS.contains(part))
        .map(|part| format!("src/{}: `{part}` says nothing", file.path))
}

fn empty_names(file: &SourceFile) -> Broken {
    let mut broken = Vec::new();
    for pair in tokens(&file.shipping).windows(2) {
        let (keyword, name) = (pair[0].text, pair[1].text);
        let says_nothing = match keyword {
            "struct" | "enum" | "trait" | "type" | "union" => {
                camel_words(name).iter().any(|word| EMPTY_WORDS.contains(&word.as_str()))
            }
            // Cognito's own operations are called so, `GetUser` for one, and what pingora asks of a stream
            "fn" => {
                let not_ours = ["issuer/cognito/", "proxy/wire/"].iter().any(|folder| file.path.starts_with(folder));
                name.starts_with("get_") && !not_ours
            }
            _ => false,
        };
        if says_nothing {
            broken.push(format!("{}: `{keyword} {name}` is a name that says nothing", file.place(pair[1].at)));
        }
    }
    broken
}

/// `UserDataImpl` is `user`, `data`, `impl`; `Metadata` is one word.
fn camel_words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for character in name.chars() {
        match words.last_mut() {
            Some(word) if !character.is_uppercase() => word.push(character),
            _ => words.push(character.to_lowercase().to_string()),
        }
    }
    words
}
