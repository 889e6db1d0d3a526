//! The keys of a pool: one kind signs ID tokens, the other access tokens, as Cognito has it; and those that come next or came before.

use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Value, json};
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
    pub(crate) const ALL: [Self; 2] = [Self::IdToken, Self::AccessToken];

    /// Its name in the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::IdToken => "id",
            Self::AccessToken => "access",
        }
    }
}

/// A private key with what it is for, and since when.
#[derive(Debug, Clone)]
pub(crate) struct RingKey {
    pub purpose: Purpose,
    pub key: Arc<SigningKey>,
    /// Unix milliseconds. Before, the key is only told to others, so that they know it when it begins to sign.
    pub signs_from: u64,
}

/// The private keys of a pool, and their public halves as those who trust the pool read them.
#[derive(Debug)]
pub(crate) struct KeyRing {
    keys: RwLock<Keys>,
    published: watch::Sender<Arc<KeySet>>,
}

#[derive(Debug)]
struct Keys {
    all: Vec<RingKey>,
    document: Arc<str>,
}

impl KeyRing {
    pub(crate) fn new(all: Vec<RingKey>) -> Result<Self, IssuerError> {
        let (keys, set) = published(all)?;
        Ok(Self { keys: RwLock::new(keys), published: watch::Sender::new(set) })
    }

    /// Puts these keys in place of those that it had, and tells all who trust the pool.
    pub(crate) fn replace(&self, all: Vec<RingKey>) -> Result<(), IssuerError> {
        let (keys, set) = published(all)?;
        // Told before they sign: the gate in this process never meets a token whose key it could not know.
        self.published.send_if_modified(|held| {
            let changed = held.fingerprint() != set.fingerprint();
            *held = set;
            changed
        });
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Takes all keys from those who trust the pool: no token of it is good any more.
    pub(crate) fn withdraw(&self) {
        self.published.send_replace(Arc::default());
    }

    /// The key that signs this kind of token at `now`, in Unix milliseconds.
    pub(crate) fn key(&self, purpose: Purpose, now: u64) -> Result<Arc<SigningKey>, IssuerError> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let of_purpose = || keys.all.iter().filter(|key| key.purpose == purpose);
        let begun = of_purpose().filter(|key| key.signs_from <= now).max_by_key(|key| key.signs_from);
        // A clock that was set back leaves no key that has begun: the first will do.
        let key = begun.or_else(|| of_purpose().min_by_key(|key| key.signs_from));
        key.map(|key| Arc::clone(&key.key)).ok_or(IssuerError::Kept("signing key"))
    }

    /// All private keys, so that none is read twice.
    pub(crate) fn signing_keys(&self) -> Vec<Arc<SigningKey>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.all.iter().map(|key| Arc::clone(&key.key)).collect()
    }

    /// The public keys as a JWK Set document.
    pub(crate) fn document(&self) -> Arc<str> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner).document)
    }

    /// The names of the algorithms that ID tokens are signed with now or soon, or were signed with lately.
    pub(crate) fn id_token_algorithms(&self) -> Vec<&'static str> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let of_purpose = keys.all.iter().filter(|key| key.purpose == Purpose::IdToken);
        let mut names: Vec<_> = of_purpose.map(|key| key.key.algorithm().name()).collect();
        names.sort_unstable();
        names.dedup();
        names
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

fn published(all: Vec<RingKey>) -> Result<(Keys, Arc<KeySet>), IssuerError> {
    let jwks: Vec<Value> = all.iter().map(|key| key.key.public_jwk()).collect();
    let document = json!({ "keys": jwks }).to_string();
    let (set, skipped) = KeySet::parse(document.as_bytes())?;
    if !skipped.is_empty() {
        return Err(IssuerError::Kept("signing key"));
    }
    Ok((Keys { all, document: document.into() }, Arc::new(set)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::Algorithm;

    fn key(purpose: Purpose, signs_from: u64) -> RingKey {
        RingKey { purpose, key: Arc::new(SigningKey::generate_for(Algorithm::Es256).unwrap()), signs_from }
    }

    #[test]
    fn both_keys_are_published_and_they_differ() {
        let ring = KeyRing::new(vec![key(Purpose::IdToken, 0), key(Purpose::AccessToken, 0)]).unwrap();
        let (id, access) = (ring.key(Purpose::IdToken, 1).unwrap(), ring.key(Purpose::AccessToken, 1).unwrap());
        assert_ne!(id.kid(), access.kid());
        let keys = ring.public_keys();
        assert_eq!(keys.kids().collect::<Vec<_>>(), [id.kid(), access.kid()]);
        for private in ["\"d\"", "\"p\"", "\"q\"", "\"dp\"", "\"dq\"", "\"qi\""] {
            assert!(!ring.document().contains(private), "{private}");
        }
        assert!(!ring.subscribe().has_changed().unwrap());
    }

    #[test]
    fn a_key_signs_from_its_time_on_and_is_published_before() {
        let (old, new) = (key(Purpose::IdToken, 100), key(Purpose::IdToken, 200));
        let ring = KeyRing::new(vec![new.clone(), old.clone()]).unwrap();
        let signer = |now| ring.key(Purpose::IdToken, now).unwrap().kid().to_owned();
        assert_eq!([signer(100), signer(199)], [old.key.kid(), old.key.kid()]);
        assert_eq!([signer(200), signer(900)], [new.key.kid(), new.key.kid()]);
        assert_eq!(signer(0), old.key.kid(), "a clock that was set back signs all the same");
        assert_eq!(ring.public_keys().kids().count(), 2);
        assert!(ring.key(Purpose::AccessToken, 200).is_err());
    }

    #[test]
    fn those_who_trust_the_pool_hear_of_new_keys_and_of_its_end() {
        let old = key(Purpose::IdToken, 100);
        let ring = KeyRing::new(vec![old.clone()]).unwrap();
        let mut heard = ring.subscribe();
        ring.replace(vec![old.clone()]).unwrap();
        assert!(!heard.has_changed().unwrap(), "the same keys are no news");
        ring.replace(vec![key(Purpose::IdToken, 200), old]).unwrap();
        assert!(heard.has_changed().unwrap());
        assert_eq!(heard.borrow_and_update().kids().count(), 2);
        ring.withdraw();
        assert_eq!(heard.borrow_and_update().kids().count(), 0);
    }
}
