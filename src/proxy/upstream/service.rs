//! An upstream: its endpoints as they are known now, and what every request to it goes through.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::balance::{Lineup, choice};
use super::endpoint::{Endpoint, EndpointStatus};
use super::health::check_health;
use super::load::{Admission, Load};
use super::names::{Entry, endpoints, entries, look_up};
use super::peer::{PeerParts, TlsFiles};
use crate::proxy::config::{BalanceConfig, HashConfig, TimeoutsConfig, UpstreamConfig};
use crate::telemetry::UpstreamMetrics;

/// How often names are looked up: the system tells no time to live.
const LOOK_UP_EVERY: Duration = Duration::from_secs(5);

/// Numbers the pools of kept connections, one for each upstream of each config.
static POOLS: AtomicU64 = AtomicU64::new(1);

/// A backend, ready to be connected to.
pub struct Upstream {
    name: Arc<str>,
    pub(super) config: UpstreamConfig,
    pub(super) files: Option<TlsFiles>,
    pub(super) parts: PeerParts,
    entries: Mutex<Vec<Entry>>,
    lineup: ArcSwap<Lineup>,
    next: AtomicUsize,
    load: Arc<Load>,
    begun: Instant,
    metrics: UpstreamMetrics,
    tended: AtomicBool,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Upstream").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Upstream {
    /// An upstream whose names are looked up once. What cannot be found yet is no reason to fail: it is looked up again.
    pub(super) async fn open(
        name: &str,
        config: &UpstreamConfig,
        files: Option<TlsFiles>,
        metrics: UpstreamMetrics,
    ) -> Arc<Self> {
        let upstream = Self {
            name: name.into(),
            parts: PeerParts::new(config, files.as_ref(), POOLS.fetch_add(1, Ordering::Relaxed)),
            entries: Mutex::new(entries(config)),
            lineup: ArcSwap::from_pointee(Lineup::new(Vec::new())),
            next: AtomicUsize::new(0),
            load: Arc::new(Load::new(&config.limits)),
            begun: Instant::now(),
            tended: AtomicBool::new(false),
            config: config.clone(),
            files,
            metrics,
        };
        upstream.look_up_names().await;
        Arc::new(upstream)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Counts how long it took for a request.
    pub fn took(&self, duration: Duration) {
        self.metrics.took(duration);
    }

    /// Begins to follow its names and to check its endpoints, for as long as anyone has this upstream.
    pub fn tend(self: &Arc<Self>, runtime: &Handle) {
        if self.tended.swap(true, Ordering::AcqRel) {
            return;
        }
        if self.entries().iter().any(Entry::is_name) {
            runtime.spawn(follow_names(Arc::downgrade(self)));
        }
        if let Some(health) = &self.config.health {
            runtime.spawn(check_health(Arc::downgrade(self), health.clone()));
        }
    }

    pub(super) fn is_tended(&self) -> bool {
        self.tended.load(Ordering::Acquire)
    }

    /// How each endpoint does.
    #[must_use]
    pub fn status(&self) -> Vec<EndpointStatus> {
        let now = self.now();
        self.endpoints().iter().map(|endpoint| endpoint.status(now)).collect()
    }

    /// Whether it is asked by HTTP/2.
    pub(in crate::proxy) fn speaks_http2(&self) -> bool {
        self.config.http2
    }

    /// How long each step may take.
    pub(in crate::proxy) fn timeouts(&self) -> &TimeoutsConfig {
        &self.config.timeouts
    }

    pub(super) fn metrics(&self) -> &UpstreamMetrics {
        &self.metrics
    }

    pub(super) fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.lineup.load().endpoints.clone()
    }

    /// What callers are told apart by, where that matters.
    pub(in crate::proxy) fn hashes_by(&self) -> Option<&HashConfig> {
        match &self.config.balance {
            BalanceConfig::ConsistentHash(by) => Some(by),
            BalanceConfig::RoundRobin | BalanceConfig::Random => None,
        }
    }

    pub(super) async fn admit(&self) -> Option<Admission> {
        self.load.admit(self.config.timeouts.connect).await
    }

    /// The endpoint for one try. `None` where there is none, or all are down.
    pub(super) fn choose(&self, caller: Option<u64>, tried: &[SocketAddr]) -> Option<Arc<Endpoint>> {
        let choice = choice(&self.config.balance, || self.next.fetch_add(1, Ordering::Relaxed), caller);
        self.lineup.load().choose(choice, self.now(), tried).cloned()
    }

    /// A connection to `endpoint` could not be made, or broke before there was an answer.
    pub(super) fn connect_failed(&self, endpoint: &Endpoint) {
        if endpoint.standing.connect_failed(&self.config.ejection) {
            self.leave_out(endpoint);
        }
    }

    /// `endpoint` answered with a 5xx status, or not in time.
    pub(super) fn server_failed(&self, endpoint: &Endpoint) {
        if endpoint.standing.server_failed(&self.config.ejection) {
            self.leave_out(endpoint);
        }
    }

