//! Loads the policy bundles of a config, each against what the config says of the routes that ask it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::error::ServerError;
use crate::authorizer::{AccessConfig, AppliedBundle, Evaluation, RouteConfig, methods_of, parameters_of};
use crate::config::{Config, ConfigPath, Loaded};
use crate::policy::{AttributeType, Bundle, Link, Outline, Place, RouteOutline};
use crate::token::AttributeKind;

/// Every bundle by its name, with the candidate beside it; none takes effect unless all of them can.
pub(super) fn load_bundles(
    loaded: &Loaded,
    evaluation: Evaluation,
) -> Result<BTreeMap<String, AppliedBundle>, ServerError> {
    let mut bundles = BTreeMap::new();
    for (name, config) in &loaded.config.policies {
        let at = ConfigPath::new("policies").key(name);
        let folder = Folder { loaded, name, directory: &config.directory, links: &config.links, at: at.key("links") };
        let bundle = folder.load()?;
        let candidate = config.candidate.as_ref().map(|candidate| {
            let own_links = candidate.links.as_ref();
            let at = own_links.map_or_else(|| at.key("links"), |_| at.key("candidate").key("links"));
            let links = own_links.unwrap_or(&config.links);
            Folder { loaded, name, directory: &candidate.directory, links, at }.load()
        });
        let candidate = candidate.transpose()?;
        bundles.insert(name.clone(), AppliedBundle { bundle, mode: config.mode, candidate, evaluation });
    }
    Ok(bundles)
}

/// A folder of policies with the links of its templates.
struct Folder<'a> {
    loaded: &'a Loaded,
    name: &'a str,
    directory: &'a Path,
    links: &'a [Link],
    /// Where the links stand.
    at: ConfigPath,
}

impl Folder<'_> {
    fn load(&self) -> Result<Arc<Bundle>, ServerError> {
        let outline = outline(&self.loaded.config, self.name);
        let bundle = Bundle::load_linked(self.name, self.directory, self.links, &outline);
        bundle.map(Arc::new).map_err(|error| ServerError::Policy {
            bundle: self.name.to_owned(),
            source: Box::new(error.with_links_at(|link| self.place_of(link))),
        })
    }

    fn place_of(&self, link: usize) -> Place {
        let place = self.loaded.places.of(&self.at.item(link));
        Place {
            file: place.file.to_path_buf(),
            line: place.line,
            column: place.column,
            offset: place.bytes.start,
            length: place.bytes.len(),
            source: self.loaded.text().clone(),
        }
    }
}

/// What the config says, as the policies of this bundle see it.
///
/// Only routes that name the bundle are in it, since it is never asked about others: Cedar checks a policy against every
/// action that there is, and a parameter need not be one of all routes. A bundle that no route names yet sees all of them.
#[must_use]
pub fn outline(config: &Config, bundle: &str) -> Outline {
    let names_it = |route: &&RouteConfig| match &route.access {
        AccessConfig::Public => false,
        AccessConfig::Rules(rules) => rules.policy.as_deref() == Some(bundle),
    };
    let named = config.routes.iter().any(|route| names_it(&route));
    outline_of(config, config.routes.iter().filter(|route| !named || names_it(route)))
}

/// What the config says, with all of its routes.
#[must_use]
pub fn whole_outline(config: &Config) -> Outline {
    outline_of(config, config.routes.iter())
}

fn outline_of<'a>(config: &Config, routes: impl Iterator<Item = &'a RouteConfig>) -> Outline {
    let routes = routes.map(route_outline);
    let attributes = config.trusted_issuers.values().flat_map(|issuer| &issuer.attributes);
    let attributes = attributes.map(|(name, attribute)| (name.clone(), attribute_type(attribute.kind)));
    // Which tenant a principal is of can be read like any other of its attributes.
    let parameters = config.trusted_issuers.values().flat_map(|issuer| issuer.parameters.keys());
    Outline {
        routes: routes.collect(),
        attributes: attributes.chain(parameters.map(|name| (name.clone(), AttributeType::String))).collect(),
        issuers: config.trusted_issuers.keys().cloned().collect(),
    }
}

fn route_outline(route: &RouteConfig) -> RouteOutline {
    RouteOutline {
        name: route.name.clone(),
        service: route.upstream.clone(),
        path: route.matches.path.clone(),
        methods: methods_of(route),
        parameters: parameters_of(&route.matches.path),
        optional: matches!(&route.access, AccessConfig::Rules(rules) if rules.optional),
    }
}

fn attribute_type(kind: AttributeKind) -> AttributeType {
    match kind {
        AttributeKind::String => AttributeType::String,
        AttributeKind::Long => AttributeType::Long,
        AttributeKind::Bool => AttributeType::Bool,
        AttributeKind::StringSet => AttributeType::StringSet,
    }
}
