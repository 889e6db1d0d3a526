//! A user of a pool, and how user names are compared.

use super::attributes::Attributes;
use super::group::Roles;
use super::password::PasswordHash;
use super::proof::Factor;

/// A user, with all that goes into tokens and profiles.
#[derive(Clone)]
pub(crate) struct User {
    /// A UUID that never changes, whatever else does.
    pub sub: String,
    pub name: String,
    pub enabled: bool,
    pub status: UserStatus,
    /// Unix milliseconds.
    pub created_at: u64,
    /// Unix milliseconds.
    pub updated_at: u64,
    pub attributes: Attributes,
    /// Ordered by precedence.
    pub groups: Vec<String>,
    /// What those groups give.
    pub roles: Roles,
}

/// How far a user's account has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserStatus {
    Unconfirmed,
    Confirmed,
    /// The password was set by an administrator and must be changed.
    ForceChangePassword,
    /// An administrator has taken the password back.
    ResetRequired,
}

impl UserStatus {
    const ALL: [Self; 4] = [Self::Unconfirmed, Self::Confirmed, Self::ForceChangePassword, Self::ResetRequired];

    /// Cognito's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unconfirmed => "UNCONFIRMED",
            Self::Confirmed => "CONFIRMED",
            Self::ForceChangePassword => "FORCE_CHANGE_PASSWORD",
            Self::ResetRequired => "RESET_REQUIRED",
        }
    }

    pub(crate) fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// A user as kept: with what the user proves itself by, which leaves the store only for that.
#[derive(Debug)]
pub(crate) struct StoredUser {
    pub user: User,
    pub password: Option<PasswordHash>,
    pub credentials: Credentials,
}

/// What a user proves itself by besides the password's hash. What is sealed stays so until it is needed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Credentials {
    /// When a password that an administrator set stops being taken, in Unix milliseconds.
    pub temporary_until: Option<u64>,
    pub srp: Option<SealedVerifier>,
    /// Hashes of the passwords before this one, the last first.
    pub history: Vec<PasswordHash>,
    pub totp: Option<Vec<u8>>,
    /// The last step of which a code was taken.
    pub totp_used: Option<u64>,
    /// Second factors that the user has turned on.
    pub factors: Vec<Factor>,
    pub preferred: Option<Factor>,
}

/// An SRP verifier as kept.
#[derive(Debug, Clone)]
pub(crate) struct SealedVerifier {
    pub identity: String,
    pub salt: Vec<u8>,
    pub sealed: Vec<u8>,
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
