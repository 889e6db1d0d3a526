//! The limits of one route: which bucket a request is counted in, and whether it is admitted.

use std::net::IpAddr;

use super::config::{CountedBy, RateLimitConfig};
use super::counts::RateCounts;
use super::fields::{Exceeded, SpentUnits};
use super::quota::Quota;
use crate::telemetry::RateMetrics;
use crate::token::VerifiedToken;

/// The limits of one route.
#[derive(Debug, Default)]
pub(in crate::authorizer) struct RouteLimits {
    limits: Vec<Limit>,
    metrics: Option<RateMetrics>,
}

#[derive(Debug)]
struct Limit {
    by: CountedBy,
    quota: Quota,
    /// What clients read of it: never a value, only what is counted.
    policy: String,
    /// What tells its buckets from those of any other limit, of an earlier config too.
    mark: String,
}

/// Whose request it is, as far as that is known when it is counted.
#[derive(Debug, Clone, Copy)]
pub(in crate::authorizer) enum Asker<'a> {
    /// Anyone, before a credential is looked at.
    Unseen(IpAddr),
    /// Whoever the token proves; without one, nobody in particular.
    Seen(Option<&'a VerifiedToken>, IpAddr),
}

impl RouteLimits {
    /// The limits of the route of this name. What they count is kept in `counts`.
    pub(in crate::authorizer) fn new(route: &str, configs: &[RateLimitConfig], counts: &RateCounts) -> Self {
        let mut limits: Vec<Limit> = Vec::new();
        for config in configs {
            let name = policy_name(&config.by);
            let namesakes = limits.iter().filter(|other| other.by == config.by).count();
            let policy = if namesakes == 0 { name.to_owned() } else { format!("{name}-{}", namesakes + 1) };
            let quota = Quota::new(config);
            let by = format!("{:?}", config.by);
            let mark = format!("{route}\n{by}\n{}\n{}\n", quota.interval, quota.burst);
            limits.push(Limit { by: config.by.clone(), quota, policy, mark });
        }
        let metrics = (!limits.is_empty()).then(|| counts.metrics_of(route));
        Self { limits, metrics }
    }

    /// Counts a request by every limit that can be told of its asker, and notes in `spent` what is left.
    ///
    /// # Errors
    /// [`Exceeded`] for the first that has nothing left; those after it are not counted.
    pub(in crate::authorizer) async fn admit(
        &self,
        asker: Asker<'_>,
        counts: &RateCounts,
        spent: &mut Vec<SpentUnits>,
    ) -> Result<(), Exceeded> {
        for limit in &self.limits {
            let Some(key) = limit.key(asker) else { continue };
            let (taken, together) = counts.take(&key, &limit.quota).await;
            if let Some(metrics) = &self.metrics {
                metrics.counted(together, taken.allowed);
            }
            spent.push(SpentUnits { policy: limit.policy.clone(), quota: limit.quota, spent: taken });
            if let Some(exceeded) = SpentUnits::exceeded(spent) {
                return Err(exceeded);
            }
        }
        Ok(())
    }

    /// Whether the route has none.
    pub(in crate::authorizer) fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }
}

impl Limit {
    /// The bucket of this asker; none where it is not the time to ask.
    fn key(&self, asker: Asker<'_>) -> Option<Vec<u8>> {
        let mut key = self.mark.clone().into_bytes();
        match (&self.by, asker) {
            (CountedBy::Route, Asker::Unseen(_)) => {}
            (CountedBy::Address, Asker::Unseen(address))
            | (CountedBy::Sub | CountedBy::Claim(_), Asker::Seen(None, address)) => write_address(&mut key, address),
            (CountedBy::Sub, Asker::Seen(Some(token), _)) => {
                write_texts(&mut key, b's', &[token.issuer(), token.subject()]);
            }
            (CountedBy::Claim(name), Asker::Seen(Some(token), _)) => match token.claims().get(name) {
                Some(serde_json::Value::String(value)) => write_texts(&mut key, b't', &[token.issuer(), value]),
                Some(other) => write_texts(&mut key, b'j', &[token.issuer(), &other.to_string()]),
                // Not each by itself: whoever gets a token without the claim must not be free of the limit.
                None => write_texts(&mut key, b'n', &[token.issuer()]),
            },
            (CountedBy::Route | CountedBy::Address, Asker::Seen(..))
            | (CountedBy::Sub | CountedBy::Claim(_), Asker::Unseen(_)) => return None,
        }
        Some(key)
    }
}

