//! Passwords: hashed with Argon2id, compared by hashing again. All of it is CPU and memory: run it on bounded workers.

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc};
use argon2::{Algorithm, Argon2, Params, Version};

use super::foreign_hash::ForeignHash;
use crate::issuer::error::IssuerError;

/// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// The most that a hash from elsewhere may cost.
const MOST_MEMORY_KIB: u32 = 256 * 1024;
const MOST_PASSES: u32 = 10;
const MOST_LANES: u32 = 16;
/// Shortest password, in characters.
const SHORTEST: usize = 8;
/// Longest password, in characters; the model's `PasswordType`.
const LONGEST: usize = 256;

/// A password's hash in PHC text form, with salt and parameters. Its Debug shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash(String);

impl PasswordHash {
    /// Hashes with a new random salt. About 17 ms of CPU.
    pub(crate) fn of(password: &str) -> Result<Self, IssuerError> {
        let hash: phc::PasswordHash =
            argon2id()?.hash_password(password.as_bytes()).map_err(|_| IssuerError::PasswordHash)?;
        Ok(Self(hash.to_string()))
    }

    /// Whether a hash from elsewhere may be kept: Argon2id or one of [`ForeignHash`], and not so costly that one sign-in could take
    /// the machine.
    pub(crate) fn is_fit(text: &str) -> bool {
        if ForeignHash::read(text).is_some() {
            return true;
        }
        let Ok(hash) = phc::PasswordHash::new(text) else { return false };
        let Ok(params) = Params::try_from(&hash) else { return false };
        let is_cheap =
            params.m_cost() <= MOST_MEMORY_KIB && params.t_cost() <= MOST_PASSES && params.p_cost() <= MOST_LANES;
        hash.algorithm.as_str() == "argon2id" && hash.salt.is_some() && hash.hash.is_some() && is_cheap
    }

    /// Takes a hash as it was kept.
    pub(crate) fn kept(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is what [`PasswordHash::of`] makes. Any other is replaced at the next sign-in.
    pub(crate) fn is_ours(&self) -> bool {
        self.0.starts_with(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"))
    }

    /// Whether this is the hash of `password`. A kept text that is no hash is the hash of nothing.
    pub(crate) fn is_of(&self, password: &str) -> bool {
        if let Some(foreign) = ForeignHash::read(&self.0) {
            return foreign.is_of(password);
        }
        let Ok(argon2) = argon2id() else { return false };
        argon2.verify_password(password.as_bytes(), self.0.as_str()).is_ok()
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PasswordHash(..)")
    }
}

/// Whether a password may be set: 8 to 256 characters.
pub(crate) fn is_long_enough(password: &str) -> bool {
    (SHORTEST..=LONGEST).contains(&password.chars().count())
}

fn argon2id() -> Result<Argon2<'static>, IssuerError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| IssuerError::PasswordHash)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_verifies() {
        let hash = PasswordHash::of("correct horse").unwrap();
        assert!(hash.is_of("correct horse"));
        for wrong in ["", "correct horse ", "Correct horse", "correct\0horse"] {
            assert!(!hash.is_of(wrong), "{wrong}");
        }
        assert!(!PasswordHash::kept("no hash".to_owned()).is_of("correct horse"));
        assert!(!PasswordHash::kept(String::new()).is_of(""));
    }

    #[test]
    fn a_hash_is_argon2id_with_its_own_salt() {
        let (one, two) = (PasswordHash::of("same").unwrap(), PasswordHash::of("same").unwrap());
        assert!(one.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.as_str());
        assert_ne!(one, two);
    }

    #[test]
    fn a_hash_from_elsewhere_must_be_known_and_bearable() {
        let own = PasswordHash::of("same").unwrap();
        assert!(PasswordHash::is_fit(own.as_str()));
        let dear = own.as_str().replace("m=19456", "m=4000000");
        let many = own.as_str().replace("t=2", "t=1000");
        let other = own.as_str().replace("argon2id", "argon2i");
        let bcrypt = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";
        assert!(PasswordHash::is_fit(bcrypt));
        let hostile = bcrypt.replace("$12$", "$31$");
        for text in ["", "plain", "$argon2id$v=19$m=19456,t=2,p=1", &dear, &many, &other, &hostile] {
            assert!(!PasswordHash::is_fit(text), "{text}");
        }
        assert!(own.is_ours());
        let cheaper = own.as_str().replace("m=19456", "m=8");
        for text in [bcrypt, &cheaper] {
            assert!(!PasswordHash::kept(text.to_owned()).is_ours(), "{text}");
        }
    }

    #[test]
    fn nothing_of_a_hash_shows_in_debug() {
        assert_eq!(format!("{:?}", PasswordHash::kept("$argon2id$secret".to_owned())), "PasswordHash(..)");
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(!is_long_enough("äöüäöüä") && is_long_enough("äöüäöüäö"));
        assert!(is_long_enough(&"x".repeat(256)) && !is_long_enough(&"x".repeat(257)));
    }
}
