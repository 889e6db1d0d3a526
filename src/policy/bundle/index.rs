//! Which policies matter for a request: those whose heads hold, found without looking at the others.

use std::collections::{BTreeSet, HashMap};
use std::ops::BitOr;
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, EntityTypeName, EntityUid, Policy, PolicySet, PolicySetError, PrincipalConstraint,
    ResourceConstraint,
};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::policies::NamedPolicy;
use crate::policy::principal::Identity;
use crate::policy::reads::Reads;
use crate::policy::schema::Target;
use crate::policy::standing::Slice;

/// Policies that all slices in the cache may hold together; a larger slice is made anew each time.
const CACHED_POLICIES: u64 = 100_000;

/// The policies by what their heads ask of principal, action and resource.
///
/// INVARIANT: a policy is in a bucket of keys that a request has if, and only if, its head holds for that request: each way in
/// which a head can ask is a kind of key, and a request has every key of each kind that is true of it. So of what is selected
/// only the conditions are left to ask. A policy whose head does not hold is false before its conditions are evaluated (Cedar
/// joins head and conditions by a short-circuiting `&&`), so it can neither determine the answer nor err.
#[derive(Debug)]
pub(super) struct Index {
    numbers: HashMap<Key, u32>,
    buckets: HashMap<[u32; 3], Vec<u32>>,
    /// Whether some head asks for a type and an ancestor at once: few do, and looking for them costs a key for each group.
    has_is_in: bool,
    slices: Cache<Vec<u32>, Arc<Slice>>,
}

/// What a head asks of one of the three.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Any,
    Is(EntityTypeName),
    Eq(EntityUid),
    In(EntityUid),
    IsIn(EntityTypeName, EntityUid),
}

impl Index {
    /// Sorts policies by their heads.
    pub(super) fn new(policies: &[NamedPolicy]) -> Self {
        let slices = Cache::builder().max_capacity(CACHED_POLICIES).weigher(weight);
        // the newest is always taken: its principal will ask again
        let slices = slices.eviction_policy(EvictionPolicy::lru()).build();
        let mut index = Self { numbers: HashMap::new(), buckets: HashMap::new(), has_is_in: false, slices };
        for (policy, position) in policies.iter().zip(0..) {
            index.add(&policy.policy, position);
        }
        index
    }

    fn add(&mut self, policy: &Policy, position: u32) {
        let principal = self.number(principal_key(policy.principal_constraint()));
        let resource = self.number(resource_key(policy.resource_constraint()));
        for action in action_keys(policy.action_constraint()) {
            let action = self.number(action);
            self.buckets.entry([principal, action, resource]).or_default().push(position);
        }
    }

    fn number(&mut self, key: Key) -> u32 {
        self.has_is_in |= matches!(key, Key::IsIn(..));
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(key).or_insert(next)
    }

    /// The policies whose heads hold for this principal and target, as positions in order.
    pub(super) fn select(&self, identity: Option<&Identity>, anonymous: &EntityUid, target: &Target) -> Vec<u32> {
        let uid = identity.map_or(anonymous, |identity| &identity.uid);
        let groups = identity.map(|identity| identity.groups.as_slice()).unwrap_or_default();
        let principals = self.known(uid, groups);
        let actions = self.known(&target.action, &target.action_groups);
        let resources = self.known(&target.resource, &[]);
        let mut selected = Vec::new();
        for principal in principals {
            for action in &actions {
                let buckets =
                    resources.iter().filter_map(|resource| self.buckets.get(&[principal, *action, *resource]));
                selected.extend(buckets.flatten().copied());
            }
        }
        selected.sort_unstable();
        selected.dedup();
        selected
    }

    /// The numbers of the keys that an entity has, as far as any head asks for them.
    fn known(&self, uid: &EntityUid, ancestors: &[EntityUid]) -> Vec<u32> {
        let kind = uid.type_name();
        // an entity is in itself
        let within = || std::iter::once(uid).chain(ancestors).cloned();
        let keys = [Key::Any, Key::Is(kind.clone()), Key::Eq(uid.clone())].into_iter().chain(within().map(Key::In));
        let both = self.has_is_in.then(|| within().map(|ancestor| Key::IsIn(kind.clone(), ancestor)));
        let keys = keys.chain(both.into_iter().flatten());
        keys.filter_map(|key| self.numbers.get(&key).copied()).collect()
    }

