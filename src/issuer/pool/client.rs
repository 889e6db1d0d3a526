//! An app client: which flows it may use, how long its tokens live, and the proof that a confidential one gives.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::client_settings::ClientSettings;
use super::session::LONGEST_TOKEN_MILLIS;

/// An app client as kept. Its secrets are not here: the config gives those of a declared client at each start, and those that
/// the API made are kept sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    pub id: String,
    pub pool_id: String,
    pub name: String,
    /// Whether calls must prove knowledge of the client's secret.
    pub confidential: bool,
    pub flows: Vec<Flow>,
    pub lifetimes: Lifetimes,
    /// Attributes copied into access tokens.
    pub access_token_attributes: Vec<String>,
    /// Scopes that access tokens of API sign-ins carry besides Cognito's own.
    pub access_token_scopes: Vec<String>,
    pub settings: ClientSettings,
    /// Unix milliseconds.
    pub created_at: u64,
    /// Unix milliseconds.
    pub updated_at: u64,
}

/// How long tokens of a client live, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetimes {
    pub access: u64,
    pub id: u64,
    pub refresh: u64,
}

/// A sign-in flow that a client may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    UserPassword,
    RefreshToken,
    UserSrp,
    AdminUserPassword,
    UserAuth,
    /// Known by name, so that clients can name it; no trigger is there to answer it.
    Custom,
}

impl Flow {
    pub(crate) const ALL: [Self; 6] =
        [Self::UserPassword, Self::RefreshToken, Self::UserSrp, Self::AdminUserPassword, Self::UserAuth, Self::Custom];
    /// What a declared client may do that names no flow.
    pub(crate) const DEFAULT: [Self; 3] = [Self::UserPassword, Self::RefreshToken, Self::UserSrp];

    /// Cognito's name, without `ALLOW_`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::UserPassword => "USER_PASSWORD_AUTH",
            Self::RefreshToken => "REFRESH_TOKEN_AUTH",
            Self::UserSrp => "USER_SRP_AUTH",
            Self::AdminUserPassword => "ADMIN_USER_PASSWORD_AUTH",
            Self::UserAuth => "USER_AUTH",
            Self::Custom => "CUSTOM_AUTH",
        }
    }

    /// The flow of that name.
    pub(crate) fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flow| flow.name() == name)
    }
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
/// Also the longest that an ID or access token may live: what was revoked is remembered for no longer than that.
const DAY: u64 = LONGEST_TOKEN_MILLIS / 1000;

impl Lifetimes {
    /// Cognito's defaults and ranges.
    ///
    /// # Errors
    /// The config key whose value is out of range, and what it must be.
    pub(crate) fn new(
        access: Option<Duration>,
        id: Option<Duration>,
        refresh: Option<Duration>,
    ) -> Result<Self, (&'static str, &'static str)> {
        let between = |value: Option<Duration>, default, least, most, name, range| {
            let seconds = value.map_or(default, |value| value.as_secs());
            if (least..=most).contains(&seconds) { Ok(seconds) } else { Err((name, range)) }
        };
        let token = |value, name| between(value, HOUR, 5 * MINUTE, DAY, name, "must be 5m to 1d");
        Ok(Self {
            access: token(access, "access_token_validity")?,
            id: token(id, "id_token_validity")?,
            refresh: between(refresh, 30 * DAY, HOUR, 3650 * DAY, "refresh_token_validity", "must be 1h to 3650d")?,
        })
    }
}

/// `SECRET_HASH`: base64 of HMAC-SHA256 over user name and client id, keyed with the client's secret.
#[derive(Debug)]
pub(crate) struct SecretHash<'a> {
    pub secret: &'a SecretString,
    pub client_id: &'a str,
}

impl SecretHash<'_> {
    /// Whether `given` is the hash for this user name; compared in constant time.
    pub(crate) fn is(&self, given: &str, user_name: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.expose_secret().as_bytes());
        let message = [user_name.as_bytes(), self.client_id.as_bytes()].concat();
        STANDARD.decode(given).is_ok_and(|given| hmac::verify(&key, &message, &given).is_ok())
    }

    /// Whether `given` is the secret itself; hashed first, so that not even its length can be timed.
    pub(crate) fn is_secret(&self, given: &str) -> bool {
        let hash = |text: &str| digest(&SHA256, text.as_bytes());
        hash(self.secret.expose_secret()).as_ref().ct_eq(hash(given).as_ref()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_hash_is_cognitos() {
        let secret = SecretString::from("3n4b5urk1ft4fl3mg5e62d9ado");
        let proof = SecretHash { secret: &secret, client_id: "example-client" };
        // printf 'aliceexample-client' | openssl dgst -sha256 -hmac <secret> -binary | base64
        let right = "gMIJXlY6lxVDUS03tJxjZ3zLJq4vJ7lwt87DRf5ohus=";
        assert!(proof.is(right, "alice"));
        assert!(!proof.is(right, "bob"));
        for wrong in ["", "=", "alice", &right.replace('=', ""), &right.to_lowercase()] {
            assert!(!proof.is(wrong, "alice"), "{wrong}");
        }
        assert!(proof.is_secret("3n4b5urk1ft4fl3mg5e62d9ado"));
        assert!(!proof.is_secret("3n4b5urk1ft4fl3mg5e62d9ad") && !proof.is_secret(""));
        assert!(!format!("{proof:?}").contains("3n4b"));
    }

    #[test]
    fn lifetimes_have_cognitos_defaults_and_ranges() {
        let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
        let default = Lifetimes { access: 3600, id: 3600, refresh: 30 * 86_400 };
        assert_eq!(Lifetimes::new(None, None, None), Ok(default));
        assert_eq!(Lifetimes::new(hours(25), None, None), Err(("access_token_validity", "must be 5m to 1d")));
        assert_eq!(Lifetimes::new(None, Some(Duration::from_secs(299)), None).unwrap_err().0, "id_token_validity");
        assert_eq!(Lifetimes::new(None, None, hours(0)).unwrap_err().0, "refresh_token_validity");
        assert!(Lifetimes::new(hours(24), hours(24), hours(24 * 3650)).is_ok());
    }
}
