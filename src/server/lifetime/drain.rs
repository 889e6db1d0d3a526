//! The way out: doors are closed, and what is on its way is waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::sockets::Sockets;
use crate::proxy::Stopping;

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Streams are told the end this long before it: each looks once a second whether it may go on.
const LAST_WORDS: Duration = Duration::from_millis(1500);
/// How long an answer at the operator's door may take once it is closed.
const OPERATORS: Duration = Duration::from_secs(2);

/// What each door is hung with, so that it can be closed and its work be waited for.
#[derive(Clone)]
pub(in crate::server) struct Hinges {
    /// Turns true when nothing new is to be taken, but at the operator's door.
    pub(in crate::server) closing: watch::Receiver<bool>,
    /// Turns true when the operator's door is to close.
    pub(in crate::server) operators_closing: watch::Receiver<bool>,
    /// The same for single requests.
    pub(in crate::server) stopping: Stopping,
    /// Requests that are on their way.
    pub(in crate::server) in_flight: Arc<AtomicUsize>,
    /// Open connections.
    pub(in crate::server) connections: Arc<AtomicUsize>,
}

/// The other side of [`Hinges`].
pub(in crate::server) struct Exits {
    hinges: Hinges,
    closing: watch::Sender<bool>,
    operators_closing: watch::Sender<bool>,
    pub(in crate::server) sockets: Sockets,
    /// Hinges that count neither requests nor connections: they end when their last answer is sent.
    pub(in crate::server) serving: Mutex<Vec<JoinHandle<()>>>,
    pub(in crate::server) operators: Mutex<Option<JoinHandle<()>>>,
}

impl Exits {
    pub(in crate::server) fn of(sockets: Sockets) -> Self {
        let (closing, closes) = watch::channel(false);
        let (operators_closing, operators_close) = watch::channel(false);
        let hinges = Hinges {
            closing: closes,
            operators_closing: operators_close,
            stopping: Stopping::default(),
            in_flight: Arc::default(),
            connections: Arc::default(),
        };
        Self { hinges, closing, operators_closing, sockets, serving: Mutex::default(), operators: Mutex::default() }
    }

    pub(in crate::server) fn hinges(&self) -> &Hinges {
        &self.hinges
    }

    /// Closes every door but the operator's, and waits until nothing is on its way, for `longest` at most.
    pub(super) async fn drain(&self, longest: Duration) {
        self.sockets.let_go();
        self.hinges.stopping.close();
        self.closing.send_replace(true);
        info!("nothing new is taken: waiting for what is on its way");
        let by = Instant::now() + longest;
        let last_words = LAST_WORDS.min(longest / 2);
        if timeout(longest.saturating_sub(last_words), self.is_empty()).await.is_err() {
            self.hinges.stopping.last_call();
            let _ended_or_not = timeout(by.saturating_duration_since(Instant::now()), self.is_empty()).await;
        }
        let (connections, requests) = (count(&self.hinges.connections), count(&self.hinges.in_flight));
        if connections + requests == 0 {
            info!("everything that was on its way has ended");
        } else {
            warn!(connections, requests, "`shutdown.drain` is over: what is left is cut off");
        }
    }

    /// Closes the operator's door.
    pub(super) async fn close_operators(&self) {
        self.operators_closing.send_replace(true);
        if let Some(serving) = self.operators.lock().await.take() {
            let _ended_or_not = timeout(OPERATORS, serving).await;
        }
    }

    async fn is_empty(&self) {
        // The runtime gives connections that were just taken to their tasks; each counts from then on.
        while count(&self.hinges.connections) + count(&self.hinges.in_flight) > 0 || self.serves().await {
            sleep(LOOK_EVERY).await;
        }
    }

    async fn serves(&self) -> bool {
        self.serving.lock().await.iter().any(|serving| !serving.is_finished())
    }
}

fn count(of: &AtomicUsize) -> usize {
    of.load(Ordering::Acquire)
}
