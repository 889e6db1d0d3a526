//! The two keys of a pool: one signs ID tokens, the other access tokens, as Cognito has it.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::watch;

use crate::issuer::error::IssuerError;
use crate::jose::{KeySet, SigningKey};

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    IdToken,
    AccessToken,
}

impl Purpose {
    /// Its name in the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::IdToken => "id",
            Self::AccessToken => "access",
        }
    }
}

/// The private keys of a pool, and their public halves as those who trust the pool read them.
#[derive(Debug)]
pub(crate) struct KeyRing {
    id_token: Arc<SigningKey>,
    access_token: Arc<SigningKey>,
    document: String,
    published: watch::Sender<Arc<KeySet>>,
}

impl KeyRing {
    pub(crate) fn new(id_token: SigningKey, access_token: SigningKey) -> Result<Self, IssuerError> {
        let document = json!({"keys": [id_token.public_jwk(), access_token.public_jwk()]}).to_string();
        let (keys, skipped) = KeySet::parse(document.as_bytes())?;
        if !skipped.is_empty() {
            return Err(IssuerError::Kept("signing key"));
        }
        let published = watch::Sender::new(Arc::new(keys));
        Ok(Self { id_token: Arc::new(id_token), access_token: Arc::new(access_token), document, published })
    }

    /// The key that signs this kind of token now.
    pub(crate) fn key(&self, purpose: Purpose) -> Arc<SigningKey> {
        match purpose {
            Purpose::IdToken => Arc::clone(&self.id_token),
            Purpose::AccessToken => Arc::clone(&self.access_token),
        }
    }

    /// The public keys as a JWK Set document.
    pub(crate) fn document(&self) -> &str {
        &self.document
    }

    /// The public keys, ready to verify with.
    pub(crate) fn public_keys(&self) -> Arc<KeySet> {
        Arc::clone(&self.published.borrow())
    }

    /// The public keys, and each set that follows.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<KeySet>> {
        self.published.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_keys_are_published_and_they_differ() {
        let ring = KeyRing::new(SigningKey::generate().unwrap(), SigningKey::generate().unwrap()).unwrap();
        let (id, access) = (ring.key(Purpose::IdToken), ring.key(Purpose::AccessToken));
        assert_ne!(id.kid(), access.kid());
        let keys = ring.public_keys();
        assert_eq!(keys.kids().collect::<Vec<_>>(), [id.kid(), access.kid()]);
        for private in ["\"d\"", "\"p\"", "\"q\"", "\"dp\"", "\"dq\"", "\"qi\""] {
            assert!(!ring.document().contains(private), "{private}");
        }
        assert!(!ring.subscribe().has_changed().unwrap());
    }
}
