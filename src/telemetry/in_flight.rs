//! Requests that are on their way: the gate stops when there are none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A request that counts as on its way for as long as this lives: however it ends, by a panic too, or because whoever asked
/// has gone.
#[derive(Debug)]
pub struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    /// Counts one more request among these.
    #[must_use]
    pub fn count(requests: &Arc<AtomicUsize>) -> Self {
        requests.fetch_add(1, Ordering::AcqRel);
        Self(requests.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_panics_is_no_longer_on_its_way() {
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = requests.clone();
        let panicked = std::panic::catch_unwind(move || {
            let _counted = InFlight::count(&counted);
            assert_eq!(counted.load(Ordering::Acquire), 0, "counted");
        });
        assert!(panicked.is_err());
        assert_eq!(requests.load(Ordering::Acquire), 0);
    }
}
