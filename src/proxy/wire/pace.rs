//! How long a client may take to send a body: a while, and longer the more of it has come. And how long to take an answer: for as
//! long as it takes something.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep, sleep_until};

/// Bytes that earn a client one more second.
const BYTES_A_SECOND: u64 = 1024;

/// The time that one body has taken and may take. Only waiting for the client counts.
#[derive(Debug)]
pub(super) struct Pace {
    patience: Duration,
    came: u64,
    waited: Duration,
    waiting: Option<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Pace {
    /// A body that has `patience` to begin with.
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, came: 0, waited: Duration::ZERO, waiting: None }
    }

    /// Some of it came.
    pub(super) fn came(&mut self, bytes: usize) {
        self.came = self.came.saturating_add(bytes as u64);
        if let Some(waiting) = self.waiting.take() {
            // While the upstream takes nothing nobody reads, and the wait looks longer than the client made it.
            self.waited += waiting.since.elapsed().min(self.patience);
        }
    }

    /// Ready once the client has made us wait for longer than it may.
    pub(super) fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let left = self.left();
        let waiting = self.waiting.get_or_insert_with(|| {
            let since = Instant::now();
            Waiting { since, timer: Box::pin(sleep_until((since + left).into())) }
        });
        waiting.timer.as_mut().poll(context)
    }

    fn left(&self) -> Duration {
        let earned = self.patience.saturating_add(Duration::from_secs(self.came / BYTES_A_SECOND));
        earned.saturating_sub(self.waited)
    }
}

/// For how long a client has taken nothing of what is written to it.
#[derive(Debug)]
pub(super) struct Stall {
    patience: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    /// A client that may take nothing for `patience`.
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, timer: None }
    }

    /// It took some.
    pub(super) fn took(&mut self) {
        self.timer = None;
    }

    /// Ready once it has taken nothing for too long.
    pub(super) fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let patience = self.patience;
        self.timer.get_or_insert_with(|| Box::pin(sleep(patience))).as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn a_client_that_takes_a_little_now_and_then_has_all_the_time_that_it_needs() {
        let patience = Duration::from_millis(300);
        let mut stall = Stall::new(patience);
        let begun = Instant::now();
        for _ in 0..4 {
            let waited = tokio::time::timeout(patience / 2, poll_fn(|context| stall.poll_over(context))).await;
            assert!(waited.is_err(), "over after {:?}", begun.elapsed());
            stall.took();
        }
        let last = Instant::now();
        poll_fn(|context| stall.poll_over(context)).await;
        assert!(last.elapsed() >= patience);
        // and it stays over
        poll_fn(|context| stall.poll_over(context)).await;
    }

    #[test]
    fn what_has_come_earns_time_and_what_was_waited_is_gone() {
        let mut pace = Pace::new(Duration::from_secs(30));
        assert_eq!(pace.left(), Duration::from_secs(30));
        pace.came(10 * 1024 + 1);
        assert_eq!(pace.left(), Duration::from_secs(40));
        pace.waited = Duration::from_secs(39);
        assert_eq!(pace.left(), Duration::from_secs(1));
        pace.waited = Duration::from_mins(1);
        assert_eq!(pace.left(), Duration::ZERO);
        pace.came(usize::MAX);
        assert!(pace.left() > Duration::from_hours(24));
    }
}
