//! The background task of one issuer's keys: ahead of time, with jitter, backing off on failure, never on the request path.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};

use super::fetch::{FetchError, Fetched, Fetcher};
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
    failures: u32,
}

impl Refresher {
    /// A task that will keep `store` fresh from `fetcher`.
    #[must_use]
    pub fn new(name: Arc<str>, store: Arc<KeyStore>, fetcher: Fetcher, metrics: IssuerMetrics) -> Self {
        Self { name, store, fetcher, metrics, failures: 0 }
    }

    /// Keeps the keys fresh until `stop` turns true.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            let pause = self.fetch_once().await;
            let again = self.fetcher.changes() || self.failures > 0;
            tokio::select! {
                () = tokio::time::sleep(pause), if again => {}
                () = self.fetcher.changed() => {}
                () = self.store.wanted() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Fetches the keys now, and says how long to wait before the next time.
    pub async fn fetch_once(&mut self) -> Duration {
        self.store.begin();
        let outcome = self.fetcher.fetch().await;
        tell(&self.name, self.failures, &outcome);
        self.metrics.fetched(if outcome.is_ok() { "success" } else { "failure" });
        self.failures = if outcome.is_ok() { 0 } else { self.failures.saturating_add(1) };
        let pause = pause(&self.store, &outcome, self.failures);
        self.store.finish(outcome);
        pause
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
            for key in &fetched.skipped {
                let kid = key.kid.as_deref().unwrap_or("none");
                warn!(issuer = name, position = key.position, kid, reason = %key.reason, "a key was left out");
            }
            if failures > 0 {
                info!(issuer = name, failures, "keys can be fetched again");
            }
        }
        Err(error) => warn!(issuer = name, failures = failures + 1, %error, "keys could not be fetched"),
    }
}
