//! A group of a pool, and the order in which tokens name a user's groups.

/// A group of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub name: String,
    pub description: Option<String>,
    /// The lowest comes first in tokens; a group without one comes last.
    pub precedence: Option<u32>,
    /// Which AWS role its members take on; it is kept and told, nothing else.
    pub role_arn: Option<String>,
    /// Unix milliseconds.
    pub created_at: u64,
    /// Unix milliseconds.
    pub updated_at: u64,
}

/// Longest name, in characters; the model's `GroupNameType`.
const LONGEST_NAME: usize = 128;

/// Whether this can be a group's name: visible characters, no blanks, as in the model's `GroupNameType`.
pub(crate) fn is_group_name(name: &str) -> bool {
    let graphic = |character: char| !character.is_control() && !character.is_whitespace();
    !name.is_empty() && name.chars().count() <= LONGEST_NAME && name.chars().all(graphic)
}

#[cfg(test)]
mod tests {
    use super::is_group_name;

    #[test]
    fn names_with_blanks_or_control_characters_are_refused() {
        for name in ["", " ", "a b", "a\n", "a\u{0}", &"x".repeat(129)] {
            assert!(!is_group_name(name), "{name}");
        }
        assert!(is_group_name("sales") && is_group_name("verkäufer|1"));
    }
}
