//! When a message that was not delivered is tried again, and when no more.

/// Waits between tries, in milliseconds: a code is of use for minutes, a server is away for longer now and then.
const WAITS: [u64; 9] =
    [1_000, 5_000, 15_000, 60_000, 3 * 60_000, 10 * 60_000, 30 * 60_000, 60 * 60_000, 2 * 60 * 60_000];

/// How long after the try with this number, from 1, the next one comes; `None` where there is none.
pub(super) fn wait_after(tries: u64) -> Option<u64> {
    let index = usize::try_from(tries.checked_sub(1)?).ok()?;
    WAITS.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_ever_later_and_end() {
        assert_eq!(wait_after(1), Some(1_000));
        assert!(WAITS.is_sorted());
        assert_eq!(wait_after(9), Some(2 * 60 * 60_000));
        assert_eq!([wait_after(0), wait_after(10), wait_after(u64::MAX)], [None; 3]);
    }
}