    /// The selected policies with what they read, kept for the next request that selects the same.
    pub(super) fn slice(&self, selected: Vec<u32>, policies: &[NamedPolicy]) -> Arc<Slice> {
        if let Some(slice) = self.slices.get(&selected) {
            return slice;
        }
        let positions = selected.iter().filter_map(|position| usize::try_from(*position).ok());
        let positions: Vec<usize> = positions.collect();
        let reads = positions.iter().filter_map(|position| policies.get(*position)).map(|policy| policy.reads);
        let slice = Arc::new(Slice { reads: reads.fold(Reads::default(), BitOr::bitor), positions });
        self.slices.insert(selected, Arc::clone(&slice));
        slice
    }
}

/// Policies as a set that can be asked.
///
/// # Errors
///
/// Two have the same id.
pub(super) fn set_of(policies: &[NamedPolicy]) -> Result<PolicySet, Box<PolicySetError>> {
    let mut set = PolicySet::new();
    policies.iter().try_for_each(|policy| add(&mut set, policy))?;
    Ok(set)
}

fn add(set: &mut PolicySet, policy: &NamedPolicy) -> Result<(), Box<PolicySetError>> {
    let Some(template) = &policy.template else { return Ok(set.add(policy.policy.clone())?) };
    if set.template(template.id()).is_none() {
        set.add_template(template.clone())?;
    }
    let slots = policy.policy.template_links().unwrap_or_default();
    Ok(set.link(template.id().clone(), policy.policy.id().clone(), slots)?)
}

#[expect(clippy::ptr_arg, reason = "moka hands the key as it keeps it")]
fn weight(selected: &Vec<u32>, _slice: &Arc<Slice>) -> u32 {
    u32::try_from(selected.len()).unwrap_or(u32::MAX).saturating_add(1)
}

fn principal_key(constraint: PrincipalConstraint) -> Key {
    match constraint {
        PrincipalConstraint::Any => Key::Any,
        PrincipalConstraint::Is(kind) => Key::Is(kind),
        PrincipalConstraint::Eq(uid) => Key::Eq(uid),
        PrincipalConstraint::In(uid) => Key::In(uid),
        PrincipalConstraint::IsIn(kind, uid) => Key::IsIn(kind, uid),
    }
}

fn action_keys(constraint: ActionConstraint) -> Vec<Key> {
    match constraint {
        ActionConstraint::Any => vec![Key::Any],
        ActionConstraint::Eq(uid) => vec![Key::Eq(uid)],
        ActionConstraint::In(uids) => uids.into_iter().map(Key::In).collect(),
    }
}

fn resource_key(constraint: ResourceConstraint) -> Key {
    match constraint {
        ResourceConstraint::Any => Key::Any,
        ResourceConstraint::Is(kind) => Key::Is(kind),
        ResourceConstraint::Eq(uid) => Key::Eq(uid),
        ResourceConstraint::In(uid) => Key::In(uid),
        ResourceConstraint::IsIn(kind, uid) => Key::IsIn(kind, uid),
    }
}

/// The actions that conditions name, such as `Action::"GET /a" in Action::"read"`: more often than the heads do.
pub(super) fn named_actions(policies: &[NamedPolicy]) -> impl Iterator<Item = EntityUid> {
    let named: BTreeSet<EntityUid> = policies.iter().flat_map(|policy| in_conditions(&policy.policy)).collect();
    named.into_iter()
}

fn in_conditions(policy: &Policy) -> Vec<EntityUid> {
    let mut entities = policy.entity_literals();
    let in_head = match policy.action_constraint() {
        ActionConstraint::Any => Vec::new(),
        ActionConstraint::Eq(uid) => vec![uid],
        ActionConstraint::In(uids) => uids,
    };
    for uid in in_head {
        if let Some(position) = entities.iter().position(|entity| *entity == uid) {
            entities.swap_remove(position);
        }
    }
    entities
}
