//! How far the gate has come in stopping, as the doors are told it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const CLOSING: u8 = 1;
const LAST_CALL: u8 = 2;

/// What a request asks that begins or ends while the gate stops; its clones are one. It goes forward only.
#[derive(Debug, Clone, Default)]
pub struct Stopping(Arc<AtomicU8>);

impl Stopping {
    /// Nothing new is taken: each connection ends with the answer that it waits for.
    pub fn close(&self) {
        self.0.fetch_max(CLOSING, Ordering::Release);
    }

    /// Streams that are still open are to end now, in the words of their protocols.
    pub fn last_call(&self) {
        self.0.fetch_max(LAST_CALL, Ordering::Release);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.0.load(Ordering::Acquire) >= CLOSING
    }

    pub(super) fn is_last_call(&self) -> bool {
        self.0.load(Ordering::Acquire) >= LAST_CALL
    }
}
