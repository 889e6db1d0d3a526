//! The time, as an argument: rooms are handed a `Clock` and never read the wall clock themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where a room reads the time from: the system, or a hand that a test turns.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    /// Milliseconds since the Unix epoch.
    Hand(Arc<AtomicU64>),
}

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `unix_seconds` until [`Clock::advance`] moves it; its clones move with it.
    #[must_use]
    pub fn standing_at(unix_seconds: u64) -> Self {
        let millis = unix_seconds.saturating_mul(1000);
        Self(Source::Hand(Arc::new(AtomicU64::new(millis))))
    }

    /// Moves a standing clock on; the system's clock does not move for anyone.
    pub fn advance(&self, by: Duration) {
        if let Source::Hand(millis) = &self.0 {
            let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
            millis.fetch_add(by, Ordering::SeqCst);
        }
    }

    /// Whole seconds since the Unix epoch: the unit of a JWT's `NumericDate` (RFC 7519 section 2).
    #[must_use]
    pub fn unix_seconds(&self) -> u64 {
        self.unix_millis() / 1000
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    pub fn unix_millis(&self) -> u64 {
        match &self.0 {
            Source::Hand(millis) => millis.load(Ordering::SeqCst),
            Source::System => {
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
            }
        }
    }
}
