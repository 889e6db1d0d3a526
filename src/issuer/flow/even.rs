//! Answers on a beat: what is done for a name that somebody has takes a little longer than for one that nobody has, and must not show.

use std::pin::pin;
use std::time::Duration;

use tokio::time::interval;

/// Longer than a code takes to be made, sealed and kept; shorter than anybody who waits for one notices.
const BEAT: Duration = Duration::from_millis(50);

/// Does `work` and gives its answer on the next beat, counted from its beginning.
pub(super) async fn evenly<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut answer = None;
    let mut beats = interval(BEAT);
    beats.tick().await;
    loop {
        tokio::select! {
            biased;
            done = &mut work, if answer.is_none() => answer = Some(done),
            _ = beats.tick() => {
                if let Some(answer) = answer.take() {
                    return answer;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test]
    async fn answers_come_on_a_beat_however_long_the_work_took() {
        for (took, answered) in [(0, 50), (60, 100)] {
            let begun = Instant::now();
            evenly(sleep(Duration::from_millis(took))).await;
            // Timers count in whole milliseconds.
            assert!(begun.elapsed() >= Duration::from_millis(answered - 2), "{took} ms: {:?}", begun.elapsed());
        }
        assert_eq!(evenly(async { 7 }).await, 7);
    }
}
