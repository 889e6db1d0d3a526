//! When to stop: at once on SIGINT, after the last request on SIGTERM.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};

use crate::telemetry::Readiness;

/// How long requests that are on their way may take once the gate was told to stop.
const DRAIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits for the signal to stop.
pub(super) struct Signals {
    pub(super) readiness: Readiness,
    pub(super) in_flight: Arc<AtomicUsize>,
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let (mut terminate, mut interrupt) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
            (Err(error), _) | (_, Err(error)) => {
                // A gate that cannot be told to stop must not run.
                error!(%error, "signals cannot be heard");
                return ShutdownSignal::FastShutdown;
            }
        };
        tokio::select! {
            _ = interrupt.recv() => ShutdownSignal::FastShutdown,
            _ = terminate.recv() => {
                self.readiness.drain();
                self.drain().await;
                ShutdownSignal::GracefulTerminate
            }
        }
    }
}

impl Signals {
    async fn drain(&self) {
        info!("told to stop: waiting for requests that are on their way");
        let begun = Instant::now();
        while self.in_flight.load(Ordering::Acquire) > 0 && begun.elapsed() < DRAIN {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        info!(left = self.in_flight.load(Ordering::Acquire), "stopping");
    }
}
