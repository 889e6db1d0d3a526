//! Whether the gate is ready for work, and what it still waits for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The conditions under which a load balancer may send requests here; its clones share them.
///
/// A condition is a name such as `policies` or `keys:corp` that holds or does not. Draining is for good.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Mutex<Conditions>>);

#[derive(Debug, Default)]
struct Conditions {
    draining: bool,
    holds: BTreeMap<String, bool>,
}

impl Readiness {
    /// Ready once each of `conditions` has been met.
    pub fn awaiting<Name: Into<String>>(conditions: impl IntoIterator<Item = Name>) -> Self {
        let holds = conditions.into_iter().map(|name| (name.into(), false)).collect();
        Self(Arc::new(Mutex::new(Conditions { draining: false, holds })))
    }

    /// Adds a condition that does not hold yet; one that is there already stays as it is.
    pub fn require(&self, condition: &str) {
        self.conditions().holds.entry(condition.to_owned()).or_insert(false);
    }

    /// The condition holds.
    pub fn met(&self, condition: &str) {
        self.conditions().holds.insert(condition.to_owned(), true);
    }

    /// The condition no longer holds.
    pub fn lost(&self, condition: &str) {
        self.conditions().holds.insert(condition.to_owned(), false);
    }

    /// The condition no longer matters, for example because a reload took the issuer out.
    pub fn forget(&self, condition: &str) {
        self.conditions().holds.remove(condition);
    }

    /// No more requests are wanted: the process is about to stop.
    pub fn drain(&self) {
        self.conditions().draining = true;
    }

    /// What stands in the way of being ready, in order of name; `draining` is first where it applies. Empty means ready.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let conditions = self.conditions();
        let draining = conditions.draining.then(|| "draining".to_owned());
        let unmet = conditions.holds.iter().filter(|(_, holds)| !**holds).map(|(name, _)| name.clone());
        draining.into_iter().chain(unmet).collect()
    }

    fn conditions(&self) -> MutexGuard<'_, Conditions> {
        // each change is one step, so what a panicking holder left behind is whole
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Readiness;

    #[test]
    fn it_is_ready_only_when_every_condition_holds() {
        let readiness = Readiness::awaiting(["policies", "keys:corp"]);
        assert_eq!(readiness.missing(), ["keys:corp", "policies"]);
        readiness.met("policies");
        assert_eq!(readiness.missing(), ["keys:corp"]);
        readiness.met("keys:corp");
        assert_eq!(readiness.missing(), [""; 0]);
    }

    #[test]
    fn a_condition_can_be_lost_and_met_again() {
        let readiness = Readiness::awaiting(["policies"]);
        readiness.met("policies");
        readiness.lost("policies");
        assert_eq!(readiness.missing(), ["policies"]);
    }

    #[test]
    fn requiring_again_what_holds_does_not_unmeet_it() {
        let readiness = Readiness::awaiting(["keys:corp"]);
        readiness.met("keys:corp");
        readiness.require("keys:corp");
        readiness.require("keys:new");
        assert_eq!(readiness.missing(), ["keys:new"]);
        readiness.forget("keys:new");
        assert_eq!(readiness.missing(), [""; 0]);
    }

    #[test]
    fn draining_makes_it_unready_whatever_else_holds() {
        let readiness = Readiness::awaiting(["policies"]);
        readiness.met("policies");
        readiness.clone().drain();
        assert_eq!(readiness.missing(), ["draining"]);
    }
}
