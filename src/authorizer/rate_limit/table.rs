//! What has come, by key, in memory that is taken once: where there is no room for one more, who has used least gives way.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::quota::{Quota, Spent};

/// Keys that share a lock, and compete for room.
const WAYS: usize = 8;
/// 16,384 × 8 = 131,072 keys, in a little over 2 MiB.
const SETS: usize = 1 << 14;

/// One entry a key. A key that has none has used nothing, and an entry whose bucket is full again is as good as none.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Taken when it is first needed: most gates limit nothing.
    sets: OnceLock<Box<[Mutex<Set>]>>,
    /// Its secret keeps a client from choosing keys that compete with another's.
    hasher: RandomState,
}

type Set = [Entry; WAYS];

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    key: u64,
    /// When its bucket is full again; 0 where nobody has this entry.
    full_at: u64,
}

impl Table {
    /// Takes one request of this key.
    pub(super) fn take(&self, key: &[u8], quota: &Quota, now: u64) -> Spent {
        self.with(key, |full_at| quota.take(full_at, now))
    }

    /// Takes over that others have used more of this key's bucket than is known here.
    pub(super) fn raise(&self, key: &[u8], full_at: u64) {
        self.with(key, |known| ((), known.max(full_at)));
    }

    /// Changes when the bucket of this key is full again.
    fn with<T: Default>(&self, key: &[u8], change: impl FnOnce(u64) -> (T, u64)) -> T {
        let sets = self.sets.get_or_init(|| (0..SETS).map(|_| Mutex::default()).collect());
        let key = self.hasher.hash_one(key);
        let place = usize::try_from(key % SETS as u64).unwrap_or_default();
        let Some(set) = sets.get(place) else { return T::default() };
        let mut set = set.lock().unwrap_or_else(PoisonError::into_inner);
        let is_own = |entry: &Entry| entry.key == key && entry.full_at > 0;
        let own = set.iter().position(is_own);
        let entry = match own {
            Some(place) => set.get_mut(place),
            // Whoever has used least loses least by being forgotten; who floods stays known.
            None => set.iter_mut().min_by_key(|entry| entry.full_at),
        };
        let Some(entry) = entry else { return T::default() };
        let (told, full_at) = change(if own.is_some() { entry.full_at } else { 0 });
        *entry = Entry { key, full_at };
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000_000_000;
    const QUOTA: Quota = Quota { interval: 1_000_000_000, burst: 3 };

    #[test]
    fn each_key_has_its_own_bucket() {
        let table = Table::default();
        for key in [&b"a"[..], b"b"] {
            let taken: Vec<_> = (0..4).map(|_| table.take(key, &QUOTA, NOW).allowed).collect();
            assert_eq!(taken, [true, true, true, false]);
        }
        assert!(table.take(b"a", &QUOTA, NOW + QUOTA.interval).allowed);
    }

    #[test]
    fn what_others_have_used_counts_here_too_and_never_lessens() {
        let table = Table::default();
        table.raise(b"a", NOW + 2 * QUOTA.interval);
        table.raise(b"a", NOW);
        let taken: Vec<_> = (0..2).map(|_| table.take(b"a", &QUOTA, NOW).allowed).collect();
        assert_eq!(taken, [true, false]);
    }

    #[test]
    fn a_flood_of_keys_neither_grows_the_table_nor_frees_whoever_floods() {
        let table = Table::default();
        while table.take(b"flooder", &QUOTA, NOW).allowed {}
        for number in 0..500_000_u64 {
            assert!(table.take(&number.to_be_bytes(), &QUOTA, NOW).allowed);
        }
        assert!(!table.take(b"flooder", &QUOTA, NOW).allowed);
        assert_eq!(table.sets.get().unwrap().len(), SETS);
    }
}
