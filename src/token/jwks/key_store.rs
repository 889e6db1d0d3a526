//! One issuer's keys in memory: stale ones serve while new ones are fetched; an unknown `kid` asks again, not too often.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};

use super::error::FetchError;
use super::fetch::{Fetched, KeyOrigin};
use crate::clock::Clock;
use crate::jose::{KeySet, SkippedKey};
use crate::token::config::RefreshConfig;

/// The last good key set of an issuer.
#[derive(Debug)]
pub struct Keys {
    /// The keys themselves.
    pub set: Arc<KeySet>,
    /// Counts the key sets of this issuer; whatever was verified with an older generation must be verified again.
    pub generation: u64,
    /// Keys of the document that were left out.
    pub skipped: Vec<SkippedKey>,
    /// When the document was had, in Unix milliseconds.
    fetched_at: u64,
    origin: KeyOrigin,
}

/// The keys of one issuer. Requests read it, one background task writes it.
#[derive(Debug)]
pub struct KeyStore {
    refresh: RefreshConfig,
    clock: Clock,
    keys: ArcSwapOption<Keys>,
    last_error: ArcSwapOption<FetchError>,
    throttle: Mutex<Throttle>,
    /// Wakes the background task.
    wanted: Notify,
    /// Counts the fetches that requests have asked for and that are over.
    answered: watch::Sender<u64>,
    /// The generation of the keys; 0 before there are any.
    generation: watch::Sender<u64>,
    /// What the generation of the first keys is counted from.
    generations_before: u64,
    /// Whether a request may wait for the first fetch.
    awaits_first: bool,
    /// Whether the first fetch is over, however it went.
    tried: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Throttle {
    /// When an unknown `kid` last led to a fetch, in Unix milliseconds.
    last_asked: Option<u64>,
    asked: bool,
    being_answered: bool,
}

/// What operators may know of an issuer's keys.
#[derive(Debug, Clone)]
pub struct KeyStatus {
    /// Whether the keys may be used: there are some, and they are not too old.
    pub available: bool,
    /// How many keys serve.
    pub keys: usize,
    /// Where they were had; `None` where there are none.
    pub origin: Option<KeyOrigin>,
    /// Age of the key set in seconds.
    pub age: Option<u64>,
    /// Which key set this is, counted from 1.
    pub generation: u64,
    /// Keys that were left out, and why.
    pub skipped: Vec<SkippedKey>,
    /// Why the last fetch failed, if it did.
    pub last_error: Option<String>,
}

impl KeyStore {
    /// A store without keys; they come from [`super::Refresher`].
    #[must_use]
    pub fn new(refresh: RefreshConfig, clock: Clock) -> Self {
        Self {
            refresh,
            clock,
            keys: ArcSwapOption::empty(),
            last_error: ArcSwapOption::empty(),
            throttle: Mutex::default(),
            wanted: Notify::new(),
            answered: watch::Sender::new(0),
            generation: watch::Sender::new(0),
            generations_before: 0,
            awaits_first: false,
            tried: watch::Sender::new(false),
        }
    }

    /// A store for the keys of one tenant, which is made when a request needs it: that request waits for the first fetch.
    /// The generations of its keys begin after `generations_before`.
    #[must_use]
    pub fn of_tenant(refresh: RefreshConfig, clock: Clock, generations_before: u64) -> Self {
        Self { generations_before, awaits_first: true, ..Self::new(refresh, clock) }
    }

    /// The same store with the keys that `earlier` has, for an issuer that is asked in another way from now on: its keys are
    /// still its keys, and serve until the first fetch brings others.
    #[must_use]
    pub fn taking_over(self, earlier: &Self) -> Self {
        let keys = earlier.keys.load_full();
        self.generation.send_replace(keys.as_ref().map_or(0, |keys| keys.generation));
        self.keys.store(keys);
        self
    }

    /// Waits until the first fetch is over, however it goes.
    pub async fn tried(&self) {
        // The sender lives in `self`, so this ends with a fetch and not before.
        let mut tried = self.tried.subscribe();
        let _tried = tried.wait_for(|tried| *tried).await;
    }

    /// The keys that may be used now. Where the first fetch of a tenant is under way, it is waited for, all requests
    /// together, for `refresh.timeout` at most.
    pub async fn serving(&self) -> Option<Arc<Keys>> {
        let keys = self.current();
        if keys.is_some() || !self.awaits_first || *self.tried.borrow() {
            return keys;
        }
        let mut tried = self.tried.subscribe();
        // Whether it came in time or not, what is there now decides.
        let _in_time = tokio::time::timeout(self.refresh.timeout, tried.wait_for(|tried| *tried)).await;
        self.current()
    }

    /// The keys that may be used now: the last good set, unless fetching has failed for longer than `stale_for`.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Keys>> {
        let keys = self.keys.load_full()?;
        let longest = match keys.origin {
            // Their issuer has not been heard of since before the start, so its outage counts from when they were fetched.
            KeyOrigin::Disk => self.refresh.stale_for,
            _ => self.refresh.every.saturating_add(self.refresh.stale_for),
        };
        let age = Duration::from_millis(self.clock.unix_millis().saturating_sub(keys.fetched_at));
        (age <= longest).then_some(keys)
    }

