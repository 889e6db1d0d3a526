//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// Longest wait for anything; reached only where something is broken.
const LONGEST: Duration = Duration::from_secs(20);

/// Asks again and again until there is an answer, and fails with `what` where there is none.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < LONGEST, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
