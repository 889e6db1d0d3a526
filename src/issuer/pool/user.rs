//! A user of a pool, and how user names are compared.

use super::attributes::Attributes;
use super::password::PasswordHash;

/// A user, with all that goes into tokens and profiles.
#[derive(Clone)]
pub(crate) struct User {
    /// A UUID that never changes, whatever else does.
    pub sub: String,
    pub name: String,
    pub enabled: bool,
    pub attributes: Attributes,
    /// Ordered by precedence.
    pub groups: Vec<String>,
}

/// A user as kept: with the password's hash, which leaves the store only for sign-in.
pub(crate) struct StoredUser {
    pub user: User,
    pub password: Option<PasswordHash>,
}

/// A user name is personal: only `sub` shows.
impl std::fmt::Debug for User {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("User").field("sub", &self.sub).finish_non_exhaustive()
    }
}

/// Longest name, in characters; the model's `UsernameType`.
const LONGEST_NAME: usize = 128;

/// Whether this can be a user's name: visible characters, no blanks, as in the model's `UsernameType`.
pub(crate) fn is_user_name(name: &str) -> bool {
    let graphic = |character: char| !character.is_control() && !character.is_whitespace();
    !name.is_empty() && name.chars().count() <= LONGEST_NAME && name.chars().all(graphic)
}

/// What two spellings of one user's name have in common: names are compared without case, Cognito's recommended setting.
pub(crate) fn user_name_key(name: &str) -> String {
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case() {
        assert_eq!(user_name_key("Alice@Example.com"), user_name_key("alice@example.COM"));
    }

    #[test]
    fn names_with_blanks_or_control_characters_are_refused() {
        for name in ["", "a b", "a\r\n", "\u{7f}", &"x".repeat(129)] {
            assert!(!is_user_name(name), "{name}");
        }
        assert!(is_user_name("alice@example.com") && is_user_name("Zoë"));
    }
}
