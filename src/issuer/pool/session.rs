//! A session: one sign-in with all tokens that come of it, and the refresh token that continues it.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::issuer::error::IssuerError;

/// The longest that an ID or access token may live, in milliseconds. A session is remembered this much longer than it lasts.
pub(crate) const LONGEST_TOKEN_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// A session, the family of tokens that share one `origin_jti`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// A UUID: the `origin_jti` of every token of the family.
    pub id: String,
    pub pool_id: String,
    pub client_id: String,
    pub sub: String,
    /// A UUID that names the sign-in, in every token of the family.
    pub event_id: String,
    /// When the user signed in, in Unix milliseconds; no refresh changes it.
    pub signed_in_at: u64,
    /// When its refresh token expires, in Unix milliseconds.
    pub expires_at: u64,
    /// When it was last used, as far as that is kept, in Unix milliseconds.
    pub active_at: u64,
    pub revoked: bool,
}

/// Digits of a session's public id: as many as 128 bits need in base 36.
const PUBLIC_DIGITS: usize = 25;
const PUBLIC: &str = "tkn";

impl Session {
    /// The id as `ListUserSessions` tells it: `tkn` and 25 letters and digits, which are the UUID in base 36.
    pub(crate) fn public_id(&self) -> String {
        let mut number = Uuid::parse_str(&self.id).map(|id| id.as_u128()).unwrap_or_default();
        let mut digits = Vec::with_capacity(PUBLIC_DIGITS);
        for _ in 0..PUBLIC_DIGITS {
            digits.push(u32::try_from(number % 36).ok().and_then(|digit| char::from_digit(digit, 36)).unwrap_or('0'));
            number /= 36;
        }
        format!("{PUBLIC}{}", digits.iter().rev().collect::<String>())
    }

    /// The id of the session that is told by this one.
    pub(crate) fn id_of_public(public: &str) -> Option<String> {
        let digits = public.strip_prefix(PUBLIC).filter(|digits| digits.len() == PUBLIC_DIGITS)?;
        u128::from_str_radix(digits, 36).ok().map(|number| Uuid::from_u128(number).to_string())
    }
}

/// A refresh token as the client has it: 384 random bits, opaque. Kept only as [`Sha256`].
#[derive(Debug)]
pub(crate) struct RefreshToken(SecretString);

/// The SHA-256 of a refresh token: enough to know the token again, of no use to whoever reads the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sha256([u8; 32]);

impl RefreshToken {
    pub(crate) fn generate() -> Result<Self, IssuerError> {
        let mut bytes = zeroize::Zeroizing::new([0; 48]);
        rand::fill(bytes.as_mut()).map_err(|_| IssuerError::Randomness)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes.as_ref()).into()))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub(crate) fn hash(&self) -> Sha256 {
        Sha256::of(self.expose())
    }
}

impl Sha256 {
    pub(crate) fn of(token: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(hash)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refresh_tokens_are_long_random_and_have_no_dots() {
        let (one, two) = (RefreshToken::generate().unwrap(), RefreshToken::generate().unwrap());
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.expose().len(), 64);
        assert!(!one.expose().contains('.'));
        assert_eq!(one.hash(), Sha256::of(one.expose()));
        assert_ne!(one.hash(), two.hash());
    }

    #[test]
    fn a_public_id_is_of_one_session() {
        for id in [Uuid::nil(), Uuid::max(), Uuid::new_v4()] {
            let session = Session {
                id: id.to_string(),
                pool_id: String::new(),
                client_id: String::new(),
                sub: String::new(),
                event_id: String::new(),
                signed_in_at: 0,
                expires_at: 0,
                active_at: 0,
                revoked: false,
            };
            let public = session.public_id();
            assert!(public.len() == 28 && public.starts_with("tkn"), "{public}");
            assert_eq!(Session::id_of_public(&public), Some(session.id));
        }
        for none in
            ["", "tkn", "sso0000000000000000000000000", "tknzzzzzzzzzzzzzzzzzzzzzzzzz", "tkn00000000000000000000000-0"]
        {
            assert_eq!(Session::id_of_public(none), None, "{none}");
        }
    }

    #[test]
    fn a_refresh_token_does_not_show_in_debug() {
        let token = RefreshToken::generate().unwrap();
        assert!(!format!("{token:?}").contains(token.expose()));
    }
}
