//! Makes routes of operations: those that are carried over, and closed ones in the place of those that are not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::cors::cors;
use super::document::{METHODS, Node};
use super::draft::Draft;
use super::plan::{Carried, Planned};
use super::security::Guard;
use super::template::{RoutePath, Template};
use crate::cli::import::report::{Cause, Effect, Report};

/// What routes are made with.
pub(super) struct Building<'a> {
    pub(super) draft: Draft,
    pub(super) report: Report,
    /// Cross-origin rules of the whole API.
    pub(super) common: Option<Node<'a>>,
    /// The trusted issuers of each authorizer.
    pub(super) names: BTreeMap<String, Result<Vec<String>, Cause>>,
    pub(super) forward_token: bool,
    /// The hosts of all routes, closed ones too: a route of a host goes before one of any. None: any.
    pub(super) hosts: &'a [String],
}

/// A path of the gate, and the methods of it that an operation has.
struct Slot {
    path: RoutePath,
    methods: Vec<String>,
}

impl Building<'_> {
    /// Makes all routes, with `base` before their paths. Every operation that is left out gets a closed one: without it, its requests would fall to a vaguer
    /// path, which may be open to more callers.
    ///
    /// # Errors
    /// A path that the gate cannot close.
    pub(super) fn build(mut self, planned: &[Planned], base: &str) -> Result<(Draft, Report), String> {
        let mut taken = Taken::default();
        let slots: Vec<_> = planned.iter().map(|one| taken.slots(one, base)).collect();
        let mut closed = Vec::new();
        for (one, slots) in planned.iter().zip(slots) {
            match &one.outcome {
                Err(cause) => closed.push((one, cause.clone(), slots)),
                Ok(_) if slots.is_empty() => {
                    let cause = Cause::new("same-path", "another operation takes the same methods of the same paths");
                    closed.push((one, cause, slots));
                }
                Ok(carried) => closed.extend(self.carry(one, carried, slots).map(|(cause, left)| (one, cause, left))),
            }
        }
        for (one, cause, slots) in closed {
            self.close(one, &cause, &slots)?;
        }
        Ok((self.draft, self.report))
    }

    /// Makes the routes of an operation; gives back those that our check does not take, and why.
    fn carry(&mut self, one: &Planned, carried: &Carried, slots: Vec<Slot>) -> Option<(Cause, Vec<Slot>)> {
        let mut refused: Option<(Cause, Vec<Slot>)> = None;
        let count = slots.len();
        for slot in slots {
            let route = self.route(one, carried, &slot);
            match self.draft.add(&route) {
                Ok(lost) => lost.into_iter().for_each(|cause| self.report.add(Effect::Lost, &one.at, cause)),
                Err(cause) => refused.get_or_insert_with(|| (cause, Vec::new())).1.push(slot),
            }
        }
        let left = refused.as_ref().map_or(0, |(_, left)| left.len());
        self.report.operations += usize::from(left < count);
        refused
    }

    fn route(&mut self, one: &Planned, carried: &Carried, slot: &Slot) -> Value {
        let name = self.draft.route_name(&format!("{}{}", one.name, slot.path.suffix));
        let mut route = Map::from_iter([("name".to_owned(), json!(name))]);
        let mut add = |key: &str, value: Value| {
            route.insert(key.to_owned(), value);
        };
        add("match", self.matches(slot));
        add("access", self.access(&carried.guard));
        if let Some(cors) = self.cors(one) {
            add("cors", cors);
        }
        if !carried.target.identity.is_empty() {
            add("identity", json!({"headers": carried.target.identity}));
        }
        if self.forward_token && carried.guard != Guard::Nothing {
            add("forward_token", json!(true));
        }
        add("upstream", json!(self.draft.upstream(&carried.target.backend)));
        Value::Object(route)
    }

    fn matches(&self, slot: &Slot) -> Value {
        let mut matches = Map::new();
        if !self.hosts.is_empty() {
            matches.insert("hosts".to_owned(), json!(self.hosts));
        }
        matches.insert("path".to_owned(), json!(slot.path.text));
        if !METHODS.iter().all(|method| slot.methods.iter().any(|own| own == method)) {
            matches.insert("methods".to_owned(), json!(slot.methods));
        }
        Value::Object(matches)
    }

    fn access(&self, guard: &Guard) -> Value {
        let Guard::Tokens { scheme, scopes } = guard else { return json!("public") };
        // An authorizer without a name would be an open route: an empty list is refused by our check.
        let issuers = self.names.get(scheme).and_then(|names| names.as_ref().ok()).cloned().unwrap_or_default();
        if scopes.is_empty() {
            json!({"issuers": issuers})
        } else {
            json!({"issuers": issuers, "scopes": {"any": scopes}})
        }
    }

    fn cors(&mut self, one: &Planned) -> Option<Value> {
        let own = one.cors.as_ref().map(|value| Node { value, at: one.at.clone() });
        let rules = self.common.clone().or(own)?;
        let (cors, lost) = cors(&rules);
        for cause in lost {
            self.report.add(Effect::Lost, &rules.at, cause);
        }
        cors
    }

    fn close(&mut self, one: &Planned, cause: &Cause, slots: &[Slot]) -> Result<(), String> {
        if !one.is_no_loss {
            self.report.add(Effect::LeftOut, &one.at, cause.clone());
        }
        for slot in slots {
            let why = format!("left out, so closed: {} ({})", cause.code, one.at);
            self.draft.close(&format!("{}{}", one.name, slot.path.suffix), &self.matches(slot), &why)?;
        }
        Ok(())
    }
}

/// What requests of which methods are spoken for.
#[derive(Default)]
struct Taken {
    methods: BTreeSet<(String, String)>,
    /// Shapes of paths that are not greedy: API Gateway asks no greedy one for them, whatever the method.
    plain: BTreeSet<String>,
}

impl Taken {
    /// The paths and methods of an operation that none before it has, whether it is carried over or closed.
    fn slots(&mut self, one: &Planned, base: &str) -> Vec<Slot> {
        let template = Template::read(base, &one.path).unwrap_or_else(|_| one.template.clone());
        let slots = template.paths().into_iter().map(|path| {
            let methods = self.take(&template, &path, &one.methods);
            Slot { path, methods }
        });
        slots.filter(|slot| !slot.methods.is_empty()).collect()
    }

    fn take(&mut self, template: &Template, path: &RoutePath, methods: &[String]) -> Vec<String> {
        if !template.is_greedy() {
            self.plain.insert(path.shape.clone());
        } else if self.plain.contains(&path.shape) {
            return Vec::new();
        }
        let own = methods.iter().filter(|method| self.methods.insert((path.shape.clone(), (*method).clone())));
        own.cloned().collect()
    }
}
