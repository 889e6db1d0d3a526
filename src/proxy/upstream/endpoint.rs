//! One endpoint: its peer, and what is known of how it does.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use pingora::upstreams::peer::HttpPeer;

use super::kept::Kept;
use crate::proxy::config::{EjectionConfig, HealthConfig};

/// One address of an upstream.
pub(in crate::proxy) struct Endpoint {
    pub(in crate::proxy) address: SocketAddr,
    /// The `host:port` of the config that it comes from.
    pub(super) configured: String,
    /// What metrics and status call it: its address.
    pub(super) label: String,
    pub(super) weight: u16,
    pub(in crate::proxy) peer: HttpPeer,
    pub(super) health: Health,
    pub(super) standing: Standing,
    pub(super) kept: Kept,
}

/// What active checks say.
#[derive(Debug, Default)]
pub(super) struct Health {
    down: AtomicBool,
    /// Results in a row that say the opposite of what holds.
    against: AtomicU32,
}

/// What requests say: failures in a row, and until when it is left out for them.
#[derive(Debug, Default)]
pub(super) struct Standing {
    connect_failures: AtomicU32,
    server_errors: AtomicU32,
    /// How often it was left out since its last good answer.
    times: AtomicU32,
    /// Milliseconds of the upstream's own time; 0 where it is in.
    out_until: AtomicU64,
}

/// How an endpoint does, for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointStatus {
    /// Its address.
    pub endpoint: String,
    /// Whether it is used.
    pub healthy: bool,
    /// Whether it is left out for requests that failed.
    pub ejected: bool,
}

impl Endpoint {
    pub(super) fn new(configured: &str, weight: u16, address: SocketAddr, peer: HttpPeer) -> Self {
        Self {
            address,
            configured: configured.to_owned(),
            label: address.to_string(),
            weight,
            peer,
            health: Health::default(),
            standing: Standing::default(),
            kept: Kept::default(),
        }
    }

    pub(super) fn status(&self, now: u64) -> EndpointStatus {
        let ejected = self.standing.is_out(now);
        EndpointStatus { endpoint: self.label.clone(), healthy: self.health.is_up() && !ejected, ejected }
    }
}

impl Health {
    pub(super) fn is_up(&self) -> bool {
        !self.down.load(Ordering::Relaxed)
    }

    /// Takes in a check's result. True where it changes what holds.
    pub(super) fn checked(&self, good: bool, config: &HealthConfig) -> bool {
        let up = self.is_up();
        if good == up {
            self.against.store(0, Ordering::Relaxed);
            return false;
        }
        let needed = if up { config.unhealthy_after } else { config.healthy_after };
        if self.against.fetch_add(1, Ordering::Relaxed) + 1 < needed {
            return false;
        }
        self.against.store(0, Ordering::Relaxed);
        self.down.store(up, Ordering::Relaxed);
        true
    }
}

impl Standing {
    pub(super) fn is_out(&self, now: u64) -> bool {
        let until = self.out_until.load(Ordering::Relaxed);
        until != 0 && now < until
    }

    /// A good answer: what was before is forgiven.
    pub(super) fn good(&self) {
        for counter in [&self.connect_failures, &self.server_errors, &self.times] {
            // Most answers follow a good one: reading leaves the line of memory to all cores.
            if counter.load(Ordering::Relaxed) != 0 {
                counter.store(0, Ordering::Relaxed);
            }
        }
    }

    /// Counts a connection that failed; true where there were so many that it should be left out.
    pub(super) fn connect_failed(&self, config: &EjectionConfig) -> bool {
        reaches(&self.connect_failures, config.connect_failures)
    }

    /// Counts a bad answer; true where there were so many that it should be left out.
    pub(super) fn server_failed(&self, config: &EjectionConfig) -> bool {
        reaches(&self.server_errors, config.server_errors)
    }

    /// Leaves it out, each time for twice as long as the last.
    pub(super) fn put_out(&self, now: u64, config: &EjectionConfig) {
        let times = self.times.fetch_add(1, Ordering::Relaxed).min(16);
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let out = millis(config.first).saturating_mul(1 << times).min(millis(config.longest));
        self.out_until.store(now.saturating_add(out).max(1), Ordering::Relaxed);
    }
}

/// After that many, one more is enough: it was in again, and failed again.
fn reaches(counter: &AtomicU32, limit: u32) -> bool {
    limit > 0 && counter.fetch_add(1, Ordering::Relaxed).saturating_add(1) >= limit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> EjectionConfig {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(5));
        EjectionConfig { connect_failures: 3, server_errors: 0, first, longest }
    }

    #[test]
    fn failures_in_a_row_leave_an_endpoint_out_for_a_time_that_grows_and_is_bounded() {
        let (standing, config) = (Standing::default(), config());
        assert!(!standing.connect_failed(&config) && !standing.connect_failed(&config));
        assert!(standing.connect_failed(&config));
        let mut now = 100;
        for seconds in [1, 2, 4, 5, 5] {
            standing.put_out(now, &config);
            assert!(standing.is_out(now) && standing.is_out(now + seconds * 1000 - 1));
            now += seconds * 1000;
            assert!(!standing.is_out(now));
            assert!(standing.connect_failed(&config), "one more failure is enough");
        }
        standing.good();
        assert!(!standing.connect_failed(&config), "all is forgiven");
        standing.put_out(now, &config);
        assert!(!standing.is_out(now + 1000));
    }

    #[test]
    fn a_kind_of_failure_that_is_turned_off_never_counts() {
        let standing = Standing::default();
        assert!((0..100).all(|_| !standing.server_failed(&config())));
    }

    #[test]
    fn checks_in_a_row_take_an_endpoint_out_and_back() {
        let config = HealthConfig {
            path: "/".to_owned(),
            every: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            unhealthy_after: 3,
            healthy_after: 2,
            expect: Vec::new(),
            host: None,
        };
        let health = Health::default();
        let mut seen = Vec::new();
        for good in [false, false, true, false, false, false, false, true, false, true, true, true] {
            health.checked(good, &config);
            seen.push(health.is_up());
        }
        let (t, f) = (true, false);
        assert_eq!(seen, [t, t, t, t, t, f, f, f, f, f, t, t]);
    }
}
