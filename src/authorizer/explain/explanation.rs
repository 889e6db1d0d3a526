//! Explains a decision: the same decision as a door would get, or one that is rehearsed, with all that it hung on.

use serde_json::{Value, json};

use super::asked_request::AskedRequest;
use super::needs::{WayToPass, ways_to_pass};
use super::steps::{Step, steps};
use crate::authorizer::access::Caller;
use crate::authorizer::ask::Asked;
use crate::authorizer::authorize::{Authorizer, Counting, Findings};
use crate::authorizer::denial::Denial;
use crate::authorizer::rehearse::{Passage, SupposedCaller};
use crate::authorizer::request::AccessRequest;
use crate::authorizer::timeline::Timeline;
use crate::policy::{FiredPolicy, PolicyExplanation};
use crate::token::Claims;

/// Whose request is explained.
#[derive(Debug, Clone)]
pub enum Presented {
    /// Whoever the request's own credential proves.
    AsSent,
    /// The bearer of a token with these claims, were it signed. `iat` and `exp` may be left out.
    Claims(Claims),
}

/// A decision with all that it hung on. It lets nothing through.
#[derive(Debug)]
pub struct Explanation {
    /// What would go on, or why nothing would.
    pub outcome: Result<Passage, Denial>,
    /// What was learned, as far as it got.
    pub findings: Findings,
    /// What the route's policies have to say.
    pub policies: Option<PolicyExplanation>,
}

impl Authorizer {
    /// Explains the decision about a request. Dear: for people who ask, not for requests.
    pub async fn explain(&self, asked: &AskedRequest, presented: Presented) -> Explanation {
        let request = match asked.received() {
            Ok(request) => request,
            Err(denial) => {
                return Explanation { outcome: Err(denial), findings: Findings::default(), policies: None };
            }
        };
        let now_millis = self.clock.unix_millis();
        let (outcome, findings) = match presented {
            Presented::AsSent => {
                // Whoever asks for an explanation uses up nobody's requests; rate limits are not part of it.
                let decision = self.consider(&request, Counting::Explained, Timeline::default()).await;
                (decision.outcome.map(|permit| Passage::from(&permit)), decision.findings)
            }
            Presented::Claims(claims) => self.rehearse_claims(&request, claims, now_millis),
        };
        let policies = self.explain_policies(&request, &findings, now_millis);
        Explanation { outcome, findings, policies }
    }

    fn rehearse_claims(
        &self,
        request: &AccessRequest<'_>,
        mut claims: Claims,
        now_millis: u64,
    ) -> (Result<Passage, Denial>, Findings) {
        const LIFETIME: u64 = 3600;
        let now = now_millis / 1000;
        claims.entry("iat").or_insert_with(|| now.into());
        claims.entry("exp").or_insert_with(|| now.saturating_add(LIFETIME).into());
        let supposed = match self.verifier.suppose(claims, now) {
            Ok(token) => SupposedCaller::Token(token),
            // Where it leads can still be told.
            Err(error) => SupposedCaller::Refused(error),
        };
        let rehearsal = self.rehearse(request, &supposed, now_millis);
        (rehearsal.outcome, rehearsal.findings)
    }

    fn explain_policies(
        &self,
        request: &AccessRequest<'_>,
        findings: &Findings,
        now_millis: u64,
    ) -> Option<PolicyExplanation> {
        let (answer, route) = (findings.policy.as_ref()?, findings.route.as_ref()?);
        let caller = findings.token.clone().map_or(Caller::Anonymous, Caller::Known);
        let parameters: Vec<(&str, &str)> =
            findings.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let asked = Asked { route, request, parameters: &parameters, now_millis, principals: &self.principals };
        asked.with_query(&caller, |query| answer.bundle.explain(query)).ok()
    }
}

impl Explanation {
    /// Each step up to the one that refused, or all of them.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        steps(self)
    }

    /// Of a denial, what would have to be otherwise, as far as that can be decided.
    #[must_use]
    pub fn ways_to_pass(&self) -> Vec<WayToPass> {
        ways_to_pass(self)
    }

    /// As JSON. It holds no token, and of claims those alone that are told to upstreams or that a policy compares.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut value = match &self.outcome {
            Ok(passage) => json!({
                "allowed": true,
                "route": passage.route,
                "upstream": passage.upstream,
                "set": passage.set,
                "removed": passage.removed,
            }),
            Err(denial) => of_denial(denial),
        };
        if let Some(members) = value.as_object_mut() {
            let steps = self.steps();
            let steps = steps.iter().map(|step| json!({"step": step.name, "passed": step.passed, "says": step.says}));
            members.insert("steps".to_owned(), steps.collect());
            if let (Some(answer), Some(policies)) = (&self.findings.policy, &self.policies) {
                let (name, revision) = (answer.bundle.name(), answer.bundle.revision());
                let told = json!({
                    "bundle": name,
                    "revision": revision,
                    "mode": answer.mode.name(),
                    "fired": policies.fired.iter().map(of_policy).collect::<Vec<_>>(),
                    "errors": policies.erred.iter().map(|(fault, policy)| json!({
                        "code": fault.code(),
                        "name": fault.name(),
                        "policy": policy.as_ref().map(of_policy),
                    })).collect::<Vec<_>>(),
                    "same_by_all": policies.same_by_all,
                });
                members.insert("policies".to_owned(), told);
            }
            if self.outcome.is_err() {
                let ways = self.ways_to_pass();
                let ways = ways.iter().map(|way| {
                    json!({
                        "kind": way.kind,
                        "any": way.any_is_enough(),
                        "policy": way.policy.as_ref().map(of_policy),
                        "needs": way.needs.iter().map(|need| json!({
                            "code": need.code, "says": need.says, "line": need.line,
                        })).collect::<Vec<_>>(),
                    })
                });
                members.insert("to_pass".to_owned(), ways.collect());
            }
        }
        value
    }
}

fn of_denial(denial: &Denial) -> Value {
    let answer = denial.answer("");
    json!({
        "allowed": false,
        "code": denial.code(),
        "status": answer.status,
        "headers": answer.headers,
        "detail": denial.detail(),
    })
}

fn of_policy(policy: &FiredPolicy) -> Value {
    json!({
        "id": policy.id,
        "effect": if policy.forbids { "forbid" } else { "permit" },
        "file": policy.file,
        "line": policy.line,
        "message": policy.message,
    })
}
