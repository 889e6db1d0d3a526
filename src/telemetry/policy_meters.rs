//! What is counted of policies: their decisions, what is tried out beside them, and which revision is in force.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{IntCounter, IntCounterVec, IntGaugeVec};

use super::forget::forget;

/// The families of all bundles and of rules that are tried out.
pub(super) struct PolicyFamilies {
    pub(super) decisions: IntCounterVec,
    pub(super) errors: IntCounterVec,
    pub(super) faults: IntCounterVec,
    pub(super) shadow: IntCounterVec,
    pub(super) token_shadow: IntCounterVec,
    pub(super) revision: IntGaugeVec,
    /// The revision that `revision` shows of each bundle.
    pub(super) revisions: Mutex<BTreeMap<String, String>>,
}

/// What is counted for one policy bundle; its clones count together.
#[derive(Clone)]
pub struct BundleMetrics {
    allowed: IntCounter,
    denied: IntCounter,
    errors: IntCounter,
    faults: IntCounterVec,
    shadow: ShadowMetrics,
}

/// What is counted of rules that are tried out; its clones count together.
#[derive(Clone)]
pub struct ShadowMetrics {
    name: Arc<str>,
    differences: IntCounterVec,
}

impl PolicyFamilies {
    /// What is counted for the bundle of this name in this mode.
    pub(super) fn bundle(&self, name: &str, mode: &'static str) -> BundleMetrics {
        let decisions = |decision| self.decisions.with_label_values(&[name, mode, decision]);
        BundleMetrics {
            allowed: decisions("allow"),
            denied: decisions("deny"),
            errors: self.errors.with_label_values(&[name]),
            faults: self.faults.clone(),
            shadow: ShadowMetrics { name: name.into(), differences: self.shadow.clone() },
        }
    }

    /// What is counted for the rules that are tried out on an issuer's tokens.
    pub(super) fn token_shadow(&self, issuer: &str) -> ShadowMetrics {
        ShadowMetrics { name: issuer.into(), differences: self.token_shadow.clone() }
    }

    /// Shows these revisions, by bundle, and no others.
    pub(super) fn show_revisions<'a>(&self, bundles: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let now = bundles.into_iter().map(|(bundle, revision)| (bundle.to_owned(), revision.to_owned())).collect();
        let mut known = self.revisions.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *known, now);
        for (bundle, revision) in before.iter().filter(|(bundle, revision)| known.get(*bundle) != Some(revision)) {
            // it is no failure when nothing was shown
            let _ = self.revision.remove_label_values(&[bundle, revision]);
            // the new revision's policies may have other ids, and each that ever erred would be shown for ever
            forget(&self.faults, &[("bundle", bundle)]);
        }
        for (bundle, revision) in known.iter() {
            self.revision.with_label_values(&[bundle, revision]).set(1);
        }
    }
}

impl BundleMetrics {
    /// Counts a decision.
    pub fn decided(&self, allowed: bool) {
        if allowed { self.allowed.inc() } else { self.denied.inc() }
    }

    /// Counts how what is tried out differs; `difference` is of a fixed vocabulary.
    pub fn tried(&self, difference: &'static str) {
        self.shadow.tried(difference);
    }

    /// Counts an evaluation in which something failed.
    pub fn failed(&self) {
        self.errors.inc();
    }

    /// Counts a failure of the policy of this id; ids come from the bundle, so that no request adds one.
    pub fn erred(&self, policy: &str) {
        self.faults.with_label_values(&[&*self.shadow.name, policy]).inc();
    }
}

impl ShadowMetrics {
    /// Counts how what is tried out differs; `difference` is of a fixed vocabulary.
    pub fn tried(&self, difference: &'static str) {
        self.differences.with_label_values(&[&self.name, difference]).inc();
    }
}
