//! Tokens that were valid and are so no longer, each remembered for as long as it could still be presented.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// The revocation list, shared by whoever revokes and whoever verifies. Cloning shares it.
///
/// Bounded by time, never by number: an entry goes when the last token that it could refuse has expired, and none goes before.
#[derive(Debug, Clone)]
pub struct Revocations {
    clock: Clock,
    list: Arc<List>,
}

#[derive(Debug, Default)]
struct List {
    issuers: RwLock<HashMap<String, Revoked>>,
    /// Read before the lock is taken: most gates have nothing revoked most of the time.
    length: AtomicUsize,
}

/// All that is revoked, by issuer, for another gate that goes on with it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RevocationList(HashMap<String, Revoked>);

/// What one issuer's tokens are refused by: id to the Unix second until which it matters.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Revoked {
    tokens: HashMap<String, u64>,
    families: HashMap<String, u64>,
    /// Expired entries are looked for when this length is reached, so that the cost of an entry stays constant.
    #[serde(skip)]
    sweep_at: usize,
}

impl Revocations {
    /// An empty list.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, list: Arc::default() }
    }

    /// Revokes the one token of `issuer` that has this `jti`; `until` is its `exp` in Unix seconds.
    pub fn revoke_token(&self, issuer: &str, jti: &str, until: u64) {
        self.revoke(issuer, until, |revoked| revoked.tokens.entry(jti.to_owned()).or_default());
    }

    /// Revokes every token of `issuer` that has this `origin_jti`: a session with all that was refreshed from it.
    pub fn revoke_family(&self, issuer: &str, origin_jti: &str, until: u64) {
        self.revoke(issuer, until, |revoked| revoked.families.entry(origin_jti.to_owned()).or_default());
    }

    /// Whether a token with these ids was revoked.
    #[must_use]
    pub fn is_revoked(&self, issuer: &str, jti: Option<&str>, origin_jti: Option<&str>) -> bool {
        if self.list.length.load(Ordering::Acquire) == 0 {
            return false;
        }
        let issuers = self.list.issuers.read().unwrap_or_else(PoisonError::into_inner);
        issuers.get(issuer).is_some_and(|revoked| {
            jti.is_some_and(|jti| revoked.tokens.contains_key(jti))
                || origin_jti.is_some_and(|origin| revoked.families.contains_key(origin))
        })
    }

    /// How many entries are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.length.load(Ordering::Acquire)
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All that is revoked now.
    #[must_use]
    pub fn list(&self) -> RevocationList {
        RevocationList(self.list.issuers.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Revokes what another gate has revoked.
    pub fn add(&self, list: RevocationList) {
        for (issuer, Revoked { tokens, families, .. }) in list.0 {
            for (jti, until) in &tokens {
                self.revoke_token(&issuer, jti, *until);
            }
            for (origin, until) in &families {
                self.revoke_family(&issuer, origin, *until);
            }
        }
    }

    fn revoke(&self, issuer: &str, until: u64, entry: impl FnOnce(&mut Revoked) -> &mut u64) {
        let mut issuers = self.list.issuers.write().unwrap_or_else(PoisonError::into_inner);
        let revoked = issuers.entry(issuer.to_owned()).or_default();
        revoked.sweep_when_full(self.clock.unix_seconds());
        let kept_until = entry(revoked);
        *kept_until = until.max(*kept_until);
        let length = issuers.values().map(Revoked::len).sum();
        self.list.length.store(length, Ordering::Release);
    }
}

/// Kept this much longer than `exp`, because a verifier may allow as much leeway (at most 60 s).
const LEEWAY: u64 = 60;
const FIRST_SWEEP: usize = 1024;

impl Revoked {
    fn len(&self) -> usize {
        self.tokens.len() + self.families.len()
    }

    fn sweep_when_full(&mut self, now: u64) {
        if self.len() < self.sweep_at.max(FIRST_SWEEP) {
            return;
        }
        let still_matters = |_: &String, until: &mut u64| until.saturating_add(LEEWAY) > now;
        self.tokens.retain(still_matters);
        self.families.retain(still_matters);
        self.sweep_at = 2 * self.len();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn another_gate_goes_on_with_what_is_revoked() {
        let [one, other] = [(); 2].map(|()| Revocations::new(Clock::standing_at(1_000)));
        one.revoke_token("a", "1", 2_000);
        one.revoke_family("b", "f", 2_000);
        other.revoke_token("a", "2", 2_000);
        let told = serde_json::to_string(&one.list()).unwrap();
        other.add(serde_json::from_str(&told).unwrap());
        assert!(other.is_revoked("a", Some("1"), None) && other.is_revoked("a", Some("2"), None));
        assert!(other.is_revoked("b", None, Some("f")) && !other.is_revoked("b", Some("1"), None));
        assert_eq!((one.len(), other.len()), (2, 3));
    }

    #[test]
    fn a_revoked_token_is_known_by_issuer_and_id_together() {
        let revocations = Revocations::new(Clock::standing_at(1_000));
        assert!(!revocations.is_revoked("a", Some("1"), Some("f")));
        revocations.revoke_token("a", "1", 2_000);
        revocations.revoke_family("a", "f", 2_000);
        assert!(revocations.is_revoked("a", Some("1"), None));
        assert!(revocations.is_revoked("a", Some("2"), Some("f")));
        assert!(!revocations.is_revoked("a", Some("f"), Some("1")), "ids of tokens and of families are apart");
        assert!(!revocations.is_revoked("b", Some("1"), Some("f")));
        assert!(!revocations.is_revoked("a", None, None));
    }

    #[test]
    fn entries_go_when_nothing_they_refuse_can_still_be_presented() {
        let clock = Clock::standing_at(1_000);
        let revocations = Revocations::new(clock.clone());
        for number in 0..100_000 {
            clock.advance(Duration::from_secs(1));
            revocations.revoke_token("a", &number.to_string(), clock.unix_seconds() + 100);
        }
        assert!(revocations.is_revoked("a", Some("99999"), None));
        assert!(revocations.len() < 3_000, "{}", revocations.len());
    }

    #[test]
    fn a_shorter_revocation_never_shortens_a_longer_one() {
        let clock = Clock::standing_at(1_000);
        let revocations = Revocations::new(clock.clone());
        revocations.revoke_family("a", "f", 1_000_000);
        revocations.revoke_family("a", "f", 1_001);
        clock.advance(Duration::from_secs(10_000));
        for number in 0..5_000 {
            revocations.revoke_token("a", &number.to_string(), 20_000);
        }
        assert!(revocations.is_revoked("a", None, Some("f")));
    }
}
