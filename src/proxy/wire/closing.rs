//! What a connection hears of the gate's end, and how long it may still rest then.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use pingora::server::ShutdownWatch;

/// How long a connection without a request is kept once the gate closes: whoever asks as often reads `connection: close` instead
/// of meeting a connection that is closed under its request.
const LAST_REST: Duration = Duration::from_secs(3);

/// Tells one connection that the gate closes.
pub(super) struct Closing {
    watch: ShutdownWatch,
    /// Made when it is first waited for, and kept: each further wait costs next to nothing.
    told: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
    has_begun: bool,
}

impl Closing {
    pub(super) fn new(watch: ShutdownWatch) -> Self {
        Self { watch, told: None, has_begun: false }
    }

    /// What pingora asks.
    pub(super) fn watch(&self) -> &ShutdownWatch {
        &self.watch
    }

    /// Whether [`Closing::begun`] has said so.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Waits until the gate closes.
    pub(super) async fn begun(&mut self) {
        let told = self.told.get_or_insert_with(|| {
            let mut watch = self.watch.clone();
            Box::pin(async move {
                if watch.wait_for(|closes| *closes).await.is_err() {
                    // Whoever could have said so is gone: then it is said by nobody.
                    std::future::pending::<()>().await;
                }
            })
        });
        told.await;
        self.has_begun = true;
    }

    /// How long the connection may rest of the time that it has.
    pub(super) fn rest(&self, has: Duration) -> Duration {
        if self.has_begun { has.min(LAST_REST) } else { has }
    }
}

impl fmt::Debug for Closing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Closing").field("has_begun", &self.has_begun).finish_non_exhaustive()
    }
}
