//! Reads what must not stand in arguments, and writes what others wrote so that a terminal shows it as it is.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;
use zeroize::Zeroizing;

/// The longest file that is read, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// The text of a file, or of standard input for `-` or none; `what` names it in messages.
pub(super) fn read(file: Option<&Path>, what: &str) -> anyhow::Result<Zeroizing<String>> {
    if file.is_some_and(is_token) {
        bail!(
            "what was given is a token itself, not the name of a file with the {what}: arguments are seen by everyone"
        );
    }
    let mut text = Zeroizing::new(String::new());
    match file.filter(|file| *file != Path::new("-")) {
        None => std::io::stdin()
            .take(MOST_BYTES + 1)
            .read_to_string(&mut text)
            .with_context(|| format!("could not read the {what} from standard input"))?,
        Some(file) => File::open(file)
            .and_then(|opened| opened.take(MOST_BYTES + 1).read_to_string(&mut text))
            .with_context(|| format!("could not read the {what} file `{}`", file.display()))?,
    };
    if text.len() as u64 > MOST_BYTES {
        bail!("the {what} is longer than a mebibyte");
    }
    Ok(text)
}

/// Whether somebody has put a token where its file belongs; a message would show it once more.
fn is_token(file: &Path) -> bool {
    let name = file.as_os_str().as_encoded_bytes();
    let bare = name.strip_prefix(b"Bearer ").unwrap_or(name);
    let has_parts = memchr::memchr_iter(b'.', bare).count() >= 2 && !bare.contains(&b'/');
    bare.starts_with(b"ey") && has_parts && !file.exists()
}

/// JSON over several lines, in which no character can move the cursor, end a line or turn text round.
pub(super) fn shown(value: &Value) -> String {
    let hidden = |character| {
        matches!(character, '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200b}'..='\u{200f}')
            || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let text = format!("{value:#}");
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if hidden(character) {
            // All of them stand in the basic plane, so one escape of four digits is enough.
            let _infallible = write!(shown, "\\u{:04x}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_the_place_of_its_file_is_refused_and_not_shown() {
        for given in ["eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", "Bearer eyJh.eyJz.c2ln", "eyJh.a.b.c.d"] {
            let refusal = format!("{:#}", read(Some(Path::new(given)), "token").unwrap_err());
            assert!(refusal.contains("token itself") && !refusal.contains("eyJ"), "{refusal}");
        }
        for name in ["no.such.file", "eyrie/no.such.file", "eyes.txt"] {
            let refusal = format!("{:#}", read(Some(Path::new(name)), "token").unwrap_err());
            assert!(refusal.contains(&format!("`{name}`")), "{refusal}");
        }
    }
}