    /// Leaves `endpoint` out for a while, unless half of all are out already: what is wrong everywhere is not cured by sending the
    /// whole load to the few that happened to fail last.
    fn leave_out(&self, endpoint: &Endpoint) {
        let (lineup, now) = (self.lineup.load(), self.now());
        let all = lineup.endpoints.len();
        let out = lineup.endpoints.iter().filter(|endpoint| endpoint.standing.is_out(now)).count();
        if endpoint.standing.is_out(now) || out >= all.div_ceil(2).min(all.saturating_sub(1)) {
            return;
        }
        endpoint.standing.put_out(now, &self.config.ejection);
        self.metrics.ejected();
        info!(upstream = %self.name, endpoint = endpoint.label, "an endpoint that fails requests is left out for a while");
    }

    /// Milliseconds since this upstream was made.
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks up every name, all at once. One that is not found keeps the addresses that it had.
    pub(super) async fn look_up_names(&self) {
        let mut look_ups = JoinSet::new();
        for (place, entry) in self.entries().iter().enumerate().filter(|(_, entry)| entry.is_name()) {
            let name = entry.configured.clone();
            look_ups.spawn(async move { (place, look_up(name).await) });
        }
        while let Some(looked_up) = look_ups.join_next().await {
            let Ok((place, found)) = looked_up else { continue };
            self.metrics.resolved(found.is_some());
            self.take_in(place, found);
        }
        self.line_up();
    }

    pub(super) fn take_in(&self, place: usize, found: Option<Vec<SocketAddr>>) {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(place) else { return };
        if let Some(addresses) = found {
            entry.found(addresses);
        } else {
            warn!(upstream = %self.name, name = entry.configured, "a name could not be looked up");
        }
    }

    pub(super) fn line_up(&self) {
        let before = self.endpoints();
        let now = endpoints(&self.entries(), &self.parts, &before);
        let same = before.len() == now.len() && before.iter().zip(&now).all(|(one, other)| Arc::ptr_eq(one, other));
        if !same {
            info!(upstream = %self.name, endpoints = now.len(), "the upstream has these endpoints now");
            self.lineup.store(Arc::new(Lineup::new(now)));
        }
    }
}

/// Looks up the names again and again, for as long as anyone has the upstream.
async fn follow_names(upstream: Weak<Upstream>) {
    loop {
        tokio::time::sleep(about(LOOK_UP_EVERY)).await;
        let Some(upstream) = upstream.upgrade() else { return };
        upstream.look_up_names().await;
    }
}

/// Four fifths to six fifths of it, so that many gates do not ask at once.
pub(super) fn about(duration: Duration) -> Duration {
    duration.mul_f64(0.8 + 0.4 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::telemetry::Metrics;

    async fn upstream(config: &str) -> Arc<Upstream> {
        let config: UpstreamConfig = serde_json::from_str(config).unwrap();
        Upstream::open("orders", &config, None, Metrics::new().unwrap().upstream("orders").unwrap()).await
    }

    fn used(upstream: &Upstream) -> BTreeSet<String> {
        (0..100).filter_map(|_| upstream.choose(None, &[])).map(|endpoint| endpoint.label.clone()).collect()
    }

    fn addresses(hosts: &[u8]) -> Vec<SocketAddr> {
        hosts.iter().map(|host| SocketAddr::from(([10, 0, 0, *host], 80))).collect()
    }

    #[tokio::test]
    async fn a_name_that_changes_changes_the_endpoints_and_one_that_is_lost_none() {
        let upstream = upstream(r#"{"dns": "orders.invalid:80"}"#).await;
        assert!(used(&upstream).is_empty(), "it was never found");
        let take_in = |found| {
            upstream.take_in(0, found);
            upstream.line_up();
            used(&upstream).into_iter().collect::<Vec<_>>()
        };
        assert_eq!(take_in(Some(addresses(&[1, 2]))), ["10.0.0.1:80", "10.0.0.2:80"]);
        let stays = upstream.endpoints()[1].clone();
        assert_eq!(take_in(Some(addresses(&[2, 3]))), ["10.0.0.2:80", "10.0.0.3:80"]);
        assert!(Arc::ptr_eq(&stays, &upstream.endpoints()[0]), "what is known of it goes on");
        assert_eq!(take_in(None), ["10.0.0.2:80", "10.0.0.3:80"]);
    }

    #[tokio::test]
    async fn endpoints_that_fail_are_left_out_but_never_more_than_half() {
        let upstream = upstream(r#"{"endpoints": ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80"]}"#).await;
        let endpoints = upstream.endpoints();
        let fail = |place: usize| (0..3).for_each(|_| upstream.connect_failed(&endpoints[place]));
        fail(0);
        assert_eq!(used(&upstream).len(), 3);
        (0..5).for_each(|_| upstream.server_failed(&endpoints[1]));
        assert_eq!(used(&upstream).len(), 2);
        fail(2);
        fail(3);
        assert_eq!(used(&upstream).len(), 2, "half of them stay in");
        let statuses = upstream.status();
        assert_eq!(statuses.iter().filter(|status| status.ejected && !status.healthy).count(), 2);
    }

    #[tokio::test]
    async fn the_only_endpoint_is_never_left_out() {
        let upstream = upstream(r#"{"endpoints": ["10.0.0.1:80"]}"#).await;
        (0..100).for_each(|_| upstream.connect_failed(&upstream.endpoints()[0]));
        assert_eq!(used(&upstream).len(), 1);
        assert!(!upstream.status()[0].ejected);
    }
}
