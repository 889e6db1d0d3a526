//! What a request can be for: each route and method, as the action and the resource of Cedar.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::{Entity, EntityUid};

use super::names::Names;
use super::outline::{ActionOutline, Outline, action_id};
use crate::policy::error::PolicyError;

/// An action on a resource, as requests by one route and method are.
#[derive(Debug)]
pub(in crate::policy) struct Target {
    /// Its place among the targets.
    pub(in crate::policy) position: usize,
    /// The action's id.
    pub(in crate::policy) action: EntityUid,
    /// The groups that the action is in.
    pub(in crate::policy) action_groups: Vec<EntityUid>,
    /// The service's id.
    pub(in crate::policy) resource: EntityUid,
    /// The parameters of the action's path.
    pub(in crate::policy) parameters: BTreeSet<String>,
    /// Whether who comes without a token may ask for it.
    pub(in crate::policy) optional: bool,
}

impl Target {
    /// The action with its groups.
    pub(in crate::policy) fn action_entity(&self) -> Entity {
        Entity::new_no_attrs(self.action.clone(), self.action_groups.iter().cloned().collect())
    }
}

/// All targets, by route and method.
#[derive(Debug)]
pub(in crate::policy) struct Targets {
    by_route: HashMap<String, HashMap<String, usize>>,
    targets: Vec<Target>,
}

impl Targets {
    /// The targets of an outline.
    ///
    /// # Errors
    ///
    /// Cedar does not take the names of the entity types.
    pub(in crate::policy) fn new(
        outline: &Outline,
        actions: &BTreeMap<String, ActionOutline>,
    ) -> Result<Self, PolicyError> {
        let names = Names::parsed()?;
        let mut targets = Self { by_route: HashMap::new(), targets: Vec::new() };
        for (route, method) in outline.route_methods() {
            let Some(action) = actions.get(&action_id(method, &route.path)) else { continue };
            let position = targets.targets.len();
            targets.targets.push(Target {
                position,
                action: names.action(&action.id),
                action_groups: action.groups.iter().map(|group| names.action(group)).collect(),
                resource: names.service(&route.service),
                parameters: action.parameters.clone(),
                optional: action.optional,
            });
            targets.by_route.entry(route.name.clone()).or_default().insert(method.clone(), position);
        }
        Ok(targets)
    }

    /// What a request by a route and a method is for.
    pub(in crate::policy) fn find(&self, route: &str, method: &str) -> Option<&Target> {
        self.targets.get(*self.by_route.get(route)?.get(method)?)
    }

    /// How many there are.
    pub(in crate::policy) fn len(&self) -> usize {
        self.targets.len()
    }

    /// The target of an action, if the entity is one that requests can be for.
    pub(in crate::policy) fn of_action(&self, action: &EntityUid) -> Option<&Target> {
        self.targets.iter().find(|target| target.action == *action)
    }
}
