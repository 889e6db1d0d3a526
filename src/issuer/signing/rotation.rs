//! When a pool gets its next key, and when it forgets an old one: pure arithmetic.

use std::time::Duration;

use super::key_ring::Purpose;
use crate::issuer::pool::LONGEST_TOKEN_MILLIS;
use crate::issuer::store::KeptKey;
use crate::jose::Algorithm;

/// A key is kept this much longer than the last token that it signed can live: verifiers allow leeway, and clocks differ.
const MARGIN_MILLIS: u64 = 10 * 60 * 1000;

/// How keys follow one another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rotation {
    /// How long a key signs; for ever where it is not said.
    pub every: Option<Duration>,
    /// How long a key is published before it signs.
    pub publish_ahead: Duration,
}

impl Rotation {
    /// When the next key for this purpose must begin to sign, if it must be made now.
    pub(crate) fn next(self, keys: &[KeptKey], purpose: Purpose, algorithm: Algorithm, now: u64) -> Option<u64> {
        let newest = of_purpose(keys, purpose).max_by_key(|key| key.signs_from);
        let Some(newest) = newest else { return Some(now) };
        let soonest = self.soonest(now);
        if newest.algorithm != algorithm.name() {
            return Some(soonest);
        }
        let due = newest.signs_from.saturating_add(millis(self.every?));
        (due <= soonest).then_some(soonest)
    }

    /// The soonest that a key which is published at `now` may sign.
    pub(crate) fn soonest(self, now: u64) -> u64 {
        now.saturating_add(millis(self.publish_ahead))
    }
}

/// The ids of those keys whose last token has expired.
pub(crate) fn outlived(keys: &[KeptKey], now: u64) -> Vec<String> {
    let is_outlived = |key: &&KeptKey| {
        let followers = keys.iter().filter(|next| next.purpose == key.purpose && next.signs_from > key.signs_from);
        let followed_at = followers.map(|next| next.signs_from).min();
        followed_at.is_some_and(|at| at.saturating_add(LONGEST_TOKEN_MILLIS + MARGIN_MILLIS) <= now)
    };
    keys.iter().filter(is_outlived).map(|key| key.kid.clone()).collect()
}

fn of_purpose(keys: &[KeptKey], purpose: Purpose) -> impl Iterator<Item = &KeptKey> {
    keys.iter().filter(move |key| key.purpose == purpose.name())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 60 * 60 * 1000;
    const NOW: u64 = 1_000 * HOUR;

    fn key(kid: &str, purpose: Purpose, signs_from: u64) -> KeptKey {
        let (kid, purpose, algorithm) = (kid.to_owned(), purpose.name().to_owned(), "RS256".to_owned());
        KeptKey { kid, purpose, algorithm, sealed: Vec::new(), signs_from }
    }

    fn rotation(hours: Option<u64>) -> Rotation {
        Rotation { every: hours.map(Duration::from_hours), publish_ahead: Duration::from_hours(1) }
    }

    fn next(hours: Option<u64>, keys: &[KeptKey], algorithm: Algorithm) -> Option<u64> {
        rotation(hours).next(keys, Purpose::IdToken, algorithm, NOW)
    }

    #[test]
    fn a_first_key_signs_at_once_and_without_rotation_for_ever() {
        assert_eq!(next(None, &[], Algorithm::Rs256), Some(NOW));
        assert_eq!(next(None, &[key("a", Purpose::AccessToken, 0)], Algorithm::Rs256), Some(NOW));
        assert_eq!(next(None, &[key("a", Purpose::IdToken, 0)], Algorithm::Rs256), None);
    }

    #[test]
    fn the_next_key_is_made_so_early_that_it_can_be_published_before_it_signs() {
        let keys = |age: u64| [key("a", Purpose::IdToken, NOW - age)];
        assert_eq!(next(Some(24), &keys(23 * HOUR - 1), Algorithm::Rs256), None);
        assert_eq!(next(Some(24), &keys(23 * HOUR), Algorithm::Rs256), Some(NOW + HOUR));
        assert_eq!(next(Some(24), &keys(900 * HOUR), Algorithm::Rs256), Some(NOW + HOUR), "also after a long sleep");
        let with_next = [key("a", Purpose::IdToken, 0), key("b", Purpose::IdToken, NOW + HOUR)];
        assert_eq!(next(Some(24), &with_next, Algorithm::Rs256), None, "one next key is enough");
    }

    #[test]
    fn another_algorithm_is_a_rotation_with_overlap() {
        assert_eq!(next(None, &[key("a", Purpose::IdToken, 0)], Algorithm::Es256), Some(NOW + HOUR));
    }

    #[test]
    fn an_old_key_is_kept_until_its_last_token_has_expired() {
        let keys = [key("old", Purpose::IdToken, 0), key("new", Purpose::IdToken, NOW)];
        let end = NOW + 24 * HOUR + MARGIN_MILLIS;
        assert!(outlived(&keys, end - 1).is_empty());
        assert_eq!(outlived(&keys, end), ["old"]);
        let other_purpose = [key("old", Purpose::AccessToken, 0), key("new", Purpose::IdToken, NOW)];
        assert!(outlived(&other_purpose, u64::MAX).is_empty(), "the last of its purpose stays");
    }
}
