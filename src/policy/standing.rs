//! What a principal is to a bundle and a target: the entities and the policies that matter, worked out once.

use std::sync::{Arc, OnceLock, Weak};

use arc_swap::ArcSwap;
use cedar_policy::Entities;

use super::reads::Reads;
use super::verdict::Verdict;

/// Targets that one principal keeps its standing to; the oldest gives way.
const KEPT: usize = 8;

/// What a principal is to a bundle and a target.
pub(super) struct Standing {
    /// The bundle that worked it out; another version of the bundle has another mark.
    bundle: Weak<()>,
    target: usize,
    entities: Entities,
    /// Kept alive by the bundle alone, so that many principals cannot hold more slices than the bundle would.
    slice: Weak<Slice>,
    /// The answer, where no policy of the slice reads anything of the request: it is then the same for every one.
    settled: OnceLock<Verdict>,
}

/// Policies that are asked together.
#[derive(Debug)]
pub(super) struct Slice {
    /// Their places in the bundle, in order.
    pub(super) positions: Vec<usize>,
    /// The parts of the context that they can read.
    pub(super) reads: Reads,
}

/// A standing with its slice at hand.
pub(super) struct Ready {
    standing: Arc<Standing>,
    /// The policies whose heads hold.
    pub(super) slice: Arc<Slice>,
}

impl Ready {
    /// A standing that was just worked out.
    pub(super) fn new(bundle: &Arc<()>, target: usize, entities: Entities, slice: Arc<Slice>) -> Self {
        let (bundle, slice_of_bundle) = (Arc::downgrade(bundle), Arc::downgrade(&slice));
        let settled = OnceLock::new();
        Self { standing: Arc::new(Standing { bundle, target, entities, slice: slice_of_bundle, settled }), slice }
    }

    /// The answer to every request, if it was settled.
    pub(super) fn settled(&self) -> Option<&Verdict> {
        self.standing.settled.get()
    }

    /// Settles the answer, if no request can change it.
    pub(super) fn settle(&self, verdict: &Verdict) {
        if self.slice.reads.is_nothing() {
            // whoever was faster has settled the same
            let _ = self.standing.settled.set(verdict.clone());
        }
    }

    /// The principal, and the actions that policies can ask about.
    pub(super) fn entities(&self) -> &Entities {
        &self.standing.entities
    }
}

/// Standings of principals, the newest last.
#[derive(Default)]
pub(super) struct Standings(ArcSwap<Vec<Arc<Standing>>>);

impl Standings {
    /// The standing to a target of a bundle, if it was worked out before and the bundle still has its slice.
    pub(super) fn find(&self, bundle: &Arc<()>, target: usize) -> Option<Ready> {
        let standings = self.0.load();
        let standing = standings.iter().find(|standing| standing.is_for(bundle, target))?;
        Some(Ready { standing: Arc::clone(standing), slice: standing.slice.upgrade()? })
    }

    /// Keeps a standing for the next request.
    pub(super) fn keep(&self, bundle: &Arc<()>, ready: &Ready) {
        self.0.rcu(|standings| {
            let still_good =
                |kept: &&Arc<Standing>| kept.slice.strong_count() > 0 && !kept.is_for(bundle, ready.standing.target);
            let mut standings: Vec<_> = standings.iter().filter(still_good).map(Arc::clone).collect();
            let surplus = (standings.len() + 1).saturating_sub(KEPT);
            standings.drain(..surplus);
            standings.push(Arc::clone(&ready.standing));
            standings
        });
    }
}

impl Standing {
    fn is_for(&self, bundle: &Arc<()>, target: usize) -> bool {
        // a mark that is weakly held keeps its address, so no later bundle can have the same
        self.target == target && std::ptr::eq(self.bundle.as_ptr(), Arc::as_ptr(bundle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice() -> Arc<Slice> {
        Arc::new(Slice { positions: Vec::new(), reads: Reads::default() })
    }

    fn keep(standings: &Standings, bundle: &Arc<()>, target: usize, slice: &Arc<Slice>) {
        standings.keep(bundle, &Ready::new(bundle, target, Entities::empty(), Arc::clone(slice)));
    }

    #[test]
    fn a_standing_is_found_for_its_own_bundle_and_target_alone() {
        let (standings, bundle, other, slice) = (Standings::default(), Arc::new(()), Arc::new(()), slice());
        keep(&standings, &bundle, 1, &slice);
        assert!(standings.find(&bundle, 1).is_some());
        assert!(standings.find(&bundle, 2).is_none());
        assert!(standings.find(&other, 1).is_none());
    }

    #[test]
    fn an_answer_is_settled_where_no_policy_reads_the_request() {
        let verdict = Verdict::answered(true, Vec::new(), None);
        for (reads, settles) in [(Reads::default(), true), (Reads::PATH, false), (Reads::CERTIFICATE, false)] {
            let slice = Arc::new(Slice { positions: Vec::new(), reads });
            let ready = Ready::new(&Arc::new(()), 1, Entities::empty(), slice);
            ready.settle(&verdict);
            assert_eq!(ready.settled(), settles.then_some(&verdict), "{reads:?}");
        }
    }

    #[test]
    fn a_standing_whose_slice_the_bundle_gave_up_is_worked_out_anew_and_replaced() {
        let (standings, bundle, old) = (Standings::default(), Arc::new(()), slice());
        keep(&standings, &bundle, 1, &old);
        drop(old);
        assert!(standings.find(&bundle, 1).is_none());
        let new = slice();
        keep(&standings, &bundle, 1, &new);
        keep(&standings, &bundle, 1, &new);
        assert!(standings.find(&bundle, 1).is_some());
        assert_eq!(standings.0.load().len(), 1);
    }

    #[test]
    fn the_oldest_standing_gives_way() {
        let (standings, bundle, slice) = (Standings::default(), Arc::new(()), slice());
        (0..=KEPT).for_each(|target| keep(&standings, &bundle, target, &slice));
        assert!(standings.find(&bundle, 0).is_none() && standings.find(&bundle, 1).is_some());
        assert_eq!(standings.0.load().len(), KEPT);
    }
}
