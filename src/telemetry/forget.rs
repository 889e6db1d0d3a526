//! What is counted of things that a reload took out is shown no more.

use std::collections::HashMap;
use std::sync::PoisonError;

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::proto::MetricFamily;

use super::metrics::Metrics;

impl Metrics {
    /// Takes back what [`Metrics::route`] shows, for a route that a reload took out.
    pub fn forget_route(&self, name: &str) {
        forget(&self.0.requests, &[("route", name)]);
        forget(&self.0.request_duration, &[("route", name)]);
        forget(&self.0.decision_duration, &[("route", name)]);
        forget(&self.0.streams_closed, &[("route", name)]);
        forget(&self.0.rates.decisions, &[("route", name)]);
    }

    /// Takes back what [`Metrics::upstream`] shows, for an upstream that a reload took out.
    pub fn forget_upstream(&self, name: &str) {
        forget(&self.0.upstream_duration, &[("upstream", name)]);
        forget(&self.0.upstream_tries.retries, &[("upstream", name)]);
        forget(&self.0.upstream_tries.ejections, &[("upstream", name)]);
        forget(&self.0.upstream_tries.resolutions, &[("upstream", name)]);
        let mut known = self.0.upstream_healthy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(endpoints) = known.remove(name) {
            // it is no failure when nothing was shown
            let _ = self.0.registry.unregister(Box::new(endpoints));
        }
    }

    /// Takes back what [`Metrics::issuer`] shows, for an issuer that a reload took out.
    pub fn forget_issuer(&self, name: &str) {
        forget(&self.0.keys, &[("issuer", name)]);
        forget(&self.0.keys_age, &[("issuer", name)]);
        forget(&self.0.keys_fetch, &[("issuer", name)]);
        forget(&self.0.introspections, &[("issuer", name)]);
        forget(&self.0.tenants.known, &[("issuer", name)]);
        forget(&self.0.tenants.refused, &[("issuer", name)]);
        forget(&self.0.policy.token_shadow, &[("issuer", name)]);
    }

    /// Takes back what [`Metrics::bundle`] shows, for a bundle that a reload took out.
    pub fn forget_bundle(&self, name: &str) {
        forget(&self.0.policy.decisions, &[("bundle", name)]);
        forget(&self.0.policy.errors, &[("bundle", name)]);
        forget(&self.0.policy.faults, &[("bundle", name)]);
        forget(&self.0.policy.shadow, &[("bundle", name)]);
    }

    /// Takes back the decisions of a bundle in a mode that it is no longer in.
    pub fn forget_bundle_in(&self, name: &str, mode: &str) {
        forget(&self.0.policy.decisions, &[("bundle", name), ("mode", mode)]);
    }
}

/// Removes all series of this family that have these labels.
pub(super) fn forget<B: MetricVecBuilder>(family: &MetricVec<B>, gone: &[(&str, &str)]) {
    for shown in family.collect().iter().flat_map(MetricFamily::get_metric) {
        let labels: HashMap<&str, &str> = shown.get_label().iter().map(|pair| (pair.name(), pair.value())).collect();
        if gone.iter().all(|(label, value)| labels.get(label) == Some(value)) {
            // it is no failure when somebody else has removed it
            let _ = family.remove(&labels);
        }
    }
}
