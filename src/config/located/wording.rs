//! Puts what serde and the types say into words that a reader of the file knows.

use serde::de::Unexpected;

use super::scalar::{Plain, resolve};

/// A long text is not repeated whole.
pub(crate) fn clipped(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST).and_then(|(end, _)| text.get(..end)) {
        Some(start) => format!("{start}…"),
        None => text.to_owned(),
    }
}

/// What a type calls itself, in plain words.
pub(crate) fn in_plain_words(expected: &str) -> String {
    let plain = match expected {
        "socket address" => "an address and port such as `127.0.0.1:8080`",
        "a duration" => "a duration such as `30s` or `5m`",
        "an integer or string" | "parsable string" | "integer overflow" => "a size such as `16KiB`",
        "a boolean" => BOOLEAN,
        "a string" => "text",
        "path string" => "a path",
        "a sequence" => "a list",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => WHOLE_NUMBER,
        other => other,
    };
    plain.to_owned()
}

const BOOLEAN: &str = "`true` or `false`";
const WHOLE_NUMBER: &str = "a whole number";

/// What was there instead of `expected`.
pub(crate) fn found_in_plain_words(found: &Unexpected<'_>, expected: &str) -> String {
    match found {
        Unexpected::Str(text) if asks_for_no_text(expected) && !matches!(resolve(text), Plain::Text(_)) => {
            format!("the text `{}`", clipped(text))
        }
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

/// Where a quoted number or boolean is wrong only for its quotes.
fn asks_for_no_text(expected: &str) -> bool {
    expected == BOOLEAN || expected.starts_with(WHOLE_NUMBER)
}
