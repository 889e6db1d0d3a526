//! What a principal is to a bundle and a target: the entities and the policies that matter, worked out once.

use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use cedar_policy::{Entities, PolicySet};

use super::reads::Reads;

/// Targets that one principal keeps its standing to; the oldest gives way.
const KEPT: usize = 16;

/// What a principal is to a bundle and a target.
pub(super) struct Standing {
    /// The bundle that worked it out; another version of the bundle has another mark.
    pub(super) bundle: Weak<()>,
    /// The target's position.
    pub(super) target: usize,
    /// The principal, and the actions that policies can ask about.
    pub(super) entities: Entities,
    /// The policies whose heads can hold.
    pub(super) slice: Arc<Slice>,
}

/// Policies that are asked together.
#[derive(Debug)]
pub(super) struct Slice {
    /// The policies.
    pub(super) policies: PolicySet,
    /// The parts of the context that they can read.
    pub(super) reads: Reads,
}

/// The standings of one principal, the newest last.
#[derive(Default)]
pub(super) struct Standings(ArcSwap<Vec<Arc<Standing>>>);

impl Standings {
    /// The standing to a target of a bundle, if it was worked out before.
    pub(super) fn find(&self, bundle: &Arc<()>, target: usize) -> Option<Arc<Standing>> {
        let standings = self.0.load();
        let found = standings.iter().find(|standing| standing.is_for(bundle) && standing.target == target);
        found.map(Arc::clone)
    }

    /// Keeps a standing for the next request.
    pub(super) fn keep(&self, standing: &Arc<Standing>) {
        self.0.rcu(|standings| {
            let living = standings.iter().filter(|kept| kept.bundle.strong_count() > 0);
            let mut standings: Vec<_> = living.map(Arc::clone).collect();
            let surplus = (standings.len() + 1).saturating_sub(KEPT);
            standings.drain(..surplus);
            standings.push(Arc::clone(standing));
            standings
        });
    }
}

impl Standing {
    fn is_for(&self, bundle: &Arc<()>) -> bool {
        std::ptr::eq(self.bundle.as_ptr(), Arc::as_ptr(bundle))
    }
}
