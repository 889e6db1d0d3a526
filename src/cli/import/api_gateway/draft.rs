//! The config in the making: trusted issuers, upstreams and routes, each taken in only where our own check takes it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::integration::Backend;
use super::schemes::{Place, Tokens, is_user_pool};
use super::yaml::yaml;
use crate::cli::import::report::Cause;
use crate::config::{Config, ConfigError};
use crate::jose::{Algorithm, SigningKey};

/// What stands where nobody has said which app clients there are. No token carries it.
pub(super) const NO_CLIENT: &str = "put-your-app-client-id-here";
/// The name of the issuer whose tokens nobody can make.
const NOBODY: &str = "nobody";

/// The config in the making.
pub(super) struct Draft {
    listen: SocketAddr,
    /// Where tokens stand, unless it is where the gate looks by itself.
    place: Option<Place>,
    issuers: BTreeMap<String, Value>,
    upstreams: BTreeMap<String, Value>,
    backends: BTreeMap<Backend, String>,
    routes: Vec<Value>,
    names: BTreeSet<String>,
}

/// What kind of tokens is taken of a user pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PoolTokens {
    /// ID tokens, which are for an app and carry no scopes.
    Id,
    /// Access tokens.
    Access,
}

impl Draft {
    pub(super) fn new(listen: SocketAddr, place: Option<Place>) -> Self {
        let (issuers, upstreams, backends) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { listen, place, issuers, upstreams, backends, routes: Vec::new(), names: BTreeSet::new() }
    }

    /// Trusts the issuers of an authorizer, and says by which names.
    ///
    /// # Errors
    /// Another authorizer has one of them with another audience: the gate has one rule for an issuer.
    pub(super) fn trust(
        &mut self,
        scheme: &str,
        tokens: &Tokens,
        kind: PoolTokens,
        clients: &[String],
    ) -> Result<Vec<String>, Cause> {
        let mut names = Vec::new();
        for issuer in &tokens.issuers {
            let trusted = trusted(issuer, tokens.audience.as_deref(), kind, clients);
            let known = self.issuers.iter().find(|(_, known)| known.get("issuer") == trusted.get("issuer"));
            let name = match known {
                Some((name, known)) if *known == trusted => name.clone(),
                Some((name, _)) => {
                    let message = format!("the issuer is that of `{name}` too, with another audience");
                    return Err(Cause::new("issuer-twice", message));
                }
                None => free(&plain(scheme), |name| name == NOBODY || self.issuers.contains_key(name)),
            };
            self.issuers.insert(name.clone(), trusted);
            names.push(name);
        }
        Ok(names)
    }

    /// The name of an upstream for this backend.
    pub(super) fn upstream(&mut self, backend: &Backend) -> String {
        if let Some(name) = self.backends.get(backend) {
            return name.clone();
        }
        let name = free(&plain(&backend.host), |name| self.upstreams.contains_key(name));
        let mut upstream = Map::from_iter([("endpoints".to_owned(), json!([backend.endpoint]))]);
        if backend.tls {
            let named = backend.server_name.as_ref().map(|name| json!({"server_name": name}));
            upstream.insert("tls".to_owned(), named.unwrap_or_else(|| json!({})));
        }
        if let Some(millis) = backend.timeout {
            upstream.insert("timeouts".to_owned(), json!({"read": format!("{millis}ms")}));
        }
        self.upstreams.insert(name.clone(), Value::Object(upstream));
        self.backends.insert(backend.clone(), name.clone());
        name
    }

    /// A name for a route that no other has.
    pub(super) fn route_name(&mut self, wanted: &str) -> String {
        let name = free(wanted, |name| self.names.contains(name));
        self.names.insert(name.clone());
        name
    }

    /// Takes a route in. Without what our check objects to of `cors` and `identity`, if it is only that.
    ///
    /// # Errors
    /// What our check says of it.
    pub(super) fn add(&mut self, route: &Value) -> Result<Vec<Cause>, Cause> {
        let (mut route, mut lost) = (route.clone(), Vec::new());
        for key in ["cors", "identity"] {
            let mut alone = route.clone();
            if let (Some(alone), Some(_)) = (alone.as_object_mut(), route.get(key)) {
                // the other one must not be what is objected to
                alone.shift_remove(if key == "cors" { "identity" } else { "cors" });
                let objection = self.objection(&Value::Object(alone.clone()));
                alone.shift_remove(key);
                if let (Some(objection), None) = (objection, self.objection(&Value::Object(alone.clone()))) {
                    lost.push(Cause::new("not-expressible", format!("`{key}`: {objection}")));
                    route.as_object_mut().and_then(|route| route.shift_remove(key));
                }
            }
        }
        if let Some(objection) = self.objection(&route) {
            return Err(Cause::new("not-expressible", objection));
        }
        self.routes.push(route);
        Ok(lost)
    }

    /// Takes a route in that refuses everyone, so that no other takes what it takes. Only where there is another at all.
    pub(super) fn close(&mut self, name: &str, matches: &Value, why: &str) -> Result<(), String> {
        let upstream = self.routes.iter().find_map(|route| route.get("upstream").cloned());
        let Some(upstream) = upstream else { return Ok(()) };
        self.trust_nobody()?;
        let comment: String =
            why.chars().map(|letter| if (' '..='~').contains(&letter) { letter } else { '?' }).collect();
        let route = json!({
            "#": comment,
            "name": self.route_name(name),
            "match": matches,
            "access": {"issuers": [NOBODY]},
            "upstream": upstream,
        });
        if let Some(objection) = self.objection(&route) {
            return Err(format!("the route of {matches} cannot be closed: {objection}"));
        }
        self.routes.push(route);
        Ok(())
    }