/// Whoever has one address of IPv6 has the 2^64 of its network.
fn write_address(key: &mut Vec<u8>, address: IpAddr) {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            key.push(b'4');
            key.extend(address.octets());
        }
        IpAddr::V6(address) => {
            key.push(b'6');
            key.extend(address.octets().iter().take(8));
        }
    }
}

/// Each with its length, so that no two lists read alike.
fn write_texts(key: &mut Vec<u8>, kind: u8, texts: &[&str]) {
    key.push(kind);
    for text in texts {
        key.extend((text.len() as u64).to_be_bytes());
        key.extend(text.as_bytes());
    }
}

/// A claim's name is told where it is plain, so that it can stand between quotes.
fn policy_name(by: &CountedBy) -> &str {
    let is_plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    match by {
        CountedBy::Sub => "sub",
        CountedBy::Address => "address",
        CountedBy::Route => "route",
        CountedBy::Claim(name) if is_plain(name) => name,
        CountedBy::Claim(_) => "claim",
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::RateConfig;
    use super::*;
    use crate::clock::Clock;
    use crate::telemetry::Metrics;

    fn limits(by: &[CountedBy]) -> (RouteLimits, RateCounts) {
        let counts = RateCounts::alone(Clock::standing_at(1_800_000_000), Metrics::new().unwrap());
        let rate = RateConfig::try_from("2/m".to_owned()).unwrap();
        let configs: Vec<_> = by.iter().map(|by| RateLimitConfig { by: by.clone(), rate, burst: None }).collect();
        (RouteLimits::new("orders", &configs, &counts), counts)
    }

    #[tokio::test]
    async fn addresses_are_counted_apart_and_those_of_one_ipv6_network_together() {
        let (limits, counts) = limits(&[CountedBy::Address]);
        let mut admitted = Vec::new();
        for address in [
            "192.0.2.1",
            "::ffff:192.0.2.1",
            "192.0.2.1",
            "192.0.2.2",
            "2001:db8::1",
            "2001:db8::2",
            "2001:db8::3",
            "2001:db8:0:1::1",
        ] {
            let asker = Asker::Unseen(address.parse().unwrap());
            admitted.push(limits.admit(asker, &counts, &mut Vec::new()).await.is_ok());
        }
        assert_eq!(admitted, [true, true, false, true, true, true, false, true]);
    }

    #[tokio::test]
    async fn callers_are_not_counted_before_they_are_known() {
        let (limits, counts) = limits(&[CountedBy::Sub, CountedBy::Claim("tenant".to_owned())]);
        let address = "192.0.2.1".parse().unwrap();
        for _ in 0..5 {
            assert!(limits.admit(Asker::Unseen(address), &counts, &mut Vec::new()).await.is_ok());
        }
        let mut spent = Vec::new();
        assert!(limits.admit(Asker::Seen(None, address), &counts, &mut spent).await.is_ok());
        assert_eq!(spent.iter().map(|spent| spent.policy.as_str()).collect::<Vec<_>>(), ["sub", "tenant"]);
    }

    #[tokio::test]
    async fn two_limits_by_the_same_have_names_and_buckets_of_their_own() {
        let (limits, counts) = limits(&[CountedBy::Route, CountedBy::Route]);
        assert_eq!(limits.limits.iter().map(|limit| limit.policy.as_str()).collect::<Vec<_>>(), ["route", "route-2"]);
        let asker = Asker::Unseen("192.0.2.1".parse().unwrap());
        assert!(limits.admit(asker, &counts, &mut Vec::new()).await.is_ok());
    }
}
