//! What the config says, in the policy room's own words; the schema is generated from it.

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::error::PolicyError;

/// The attributes that every `User` has by itself; a configured one may not take their names.
pub(in crate::policy) const BUILT_IN_ATTRIBUTES: [&str; 7] =
    ["issuer", "sub", "scopes", "username", "email", "email_verified", "client_id"];

/// What the config says, in the policy room's own words; the schema is generated from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// The routes; those with the same path and method share an action.
    pub routes: Vec<RouteOutline>,
    /// The configured attributes of users, by name. All are optional.
    pub attributes: BTreeMap<String, AttributeType>,
    /// The names of the trusted issuers; `Group::"corp|sales"` and `User::"corp|alice"` in a policy must begin with one of them.
    pub issuers: BTreeSet<String>,
}

/// A route as policies see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteOutline {
    /// The route's name; policies use it as the group of the route's actions.
    pub name: String,
    /// The upstream's name: the resource.
    pub service: String,
    /// The path as configured, such as `/orders/{order_id}`.
    pub path: String,
    /// The methods that the route takes, in upper case.
    pub methods: Vec<String>,
    /// The names of the path's parameters.
    pub parameters: Vec<String>,
    /// Whether it lets through who comes without a token.
    pub optional: bool,
}

/// The type of a configured attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeType {
    /// Cedar's `String`.
    String,
    /// Cedar's `Long`: an integer of 64 bits.
    Long,
    /// Cedar's `Bool`.
    Bool,
    /// Cedar's `Set<String>`.
    StringSet,
}

impl AttributeType {
    /// The type's name in a Cedar schema.
    pub(in crate::policy) fn in_cedar(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::Long => "Long",
            Self::Bool => "Bool",
            Self::StringSet => "Set<String>",
        }
    }
}

/// An action: one method on one path, whichever routes lead there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::policy) struct ActionOutline {
    /// The action's id, `GET /orders/{order_id}`.
    pub(in crate::policy) id: String,
    /// The groups that it is in: names of routes, and `read` or `write`.
    pub(in crate::policy) groups: BTreeSet<String>,
    /// The parameters of its path.
    pub(in crate::policy) parameters: BTreeSet<String>,
    /// Whether some of its routes lets through who comes without a token.
    pub(in crate::policy) optional: bool,
}

impl Outline {
    /// The actions by id, after the outline's names were found to fit together.
    ///
    /// # Errors
    ///
    /// A name that stands for two things, or cannot be one.
    pub(in crate::policy) fn actions(&self) -> Result<BTreeMap<String, ActionOutline>, PolicyError> {
        self.check_names()?;
        let mut actions = BTreeMap::new();
        for (route, method) in self.route_methods() {
            let id = action_id(method, &route.path);
            let action = actions.entry(id.clone()).or_insert_with(|| ActionOutline {
                id,
                groups: BTreeSet::from([access_kind(method).to_owned()]),
                parameters: route.parameters.iter().cloned().collect(),
                optional: false,
            });
            action.groups.insert(route.name.clone());
            action.optional |= route.optional;
        }
        match self.routes.iter().find(|route| actions.contains_key(&route.name)) {
            Some(route) => Err(PolicyError::RouteName { name: route.name.clone() }),
            None => Ok(actions),
        }
    }

    /// The same, were every route open to who comes without a token.
    pub(in crate::policy) fn were_all_optional(&self) -> Self {
        let routes = self.routes.iter().map(|route| RouteOutline { optional: true, ..route.clone() });
        Self { routes: routes.collect(), ..self.clone() }
    }

    /// Each route with each of its methods.
    pub(in crate::policy) fn route_methods(&self) -> impl Iterator<Item = (&RouteOutline, &String)> {
        self.routes.iter().flat_map(|route| route.methods.iter().map(move |method| (route, method)))
    }

    /// The names of the services.
    pub(in crate::policy) fn services(&self) -> BTreeSet<&str> {
        self.routes.iter().map(|route| route.service.as_str()).collect()
    }

    fn check_names(&self) -> Result<(), PolicyError> {
        let mut names = BTreeSet::from(["read", "write"]);
        if let Some(route) = self.routes.iter().find(|route| !names.insert(&route.name)) {
            return Err(PolicyError::RouteName { name: route.name.clone() });
        }
        if let Some(name) = self.attributes.keys().find(|name| is_built_in(name)) {
            return Err(PolicyError::AttributeName { name: name.clone() });
        }
        self.issuers.iter().try_for_each(|name| check_issuer_name(name))
    }
}

/// The id of the action for a method on a path.
pub(in crate::policy) fn action_id(method: &str, path: &str) -> String {
    format!("{method} {path}")
}

/// Whether every user has this attribute by itself.
pub(in crate::policy) fn is_built_in(attribute: &str) -> bool {
    BUILT_IN_ATTRIBUTES.contains(&attribute)
}

/// An issuer's name stands before the bar in entity ids, so it must have none.
///
/// # Errors
///
/// The name is empty or has a bar.
pub(in crate::policy) fn check_issuer_name(name: &str) -> Result<(), PolicyError> {
    // `a|b` with `c` and `a` with `b|c` would be the same entity
    if name.is_empty() || name.contains('|') {
        return Err(PolicyError::IssuerName { name: name.to_owned() });
    }
    Ok(())
}

/// RFC 9110 section 9.2.1 calls these methods safe; TRACE never reaches a route.
fn access_kind(method: &str) -> &'static str {
    if ["GET", "HEAD", "OPTIONS"].contains(&method) { "read" } else { "write" }
}
