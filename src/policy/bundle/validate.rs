//! Whether policies fit the schema: every name known, every type right, nothing read that may be missing.

use std::collections::{BTreeSet, HashMap};

use cedar_policy::{EntityUid, PolicyId, PolicySet, Schema, ValidationError, ValidationMode, Validator};

use super::advice::advice;
use super::attributes::Attributes;
use super::origin::Origin;
use super::policies::NamedPolicy;
use crate::policy::error::Flaw;
use crate::policy::flaws::{nearest, of_validation, of_warning};
use crate::policy::schema::{Names, Outline};

/// Validates policies strictly against the schema.
pub(super) fn validate(
    set: &PolicySet,
    policies: &[NamedPolicy],
    schema: Schema,
    outline: &Outline,
    query: &BTreeSet<String>,
) -> Vec<Flaw> {
    let origins = origins(policies);
    let origin = |id: &PolicyId| origins.get(AsRef::<str>::as_ref(id)).copied();
    let result = Validator::new(schema).validate(set, ValidationMode::Strict);
    let errors = result.validation_errors();
    let errors =
        errors.map(|error| advised(of_validation(error, origin(error.policy_id()).map(Origin::source)), outline));
    let wrong: BTreeSet<&PolicyId> = result.validation_errors().map(ValidationError::policy_id).collect();
    // what is wrong in a policy is mostly also why it never holds
    let warnings = result.validation_warnings().filter(|warning| !wrong.contains(warning.policy_id()));
    let warnings = warnings.filter_map(|warning| of_warning(warning, origin(warning.policy_id()).map(Origin::source)));
    let issuers = policies.iter().filter_map(|policy| unknown_issuer(policy, outline));
    let services = policies.iter().filter_map(|policy| unknown_service(policy, outline));
    let attributes = Attributes::new(outline, query);
    let tests = policies.iter().flat_map(|policy| attributes.unknown_tests(policy));
    let mut flaws: Vec<Flaw> = errors.chain(warnings).chain(issuers).chain(services).chain(tests).collect();
    flaws.sort_by_cached_key(|flaw| flaw.place.as_ref().map(|place| (place.file.clone(), place.offset)));
    // Cedar says the same once for each action that a policy could meet
    flaws
        .dedup_by(|later, earlier| later.code == earlier.code && later.place.is_some() && later.place == earlier.place);
    flaws
}

/// Where policies and their templates stand, by id.
fn origins(policies: &[NamedPolicy]) -> HashMap<&str, &Origin> {
    let templates =
        policies.iter().filter_map(|policy| Some((policy.template.as_ref()?.id().as_ref(), &policy.origin)));
    policies.iter().map(|policy| (&*policy.id, &policy.origin)).chain(templates).collect()
}

fn advised(flaw: Flaw, outline: &Outline) -> Flaw {
    let expression =
        flaw.place.as_ref().and_then(|place| place.source.get(place.offset..place.offset.saturating_add(place.length)));
    match expression.and_then(|expression| advice(&flaw.message, expression, outline)) {
        Some(advice) => flaw.help(advice),
        None => flaw,
    }
}

/// A group of an issuer that nobody trusts never has a member, so a `forbid` about it would silently forbid nothing.
fn unknown_issuer(policy: &NamedPolicy, outline: &Outline) -> Option<Flaw> {
    let names = Names::parsed().ok()?;
    let unknown = |entity: &EntityUid| {
        names.issuer_of(entity).is_some_and(|issuer| !outline.issuers.contains(issuer)) || names.is_nameless(entity)
    };
    let slots = policy.policy.template_links().into_iter().flat_map(HashMap::into_values);
    let entity = slots.chain(policy.policy.entity_literals()).find(unknown)?;
    if names.is_nameless(&entity) {
        let flaw =
            Flaw::new("unknown-issuer", format!("`{entity}` does not say whose it is, so nobody bears this name"));
        return Some(stands(policy, &entity, flaw.help("write `issuer|name`, with the name of a trusted issuer")));
    }
    let issuer = names.issuer_of(&entity)?;
    let help = match nearest(issuer, &outline.issuers) {
        Some(near) => format!("did you mean `{near}`? write `{}::\"{near}|…\"`", entity.type_name()),
        None => "begin the id with the name of a trusted issuer and `|`".to_owned(),
    };
    let flaw = Flaw::new("unknown-issuer", format!("`{entity}` names no trusted issuer")).help(help);
    Some(stands(policy, &entity, flaw))
}

/// A flaw about an entity that a policy names, or that a link fills in.
fn stands(policy: &NamedPolicy, entity: &EntityUid, flaw: Flaw) -> Flaw {
    let is_filled = policy.policy.template_links().is_some_and(|slots| slots.values().any(|slot| slot == entity));
    match policy.link.filter(|_| is_filled) {
        Some(link) => flaw.of_link(link),
        None => flaw.at(policy.origin.find(&entity.to_string())),
    }
}

/// Cedar looks at the services that policies name, but not at those that links fill in.
fn unknown_service(policy: &NamedPolicy, outline: &Outline) -> Option<Flaw> {
    let names = Names::parsed().ok()?;
    let slots = policy.policy.template_links().into_iter().flat_map(HashMap::into_values);
    let services: BTreeSet<String> = outline.services().into_iter().map(str::to_owned).collect();
    let unknown = |entity: &EntityUid| names.service_of(entity).is_some_and(|service| !services.contains(service));
    let entity = slots.into_iter().find(unknown)?;
    let service = names.service_of(&entity)?;
    let flaw = Flaw::new("unknown-entity", format!("link `{}`: there is no service `{service}`", policy.id));
    Some(stands(
        policy,
        &entity,
        match nearest(service, &services) {
            Some(near) => flaw.help(format!("did you mean `{near}`?")),
            None => flaw.help("a service is an upstream of a route"),
        },
    ))
}
