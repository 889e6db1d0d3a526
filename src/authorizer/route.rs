//! Routes: which one a request takes. The most specific match wins, whatever the order in the file.

use std::collections::HashMap;
use std::sync::Arc;

use thiserror::Error;

use super::access::Access;
use super::answers::{Cors, ProtectedResource};
use super::config::{RouteConfig, UpgradeConfig};
use super::identity_headers::IdentityHeaders;
use super::rate_limit::RouteLimits;
use super::request::AccessRequest;
use super::target::Segment;

/// The methods of a route that names none.
const USUAL_METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// A route, ready to be taken.
#[derive(Debug)]
pub struct Route {
    pub(super) name: Arc<str>,
    pub(super) upstream: Arc<str>,
    pub(super) path: String,
    pub(super) methods: Vec<String>,
    /// Names of the path's parameters, in order; a tail comes last.
    pub(super) parameters: Vec<String>,
    pub(super) limits: RouteLimits,
    pub(super) access: Access,
    pub(super) forward_token: bool,
    pub(super) upgrade: Vec<UpgradeConfig>,
    pub(super) outlive_token: bool,
    pub(super) identity: IdentityHeaders,
    pub(super) cors: Option<Cors>,
    pub(super) resource: Option<ProtectedResource>,
}

impl Route {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its upstream's name.
    #[must_use]
    pub fn upstream(&self) -> &Arc<str> {
        &self.upstream
    }

    /// Its path, as in the config.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its methods.
    #[must_use]
    pub fn methods(&self) -> &[String] {
        &self.methods
    }

    /// Whether its requests may upgrade to this protocol.
    #[must_use]
    pub fn upgrades_to(&self, protocol: UpgradeConfig) -> bool {
        self.upgrade.contains(&protocol)
    }

    /// Whether a request with this method can take it.
    fn takes(&self, method: &str) -> bool {
        self.methods.iter().any(|own| own == method)
    }
}

/// The methods that a route with this config takes.
#[must_use]
pub fn methods_of(config: &RouteConfig) -> Vec<String> {
    if config.matches.methods.is_empty() {
        USUAL_METHODS.map(str::to_owned).to_vec()
    } else {
        config.matches.methods.clone()
    }
}

/// The names of a path's parameters, in order.
#[must_use]
pub fn parameters_of(path: &str) -> Vec<String> {
    let parameter = |segment: &str| match Piece::read(segment) {
        Piece::Literal(_) => None,
        Piece::Parameter(name) | Piece::Tail(name) => Some(name.to_owned()),
    };
    path.split('/').skip(1).filter_map(parameter).collect()
}

/// Why routes do not make a table.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("routes `{first}` and `{second}` both take {method} of the same host and path")]
pub struct RouteConflict {
    /// The route that came first.
    pub first: String,
    /// The one that takes the same.
    pub second: String,
    /// The method that both take.
    pub method: String,
}

/// All routes, found by host, path and method.
#[derive(Debug, Default)]
pub(super) struct RouteTable {
    exact_hosts: HashMap<String, Node>,
    /// `.example.org` → its routes.
    wildcard_hosts: HashMap<String, Node>,
    any_host: Node,
}

