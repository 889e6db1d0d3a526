//! Proofs that were used: each is remembered for as long as its `iat` would let it pass again, in bounded memory.

use std::collections::HashSet;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};

use super::error::ProofError;

/// Parts that are locked apart, so that workers seldom wait for each other.
const PARTS: usize = 16;
/// Proofs of one window in one part: 16 × 2 × 32,768 of 16 bytes, which is about 30 MiB at most.
const MOST: usize = 32_768;

/// The proofs that were used, by the thumbprint of their key and `jti`; its clones are one. It outlives a config, so that no
/// reload lets a proof in again.
#[derive(Debug, Clone, Default)]
pub struct SeenProofs(Arc<[Mutex<Part>; PARTS]>);

#[derive(Debug, Default)]
struct Part {
    /// Unix seconds.
    begun: u64,
    now: HashSet<u128>,
    before: HashSet<u128>,
}

impl SeenProofs {
    /// Notes a proof; `window` is how long one may pass, in seconds.
    pub(super) fn note(&self, thumbprint: &str, jti: &str, now: u64, window: u64) -> Result<(), ProofError> {
        let mut hash = Context::new(&SHA256);
        hash.update(thumbprint.as_bytes());
        hash.update(b"\n");
        hash.update(jti.as_bytes());
        let hash = hash.finish().as_ref().first_chunk().map_or(0, |first| u128::from_be_bytes(*first));
        let place = usize::try_from(hash % PARTS as u128).unwrap_or_default();
        let part = self.0.get(place).ok_or(ProofError::TooMany)?;
        part.lock().unwrap_or_else(PoisonError::into_inner).note(hash, now, window)
    }
}

impl Part {
    fn note(&mut self, hash: u128, now: u64, window: u64) -> Result<(), ProofError> {
        // What came before the last window began cannot pass any more.
        if now >= self.begun.saturating_add(window) {
            let is_long_ago = now >= self.begun.saturating_add(2 * window);
            self.before = mem::take(&mut self.now);
            if is_long_ago {
                self.before.clear();
            }
            self.begun = now;
        }
        if self.before.contains(&hash) {
            return Err(ProofError::Replayed);
        }
        // Forgetting one to remember another would let the first be used again.
        if self.now.len() >= MOST && !self.now.contains(&hash) {
            return Err(ProofError::TooMany);
        }
        if self.now.insert(hash) { Ok(()) } else { Err(ProofError::Replayed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    #[test]
    fn a_proof_is_used_once_as_long_as_it_could_pass() {
        let seen = SeenProofs::default();
        assert_eq!(seen.note("k", "a", NOW, 90), Ok(()));
        for later in [0, 1, 89, 90, 179] {
            assert_eq!(seen.note("k", "a", NOW + later, 90), Err(ProofError::Replayed), "{later}");
        }
        assert_eq!(seen.note("other", "a", NOW, 90), Ok(()));
        assert_eq!(seen.note("k", "b", NOW, 90), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_nothing_is_forgotten_to_make_room() {
        let mut part = Part::default();
        for hash in 0..MOST as u128 {
            assert_eq!(part.note(hash, NOW, 90), Ok(()));
        }
        assert_eq!(part.note(MOST as u128, NOW, 90), Err(ProofError::TooMany));
        assert_eq!(part.note(7, NOW, 90), Err(ProofError::Replayed));
        assert_eq!(part.note(MOST as u128, NOW + 90, 90), Ok(()));
    }
}
