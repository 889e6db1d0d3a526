//! OAuth 2.0 protected resource metadata (RFC 9728): where a client learns whose tokens are taken here, and for what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::own::{OwnAnswer, PROTECTED_RESOURCE};
use crate::authorizer::config::{AccessConfig, NamedResourceConfig, ProtectedResourceConfig, Requirement, RouteConfig};
use crate::authorizer::request::AccessRequest;
use crate::token::{CredentialConfig, PROOF_ALGORITHMS};

/// How long a document may be kept, in seconds.
const MAX_AGE: u32 = 300;

/// The resource that a route belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ProtectedResource {
    /// The origin that a client asks.
    Origin,
    /// The one with this identifier, in two parts: origin and path.
    Named {
        /// Scheme and authority.
        origin: String,
        /// Empty, or from its slash on.
        path: String,
    },
}

impl ProtectedResource {
    /// The resource of a route: its own words go before the general ones.
    pub(crate) fn of(route: &RouteConfig, general: &ProtectedResourceConfig) -> Option<Self> {
        if matches!(route.access, AccessConfig::Public) {
            return None;
        }
        match route.protected_resource.as_ref().unwrap_or(general) {
            ProtectedResourceConfig::Off => None,
            ProtectedResourceConfig::Origin => Some(Self::Origin),
            ProtectedResourceConfig::Named(named) => Some(Self::named(named)),
        }
    }

    fn named(config: &NamedResourceConfig) -> Self {
        let authority = config.resource.find("://").map_or(0, |scheme| scheme + 3);
        let path = config.resource.get(authority..).and_then(|rest| rest.find('/')).map(|slash| authority + slash);
        let (origin, path) = config.resource.split_at(path.unwrap_or(config.resource.len()));
        Self::Named { origin: origin.to_owned(), path: path.trim_end_matches('/').to_owned() }
    }

    /// Where its metadata stands: what `resource_metadata` in a challenge says (RFC 9728 section 5.1).
    pub(crate) fn metadata_url(&self, request: &AccessRequest<'_>) -> String {
        match self {
            Self::Origin => format!("{}{PROTECTED_RESOURCE}", request.origin()),
            Self::Named { origin, path } => format!("{origin}{PROTECTED_RESOURCE}{path}"),
        }
    }
}

/// Every resource that the routes make up, with what is said of it.
#[derive(Debug, Default)]
pub(crate) struct ProtectedResources {
    about: BTreeMap<ProtectedResource, About>,
}

#[derive(Debug, Default)]
struct About {
    /// Members that the config gives, and those that are alike for all.
    members: Map<String, Value>,
    authorization_servers: BTreeSet<String>,
    scopes: BTreeSet<String>,
    /// Whether every route wants tokens that are bound to their sender.
    bound_alone: Option<bool>,
}

impl ProtectedResources {
    /// Reads them off the routes; `servers` are the issuers by name, `places` are where a token may stand.
    pub(crate) fn new(
        routes: &[RouteConfig],
        general: &ProtectedResourceConfig,
        servers: &BTreeMap<String, String>,
        places: &[CredentialConfig],
    ) -> Self {
        let mut resources = Self::default();
        for route in routes {
            let Some(resource) = ProtectedResource::of(route, general) else { continue };
            let about = resources.about.entry(resource).or_default();
            about.members = members(route.protected_resource.as_ref().unwrap_or(general), places);
            about.note(route, servers);
        }
        resources
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.about.is_empty()
    }

    /// The document about the resource of this path (RFC 9728 section 3.1: the path stands behind the well-known one). With
    /// `is_route`, a path at which the origin's routes ask for tokens is a resource too.
    pub(crate) fn document(&self, request: &AccessRequest<'_>, path: &str, is_route: bool) -> Option<OwnAnswer> {
        let bare = path.trim_end_matches('/');
        let asked = request.origin();
        let named =
            |resource: &&ProtectedResource| matches!(resource, ProtectedResource::Named { path, .. } if path == bare);
        let mut all = self.about.keys().filter(named);
        let of_origin = |resource: &&ProtectedResource| matches!(resource, ProtectedResource::Named { origin, .. } if *origin == asked);
        let found = all.clone().find(of_origin).or_else(|| all.next());
        if let Some(resource @ ProtectedResource::Named { origin, path }) = found {
            return Some(self.about.get(resource)?.document(&format!("{origin}{path}"), MAX_AGE));
        }
        let about = self.about.get(&ProtectedResource::Origin).filter(|_| bare.is_empty() || is_route)?;
        // What depends on the request is nothing for a cache that others read.
        Some(about.document(&format!("{asked}{bare}"), 0))
    }
}

impl About {
    fn note(&mut self, route: &RouteConfig, servers: &BTreeMap<String, String>) {
        let AccessConfig::Rules(rules) = &route.access else { return };
        let accepted = |name: &&String| rules.issuers.is_empty() || rules.issuers.contains(name);
        self.authorization_servers
            .extend(servers.keys().filter(accepted).filter_map(|name| servers.get(name)).cloned());
        if let Some(Requirement::Any(scopes) | Requirement::All(scopes)) = &rules.scopes {
            self.scopes.extend(scopes.iter().cloned());
        }
        let bound = rules.sender_constrained.is_some();
        self.bound_alone = Some(self.bound_alone.unwrap_or(true) && bound);
    }

    fn document(&self, resource: &str, max_age: u32) -> OwnAnswer {
        let mut document = self.members.clone();
        document.insert("resource".to_owned(), json!(resource));
        let lists = [("authorization_servers", &self.authorization_servers), ("scopes_supported", &self.scopes)];
        for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            document.insert(name.to_owned(), json!(list));
        }
        if self.bound_alone == Some(true) {
            document.insert("dpop_bound_access_tokens_required".to_owned(), json!(true));
        }
        OwnAnswer::document(Arc::from(Value::Object(document).to_string()), max_age)
    }
}

fn members(config: &ProtectedResourceConfig, places: &[CredentialConfig]) -> Map<String, Value> {
    let methods: BTreeSet<&str> = places
        .iter()
        .filter_map(|place| match place {
            CredentialConfig::Header { name, .. } if name == "authorization" => Some("header"),
            CredentialConfig::Query(_) => Some("query"),
            CredentialConfig::Header { .. } | CredentialConfig::Cookie(_) => None,
        })
        .collect();
    let mut members = Map::new();
    members.insert("bearer_methods_supported".to_owned(), json!(methods));
    members.insert("dpop_signing_alg_values_supported".to_owned(), json!(PROOF_ALGORITHMS));
    if let ProtectedResourceConfig::Named(NamedResourceConfig { resource: _, name, documentation }) = config {
        let texts = [("resource_name", name), ("resource_documentation", documentation)];
        members.extend(texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), json!(text.as_ref()?)))));
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_an_origin_and_a_path() {
        for (resource, origin, path) in [
            ("https://api.example", "https://api.example", ""),
            ("https://api.example/", "https://api.example", ""),
            ("https://api.example:8443/mcp/", "https://api.example:8443", "/mcp"),
            ("https://api.example/a/b", "https://api.example", "/a/b"),
        ] {
            let config = NamedResourceConfig { resource: resource.to_owned(), name: None, documentation: None };
            let expected = ProtectedResource::Named { origin: origin.to_owned(), path: path.to_owned() };
            assert_eq!(ProtectedResource::named(&config), expected);
        }
    }
}
