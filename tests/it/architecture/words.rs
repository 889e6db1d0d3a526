//! Who may speak of what: HTTP statuses, other people's crates, the wall clock.

use super::Broken;
use super::paths::{Token, tokens};
use super::source::{House, SourceFile};

/// Each crate with the rooms that may name it.
const CRATES: [(&str, &[&str]); 4] = [
    ("anyhow", &["cli", "server", "main"]),
    // Cedar tells where a policy is wrong through miette's trait alone
    ("miette", &["cli", "server", "main", "policy"]),
    ("cedar_policy", &["policy"]),
    ("pingora", &["proxy", "server"]),
];

/// Refusing statuses by number, but for those that are likely to be some other number.
const REFUSALS: [&str; 21] = [
    "401", "402", "403", "404", "405", "406", "407", "408", "409", "410", "411", "413", "414", "415", "421", "422",
    "429", "431", "501", "502", "503",
];

/// Refusing statuses that are round enough to be anything: they count where the line speaks of a status.
const ROUND_REFUSALS: [&str; 3] = ["400", "500", "504"];

pub(super) fn crates_stay_in_their_rooms(house: &House) -> Broken {
    house
        .shipping()
        .flat_map(|file| CRATES.iter().flat_map(move |(name, rooms)| strangers(file, name, rooms)))
        .collect()
}

pub(super) fn statuses_stand_in_their_places(house: &House) -> Broken {
    house.shipping().filter(|file| !may_name_a_refusal(&file.path)).flat_map(refusals).collect()
}

/// Tests count in: they have a clock that stands still.
pub(super) fn the_wall_clock_is_read_in_one_place(house: &House) -> Broken {
    let others = house.files.values().filter(|file| file.path != "clock.rs");
    others.flat_map(|file| places_of(file, &file.code, &["SystemTime", "::", "now"], "reads the wall clock")).collect()
}

fn strangers(file: &SourceFile, name: &str, rooms: &[&str]) -> Broken {
    if rooms.contains(&file.room()) {
        return Vec::new();
    }
    let tokens = tokens(&file.shipping);
    // `name::…`, `name_part::…` and `use name;`
    let named = tokens.windows(2).enumerate().filter(|(index, pair)| {
        let rest = pair[0].text.strip_prefix(name);
        let is_it = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
        let is_used = *index > 0 && tokens[index - 1].text == "use";
        is_it && (pair[1].text == "::" || is_used)
    });
    named
        .map(|(_, pair)| format!("{}: `{}` is not for the room `{}`", file.place(pair[0].at), name, file.room()))
        .collect()
}

/// Where a reason for no becomes an answer: one place for the gate, one for each door of the issuer, one for operators.
fn may_name_a_refusal(path: &str) -> bool {
    let issuers_door = path.strip_prefix("issuer/").and_then(|rest| rest.strip_suffix("/error.rs"));
    matches!(path, "authorizer/denial.rs" | "admin/answer.rs") || issuers_door.is_some_and(|door| !door.contains('/'))
}

fn refusals(file: &SourceFile) -> Broken {
    let tokens = tokens(&file.shipping);
    let mut broken = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let status =
            named_status(&tokens, index).filter(|name| !is_good(name)).or_else(|| numbered(file, &tokens, index));
        if let Some(status) = status {
            broken.push(format!("{}: the status `{status}` is chosen out of place", file.place(token.at)));
        }
    }
    broken
}

/// The constant of `StatusCode::CONSTANT`, of which `index` is the first word.
fn named_status<'a>(tokens: &[Token<'a>], index: usize) -> Option<&'a str> {
    let [code, sign, name, ..] = tokens.get(index..)? else { return None };
    let is_constant = name.text.chars().all(|character| character.is_ascii_uppercase() || character == '_');
    (code.text == "StatusCode" && sign.text == "::" && is_constant).then_some(name.text)
}

fn is_good(name: &str) -> bool {
    matches!(
        name,
        "OK" | "CREATED" | "ACCEPTED" | "NO_CONTENT" | "SWITCHING_PROTOCOLS" | "CONTINUE" | "FOUND" | "SEE_OTHER"
    )
}

fn numbered<'a>(file: &SourceFile, tokens: &[Token<'a>], index: usize) -> Option<&'a str> {
    let token = tokens[index];
    let is_fraction = index > 0 && tokens[index - 1].text == ".";
    let number = token.text.trim_end_matches("u16").trim_end_matches('_');
    let speaks_of_a_status = || {
        let start = file.shipping[..token.at].rfind('\n').map_or(0, |end| end + 1);
        file.shipping[start..].lines().next().unwrap_or_default().to_lowercase().contains("status")
    };
    let is_one = REFUSALS.contains(&number) || (ROUND_REFUSALS.contains(&number) && speaks_of_a_status());
    (is_one && !is_fraction).then_some(number)
}

fn places_of(file: &SourceFile, code: &str, words: &[&str], what: &str) -> Broken {
    let tokens = tokens(code);
    let found =
        tokens.windows(words.len()).filter(|window| window.iter().map(|token| token.text).eq(words.iter().copied()));
    found.map(|window| format!("{}: {what}", file.place(window[0].at))).collect()
}