    /// Waits until there are keys for the first time.
    pub async fn available(&self) {
        // The sender lives in `self`, so this ends with keys and not before.
        let mut generation = self.generation.subscribe();
        let _available = generation.wait_for(|generation| *generation > 0).await;
    }

    /// Asks the issuer again because of a `kid` that was not in the set, and gives what is known then.
    ///
    /// All requests that wait share one fetch; within `unknown_kid_at_most_every` of the last one nobody waits. Whoever looked
    /// just before a fetch has brought the key asks for no other, which would use up the window of the next new key.
    pub async fn ask_again(&self, kid: &str) -> Option<Arc<Keys>> {
        let mut answered = self.answered.subscribe();
        if let Some(keys) = self.current().filter(|keys| keys.set.knows(kid)) {
            return Some(keys);
        }
        if let Some(longest) = self.ask() {
            // Whether it came in time or not, what is there now decides.
            let _in_time = tokio::time::timeout(longest, answered.changed()).await;
        }
        self.current()
    }

    /// How long the fetch that there is, or now will be, may still be waited for.
    fn ask(&self) -> Option<Duration> {
        let now = self.clock.unix_millis();
        let longest = self.refresh.timeout.saturating_mul(2);
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        let since_last = throttle.last_asked.map(|last| Duration::from_millis(now.saturating_sub(last)));
        if throttle.asked || throttle.being_answered {
            // Counted from the first who asked: whatever holds the fetch up, nobody waits for it twice.
            return Some(longest.saturating_sub(since_last.unwrap_or_default())).filter(|left| !left.is_zero());
        }
        if since_last.is_some_and(|since| since < self.refresh.unknown_kid_at_most_every) {
            return None;
        }
        throttle.last_asked = Some(now);
        throttle.asked = true;
        self.wanted.notify_one();
        Some(longest)
    }

    /// Waits until a request asks for keys that no fetch has begun to answer.
    pub(super) async fn wanted(&self) {
        let is_asked = || self.throttle.lock().unwrap_or_else(PoisonError::into_inner).asked;
        loop {
            self.wanted.notified().await;
            if is_asked() {
                return;
            }
        }
    }

    /// A fetch begins; it answers those who have asked before, not those who ask meanwhile.
    pub(super) fn begin(&self) {
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        throttle.being_answered = std::mem::take(&mut throttle.asked);
    }

    /// A fetch is over. A failure keeps the old keys.
    pub(super) fn finish(&self, outcome: Result<Fetched, FetchError>, origin: KeyOrigin) {
        match outcome {
            Ok(fetched) => {
                self.accept(fetched, origin, self.clock.unix_millis());
                self.last_error.store(None);
            }
            Err(error) => self.last_error.store(Some(Arc::new(error))),
        }
        self.tried.send_replace(true);
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut throttle.being_answered) {
            self.answered.send_modify(|count| *count += 1);
        }
    }

    /// Takes keys that were kept from an earlier fetch at this time (Unix milliseconds); never in place of any that are there.
    pub(super) fn restore(&self, fetched: Fetched, fetched_at: u64) {
        if self.keys.load().is_none() {
            self.accept(fetched, KeyOrigin::Disk, fetched_at);
        }
    }

    fn accept(&self, fetched: Fetched, origin: KeyOrigin, fetched_at: u64) {
        let before = self.keys.load_full();
        // The same document again is the same generation: what was verified stays verified.
        let generation = match &before {
            None => self.generations_before + 1,
            Some(keys)
                if Arc::ptr_eq(&keys.set, &fetched.set) || keys.set.fingerprint() == fetched.set.fingerprint() =>
            {
                keys.generation
            }
            Some(keys) => keys.generation + 1,
        };
        let Fetched { set, skipped, .. } = fetched;
        self.keys.store(Some(Arc::new(Keys { set, generation, skipped, fetched_at, origin })));
        self.generation.send_replace(generation);
    }

    /// The time, in Unix milliseconds.
    pub(super) fn now(&self) -> u64 {
        self.clock.unix_millis()
    }

    /// How often keys are fetched when all is well, and how long a fetch may take.
    pub(super) fn refresh(&self) -> &RefreshConfig {
        &self.refresh
    }

    /// What operators may know.
    #[must_use]
    pub fn status(&self) -> KeyStatus {
        let keys = self.keys.load_full();
        let now = self.clock.unix_millis();
        KeyStatus {
            available: self.current().is_some(),
            keys: keys.as_ref().map_or(0, |keys| keys.set.len()),
            origin: keys.as_ref().map(|keys| keys.origin),
            age: keys.as_ref().map(|keys| now.saturating_sub(keys.fetched_at) / 1000),
            generation: keys.as_ref().map_or(0, |keys| keys.generation),
            skipped: keys.as_ref().map(|keys| keys.skipped.clone()).unwrap_or_default(),
            last_error: self.last_error.load_full().map(|error| error.to_string()),
        }
    }
}
