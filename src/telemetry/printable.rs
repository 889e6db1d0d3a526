//! Keeps a log line one line: what could end, hide or reorder it is written as an escape.

use std::fmt::{self, Write as _};
use std::io;

use serde_json::ser::Formatter;

/// Whether a reader of the log could be fooled by this character: controls of both sets, line and paragraph separators,
/// marks that reorder text (Unicode Technical Report 36 section 3.2), and the byte order mark.
fn fools_a_reader(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Text as one word of a line for people: blanks, quotes and backslashes are escaped too, so that no value can pass for two fields.
pub(super) struct Word<'a>(pub(super) &'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if fools_a_reader(character) || character.is_whitespace() || matches!(character, '"' | '\\') {
                write!(formatter, "{}", character.escape_unicode())?;
            } else {
                formatter.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// JSON on one line that, beyond what JSON itself asks (RFC 8259 section 7), escapes every character that fools a reader.
pub(super) struct JsonLineFormatter;

impl Formatter for JsonLineFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return writer.write_all(fragment.as_bytes());
        }
        for character in fragment.chars() {
            if fools_a_reader(character) {
                // all of them stand in the basic plane, so one escape of four digits is enough
                write!(writer, "\\u{:04x}", u32::from(character))?;
            } else {
                write!(writer, "{character}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize as _;

    use super::{JsonLineFormatter, Word, fools_a_reader};

    const TRICKS: &str = "a\r\n\u{1b}[31m\u{7f}\u{85}\u{9b}\u{2028}\u{202e}\u{2066}\u{feff}z";

    fn json(text: &str) -> String {
        let mut out = Vec::new();
        text.serialize(&mut serde_json::Serializer::with_formatter(&mut out, JsonLineFormatter)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_character_that_fools_a_reader_is_written_as_it_is() {
        for written in [json(TRICKS), Word(TRICKS).to_string()] {
            assert!(!written.chars().any(fools_a_reader), "{written:?}");
        }
    }

    #[test]
    fn json_still_says_the_same() {
        for text in [TRICKS, "plain", "Ærø \"quoted\" \\ 日本 🦀"] {
            assert_eq!(serde_json::from_str::<String>(&json(text)).unwrap(), text);
        }
    }

    #[test]
    fn a_word_has_no_blank_quote_or_backslash_of_its_own() {
        assert_eq!(Word("a b").to_string(), "a\\u{20}b");
        assert_eq!(Word("\"\\").to_string(), "\\u{22}\\u{5c}");
        assert_eq!(Word("/ærø/7").to_string(), "/ærø/7");
    }
}
