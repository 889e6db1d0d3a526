//! A bounded queue of finished lines and the thread that writes them, so that no request waits for whoever reads the log.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use prometheus::IntCounter;

/// Most bytes that wait to be written; what comes on top is dropped.
pub(super) const CAPACITY: usize = 1024 * 1024;

/// Bytes at which the writer stops waiting for more.
const ENOUGH: usize = CAPACITY / 4;

/// How long the writer waits for more lines, so that under load a wake-up and a system call serve many of them.
const LINGER: Duration = Duration::from_millis(50);

/// Lines on their way to a writer thread; its clones share it.
#[derive(Clone)]
pub(super) struct LineQueue(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// The writer waits here for lines.
    filled: Condvar,
    /// Whoever closes the queue waits here until all is written.
    emptied: Condvar,
    dropped: IntCounter,
}

#[derive(Default)]
struct State {
    pending: Vec<u8>,
    lines: u64,
    writing: bool,
    closed: bool,
}

impl LineQueue {
    /// Starts the thread of this name that writes to `out`. Lines that are lost are counted in `dropped`.
    pub(super) fn start(name: &str, out: Box<dyn Write + Send>, dropped: IntCounter) -> io::Result<Self> {
        let shared =
            Arc::new(Shared { state: Mutex::default(), filled: Condvar::new(), emptied: Condvar::new(), dropped });
        let writers = Arc::clone(&shared);
        thread::Builder::new().name(name.to_owned()).spawn(move || writers.write_all_to(out))?;
        Ok(Self(shared))
    }

    /// Takes a line, newline included; when there is no room for it, it is dropped and counted.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.0.state();
        if state.closed || state.pending.len() + line.len() > CAPACITY {
            drop(state);
            self.0.dropped.inc();
            return;
        }
        let before = state.pending.len();
        state.pending.extend_from_slice(line);
        state.lines += 1;
        let wake = before == 0 || (before < ENOUGH && state.pending.len() >= ENOUGH);
        drop(state);
        if wake {
            self.0.filled.notify_one();
        }
    }

    /// Takes no more lines and waits until those it has are written, no longer than `at_most`; says whether they are.
    pub(super) fn close(&self, at_most: Duration) -> bool {
        self.0.state().closed = true;
        self.0.filled.notify_one();
        let unwritten = |state: &mut State| state.writing || !state.pending.is_empty();
        let waited = self.0.emptied.wait_timeout_while(self.0.state(), at_most, unwritten);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !unwritten(&mut state)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // bytes and their count change together under the lock, so what a panicking holder left behind is whole
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all_to(&self, mut out: Box<dyn Write + Send>) {
        let mut batch = Vec::new();
        while let Some(lines) = self.next_batch(&mut batch) {
            if out.write_all(&batch).and_then(|()| out.flush()).is_err() {
                self.dropped.inc_by(lines);
            }
            batch.clear();
            self.state().writing = false;
            self.emptied.notify_all();
        }
    }

    /// Swaps the pending bytes into the empty `batch` and says how many lines they are; `None` when closed and empty.
    fn next_batch(&self, batch: &mut Vec<u8>) -> Option<u64> {
        let nothing_to_do = |state: &mut State| state.pending.is_empty() && !state.closed;
        let state = self.filled.wait_while(self.state(), nothing_to_do).unwrap_or_else(PoisonError::into_inner);
        let may_linger = |state: &mut State| state.pending.len() < ENOUGH && !state.closed;
        let waited = self.filled.wait_timeout_while(state, LINGER, may_linger);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.pending.is_empty() {
            return None;
        }
        std::mem::swap(&mut state.pending, batch);
        state.writing = true;
        Some(std::mem::take(&mut state.lines))
    }
}
