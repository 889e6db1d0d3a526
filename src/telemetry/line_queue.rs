//! A bounded queue of finished lines and the thread that writes them, so that no request waits for whoever reads the log.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use prometheus::IntCounter;

/// Most bytes that wait to be written; what comes on top is dropped.
const CAPACITY: usize = 1024 * 1024;

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
    /// Starts the thread that writes to `out`. Lines that are lost are counted in `dropped`.
    pub(super) fn start(out: Box<dyn Write + Send>, dropped: IntCounter) -> io::Result<Self> {
        let shared =
            Arc::new(Shared { state: Mutex::default(), filled: Condvar::new(), emptied: Condvar::new(), dropped });
        let writers = Arc::clone(&shared);
        thread::Builder::new().name("access-log".to_owned()).spawn(move || writers.write_all_to(out))?;
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

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use prometheus::IntCounter;

    use super::{CAPACITY, LineQueue};

    const LONG: Duration = Duration::from_secs(30);

    /// A reader of the log that takes nothing while its test holds the lock.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Torn;

    impl Write for Torn {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn queue_to(out: impl Write + Send + 'static) -> (LineQueue, IntCounter) {
        let dropped = IntCounter::new("dropped", "dropped").unwrap();
        (LineQueue::start(Box::new(out), dropped.clone()).unwrap(), dropped)
    }

    #[test]
    fn lines_are_written_in_order_and_all_of_them_by_the_close() {
        let page = Page::default();
        let (queue, dropped) = queue_to(page.clone());
        let lines: Vec<String> = (0..1000).map(|number| format!("{number}\n")).collect();
        for line in &lines {
            queue.push(line.as_bytes());
        }
        assert!(queue.close(LONG));
        assert_eq!(String::from_utf8(page.0.lock().unwrap().clone()).unwrap(), lines.concat());
        assert_eq!(dropped.get(), 0);
    }

    #[test]
    fn a_line_is_written_without_a_close() {
        let page = Page::default();
        let (queue, _) = queue_to(page.clone());
        queue.push(b"alone\n");
        let written = || page.0.lock().unwrap().as_slice() == b"alone\n";
        let soon = (0..1000).any(|_| {
            written() || {
                std::thread::sleep(Duration::from_millis(5));
                false
            }
        });
        assert!(soon);
    }

    #[test]
    fn while_nobody_reads_lines_are_dropped_and_counted_and_no_pusher_waits() {
        let page = Page::default();
        let (queue, dropped) = queue_to(page.clone());
        let nobody_reads = page.0.lock().unwrap();
        let line = [b'x'; 1024];
        // what fills the queue, what the blocked writer may have taken off it, and as much again
        for _ in 0..3 * CAPACITY / line.len() {
            queue.push(&line);
        }
        assert!(dropped.get() >= (CAPACITY / line.len()) as u64, "{} dropped", dropped.get());
        assert!(!queue.close(Duration::from_millis(1)));
        drop(nobody_reads);
        assert!(queue.close(LONG));
        let written = page.0.lock().unwrap().len() / line.len();
        assert_eq!(written as u64 + dropped.get(), 3 * (CAPACITY / line.len()) as u64);
    }

    #[test]
    fn lines_that_could_not_be_written_are_counted() {
        let (queue, dropped) = queue_to(Torn);
        queue.push(b"one\n");
        queue.push(b"two\n");
        assert!(queue.close(LONG));
        assert_eq!(dropped.get(), 2);
    }

    #[test]
    fn a_closed_queue_takes_no_more() {
        let (queue, dropped) = queue_to(Page::default());
        assert!(queue.close(LONG));
        queue.push(b"late\n");
        assert_eq!(dropped.get(), 1);
    }
}