    /// An issuer with a key that is thrown away at once: nobody can make a token of it.
    fn trust_nobody(&mut self) -> Result<(), String> {
        if !self.issuers.contains_key(NOBODY) {
            let key = SigningKey::generate_for(Algorithm::EdDsa).map_err(|error| error.to_string())?;
            let trusted = json!({
                "issuer": "https://nobody.invalid",
                "audience": [NOBODY],
                "keys": {"inline": {"keys": [key.public_jwk()]}},
            });
            self.issuers.insert(NOBODY.to_owned(), trusted);
        }
        Ok(())
    }

    /// The config as text; none where it has no route.
    ///
    /// # Errors
    /// What our check says: a mistake of the import.
    pub(super) fn finish(mut self) -> Result<Option<String>, String> {
        if self.routes.is_empty() {
            return Ok(None);
        }
        let used = |key: &'static str, routes: &[Value]| -> BTreeSet<String> {
            let of_one = |route: &Value| match key {
                "upstream" => route.get(key).and_then(Value::as_str).map(str::to_owned).into_iter().collect(),
                _ => issuers_of(route),
            };
            routes.iter().flat_map(of_one).collect::<BTreeSet<_>>()
        };
        let (upstreams, issuers) = (used("upstream", &self.routes), used("issuers", &self.routes));
        self.upstreams.retain(|name, _| upstreams.contains(name));
        self.issuers.retain(|name, _| issuers.contains(name));
        let text = self.text(&self.issuers, &self.upstreams, &self.routes);
        match refused(&text) {
            None => Ok(Some(format!("# Made by `lychgate import api-gateway`.\n{text}"))),
            Some(objection) => Err(objection),
        }
    }

    /// What our check says of a config with this route alone.
    fn objection(&self, route: &Value) -> Option<String> {
        let issuers = issuers_of(route);
        let issuers = self.issuers.iter().filter(|(name, _)| issuers.contains(name));
        let issuers = issuers.map(|(name, issuer)| (name.clone(), issuer.clone())).collect();
        let upstreams = self.upstreams.iter().filter(|(name, _)| route.get("upstream") == Some(&json!(name)));
        let upstreams = upstreams.map(|(name, upstream)| (name.clone(), upstream.clone())).collect();
        refused(&self.text(&issuers, &upstreams, std::slice::from_ref(route)))
    }

    fn text(&self, issuers: &BTreeMap<String, Value>, upstreams: &BTreeMap<String, Value>, routes: &[Value]) -> String {
        let mut config = Map::new();
        config.insert("listeners".to_owned(), json!([{"address": self.listen.to_string()}]));
        if !issuers.is_empty() {
            config.insert("trusted_issuers".to_owned(), json!(issuers));
        }
        if let Some(place) = self.place.as_ref().filter(|_| !issuers.is_empty()) {
            config.insert("credentials".to_owned(), json!([credential(place)]));
        }
        config.insert("upstreams".to_owned(), json!(upstreams));
        config.insert("routes".to_owned(), json!(routes));
        yaml(&Value::Object(config))
    }
}

/// What is said of an issuer. A token of a user pool names the app client, in `aud` or in `client_id` by its kind.
fn trusted(issuer: &str, audience: Option<&[String]>, kind: PoolTokens, clients: &[String]) -> Value {
    let nobody = [NO_CLIENT.to_owned()];
    let clients = if clients.is_empty() { &nobody } else { clients };
    match (audience, kind) {
        (Some(audience), _) if !is_user_pool(issuer) => json!({"issuer": issuer, "audience": audience}),
        (Some(audience), _) => {
            json!({"issuer": issuer, "client_ids": audience, "require_claims": {"token_use": "access"}})
        }
        (None, PoolTokens::Access) => {
            json!({"issuer": issuer, "client_ids": clients, "require_claims": {"token_use": "access"}})
        }
        (None, PoolTokens::Id) => json!({"issuer": issuer, "audience": clients, "require_claims": {"token_use": "id"}}),
    }
}

fn credential(place: &Place) -> Value {
    match place {
        Place::Header(name) => json!({"header": name}),
        Place::Query(name) => json!({"query": name}),
    }
}

fn issuers_of(route: &Value) -> Vec<String> {
    let issuers = route.get("access").and_then(|access| access.get("issuers")).and_then(Value::as_array);
    issuers.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What our check says of a config; none where it takes it.
fn refused(text: &str) -> Option<String> {
    let checked = Config::parse(text, Path::new("lychgate.yaml"), &|_| None).and_then(|loaded| loaded.check());
    checked.err().map(|error: ConfigError| match error.mistakes() {
        [] => error.to_string(),
        mistakes => mistakes.iter().map(|mistake| mistake.message().to_owned()).collect::<Vec<_>>().join("; "),
    })
}

/// Letters, digits and `-_.`, for the name of an issuer or an upstream.
fn plain(name: &str) -> String {
    let fits = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    let plain: String = name.chars().map(fits).take(100).collect();
    if plain.is_empty() { "unnamed".to_owned() } else { plain }
}

/// This name, or the first of `name-2`, `name-3` and so on that is not taken.
fn free(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut free = name.to_owned();
    let mut number = 2_usize;
    while is_taken(&free) {
        free = format!("{name}-{number}");
        number += 1;
    }
    free
}
