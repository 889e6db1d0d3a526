//! The keys of one issuer: a JWK Set (RFC 7517 section 5) of which every good key serves.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::error::{JoseError, KeyRejection};
use super::json;
use super::jwk::PublicKey;

/// The most keys that are read from a set; what comes after is skipped.
const MOST_KEYS: usize = 100;
/// Deepest nesting in a key, and beside the keys: enough for any certificate chain, and no deeper.
const MAX_DEPTH: usize = 8;

/// The public keys of one issuer, each parsed once.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
    fingerprint: [u8; 32],
}

/// A key that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its place in the set, from 0.
    pub position: usize,
    /// Its id, where it has one that is a string.
    pub kid: Option<String>,
    /// Why it was left out.
    pub reason: KeyRejection,
}

impl KeySet {
    /// Reads a JWK Set. A bad key is left out and named; it never spoils the set.
    ///
    /// # Errors
    /// [`JoseError::MalformedKeySet`] where the document is not one strict JSON object with an array `keys`.
    pub fn parse(document: &[u8]) -> Result<(Self, Vec<SkippedKey>), JoseError> {
        let entries = json::elements(document, "keys", MOST_KEYS, MAX_DEPTH)
            .map_err(|_| JoseError::MalformedKeySet("not one strict JSON object with an array `keys`"))?;
        let mut keys: Vec<PublicKey> = Vec::new();
        let mut skipped = Vec::new();
        for (position, entry) in entries.into_iter().enumerate() {
            // Read one by one: what no strict reader takes in one key is no reason to refuse the others.
            let jwk = json::strict_object(entry.get().as_bytes(), MAX_DEPTH).map_err(|_| KeyRejection::Json);
            match jwk.as_ref().map_err(|reason| *reason).and_then(|jwk| judge(jwk, &keys)) {
                Ok(key) => keys.push(key),
                Err(reason) => skipped.push(SkippedKey { position, kid: jwk.ok().as_ref().and_then(kid_of), reason }),
            }
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, document).as_ref());
        Ok((Self { keys, fingerprint }, skipped))
    }

    /// The key that a token means: the one with its `kid`; without a `kid`, the only one that fits the algorithm.
    ///
    /// A key that has the `kid` but does not fit the algorithm is no answer.
    #[must_use]
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&PublicKey> {
        let mut fitting = self.keys.iter().filter(|key| key.fits(algorithm));
        match kid {
            Some(kid) => fitting.find(|key| key.kid() == Some(kid)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        }
    }

    /// Whether any key has this id, whatever its algorithm.
    #[must_use]
    pub fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// SHA-256 of the document: equal for the same document only.
    #[must_use]
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// How many keys serve.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key serves.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The ids of the keys that serve, in the set's order.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(PublicKey::kid)
    }
}

fn judge(jwk: &Map<String, Value>, before: &[PublicKey]) -> Result<PublicKey, KeyRejection> {
    let key = PublicKey::from_jwk(jwk)?;
    // Two keys of one kid and one use would make it a matter of order which one is meant.
    let taken = |other: &PublicKey| {
        key.kid().is_some()
            && other.kid() == key.kid()
            && Algorithm::ALL.into_iter().any(|algorithm| other.fits(algorithm) && key.fits(algorithm))
    };
    if before.iter().any(taken) { Err(KeyRejection::DuplicateKid) } else { Ok(key) }
}

fn kid_of(jwk: &Map<String, Value>) -> Option<String> {
    jwk.get("kid").and_then(Value::as_str).map(str::to_owned)
}
