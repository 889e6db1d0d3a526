//! A folder of policies as one set that is checked and swapped as a whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use cedar_policy::{Authorizer, Entity, EntityUid, PolicySet, Schema};

use super::folder::Folder;
use super::index::{Index, named_actions, set_of};
use super::links::Link;
use super::policies::{NamedPolicy, PolicySummary, parse};
use super::revision::revision;
use super::validate::{Known, validate};
use crate::policy::cases::{self, Case, CaseAnswer, CaseReport};
use crate::policy::error::{Flaw, PolicyError};
use crate::policy::flaws::{Source, of_schema};
use crate::policy::schema::{AttributeType, Extension, Names, Outline, Targets, write_schema};
use crate::policy::standing::Standings;

/// A folder of policies: immutable, shared by all workers, and replaced only as a whole.
pub struct Bundle {
    name: String,
    revision: String,
    /// Tells this bundle from any other, also from an earlier reading of the same folder.
    pub(super) mark: Arc<()>,
    pub(super) attributes: BTreeMap<String, AttributeType>,
    pub(super) query_parameters: BTreeSet<String>,
    pub(super) targets: Targets,
    pub(super) policies: Vec<NamedPolicy>,
    pub(super) positions: HashMap<Arc<str>, usize>,
    /// All of them as Cedar asks them, for comparison.
    pub(super) all: PolicySet,
    pub(super) index: Index,
    /// The actions that conditions name, so that every request can ask about them.
    pub(super) named_actions: Vec<Entity>,
    pub(super) anonymous: EntityUid,
    /// The anonymous principal's standing to each target.
    pub(super) anonymous_standings: Vec<Standings>,
    pub(super) authorizer: Authorizer,
    cases: Vec<Case>,
}

impl fmt::Debug for Bundle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bundle = formatter.debug_struct("Bundle");
        bundle.field("name", &self.name).field("revision", &self.revision).field("policies", &self.policies.len());
        bundle.finish_non_exhaustive()
    }
}

impl Bundle {
    /// Reads, parses and validates a bundle's folder against the outline of the config.
    ///
    /// # Errors
    ///
    /// The outline's names clash, or the folder has flaws: all that were found are in the error.
    pub fn load(name: &str, directory: &Path, outline: &Outline) -> Result<Self, PolicyError> {
        Self::load_linked(name, directory, &[], outline)
    }

    /// The same for a bundle with templates, which the config links.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load); also, links and templates do not fit together.
    pub fn load_linked(name: &str, directory: &Path, links: &[Link], outline: &Outline) -> Result<Self, PolicyError> {
        let flawed = |flaws: Vec<Flaw>| PolicyError::Bundle { bundle: name.to_owned(), flaws };
        let folder = Folder::read(directory).map_err(flawed)?;
        let extension = folder.extension.as_ref().map(Extension::read).transpose().map_err(flawed)?;
        let schema = build_schema(outline, extension.as_ref())?.map_err(flawed)?;
        let wider = || build_schema(&outline.were_all_optional(), extension.as_ref()).ok()?.ok();
        let bundle = Self::assemble(name, &folder, extension.as_ref(), links, outline)?;
        let effects = bundle.policies.iter().map(|policy| (policy.id.to_string(), policy.policy.effect())).collect();
        let known = Known { outline, query: &bundle.query_parameters };
        let mut flaws = validate(&bundle.all, &bundle.policies, schema, wider, known);
        flaws.extend(cases::check_names(&bundle.cases, &effects));
        if flaws.is_empty() { Ok(bundle) } else { Err(flawed(flaws)) }
    }

    /// A bundle of what a folder holds, not yet validated.
    pub(in crate::policy) fn assemble(
        name: &str,
        folder: &Folder,
        extension: Option<&Extension>,
        links: &[Link],
        outline: &Outline,
    ) -> Result<Self, PolicyError> {
        let flawed = |flaws: Vec<Flaw>| PolicyError::Bundle { bundle: name.to_owned(), flaws };
        let targets = Targets::new(outline, &outline.actions()?)?;
        let policies = parse(&folder.policies, links).map_err(flawed)?;
        let all =
            set_of(&policies).map_err(|error| flawed(vec![Flaw::new("policy-id-duplicate", error.to_string())]))?;
        let positions = policies.iter().enumerate().map(|(position, policy)| (Arc::clone(&policy.id), position));
        let named = named_actions(&policies);
        Ok(Self {
            name: name.to_owned(),
            revision: revision(folder, links),
            mark: Arc::default(),
            attributes: outline.attributes.clone(),
            query_parameters: extension.and_then(Extension::query).cloned().unwrap_or_default(),
            positions: positions.collect(),
            all,
            index: Index::new(&policies),
            named_actions: named.filter_map(|action| Some(targets.of_action(&action)?.action_entity())).collect(),
            anonymous: Names::parsed()?.anonymous(),
            anonymous_standings: std::iter::repeat_with(Standings::default).take(targets.len()).collect(),
            targets,
            policies,
            authorizer: Authorizer::new(),
            cases: cases::read(&folder.cases).map_err(flawed)?,
        })
    }

    /// The bundle's name in the config.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A hash of what decides: its policies, schema extension and links; changes when, and only when, they do.
    #[must_use]
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Its cases, in the order of files.
    #[must_use]
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// Runs its cases, those that are wanted; `ask` turns a case into a query as a request would be, unless its route refuses it
    /// first, and says why where it cannot.
    pub fn run_cases(
        &self,
        wanted: impl Fn(&Case) -> bool,
        mut ask: impl FnMut(&Case) -> Result<CaseAnswer, String>,
    ) -> CaseReport {
        let answers = self.cases.iter().filter(|case| wanted(case)).map(|case| (case, ask(case)));
        CaseReport::new(answers, self.policies.iter().map(|policy| Arc::clone(&policy.id)))
    }

    /// Its policies, in the order of files, then of links.
    pub fn policies(&self) -> impl Iterator<Item = PolicySummary<'_>> {
        self.policies.iter().map(NamedPolicy::summary)
    }

    /// The policy of an id, as verdicts name it.
    #[must_use]
    pub fn policy(&self, id: &str) -> Option<PolicySummary<'_>> {
        self.named(id).map(NamedPolicy::summary)
    }

    /// The same with all that is known of it.
    pub(in crate::policy) fn named(&self, id: &str) -> Option<&NamedPolicy> {
        self.positions.get(id).and_then(|position| self.policies.get(*position))
    }

    /// All of them, with all that is known.
    pub(in crate::policy) fn all_named(&self) -> impl Iterator<Item = &NamedPolicy> {
        self.policies.iter()
    }

    /// How many policies it has.
    #[must_use]
    pub fn policy_count(&self) -> usize {
        self.policies.len()
    }
}

fn build_schema(outline: &Outline, extension: Option<&Extension>) -> Result<Result<Schema, Vec<Flaw>>, PolicyError> {
    let text = write_schema(outline, &outline.actions()?, extension);
    let schema = Schema::from_cedarschema_str(&text).map(|(schema, _warnings)| schema);
    Ok(schema.map_err(|error| {
        of_schema(&error, &Source::new("(generated schema)", &*text), extension.map(Extension::source))
    }))
}
