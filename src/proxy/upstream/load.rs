//! How many requests an upstream has: which of them may go on, which wait, and which of them are second tries.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pingora::time::timeout;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::proxy::config::UpstreamLimitsConfig;

/// Of the requests of an upstream, one in so many may be a second try.
const RETRIES_ONE_IN: usize = 5;
/// Second tries that are allowed however few requests there are.
const RETRIES_ALWAYS: usize = 10;

/// The requests of one upstream.
#[derive(Debug)]
pub(super) struct Load {
    in_flight: AtomicUsize,
    retrying: AtomicUsize,
    waiting: AtomicUsize,
    /// Places for requests at once.
    places: Option<Arc<Semaphore>>,
    pending: Option<usize>,
}

/// A request that may be sent; it is counted for as long as this lives.
#[derive(Debug)]
pub(super) struct Admission {
    load: Arc<Load>,
    _place: Option<OwnedSemaphorePermit>,
    waits: Option<Waiting>,
    retries: bool,
}

/// A request that waits, counted for as long as this lives.
#[derive(Debug)]
struct Waiting(Arc<Load>);

impl Load {
    pub(super) fn new(limits: &UpstreamLimitsConfig) -> Self {
        let places = limits.connections.map(|connections| Arc::new(Semaphore::new(connections)));
        let (in_flight, retrying, waiting) = Default::default();
        Self { in_flight, retrying, waiting, places, pending: limits.pending.or(limits.connections) }
    }

    /// Lets a request on, at once or after waiting for its place. `None` where there are too many.
    pub(super) async fn admit(self: &Arc<Self>, patience: Duration) -> Option<Admission> {
        let (place, waits) = match &self.places {
            None => (None, self.pending.map(|_| self.wait().ok_or(())).transpose().ok()?),
            Some(places) => (Some(self.place(places, patience).await?), None),
        };
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Some(Admission { load: self.clone(), _place: place, waits, retries: false })
    }

    async fn place(self: &Arc<Self>, places: &Arc<Semaphore>, patience: Duration) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = places.clone().try_acquire_owned() {
            return Some(place);
        }
        let _waiting = self.wait()?;
        timeout(patience, places.clone().acquire_owned()).await.ok()?.ok()
    }

    fn wait(self: &Arc<Self>) -> Option<Waiting> {
        // Counted first: two that look at once must not both find the last place.
        let waiting = Waiting(self.clone());
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        (before < self.pending.unwrap_or(usize::MAX)).then_some(waiting)
    }
}

impl Admission {
    /// The answer has begun: nobody waits for it any more.
    pub(super) fn answered(&mut self) {
        self.waits = None;
    }

    /// Whether this request may be tried once more without there being too many such tries.
    pub(super) fn may_retry(&mut self) -> bool {
        if self.retries {
            return true;
        }
        let most = (self.load.in_flight.load(Ordering::Relaxed) / RETRIES_ONE_IN).max(RETRIES_ALWAYS);
        let retrying = self.load.retrying.fetch_add(1, Ordering::Relaxed);
        self.retries = retrying < most;
        if !self.retries {
            self.load.retrying.fetch_sub(1, Ordering::Relaxed);
        }
        self.retries
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.load.in_flight.fetch_sub(1, Ordering::Relaxed);
        if self.retries {
            self.load.retrying.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(connections: Option<usize>, pending: Option<usize>) -> Arc<Load> {
        Arc::new(Load::new(&UpstreamLimitsConfig { connections, pending }))
    }

    async fn admit(load: &Arc<Load>) -> Option<Admission> {
        load.admit(Duration::from_millis(50)).await
    }

    #[tokio::test]
    async fn a_request_is_pending_until_its_answer_begins() {
        let load = load(None, Some(2));
        let (mut first, second) = (admit(&load).await.unwrap(), admit(&load).await.unwrap());
        assert!(admit(&load).await.is_none());
        first.answered();
        let third = admit(&load).await.unwrap();
        assert!(admit(&load).await.is_none());
        drop(second);
        assert!(admit(&load).await.is_some());
        drop((first, third));
        assert_eq!(load.waiting.load(Ordering::Relaxed) + load.in_flight.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn requests_wait_for_a_place_and_are_refused_where_too_many_wait_or_for_too_long() {
        let load = load(Some(1), Some(1));
        let first = admit(&load).await.unwrap();
        let waiting = tokio::spawn({
            let load = load.clone();
            async move { load.admit(Duration::from_secs(10)).await }
        });
        while load.waiting.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        assert!(admit(&load).await.is_none(), "one waits already");
        drop(first);
        let second = waiting.await.unwrap().unwrap();
        assert!(admit(&load).await.is_none(), "it has waited for its time");
        drop(second);
        assert!(admit(&load).await.is_some());
        assert_eq!(load.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn second_tries_are_a_small_part_of_the_requests() {
        let load = load(None, None);
        let mut admitted = Vec::new();
        for _ in 0..100 {
            admitted.push(admit(&load).await.unwrap());
        }
        let retried = admitted.iter_mut().filter_map(|admission| admission.may_retry().then_some(())).count();
        assert_eq!(retried, 20);
        assert!(admitted[0].may_retry(), "it has its share already");
        admitted.truncate(12);
        let retried = admitted.iter_mut().filter_map(|admission| admission.may_retry().then_some(())).count();
        assert_eq!(retried, 12, "they had theirs, and of few requests all may");
        drop(admitted);
        assert_eq!(load.retrying.load(Ordering::Relaxed), 0);
    }
}
