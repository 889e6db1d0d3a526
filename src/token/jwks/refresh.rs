//! The background task of one issuer's keys: ahead of time, with jitter, backing off on failure, never on the request path.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};

use super::disk::KeyFile;
use super::error::FetchError;
use super::fetch::{Fetched, Fetcher};
use super::key_store::KeyStore;
use crate::telemetry::IssuerMetrics;

/// The soonest that `Cache-Control: max-age` may bring the next fetch.
const SOONEST: Duration = Duration::from_mins(1);
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);

/// The background task of one issuer's keys. There is one an issuer, so there is never more than one fetch at a time.
pub struct Refresher {
    name: Arc<str>,
    store: Arc<KeyStore>,
    fetcher: Fetcher,
    metrics: IssuerMetrics,
    kept: Option<KeyFile>,
    failures: u32,
}

impl Refresher {
    /// A task that will keep `store` fresh from `fetcher`.
    #[must_use]
    pub fn new(name: Arc<str>, store: Arc<KeyStore>, fetcher: Fetcher, metrics: IssuerMetrics) -> Self {
        Self { name, store, fetcher, metrics, kept: None, failures: 0 }
    }

    /// Keeps each good set in this folder as well, and takes it from there where the first fetch fails. Keys that do not
    /// come from the network are not kept: they are on this machine already.
    #[must_use]
    pub fn with_cache_directory(mut self, directory: &Path) -> Self {
        self.kept = self.fetcher.url().map(|url| KeyFile::new(directory, &self.name, url));
        self
    }

    /// Keeps the keys fresh until `stop` turns true or is gone; a fetch that is under way then is broken off.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            () = self.keep_fresh() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    async fn keep_fresh(&mut self) {
        loop {
            let pause = self.fetch_once().await;
            let again = self.fetcher.changes() || self.failures > 0;
            tokio::select! {
                () = tokio::time::sleep(pause), if again => {}
                () = self.fetcher.changed() => {}
                () = self.store.wanted() => {}
            }
        }
    }

    /// The store that it keeps fresh.
    #[must_use]
    pub fn store(&self) -> &Arc<KeyStore> {
        &self.store
    }

    /// Fetches the keys now, and says how long to wait before the next time.
    pub async fn fetch_once(&mut self) -> Duration {
        self.store.begin();
        let outcome = self.fetcher.fetch().await;
        tell(&self.name, self.failures, &outcome);
        self.metrics.fetched(if outcome.is_ok() { "success" } else { "failure" });
        self.failures = if outcome.is_ok() { 0 } else { self.failures.saturating_add(1) };
        let pause = pause(&self.store, &outcome, self.failures);
        match &outcome {
            Ok(Fetched { document: Some(document), .. }) => self.keep(document.clone()).await,
            Ok(_) => {}
            Err(_) => self.restore().await,
        }
        self.store.finish(outcome, self.fetcher.origin());
        pause
    }

    /// That the disk is full or slow is no reason to refuse keys, nor to hold up whoever else is served by this thread.
    async fn keep(&self, document: Vec<u8>) {
        let Some(file) = self.kept.clone() else { return };
        let now = self.store.now();
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || file.write(&document, now)).await {
            warn!(issuer = &*self.name, %error, "keys could not be kept in `cache_directory`");
        }
    }

    /// A cold start while the issuer is down: the first fetch has failed, and there is nothing to serve with.
    async fn restore(&self) {
        if self.failures != 1 || self.store.status().generation > 0 {
            return;
        }
        let Some(file) = self.kept.clone() else { return };
        let stale_for = u64::try_from(self.store.refresh().stale_for.as_millis()).unwrap_or(u64::MAX);
        let now = self.store.now();
        match tokio::task::spawn_blocking(move || file.read(now, stale_for)).await {
            Ok(Ok(Some((fetched, fetched_at)))) => {
                tell_skipped(&self.name, &fetched);
                info!(
                    issuer = &*self.name,
                    age_seconds = now.saturating_sub(fetched_at) / 1000,
                    "keys of an earlier run serve"
                );
                self.store.restore(fetched, fetched_at);
            }
            Ok(Err(error)) => warn!(issuer = &*self.name, %error, "the key set in `cache_directory` was not used"),
            Ok(Ok(None)) | Err(_) => {}
        }
    }
}

/// How long until the next fetch.
fn pause(store: &KeyStore, outcome: &Result<Fetched, FetchError>, failures: u32) -> Duration {
    let every = store.refresh().every;
    if let Ok(fetched) = outcome {
        let asked_for = fetched.max_age.map_or(every, |max_age| max_age.max(SOONEST));
        // Up to a tenth sooner, so that a thousand gates do not ask at once.
        every.min(asked_for).mul_f64(1.0 - 0.1 * fastrand::f64())
    } else {
        let doublings = failures.saturating_sub(1).min(16);
        FIRST_BACK_OFF.saturating_mul(1 << doublings).min(every).min(SOONEST).mul_f64(1.0 - 0.5 * fastrand::f64())
    }
}

fn tell(name: &str, failures: u32, outcome: &Result<Fetched, FetchError>) {
    match outcome {
        Ok(fetched) => {
            tell_skipped(name, fetched);
            if failures > 0 {
                info!(issuer = name, failures, "keys can be fetched again");
            }
        }
        Err(error) => warn!(issuer = name, failures = failures + 1, %error, "keys could not be fetched"),
    }
}

fn tell_skipped(name: &str, fetched: &Fetched) {
    for key in &fetched.skipped {
        let kid = key.kid.as_deref().unwrap_or("none");
        warn!(issuer = name, position = key.position, kid, reason = %key.reason, "a key was left out");
    }
}
