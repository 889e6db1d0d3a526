//! What may stand in an issuer for a parameter: never more than one harmless path segment, whatever the config allows.

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::token::config::ParameterConfig;

/// Longest value of a parameter, in bytes.
const MOST_BYTES: usize = 128;
/// Longest pattern, in bytes.
const LONGEST_PATTERN: usize = 256;
/// Memory that a compiled pattern may take, in bytes.
const PATTERN_BYTES: usize = 256 << 10;

/// A regular expression that a value must match as a whole, of an engine whose time is linear in the value.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub struct ValuePattern(#[schemars(with = "String")] Regex);

impl TryFrom<String> for ValuePattern {
    type Error = String;

    fn try_from(pattern: String) -> Result<Self, String> {
        if pattern.len() > LONGEST_PATTERN {
            return Err(format!("a pattern has at most {LONGEST_PATTERN} bytes"));
        }
        let compile = |text: &str| {
            let built = RegexBuilder::new(text).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).build();
            built.map_err(|error| format!("is no pattern: {}", error.to_string().lines().last().unwrap_or_default()))
        };
        // Alone first: what closes our group would open the pattern at its ends.
        compile(&pattern)?;
        compile(&format!(r"\A(?:{pattern})\z")).map(Self)
    }
}

impl ParameterConfig {
    /// Whether a parameter may have this value.
    #[must_use]
    pub fn allows(&self, value: &str) -> bool {
        is_value(value)
            && match self {
                Self::OneOf(values) => values.iter().any(|allowed| allowed == value),
                Self::Matching(ValuePattern(pattern)) => pattern.is_match(value),
            }
    }

    /// Whether some value may be allowed by both. Of two patterns nobody can tell, so they count as such.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::OneOf(values), rule) | (rule, Self::OneOf(values)) => values.iter().any(|value| rule.allows(value)),
            (Self::Matching(_), Self::Matching(_)) => true,
        }
    }
}

/// One path segment that every reader of URLs takes for the same one (RFC 3986 section 3.3, without what is encoded or cut at),
/// and that means itself: not `.` or `..`.
pub(super) fn is_value(value: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@:+=,".contains(&byte);
    (1..=MOST_BYTES).contains(&value.len()) && value.bytes().all(is_plain) && !value.bytes().all(|byte| byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching(pattern: &str) -> ParameterConfig {
        ParameterConfig::Matching(ValuePattern::try_from(pattern.to_owned()).unwrap())
    }

    #[test]
    fn a_pattern_must_match_the_whole_value() {
        let rule = matching("[0-9a-f-]{4}|x");
        for (value, allowed) in
            [("0a-f", true), ("x", true), ("0a-f0", false), ("x0", false), ("0x", false), ("0A-F", false), ("", false)]
        {
            assert_eq!(rule.allows(value), allowed, "{value}");
        }
        assert!(!matching("(?m)^a$").allows("b\na"));
        assert!(matching("(?i)abc").allows("ABC"), "where the operator asks for it");
    }

    #[test]
    fn no_pattern_allows_what_is_not_one_plain_segment() {
        let any = matching("(?s).*");
        let longest = "a".repeat(MOST_BYTES);
        for value in ["a", "A-b_c.d~e", "a@b.example", "...a", &longest] {
            assert!(any.allows(value), "{value}");
        }
        let too_long = "a".repeat(MOST_BYTES + 1);
        for value in [
            "",
            ".",
            "..",
            "...",
            "a/b",
            "/",
            "../x",
            "a?b",
            "a#b",
            "a%2fb",
            "%2e%2e",
            "a\\b",
            "a b",
            " a",
            "a\n",
            "\0",
            "a\x7f",
            "ä",
            "\u{ff0e}\u{ff0e}",
            "a;b",
            "..;",
            "a\"b",
            "<a>",
            "{a}",
            "a|b",
            "a&b",
            "a'b",
            &too_long,
        ] {
            assert!(!any.allows(value), "{value:?}");
            assert!(!ParameterConfig::OneOf(vec![value.to_owned()]).allows(value), "{value:?}");
        }
    }

    #[test]
    fn what_is_no_bounded_pattern_is_refused() {
        for pattern in
            ["(", "a)|(?:b", "[z-a]", "(a)\\1", "(?=a)", "(?x) a # b", &"a".repeat(257), "(((a{99}){99}){99})"]
        {
            assert!(ValuePattern::try_from(pattern.to_owned()).is_err(), "{pattern}");
        }
    }
}
