//! How many wrong passwords a name has had, and how long it is locked for that: Cognito's rule, as pure arithmetic.

use std::net::IpAddr;

use super::session::Sha256;
use super::user::user_name_key;

/// Wrong passwords before the first lock.
const FREE_ATTEMPTS: u32 = 5;
/// A name is forgotten when it has been quiet this long after its last lock or wrong password, in milliseconds.
const QUIET_MILLIS: u64 = 15 * 60 * 1000;
const LONGEST_LOCK_SECONDS: u64 = 15 * 60;

/// The wrong passwords that a name has had. Kept for unknown names too, so that a lock tells nothing about who exists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Attempts {
    pub failed: u32,
    /// Unix milliseconds; in the past or 0 where nothing is locked.
    pub locked_until: u64,
    /// Unix milliseconds after which these attempts count no more.
    pub forgotten_at: u64,
}

impl Attempts {
    /// What attempts on a name are kept under: a hash, because names are personal and may be as long as a client likes.
    pub(crate) fn key(pool_id: &str, user_name: &str) -> Sha256 {
        Sha256::of(&format!("{pool_id}/{}", user_name_key(user_name)))
    }

    /// What attempts from an address are kept under; of IPv6 the network, of which a caller has all addresses.
    pub(crate) fn address_key(address: IpAddr) -> Sha256 {
        let network = match address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("{:x}", address.to_bits() >> 64),
        };
        Sha256::of(&format!("address/{network}"))
    }

    pub(crate) fn is_locked(self, now: u64) -> bool {
        now < self.locked_until
    }

    /// After one more wrong password. Attempts during a lock are not counted and must not come here.
    pub(crate) fn after_failure(self, now: u64) -> Self {
        self.after_failure_beyond(FREE_ATTEMPTS, now)
    }

    /// The same, where that many are free.
    pub(crate) fn after_failure_beyond(self, free: u32, now: u64) -> Self {
        let before = if now < self.forgotten_at { self.failed } else { 0 };
        let failed = before.saturating_add(1);
        let locked_until = now.saturating_add(1000 * lock_seconds(failed, free));
        Self { failed, locked_until, forgotten_at: locked_until.saturating_add(QUIET_MILLIS) }
    }
}

/// 2^(n-5) seconds after the n-th wrong password in a row, from the fifth on, and never more than 15 minutes.
fn lock_seconds(failed: u32, free: u32) -> u64 {
    match failed.checked_sub(free) {
        None => 0,
        Some(beyond) => 1_u64.checked_shl(beyond).map_or(LONGEST_LOCK_SECONDS, |lock| lock.min(LONGEST_LOCK_SECONDS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_700_000_000_000;

    #[test]
    fn the_fifth_failure_locks_for_a_second_and_each_further_one_twice_as_long() {
        let mut attempts = Attempts::default();
        let mut locks = Vec::new();
        let mut now = START;
        for _ in 0..17 {
            attempts = attempts.after_failure(now);
            locks.push((attempts.locked_until - now) / 1000);
            now = attempts.locked_until;
        }
        assert_eq!(locks, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
    }

    #[test]
    fn a_lock_ends_at_its_time() {
        let attempts = Attempts { failed: 5, locked_until: START, forgotten_at: START };
        assert!(attempts.is_locked(START - 1));
        assert!(!attempts.is_locked(START));
    }

    #[test]
    fn a_quarter_of_an_hour_of_quiet_forgets_and_less_does_not() {
        let attempts = (0..7).fold(Attempts::default(), |attempts, _| attempts.after_failure(START));
        let almost = attempts.locked_until + QUIET_MILLIS - 1;
        assert_eq!(attempts.after_failure(almost).failed, 8);
        assert_eq!(attempts.after_failure(almost + 1).failed, 1);
    }

    #[test]
    fn an_address_has_more_attempts_and_a_network_of_ipv6_is_one() {
        let attempts = (0..99).fold(Attempts::default(), |attempts, _| attempts.after_failure_beyond(100, START));
        assert!(!attempts.is_locked(START) && attempts.after_failure_beyond(100, START).is_locked(START));
        let key = |text: &str| Attempts::address_key(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
    }

    #[test]
    fn no_number_of_failures_overflows() {
        let attempts = Attempts { failed: u32::MAX, locked_until: 0, forgotten_at: u64::MAX };
        assert_eq!(attempts.after_failure(u64::MAX - 1).failed, u32::MAX);
        assert_eq!(lock_seconds(5 + 64, 5), 900);
    }
}
