//! Whether policies fit the schema: every name known, every type right, nothing read that may be missing.

use std::collections::{BTreeSet, HashMap};

use cedar_policy::{
    EntityUid, PolicyId, PolicySet, Schema, ValidationError, ValidationMode, ValidationWarning, Validator,
};

use super::advice::{advice, unknown_action, unknown_service_named};
use super::attributes::Attributes;
use super::origin::Origin;
use super::policies::NamedPolicy;
use crate::policy::error::{Flaw, Place};
use crate::policy::flaws::{nearest, never_holds, of_validation, of_warning};
use crate::policy::schema::{Names, Outline};

/// What policies may speak of beside what the schema says.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) outline: &'a Outline,
    /// The query parameters that the bundle declares.
    pub(super) query: &'a BTreeSet<String>,
}

/// Validates policies strictly against the schema; `wider` is the one in which anyone may be anonymous anywhere.
pub(super) fn validate(
    set: &PolicySet,
    policies: &[NamedPolicy],
    schema: Schema,
    wider: impl FnOnce() -> Option<Schema>,
    Known { outline, query }: Known<'_>,
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
    let warnings: Vec<&ValidationWarning> = warnings.collect();
    let harmless = about_the_anonymous(set, &warnings, wider);
    let warnings = warnings.into_iter().filter(|warning| !harmless.contains(warning.policy_id()));
    let warnings = warnings.filter_map(|warning| of_warning(warning, origin(warning.policy_id()).map(Origin::source)));
    let issuers = policies.iter().filter_map(|policy| unknown_issuer(policy, outline));
    let services = policies.iter().filter_map(|policy| unknown_service(policy, outline));
    let attributes = Attributes::new(outline, query);
    let tests = policies.iter().flat_map(|policy| attributes.unknown_tests(policy));
    let flaws = errors.chain(warnings).chain(issuers).chain(services).chain(tests).collect();
    let mut flaws = without_consequences(flaws);
    flaws.sort_by_cached_key(|flaw| flaw.place.as_ref().map(|place| (place.file.clone(), place.offset)));
    // Cedar says the same once for each action that a policy could meet
    flaws
        .dedup_by(|later, earlier| later.code == earlier.code && later.place.is_some() && later.place == earlier.place);
    flaws
}

/// That a policy never holds need not be told beside the attribute that is never there, which is why.
fn without_consequences(flaws: Vec<Flaw>) -> Vec<Flaw> {
    let (mut idle, mut others): (Vec<Flaw>, Vec<Flaw>) =
        flaws.into_iter().partition(|flaw| flaw.code == "policy-never-holds");
    let reasons =
        || others.iter().filter(|flaw| flaw.code == "unknown-attribute").filter_map(|flaw| flaw.place.as_deref());
    let is_explained = |place: &Place| reasons().any(|reason| place.covers(reason));
    idle.retain(|flaw| !flaw.place.as_deref().is_some_and(is_explained));
    others.append(&mut idle);
    others
}

/// The policies that never hold only because nobody can be anonymous where the bundle is asked. They are no mistake: what they
/// say of the anonymous goes without saying for now.
fn about_the_anonymous(
    set: &PolicySet,
    warnings: &[&ValidationWarning],
    wider: impl FnOnce() -> Option<Schema>,
) -> BTreeSet<PolicyId> {
    let idle = |warning: &ValidationWarning| never_holds(warning).then(|| warning.policy_id().clone());
    let mut ids: BTreeSet<PolicyId> = warnings.iter().copied().filter_map(idle).collect();
    if !ids.is_empty() {
        let Some(schema) = wider() else { return BTreeSet::new() };
        let result = Validator::new(schema).validate(set, ValidationMode::Strict);
        let wrong: BTreeSet<&PolicyId> = result.validation_errors().map(ValidationError::policy_id).collect();
        let still_idle: BTreeSet<PolicyId> = result.validation_warnings().filter_map(idle).collect();
        ids.retain(|id| !wrong.contains(id) && !still_idle.contains(id));
    }
    ids
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
    let Some(expression) = expression else { return flaw };
    let told = match flaw.code {
        "unknown-action" => unknown_action(expression, outline),
        "unknown-entity" => unknown_service_named(expression, outline),
        _ => advice(&flaw.message, expression, outline).map(|advice| (flaw.message.clone(), advice)),
    };
    match told {
        Some((message, help)) => Flaw { message, ..flaw }.help(help),
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
