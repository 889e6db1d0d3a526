//! A folder of policies as one set that is checked, swapped and asked as a whole.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Entities, EntityUid, EvaluationError, PolicySet, Request,
    Response, Schema,
};

use super::context::context;
use super::error::{Flaw, PolicyError};
use super::extension::Extension;
use super::flaws::{self, Source};
use super::folder::Folder;
use super::names::Names;
use super::outline::Outline;
use super::policies::{self, NamedPolicy};
use super::query::Query;
use super::schema::write_schema;
use super::targets::{Target, Targets};
use super::verdict::{Fault, Verdict};

/// A folder of policies: immutable, shared by all workers, and replaced only as a whole.
#[derive(Debug)]
pub struct Bundle {
    name: String,
    revision: String,
    schema: Schema,
    query_parameters: BTreeSet<String>,
    targets: Targets,
    policies: Vec<NamedPolicy>,
    positions: HashMap<Arc<str>, usize>,
    all: PolicySet,
    anonymous: EntityUid,
    authorizer: Authorizer,
}

impl Bundle {
    /// Reads, parses and validates a bundle's folder against the outline of the config.
    ///
    /// # Errors
    ///
    /// The outline's names clash, or the folder has flaws: all that were found are in the error.
    pub fn load(name: &str, directory: &Path, outline: &Outline) -> Result<Self, PolicyError> {
        let actions = outline.actions()?;
        let flawed = |flaws: Vec<Flaw>| PolicyError::Bundle { bundle: name.to_owned(), flaws };
        let folder = Folder::read(directory).map_err(flawed)?;
        let extension = folder.extension.as_ref().map(Extension::read).transpose().map_err(flawed)?;
        let schema_text = write_schema(outline, &actions, extension.as_ref());
        let schema = build_schema(&schema_text).map_err(flawed)?;
        let policies = policies::parse(&folder.policies).map_err(flawed)?;
        let all = PolicySet::from_policies(policies.iter().map(|policy| policy.policy.clone()))
            .map_err(|error| flawed(vec![Flaw::new("policy-id-duplicate", error.to_string())]))?;
        let flaws = policies::validate(&all, &policies, schema.clone(), outline);
        if !flaws.is_empty() {
            return Err(flawed(flaws));
        }
        let positions = policies.iter().enumerate().map(|(position, policy)| (Arc::clone(&policy.id), position));
        Ok(Self {
            name: name.to_owned(),
            revision: folder.revision,
            schema,
            query_parameters: extension.and_then(|extension| extension.query().cloned()).unwrap_or_default(),
            targets: Targets::new(outline, &actions)?,
            positions: positions.collect(),
            policies,
            all,
            anonymous: Names::parsed()?.anonymous(),
            authorizer: Authorizer::new(),
        })
    }

    /// Decides. Never errs: whatever goes wrong makes the verdict a deny that says so.
    #[must_use]
    pub fn decide(&self, query: &Query<'_>) -> Verdict {
        self.decide_all(query)
    }

    /// Decides by evaluating every policy, for comparison with [`decide`](Self::decide): the answer is the same.
    #[must_use]
    pub fn decide_all(&self, query: &Query<'_>) -> Verdict {
        self.ask(query).unwrap_or_else(Verdict::refused)
    }

    /// The bundle's name in the config.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A hash of the content of its policies and schema extension; changes when, and only when, they do.
    #[must_use]
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// How many policies it has.
    #[must_use]
    pub fn policy_count(&self) -> usize {
        self.policies.len()
    }

    fn ask(&self, query: &Query<'_>) -> Result<Verdict, Fault> {
        let target = self.target(query)?;
        let context = context(query, target, &self.query_parameters)?;
        let entities = self.entities(query, target)?;
        let request = self.request(query, target, context)?;
        Ok(self.verdict(&self.authorizer.is_authorized(&request, &self.all, &entities)))
    }

    fn target(&self, query: &Query<'_>) -> Result<&Target, Fault> {
        let unknown = || Fault::about("action-unknown", format!("{} {}", query.route, query.method));
        self.targets.find(query.route, query.method).ok_or_else(unknown)
    }

    fn entities(&self, query: &Query<'_>, target: &Target) -> Result<Entities, Fault> {
        let user = query.principal.identity().map_or_else(Entities::empty, |identity| identity.entities.clone());
        // a principal whose attributes are not of the schema's types could make policies err, or mean something else
        Entities::from_entities(user.iter().cloned(), Some(&self.schema)).map_err(|_| Fault::new("principal-unfit"))?;
        user.add_entities([target.action_entity()], None).map_err(|_| Fault::new("principal-unfit"))
    }

    fn request(&self, query: &Query<'_>, target: &Target, context: Context) -> Result<Request, Fault> {
        let principal = query.principal.identity().map_or(&self.anonymous, |identity| &identity.uid);
        Request::new(principal.clone(), target.action.clone(), target.resource.clone(), context, None)
            .map_err(|_| Fault::new("request-unfit"))
    }

    fn verdict(&self, response: &Response) -> Verdict {
        let mut reasons: Vec<usize> = response
            .diagnostics()
            .reason()
            .filter_map(|id| self.positions.get(AsRef::<str>::as_ref(id)).copied())
            .collect();
        reasons.sort_unstable();
        let reasons: Vec<&NamedPolicy> =
            reasons.into_iter().filter_map(|position| self.policies.get(position)).collect();
        let determining: Vec<Arc<str>> = reasons.iter().map(|policy| Arc::clone(&policy.id)).collect();
        let message = reasons.iter().find_map(|policy| policy.message.clone());
        let allowed = response.decision() == Decision::Allow;
        let mut errors: Vec<Fault> = response.diagnostics().errors().map(|error| self.fault(error)).collect();
        errors.sort_unstable();
        match (errors.is_empty(), allowed) {
            (true, _) => Verdict::answered(allowed, determining, message),
            // Cedar skips a policy that errs; a `forbid` that errs must not thereby become an allow
            (false, true) => Verdict::failed(errors, Vec::new(), None),
            (false, false) => Verdict::failed(errors, determining, message),
        }
    }

    fn fault(&self, error: &AuthorizationError) -> Fault {
        let AuthorizationError::PolicyEvaluationError(error) = error;
        let id: &str = error.policy_id().as_ref();
        let id = self.positions.get_key_value(id).map_or_else(|| Arc::from(id), |(id, _)| Arc::clone(id));
        Fault::of_policy(evaluation_code(error.inner()), id)
    }
}

/// Why a policy erred, without the values that Cedar's own text has.
fn evaluation_code(error: &EvaluationError) -> &'static str {
    match error {
        EvaluationError::EntityDoesNotExist(_) => "entity-missing",
        EvaluationError::EntityAttrDoesNotExist(_) | EvaluationError::RecordAttrDoesNotExist(_) => "attribute-missing",
        EvaluationError::TypeError(_) => "type-mismatch",
        EvaluationError::IntegerOverflow(_) => "integer-overflow",
        EvaluationError::FailedExtensionFunctionExecution(_) => "function-failed",
        EvaluationError::RecursionLimit(_) => "recursion-limit",
        _ => "evaluation-failed",
    }
}

fn build_schema(text: &str) -> Result<Schema, Vec<Flaw>> {
    let source = Source::new("(generated schema)", text);
    let (schema, _warnings) = Schema::from_cedarschema_str(text).map_err(|error| flaws::of_schema(&error, &source))?;
    Ok(schema)
}
