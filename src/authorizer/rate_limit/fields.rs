//! What clients read of their limits: `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11).

use std::fmt::Write;
use std::time::Duration;

use super::quota::{Quota, Spent};

/// The field that says what is left.
const LEFT: &str = "ratelimit";
/// The field that says what there is.
const POLICY: &str = "ratelimit-policy";

/// What a request has used of one limit.
#[derive(Debug, Clone)]
pub(in crate::authorizer) struct SpentUnits {
    pub(super) policy: String,
    pub(super) quota: Quota,
    pub(super) spent: Spent,
}

/// A limit that was exceeded: when the client may come again, and what it is told of its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// Whole seconds, at least one.
    pub(in crate::authorizer) retry_after: u64,
    /// Fields of the answer.
    pub(in crate::authorizer) fields: [(&'static str, String); 2],
}

impl SpentUnits {
    /// Both fields, for all limits that a request was counted by.
    pub(in crate::authorizer) fn fields(all: &[Self]) -> [(&'static str, String); 2] {
        let (mut left, mut policy) = (String::new(), String::new());
        for Self { policy: name, quota, spent } in all {
            let separator = if left.is_empty() { "" } else { ", " };
            let (units, next_in) = (quota.left(*spent), seconds(quota.next_in(*spent)));
            let window = seconds(Duration::from_nanos(quota.whole()));
            // Writing to a string does not fail.
            let _infallible = write!(left, "{separator}\"{name}\";r={units};t={next_in}");
            let _infallible = write!(policy, "{separator}\"{name}\";q={};w={window}", quota.burst);
        }
        [(LEFT, left), (POLICY, policy)]
    }

    /// What the last of these denies, if it does.
    pub(in crate::authorizer) fn exceeded(all: &[Self]) -> Option<Exceeded> {
        let last = all.last().filter(|last| !last.spent.allowed)?;
        Some(Exceeded { retry_after: seconds(last.quota.next_in(last.spent)), fields: Self::fields(all) })
    }
}

impl Exceeded {
    /// Whether this is a field that tells of limits.
    pub(in crate::authorizer) fn is_field(name: &str) -> bool {
        name == LEFT || name == POLICY
    }
}

/// A second that has begun counts whole, so that nobody comes too early.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(policy: &str, burst: u64, allowed: bool, ahead: u64) -> SpentUnits {
        let quota = Quota { interval: 6_000_000_000, burst };
        SpentUnits { policy: policy.to_owned(), quota, spent: Spent { allowed, ahead: ahead * 1_000_000_000 } }
    }

    #[test]
    fn each_limit_is_an_item_of_both_lists() {
        let all = [units("address", 10, true, 6), units("sub", 2, true, 9)];
        assert_eq!(
            SpentUnits::fields(&all),
            [
                ("ratelimit", "\"address\";r=9;t=6, \"sub\";r=0;t=3".to_owned()),
                ("ratelimit-policy", "\"address\";q=10;w=60, \"sub\";q=2;w=12".to_owned()),
            ]
        );
        assert_eq!(SpentUnits::exceeded(&all), None);
    }

    #[test]
    fn whoever_exceeds_a_limit_is_told_when_to_come_again() {
        let exceeded = SpentUnits::exceeded(&[units("sub", 2, false, 12)]).unwrap();
        assert_eq!(exceeded.retry_after, 6);
        assert_eq!(exceeded.fields[0].1, "\"sub\";r=0;t=6");
    }
}
