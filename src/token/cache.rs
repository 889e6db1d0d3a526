//! Tokens that were verified a moment ago, shared by all workers, in bounded memory.
//!
//! A hit saves parsing and the signature, nothing else: time and revocation are asked again by the verifier. What an entry
//! remembers depends on the token's text, the issuer's key set and the config. Its key stands for the text, the key set's generation
//! stands in it, and the cache goes on from one config to the next only where both say the same of every token.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use bytesize::ByteSize;
use moka::sync::Cache;

use super::verify::VerifiedToken;
use crate::telemetry::{CacheLookup, TokenCacheMetrics};

/// What an entry takes beside the text in it: the cache's own bookkeeping and the token's fixed part.
const ENTRY_BYTES: usize = 740;
/// Fingerprints of tokens that were seen once; 512 KiB.
const SEEN_ONCE: usize = 1 << 16;

/// The cache of one verifier.
pub(super) struct TokenCache {
    keyed: LessSafeKey,
    entries: Cache<TokenKey, Entry>,
    /// A token is kept from its second sight on: one that never comes again costs one store here, and no entry.
    seen_once: Box<[AtomicU64]>,
    metrics: TokenCacheMetrics,
}

/// What stands for a token's whole text in one cache. SHA-256 would do as well, and be most of what a hit costs.
///
/// It is the tag of AES-GCM over the text, with nothing encrypted: a polynomial in a secret of this cache alone. Whoever does
/// not know the secret makes two texts of 16 KiB share a tag with a probability below 2^-117, and tags are shown to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenKey([u8; 16]);

#[derive(Clone)]
struct Entry {
    token: Arc<VerifiedToken>,
    generation: u64,
}

impl std::fmt::Debug for TokenCache {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TokenCache").field("entries", &self.entries.entry_count()).finish_non_exhaustive()
    }
}

impl TokenKey {
    fn fingerprint(self) -> u64 {
        self.0.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
    }
}

/// A secret that nobody knows, and that ends with the cache; none where the system gives no randomness.
fn secret() -> Option<LessSafeKey> {
    let mut secret = [0; 16];
    rand::fill(&mut secret).ok()?;
    UnboundKey::new(&AES_128_GCM, &secret).ok().map(LessSafeKey::new)
}

impl TokenCache {
    /// A cache whose entries take at most `most` together; none where that is nothing.
    pub(super) fn of_size(most: ByteSize, metrics: TokenCacheMetrics) -> Option<Self> {
        let keyed = Some(most).filter(|most| most.as_u64() > 0).and_then(|_| secret())?;
        Some(Self {
            keyed,
            entries: Cache::builder()
                .max_capacity(most.as_u64())
                .weigher(|_, entry: &Entry| u32::try_from(ENTRY_BYTES + entry.token.text_bytes()).unwrap_or(u32::MAX))
                .build(),
            seen_once: (0..SEEN_ONCE).map(|_| AtomicU64::new(0)).collect(),
            metrics,
        })
    }

    /// What stands for this token here.
    pub(super) fn key_of(&self, token: &str) -> Option<TokenKey> {
        // One nonce for all: it keeps nothing secret here, since no tag leaves this process.
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let tag = self.keyed.seal_in_place_separate_tag(nonce, Aad::from(token), &mut []).ok()?;
        tag.as_ref().try_into().ok().map(TokenKey)
    }

    /// The token of this key, if it was verified with the keys of this generation. `generation` says which one the token's
    /// issuer has now, or `None` where it has no keys that may be used.
    pub(super) fn find(
        &self,
        key: TokenKey,
        generation: impl FnOnce(&VerifiedToken) -> Option<u64>,
    ) -> Option<Arc<VerifiedToken>> {
        let Some(entry) = self.entries.get(&key) else {
            self.metrics.lookup(CacheLookup::Miss);
            return None;
        };
        if generation(&entry.token) == Some(entry.generation) {
            self.metrics.lookup(CacheLookup::Hit);
            return Some(entry.token);
        }
        self.metrics.lookup(CacheLookup::Stale);
        self.entries.invalidate(&key);
        None
    }

    /// Keeps a token that was verified with the keys of this generation, if it was seen before.
    pub(super) fn keep(&self, key: TokenKey, token: &Arc<VerifiedToken>, generation: u64) {
        let fingerprint = key.fingerprint();
        let place = usize::try_from(fingerprint % SEEN_ONCE as u64).unwrap_or_default();
        let Some(seen) = self.seen_once.get(place) else { return };
        // Two workers that see the same token at once both remember it, which is harmless.
        if seen.swap(fingerprint, Ordering::Relaxed) == fingerprint {
            self.entries.insert(key, Entry { token: token.clone(), generation });
        }
    }

    /// How many tokens are kept, for the metrics.
    pub(super) fn count(&self) {
        self.entries.run_pending_tasks();
        self.metrics.entries(self.entries.entry_count());
    }
}
