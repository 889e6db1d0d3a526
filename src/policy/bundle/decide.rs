//! How a bundle decides: the policies whose heads hold are asked for their conditions; whatever goes wrong is a deny.

use std::sync::Arc;

use cedar_policy::{
    AuthorizationError, Context, Decision, Entities, EvalResult, EvaluationError, Request, Response, eval_expression,
};

use super::load::Bundle;
use super::policies::NamedPolicy;
use crate::policy::context::Facts;
use crate::policy::explain::Scene;
use crate::policy::principal::Identity;
use crate::policy::query::Query;
use crate::policy::reads::Reads;
use crate::policy::schema::{AttributeType, Target};
use crate::policy::standing::{Ready, Slice};
use crate::policy::verdict::{Fault, Verdict};

impl Bundle {
    /// Decides. Never errs: whatever goes wrong makes the verdict a deny that says so.
    #[must_use]
    pub fn decide(&self, query: &Query<'_>) -> Verdict {
        self.ask(query).unwrap_or_else(Verdict::refused)
    }

    /// Decides by having Cedar's own authorizer evaluate every policy, for comparison with [`decide`](Self::decide): the answer
    /// is the same.
    #[must_use]
    pub fn decide_all(&self, query: &Query<'_>) -> Verdict {
        self.ask_all(query).unwrap_or_else(Verdict::refused)
    }

    fn ask(&self, query: &Query<'_>) -> Result<Verdict, Fault> {
        let target = self.target(query)?;
        let identity = query.principal.identity().map(AsRef::as_ref);
        let standing = self.standing(identity, target)?;
        // refused even where no policy of the moment reads them, so that an answer never hangs on the selection
        let facts = Facts::read(query, target, &self.query_parameters)?;
        if let Some(settled) = standing.settled() {
            return Ok(settled.clone());
        }
        let request = self.request(identity, target, facts.context(standing.slice.reads)?)?;
        let verdict = self.answer(&standing.slice, &request, standing.entities());
        standing.settle(&verdict);
        Ok(verdict)
    }

    fn ask_all(&self, query: &Query<'_>) -> Result<Verdict, Fault> {
        let target = self.target(query)?;
        let identity = query.principal.identity().map(AsRef::as_ref);
        let standing = self.standing(identity, target)?;
        let facts = Facts::read(query, target, &self.query_parameters)?;
        let request = self.request(identity, target, facts.context(Reads::ALL)?)?;
        Ok(self.verdict(&self.authorizer.is_authorized(&request, &self.all, standing.entities())))
    }

    /// What the parts of policies are asked about, with all that any of them could read.
    pub(in crate::policy) fn scene<'a>(&'a self, query: &Query<'a>) -> Result<Scene<'a>, Fault> {
        let target = self.target(query)?;
        let identity = query.principal.identity().map(AsRef::as_ref);
        let entities = self.standing(identity, target)?.entities().clone();
        let context = Facts::read(query, target, &self.query_parameters)?.context(Reads::ALL)?;
        let request = self.request(identity, target, context)?;
        Ok(Scene { request, entities, target, identity, anonymous: &self.anonymous })
    }

    fn request(&self, identity: Option<&Identity>, target: &Target, context: Context) -> Result<Request, Fault> {
        let principal = identity.map_or(&self.anonymous, |identity| &identity.uid).clone();
        Request::new(principal, target.action.clone(), target.resource.clone(), context, None)
            .map_err(|_| Fault::new("request-unfit"))
    }

    fn target(&self, query: &Query<'_>) -> Result<&Target, Fault> {
        let unknown = || Fault::about("action-unknown", format!("{} {}", query.route, query.method));
        let target = self.targets.find(query.route, query.method).ok_or_else(unknown)?;
        // the schema promised policies a token here
        let is_without_token = query.token.is_none() || query.principal.identity().is_none();
        if is_without_token && !target.optional { Err(Fault::new("token-missing")) } else { Ok(target) }
    }

    /// What the principal is to the target: worked out at its first request, then found.
    fn standing(&self, identity: Option<&Identity>, target: &Target) -> Result<Ready, Fault> {
        let standings = match identity {
            Some(identity) => Some(&identity.standings),
            None => self.anonymous_standings.get(target.position),
        };
        if let Some(ready) = standings.and_then(|standings| standings.find(&self.mark, target.position)) {
            return Ok(ready);
        }
        let ready = self.work_out(identity, target)?;
        if let Some(standings) = standings {
            standings.keep(&self.mark, &ready);
        }
        Ok(ready)
    }

