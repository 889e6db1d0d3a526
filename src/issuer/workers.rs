//! Workers for what costs CPU: a few threads at a time, a bounded queue before them, never a thread that serves requests.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::error::IssuerError;

/// A bound on one kind of work. Cloning shares it.
#[derive(Debug, Clone)]
pub(crate) struct Workers {
    kind: &'static str,
    threads: Arc<Semaphore>,
    /// One permit for each piece of work that runs or waits.
    places: Arc<Semaphore>,
}

impl Workers {
    /// At most `threads` pieces of work run and at most `waiting` more wait.
    pub(crate) fn new(kind: &'static str, threads: usize, waiting: usize) -> Self {
        let places = Arc::new(Semaphore::new(threads + waiting));
        Self { kind, threads: Arc::new(Semaphore::new(threads)), places }
    }

    /// Runs `work` when it is its turn. Work that has begun runs to its end, also when nobody waits for it any more.
    ///
    /// # Errors
    /// [`IssuerError::Busy`] where the queue is full, [`IssuerError::WorkLost`] where the work panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, IssuerError> {
        let lost = || IssuerError::WorkLost(self.kind);
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| IssuerError::Busy(self.kind))?;
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(|_| lost())?;
        let run = move || {
            // Held by the work, not by who waits for it: else a caller that hangs up would free a thread still at work.
            let _held = (place, thread);
            work()
        };
        spawn_blocking(run).await.map_err(|_| lost())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[derive(Default)]
    struct Gauge {
        running: AtomicUsize,
        most: AtomicUsize,
    }

    impl Gauge {
        fn work(&self) {
            self.most.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(5));
            self.running.fetch_sub(1, Ordering::SeqCst);
        }
    }

    async fn work_with_patience(workers: Workers, gauge: Arc<Gauge>, patience: Duration) {
        let _ = tokio::time::timeout(patience, workers.run(move || gauge.work())).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_more_run_at_once_than_allowed_even_when_callers_hang_up() {
        let workers = Workers::new("test", 2, 100);
        let gauge = Arc::<Gauge>::default();
        let mut callers = tokio::task::JoinSet::new();
        for patience in [Duration::from_millis(1), Duration::from_mins(1)].repeat(20) {
            callers.spawn(work_with_patience(workers.clone(), Arc::clone(&gauge), patience));
        }
        callers.join_all().await;
        assert_eq!(gauge.most.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let workers = Workers::new("test", 1, 1);
        let (start, started) = std::sync::mpsc::channel::<()>();
        let two_at_work = async {
            let (first, second) = tokio::join!(workers.run(move || started.recv()), workers.run(|| ()));
            assert!(first.is_ok() && second.is_ok());
        };
        let one_too_many = async {
            assert_eq!(workers.run(|| ()).await.unwrap_err().code(), "issuer-busy");
            start.send(()).unwrap();
        };
        tokio::join!(two_at_work, one_too_many);
        assert!(workers.run(|| ()).await.is_ok());
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error_and_frees_its_place() {
        let workers = Workers::new("test", 1, 0);
        let lost = workers.run(|| assert!(std::hint::black_box(false))).await;
        assert_eq!(lost.unwrap_err().code(), "issuer-work-lost");
        assert!(workers.run(|| ()).await.is_ok());
    }
}
