//! The policies of a folder: parsed, named, and validated against the schema.

use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, Effect, EntityUid, Policy, PolicyId, PolicySet, Schema, ValidationError, ValidationMode,
    Validator,
};

use super::advice::advice;
use crate::policy::error::{Flaw, Place};
use crate::policy::flaws::{self, Source, nearest};
use crate::policy::reads::Reads;
use crate::policy::schema::{Names, Outline};
use crate::policy::verdict::readable;

/// One policy of a bundle.
#[derive(Debug)]
pub(super) struct NamedPolicy {
    /// Its `@id`, or file and line.
    pub(super) id: Arc<str>,
    /// The policy, under the same id.
    pub(super) policy: Policy,
    /// A forbid's `@message`, as a client may read it.
    pub(super) message: Option<Arc<str>>,
    /// The file it stands in.
    pub(super) source: Source,
    /// Where in the file it begins, and its length, in bytes.
    pub(super) span: (usize, usize),
    /// The parts of the context that it can read.
    pub(super) reads: Reads,
}

impl NamedPolicy {
    fn new(policy: &Policy, source: &Source) -> Result<Self, Flaw> {
        // without a place, the whole file counts as its text
        let whole = (0, source.text.len());
        let span = policy.as_ref().loc().map_or(whole, |loc| (loc.start(), loc.end().saturating_sub(loc.start())));
        let id = match policy.annotation("id") {
            None => format!("{}:{}", source.file_name(), source.line(span.0)),
            Some(id) if is_fit(id) => id.to_owned(),
            Some(_) => {
                let flaw =
                    Flaw::new("policy-id-unfit", "an `@id` is 1 to 128 characters, none of them a control character");
                return Err(flaw.at(source.place(span.0, span.1)));
            }
        };
        let forbids = policy.effect() == Effect::Forbid;
        let message = policy.annotation("message").filter(|_| forbids).and_then(readable);
        let policy = policy.new_id(PolicyId::new(&id));
        let text = source.text.get(span.0..span.0.saturating_add(span.1));
        let reads = text.map_or(Reads::ALL, Reads::of);
        Ok(Self { id: id.into(), policy, message, source: source.clone(), span, reads })
    }

    fn place(&self) -> Place {
        self.source.place(self.span.0, self.span.1)
    }
}

fn is_fit(id: &str) -> bool {
    !id.is_empty() && id.chars().count() <= 128 && !id.contains(char::is_control)
}

/// Parses policy files, in their order.
///
/// # Errors
///
/// A file is not Cedar, holds a template, or two policies have the same id.
pub(super) fn parse(sources: &[Source]) -> Result<Vec<NamedPolicy>, Vec<Flaw>> {
    let mut policies = Vec::new();
    let mut flaws = Vec::new();
    for source in sources {
        match PolicySet::from_str(&source.text) {
            Ok(set) => read_file(&set, source, &mut policies, &mut flaws),
            Err(errors) => flaws.extend(flaws::of_syntax(&errors, source)),
        }
    }
    flaws.extend(duplicates(&policies));
    if policies.is_empty() && flaws.is_empty() {
        let flaw = Flaw::new("no-policies", "the `*.cedar` files hold no policy");
        flaws.push(flaw.help("without any, every request would be denied"));
    }
    if flaws.is_empty() { Ok(policies) } else { Err(flaws) }
}

fn read_file(set: &PolicySet, source: &Source, policies: &mut Vec<NamedPolicy>, flaws: &mut Vec<Flaw>) {
    for template in set.templates() {
        let offset = template.as_ref().loc().map_or(0, |loc| loc.span.offset());
        let flaw = Flaw::new("template-not-supported", "a policy with `?principal` or `?resource` is a template");
        flaws.push(flaw.help("name the group or user instead").at(source.place(offset, 0)));
    }
    let mut found = Vec::new();
    for policy in set.policies() {
        match NamedPolicy::new(policy, source) {
            Ok(policy) => found.push(policy),
            Err(flaw) => flaws.push(flaw),
        }
    }
    found.sort_by_key(|policy| policy.span);
    policies.append(&mut found);
}