/// What the table has for a request.
#[derive(Debug)]
pub(super) enum Found<'t, 'r> {
    /// This route, with the path's parameters as sent.
    Route(&'t Arc<Route>, Vec<(&'t str, &'r str)>),
    /// The path, but not with this method.
    OtherMethods(Vec<String>),
    /// Nothing.
    Nothing,
}

#[derive(Debug, Default)]
struct Node {
    literals: HashMap<String, Node>,
    parameter: Option<Box<Node>>,
    /// Routes whose path ends here.
    here: Vec<Arc<Route>>,
    /// Routes whose tail begins here.
    tail: Vec<Arc<Route>>,
}

enum Piece<'a> {
    Literal(&'a str),
    Parameter(&'a str),
    Tail(&'a str),
}

impl<'a> Piece<'a> {
    fn read(segment: &'a str) -> Self {
        match segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) {
            None => Self::Literal(segment),
            Some(name) => name.strip_prefix('*').map_or(Self::Parameter(name), Self::Tail),
        }
    }
}

impl RouteTable {
    /// Adds a route under each of its hosts; none stands for any host.
    ///
    /// # Errors
    /// [`RouteConflict`] where another route takes the same method of the same host and path.
    pub(super) fn insert(&mut self, hosts: &[String], route: &Arc<Route>) -> Result<(), RouteConflict> {
        if hosts.is_empty() {
            return self.any_host.insert(route);
        }
        hosts.iter().try_for_each(|host| self.of_host(&host.to_ascii_lowercase()).insert(route))
    }

    fn of_host(&mut self, host: &str) -> &mut Node {
        let (hosts, name) = match host.strip_prefix('*') {
            None => (&mut self.exact_hosts, host),
            Some(suffix) => (&mut self.wildcard_hosts, suffix),
        };
        hosts.entry(name.to_owned()).or_default()
    }

    /// Finds the route of a request. The host is more specific than the path, the path than the method: a method that the
    /// most specific path does not take is never looked for under a vaguer one, which might be open to more callers.
    pub(super) fn find<'t, 'r>(&'t self, request: &AccessRequest<'_>, segments: &'r [Segment<'r>]) -> Found<'t, 'r> {
        let mut values = Vec::new();
        let Some(routes) = self.of_path(request.host(), segments, &mut values) else { return Found::Nothing };
        match routes.iter().find(|route| route.takes(request.method())) {
            Some(route) => {
                let names = route.parameters.iter().map(String::as_str);
                Found::Route(route, names.zip(values).collect())
            }
            None => Found::OtherMethods(methods_together(routes)),
        }
    }

    /// The route that the same request would take with another method.
    pub(super) fn find_for(&self, host: &str, method: &str, segments: &[Segment<'_>]) -> Option<&Arc<Route>> {
        self.all_at(host, segments).iter().find(|route| route.takes(method))
    }

    /// The routes of the most specific host and path, whatever their methods.
    pub(super) fn all_at(&self, host: &str, segments: &[Segment<'_>]) -> &[Arc<Route>] {
        self.of_path(host, segments, &mut Vec::new()).unwrap_or_default()
    }

    fn of_path<'r>(&self, host: &str, segments: &'r [Segment<'r>], values: &mut Vec<&'r str>) -> Option<&[Arc<Route>]> {
        // One look-up a label, however many hosts there are: the longest suffix first, which is the most specific.
        let suffixes = host.match_indices('.').filter(|(at, _)| *at > 0).filter_map(|(at, _)| host.get(at..));
        let wildcards = suffixes.filter_map(|suffix| self.wildcard_hosts.get(suffix));
        let mut nodes = self.exact_hosts.get(host).into_iter().chain(wildcards).chain([&self.any_host]);
        nodes.find_map(|node| node.find(segments, values))
    }
}

fn methods_together(routes: &[Arc<Route>]) -> Vec<String> {
    let mut methods: Vec<String> = routes.iter().flat_map(|route| route.methods.iter().cloned()).collect();
    methods.sort();
    methods.dedup();
    methods
}

impl Node {
    fn insert(&mut self, route: &Arc<Route>) -> Result<(), RouteConflict> {
        let mut node = self;
        for segment in route.path.split('/').skip(1) {
            node = match Piece::read(segment) {
                Piece::Literal(literal) => node.literals.entry(decoded_literal(literal)).or_default(),
                Piece::Parameter(_) => node.parameter.get_or_insert_default(),
                Piece::Tail(_) => return add(&mut node.tail, route),
            };
        }
        add(&mut node.here, route)
    }

    /// The routes of the most specific path that matches: at each segment a literal before a parameter before a tail.
    fn find<'r>(&self, segments: &'r [Segment<'r>], values: &mut Vec<&'r str>) -> Option<&[Arc<Route>]> {
        let Some((segment, rest)) = segments.split_first() else {
            return (!self.here.is_empty()).then_some(self.here.as_slice());
        };
        if let Some(found) = self.literals.get(segment.decoded.as_ref()).and_then(|node| node.find(rest, values)) {
            return Some(found);
        }
        let before = values.len();
        if let Some(node) = self.parameter.as_ref().filter(|_| !segment.raw.is_empty()) {
            values.push(segment.raw);
            if let Some(found) = node.find(rest, values) {
                return Some(found);
            }
            values.truncate(before);
        }
        if self.tail.is_empty() {
            return None;
        }
        values.push(segment.tail);
        Some(&self.tail)
    }
}

/// A literal is compared as decoded, so one that is written encoded in the config is decoded too.
fn decoded_literal(literal: &str) -> String {
    percent_encoding::percent_decode_str(literal).decode_utf8().map_or_else(|_| literal.to_owned(), Into::into)
}

fn add(routes: &mut Vec<Arc<Route>>, route: &Arc<Route>) -> Result<(), RouteConflict> {
    for other in routes.iter() {
        if let Some(method) = route.methods.iter().find(|method| other.methods.contains(method)) {
            let (first, second) = (other.name.to_string(), route.name.to_string());
            return Err(RouteConflict { first, second, method: method.clone() });
        }
    }
    routes.push(route.clone());
    Ok(())
}