    fn work_out(&self, identity: Option<&Identity>, target: &Target) -> Result<Ready, Fault> {
        // attributes of other types than the schema's could make policies err, or mean something else
        if let Some(name) = identity.and_then(|identity| self.unfit_attribute(identity)) {
            return Err(Fault::about("attribute-type", name));
        }
        let user = identity.map_or_else(Entities::empty, |identity| identity.entities.clone());
        let named = self.named_actions.iter().filter(|action| action.uid() != target.action).cloned();
        let entities = user.add_entities(named.chain([target.action_entity()]), None);
        let entities = entities.map_err(|_| Fault::new("principal-unfit"))?;
        let selected = self.index.select(identity, &self.anonymous, target);
        let slice = self.index.slice(selected, &self.policies);
        Ok(Ready::new(&self.mark, target.position, entities, slice))
    }

    fn unfit_attribute<'a>(&self, identity: &'a Identity) -> Option<&'a str> {
        let fits = |name: &str, kind: &AttributeType| self.attributes.get(name) == Some(kind);
        identity.attributes.iter().find(|(name, kind)| !fits(name, kind)).map(|(name, _)| name.as_str())
    }

    /// What the policies of a slice, whose heads hold, answer by their conditions. Put together as Cedar does: a `forbid` that
    /// holds outweighs every `permit`.
    fn answer(&self, slice: &Slice, request: &Request, entities: &Entities) -> Verdict {
        let (mut permits, mut forbids, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for policy in slice.positions.iter().filter_map(|position| self.policies.get(*position)) {
            match holds(policy, request, entities) {
                Ok(true) if policy.forbids() => forbids.push(policy),
                Ok(true) => permits.push(policy),
                Ok(false) => {}
                Err(code) => errors.push(Fault::of_policy(code, Arc::clone(&policy.id))),
            }
        }
        let allowed = forbids.is_empty() && !permits.is_empty();
        conclude(allowed, &if forbids.is_empty() { permits } else { forbids }, errors)
    }

    fn verdict(&self, response: &Response) -> Verdict {
        let positions = response.diagnostics().reason().filter_map(|id| self.positions.get(AsRef::<str>::as_ref(id)));
        let mut positions: Vec<usize> = positions.copied().collect();
        positions.sort_unstable();
        let reasons: Vec<&NamedPolicy> =
            positions.into_iter().filter_map(|position| self.policies.get(position)).collect();
        let errors = response.diagnostics().errors().map(|error| self.fault(error)).collect();
        conclude(response.decision() == Decision::Allow, &reasons, errors)
    }

    fn fault(&self, error: &AuthorizationError) -> Fault {
        let AuthorizationError::PolicyEvaluationError(error) = error;
        let id: &str = error.policy_id().as_ref();
        let id = self.positions.get_key_value(id).map_or_else(|| Arc::from(id), |(id, _)| Arc::clone(id));
        Fault::of_policy(evaluation_code(error.inner()), id)
    }
}

/// Whether a policy whose head holds does so as a whole, or the code of why it cannot be told.
fn holds(policy: &NamedPolicy, request: &Request, entities: &Entities) -> Result<bool, &'static str> {
    let Some(condition) = policy.condition() else { return Ok(true) };
    match eval_expression(request, entities, condition) {
        Ok(EvalResult::Bool(holds)) => Ok(holds),
        Ok(_) => Err(NO_BOOL),
        Err(error) => Err(evaluation_code(&error)),
    }
}

/// The verdict of an answer, its reasons in the bundle's order.
fn conclude(allowed: bool, reasons: &[&NamedPolicy], mut errors: Vec<Fault>) -> Verdict {
    let determining: Vec<Arc<str>> = reasons.iter().map(|policy| Arc::clone(&policy.id)).collect();
    let message = reasons.iter().find_map(|policy| policy.message.clone());
    errors.sort_unstable();
    match (errors.is_empty(), allowed) {
        (true, allowed) => Verdict::answered(allowed, determining, message),
        // Cedar skips a policy that errs; a `forbid` that errs must not thereby become an allow
        (false, true) => Verdict::failed(errors, Vec::new(), None),
        (false, false) => Verdict::failed(errors, determining, message),
    }
}

const NO_BOOL: &str = "type-mismatch";

/// Why a policy erred, without the values that Cedar's own text has.
fn evaluation_code(error: &EvaluationError) -> &'static str {
    match error {
        EvaluationError::EntityDoesNotExist(_) => "entity-missing",
        EvaluationError::EntityAttrDoesNotExist(_) | EvaluationError::RecordAttrDoesNotExist(_) => "attribute-missing",
        EvaluationError::TypeError(_) => NO_BOOL,
        EvaluationError::IntegerOverflow(_) => "integer-overflow",
        EvaluationError::FailedExtensionFunctionExecution(_) => "function-failed",
        EvaluationError::RecursionLimit(_) => "recursion-limit",
        _ => "evaluation-failed",
    }
}