fn duplicates(policies: &[NamedPolicy]) -> Vec<Flaw> {
    let mut first: HashMap<&str, &NamedPolicy> = HashMap::new();
    let mut flaws = Vec::new();
    for policy in policies {
        let other = *first.entry(&policy.id).or_insert(policy);
        if !std::ptr::eq(other, policy) {
            let message = format!("policy id `{}` is already taken at {}", policy.id, other.place());
            let help = "give each policy an `@id(\"…\")` of its own";
            flaws.push(Flaw::new("policy-id-duplicate", message).help(help).at(policy.place()));
        }
    }
    flaws
}

/// Validates policies strictly against the schema: every name is known, every type fits, every optional attribute is
/// looked for before it is read.
pub(super) fn validate(set: &PolicySet, policies: &[NamedPolicy], schema: Schema, outline: &Outline) -> Vec<Flaw> {
    let by_id: HashMap<&str, &NamedPolicy> = policies.iter().map(|policy| (&*policy.id, policy)).collect();
    let source = |id: &PolicyId| by_id.get(AsRef::<str>::as_ref(id)).map(|policy| &policy.source);
    let result = Validator::new(schema).validate(set, ValidationMode::Strict);
    let errors = result.validation_errors().filter_map(|error| {
        let flaw = flaws::of_validation(error, source(error.policy_id())?);
        let place = flaw.place.as_ref()?;
        let expression = place.source.get(place.offset..place.offset.saturating_add(place.length))?;
        let advice = advice(&flaw.message, expression, outline);
        Some(match advice {
            Some(advice) => flaw.help(advice),
            None => flaw,
        })
    });
    let wrong: BTreeSet<&PolicyId> = result.validation_errors().map(ValidationError::policy_id).collect();
    // what is wrong in a policy is mostly also why it never holds
    let warnings = result.validation_warnings().filter(|warning| !wrong.contains(warning.policy_id()));
    let warnings = warnings.filter_map(|warning| flaws::of_warning(warning, source(warning.policy_id())?));
    let issuers = policies.iter().filter_map(|policy| unknown_issuer(policy, outline));
    let mut flaws: Vec<Flaw> = errors.chain(warnings).chain(issuers).collect();
    flaws.sort_by_cached_key(|flaw| flaw.place.as_ref().map(|place| (place.file.clone(), place.offset)));
    // Cedar says the same once for each action that a policy could meet
    flaws.dedup_by(|later, earlier| later.code == earlier.code && later.place == earlier.place);
    flaws
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

/// A group of an issuer that nobody trusts never has a member, so a `forbid` about it would silently forbid nothing.
fn unknown_issuer(policy: &NamedPolicy, outline: &Outline) -> Option<Flaw> {
    let names = Names::parsed().ok()?;
    let entities = policy.policy.entity_literals();
    let known = |entity: &&EntityUid| names.issuer_of(entity).is_none_or(|issuer| outline.issuers.contains(issuer));
    let entity = entities.iter().find(|entity| !known(entity))?;
    let issuer = names.issuer_of(entity)?;
    let help = match nearest(issuer, &outline.issuers) {
        Some(near) => format!("did you mean `{near}`? write `{}::\"{near}|…\"`", entity.type_name()),
        None => "begin the id with the name of a trusted issuer and `|`".to_owned(),
    };
    let text = entity.to_string();
    let (offset, length) = policy.find(&text);
    let flaw = Flaw::new("unknown-issuer", format!("`{text}` names no trusted issuer"));
    Some(flaw.help(help).at(policy.source.place(offset, length)))
}

impl NamedPolicy {
    /// Where a piece of the policy's text stands in its file; the policy's beginning if it is written in another way.
    fn find(&self, piece: &str) -> (usize, usize) {
        let (begin, length) = self.span;
        let text = self.source.text.get(begin..begin.saturating_add(length)).unwrap_or_default();
        text.find(piece).map_or((begin, 0), |offset| (begin.saturating_add(offset), piece.len()))
    }
}
