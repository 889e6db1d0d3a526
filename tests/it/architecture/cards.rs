//! Cards and the two roots: files that name what is there, and hold nothing themselves.

use super::Broken;
use super::paths::tokens;
use super::source::{House, SourceFile};

/// `main` installs what must be there first, calls the command line, and turns its answer into an exit code.
const MAIN_LINES: usize = 40;

pub(super) fn cards_define_nothing(house: &House) -> Broken {
    let cards = house.shipping().filter(|file| file.path.ends_with("mod.rs") || file.path == "lib.rs");
    cards.flat_map(statements_out_of_place).collect()
}

pub(super) fn main_is_thin(house: &House) -> Broken {
    let Some(main) = house.files.get("main.rs") else { return vec!["src/main.rs: there is none".to_owned()] };
    let mut broken = Vec::new();
    if main.shipping_lines > MAIN_LINES {
        broken.push(format!("src/main.rs: {} lines, at most {MAIN_LINES}", main.shipping_lines));
    }
    for pair in tokens(&main.shipping).windows(2) {
        let defines = matches!(pair[0].text, "struct" | "enum" | "trait" | "impl" | "mod" | "macro_rules")
            || (pair[0].text == "fn" && pair[1].text != "main");
        if defines {
            broken.push(format!("{}: `{} {}` belongs in a room", main.place(pair[0].at), pair[0].text, pair[1].text));
        }
    }
    broken
}

fn statements_out_of_place(card: &SourceFile) -> Broken {
    let mut broken = Vec::new();
    let mut start = 0;
    for statement in card.shipping.split_inclusive(';') {
        let words = without_attributes(statement);
        if !words.is_empty() && !is_of_a_card(&words, &card.path) {
            let first = start + statement.len() - statement.trim_start().len();
            broken.push(format!("{}: `{} …` is not of a card", card.place(first), words.join(" ")));
        }
        start += statement.len();
    }
    broken
}

/// A card names its files and exports from them. The map hangs rooms open; a folder within a room may open its files to the
/// rest of the room; a room opens none of its files to others.
fn is_of_a_card(words: &[&str], path: &str) -> bool {
    let is_the_map = path == "lib.rs";
    let is_within_a_room = path.matches('/').count() > 1;
    match words {
        ["mod", _, ";"] => true,
        ["pub", "mod", _, ";"] => is_the_map || is_within_a_room,
        ["pub", "(", .., ")", "mod", _, ";"] => is_within_a_room,
        ["pub", "use", .., ";"] | ["pub", "(", "crate" | "super", ")", "use", .., ";"] => !is_the_map,
        _ => false,
    }
}

/// The words of a statement, after `#[…]` and `#![…]`.
fn without_attributes(statement: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut words = Vec::new();
    for token in tokens(statement) {
        match token.text {
            "#" | "!" if depth == 0 && words.is_empty() => {}
            "[" if depth > 0 || words.is_empty() => depth += 1,
            "]" if depth > 0 => depth -= 1,
            word if depth == 0 => words.push(word),
            _ => {}
        }
    }
    words
}
