//! Where the room's tests have lines written to.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard};

/// A reader of a log, which keeps what it reads and takes nothing while a test holds it.
#[derive(Clone, Default)]
pub(in crate::telemetry) struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    /// What was written so far; nobody writes on while this is held.
    pub(in crate::telemetry) fn held(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap()
    }

    /// All that was written, as text.
    pub(in crate::telemetry) fn text(&self) -> String {
        String::from_utf8(self.held().clone()).unwrap()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
