//! The metrics of what a reload took out: they go when the last request that counts in them is over.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use crate::proxy::Snapshot;
use crate::server::build::House;
use crate::telemetry::Metrics;

/// Sets that are no longer in force and may still serve requests that began with them.
#[derive(Default)]
pub(super) struct Retired(Mutex<State>);

#[derive(Default)]
struct State {
    /// A new set is being made: what it counts in is there already, and its names are not.
    building: bool,
    sets: Vec<(Weak<Snapshot>, Names)>,
}

/// The names that label a set's metrics.
#[derive(Default)]
struct Names {
    routes: BTreeSet<String>,
    issuers: BTreeSet<String>,
    upstreams: BTreeSet<String>,
    /// With the mode.
    bundles: BTreeSet<(String, &'static str)>,
}

impl Retired {
    /// From here on nothing is forgotten until [`Retired::built`].
    pub(super) fn building(&self) {
        self.state().building = true;
    }

    /// The new set is in force, or will never be; `before` is the set whose place it took.
    pub(super) fn built(&self, before: Option<&House>) {
        let mut state = self.state();
        state.building = false;
        state.sets.extend(before.map(|house| (std::sync::Arc::downgrade(&house.snapshot), Names::of(house))));
    }

    /// Takes back what no set counts in any more.
    pub(super) fn forget(&self, metrics: &Metrics, in_force: &House) {
        let mut state = self.state();
        if state.building || state.sets.is_empty() {
            return;
        }
        let (gone, serving) =
            std::mem::take(&mut state.sets).into_iter().partition::<Vec<_>, _>(|(set, _)| set.strong_count() == 0);
        state.sets = serving;
        let now = Names::of(in_force);
        for (_, names) in gone {
            names.forget_but(&now, metrics);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Names {
    fn of(house: &House) -> Self {
        let snapshot = &house.snapshot;
        Self {
            routes: snapshot.point.routes.keys().map(ToString::to_string).collect(),
            issuers: house.trusted.clone(),
            upstreams: snapshot.upstreams.keys().map(ToString::to_string).collect(),
            bundles: house.bundles.iter().map(|(name, applied)| (name.clone(), applied.mode.name())).collect(),
        }
    }

    fn forget_but(&self, now: &Self, metrics: &Metrics) {
        self.routes.difference(&now.routes).for_each(|name| metrics.forget_route(name));
        self.issuers.difference(&now.issuers).for_each(|name| metrics.forget_issuer(name));
        self.upstreams.difference(&now.upstreams).for_each(|name| metrics.forget_upstream(name));
        for (name, mode) in self.bundles.difference(&now.bundles) {
            if now.bundles.iter().any(|(still, _)| still == name) {
                metrics.forget_bundle_in(name, mode);
            } else {
                metrics.forget_bundle(name);
            }
        }
    }
}
