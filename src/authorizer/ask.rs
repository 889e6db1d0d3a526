//! Asks a route's policies about a caller: the bundle that decides, and beside it the one that only might.

use std::sync::Arc;

use super::access::Caller;
use super::denial::Denial;
use super::principals::Principals;
use super::request::AccessRequest;
use super::route::Route;
use crate::policy::{Bundle, CertificateFacts, Difference, Mode, PolicyError, Principal, Query, TokenFacts, Verdict};
use crate::token::VerifiedToken;

/// A bundle and whether its decisions count.
#[derive(Debug, Clone)]
pub struct AppliedBundle {
    /// The bundle.
    pub bundle: Arc<Bundle>,
    /// Whether its decisions count.
    pub mode: Mode,
    /// A bundle that is asked beside it and compared, and whose answer never counts.
    pub candidate: Option<Arc<Bundle>>,
    /// How both are asked.
    pub evaluation: Evaluation,
}

/// Which of a bundle's policies are evaluated for a decision. The answer is the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Evaluation {
    /// Those that can matter.
    #[default]
    Selected,
    /// Every one, for comparison.
    All,
}

impl Evaluation {
    fn decide(self, bundle: &Bundle, query: &Query<'_>) -> Verdict {
        match self {
            Self::Selected => bundle.decide(query),
            Self::All => bundle.decide_all(query),
        }
    }
}

/// What the policies of a route said, enforced or not.
#[derive(Debug, Clone)]
pub struct PolicyAnswer {
    /// The bundle.
    pub bundle: Arc<Bundle>,
    /// Whether its answer counts.
    pub mode: Mode,
    /// The answer.
    pub verdict: Verdict,
    /// What would have been answered by what is tried out, if anything is.
    pub shadow: Option<ShadowAnswer>,
}

/// What something that is tried out would have answered: a candidate, or a bundle in shadow.
#[derive(Debug, Clone)]
pub struct ShadowAnswer {
    /// The bundle that was tried.
    pub bundle: Arc<Bundle>,
    /// What it said.
    pub verdict: Verdict,
    /// How that differs from what counted.
    pub difference: Difference,
}

/// What is asked beside who asks.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) route: &'a Route,
    pub(super) request: &'a AccessRequest<'a>,
    /// The path's parameters, as sent.
    pub(super) parameters: &'a [(&'a str, &'a str)],
    /// Unix milliseconds.
    pub(super) now_millis: u64,
    pub(super) principals: &'a Principals,
}

impl Asked<'_> {
    /// Gives the question in the words of policies to whoever asks it.
    pub(super) fn with_query<R>(&self, caller: &Caller, ask: impl FnOnce(&Query<'_>) -> R) -> Result<R, PolicyError> {
        let token = caller.token();
        let principal = token.map_or_else(|| Ok(Principal::anonymous()), |token| self.principals.of(token))?;
        Ok(ask(&Query {
            principal: &principal,
            route: &self.route.name,
            method: self.request.method(),
            path: self.parameters,
            host: self.request.host(),
            query: self.request.target().query(),
            ip: self.request.client(),
            now_millis: self.now_millis,
            token: token.map(|token| token_facts(token, self.now_millis)),
            certificate: self.request.certificate().map(|certificate| CertificateFacts {
                subject: &certificate.subject,
                names: &certificate.alternative_names,
                sha256: &certificate.sha256,
            }),
        }))
    }
}

impl AppliedBundle {
    /// Asks the bundle, and its candidate if it has one.
    pub(super) fn ask(&self, caller: &Caller, asked: &Asked<'_>) -> Result<PolicyAnswer, Denial> {
        let answered = asked.with_query(caller, |query| {
            let decide = |bundle: &Bundle| self.evaluation.decide(bundle, query);
            let tried = self.candidate.as_ref().map(|candidate| (candidate, decide(candidate)));
            (decide(&self.bundle), tried)
        });
        let (verdict, tried) = answered.map_err(|_| Denial::PolicyError { bundle: self.bundle.name().to_owned() })?;
        let shadow = match tried {
            Some((candidate, answer)) => Some(ShadowAnswer {
                difference: Difference::between(&verdict, &answer),
                bundle: candidate.clone(),
                verdict: answer,
            }),
            None if self.mode == Mode::Shadow => Some(ShadowAnswer {
                difference: Difference::were_it_enforced(&verdict),
                bundle: self.bundle.clone(),
                verdict: verdict.clone(),
            }),
            None => None,
        };
        Ok(PolicyAnswer { bundle: self.bundle.clone(), mode: self.mode, verdict, shadow })
    }
}

impl PolicyAnswer {
    /// The denial that this answer makes, if it counts and is no allow.
    pub(super) fn check(&self) -> Result<(), Denial> {
        if self.verdict.allowed() || self.mode == Mode::Shadow {
            return Ok(());
        }
        let bundle = self.bundle.name().to_owned();
        if self.verdict.errors().is_empty() {
            Err(Denial::Policy { bundle, message: self.verdict.message().map(str::to_owned) })
        } else {
            Err(Denial::PolicyError { bundle })
        }
    }
}

fn token_facts(token: &VerifiedToken, now_millis: u64) -> TokenFacts<'_> {
    // A token that does not say when it was issued counts as the oldest, so that no rule about age lets it pass.
    let age_seconds = token.issued_at().map_or(u64::MAX, |issued_at| (now_millis / 1000).saturating_sub(issued_at));
    TokenFacts { age_seconds, scopes: token.scopes() }
}
