//! When to stop: at once on SIGINT, after the last request on SIGTERM.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;
use tracing::info;

use crate::telemetry::Readiness;

/// How long requests that are on their way may take once the gate was told to stop.
const DRAIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The signals that stop the gate. From the moment that this is made, they are heard and kept until someone waits for them.
pub(super) struct Heard {
    terminate: Signal,
    interrupt: Signal,
}

impl Heard {
    /// Begins to listen, on the runtime that it is called in.
    ///
    /// # Errors
    /// What the system said; a gate that cannot be told to stop must not run.
    pub(super) fn begin() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }
}

/// The signal that asks for a reload. From the moment that this is made it no longer ends the process.
///
/// # Errors
/// What the system said.
pub(super) fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Waits for the signal to stop.
pub(super) struct Signals {
    pub(super) readiness: Readiness,
    pub(super) in_flight: Arc<AtomicUsize>,
    pub(super) heard: Mutex<Heard>,
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let mut heard = self.heard.lock().await;
        let Heard { terminate, interrupt } = &mut *heard;
        tokio::select! {
            _ = interrupt.recv() => return ShutdownSignal::FastShutdown,
            _ = terminate.recv() => {}
        }
        self.readiness.drain();
        self.drain().await;
        ShutdownSignal::GracefulTerminate
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
