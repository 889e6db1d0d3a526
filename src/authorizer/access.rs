//! Who may pass a route: its issuers, scopes, groups and policy, all of which must hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::{AccessConfig, AccessRules, Requirement};
use super::denial::Denial;
use super::request::AccessRequest;
use super::route::Route;
use crate::policy::{AttributeValue, Bundle, Mode, PolicyError, Principal, Query, TokenFacts, User, Verdict};
use crate::token::{Attribute, TokenError, VerifiedToken};

/// A bundle and whether its decisions count.
#[derive(Debug, Clone)]
pub struct AppliedBundle {
    /// The bundle.
    pub bundle: Arc<Bundle>,
    /// Whether its decisions count.
    pub mode: Mode,
}

/// Who may pass a route.
#[derive(Debug)]
pub(super) enum Access {
    /// Anyone, unseen.
    Public,
    /// Whoever fulfils all of this.
    Rules(Rules),
}

#[derive(Debug)]
pub(super) struct Rules {
    issuers: Vec<String>,
    scopes: Option<Requirement>,
    groups: Option<Requirement>,
    policy: Option<AppliedBundle>,
    pub(super) optional: bool,
    pub(super) bound_alone: bool,
}

/// Who calls, as far as the route lets it be known.
#[derive(Debug, Clone)]
pub(super) enum Caller {
    /// Nobody in particular: a public route, or no token where none is needed.
    Anonymous,
    /// Whoever the token proves.
    Known(Arc<VerifiedToken>),
}

impl Access {
    /// Takes the rules from the config, with the bundle that they name; `None` where there is no such bundle.
    pub(super) fn new(config: &AccessConfig, bundles: &BTreeMap<String, AppliedBundle>) -> Option<Self> {
        match config {
            AccessConfig::Public => Some(Self::Public),
            AccessConfig::Rules(rules) => Rules::new(rules, bundles).map(Self::Rules),
        }
    }
}

/// What the policies of a route said, enforced or not.
#[derive(Debug, Clone)]
pub struct PolicyAnswer {
    /// The bundle's name.
    pub bundle: String,
    /// Whether its answer counts.
    pub mode: Mode,
    /// The answer.
    pub verdict: Verdict,
}

/// What policies may ask beside the caller and the request itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances<'a> {
    /// The path's parameters, as sent.
    pub(super) parameters: &'a [(&'a str, &'a str)],
    /// Unix milliseconds.
    pub(super) now_millis: u64,
}

impl Rules {
    fn new(config: &AccessRules, bundles: &BTreeMap<String, AppliedBundle>) -> Option<Self> {
        let policy = match &config.policy {
            None => None,
            // A bundle that is named and not there must never read as no policy at all.
            Some(name) => Some(bundles.get(name)?.clone()),
        };
        Some(Self {
            issuers: config.issuers.clone(),
            scopes: config.scopes.clone(),
            groups: config.groups.clone(),
            policy,
            optional: config.optional,
            bound_alone: config.sender_constrained.is_some(),
        })
    }

    /// Whether tokens of this issuer count here.
    pub(super) fn accepts_issuer(&self, token: &VerifiedToken) -> Result<(), Denial> {
        let accepted = self.issuers.is_empty() || self.issuers.iter().any(|name| name == token.issuer_name());
        if accepted { Ok(()) } else { Err(Denial::IssuerNotAccepted) }
    }

    /// Whether a token that anyone could use who has it is enough here.
    pub(super) fn accepts_unbound(&self, token: &VerifiedToken) -> Result<(), Denial> {
        let accepted = token.is_bound() || !self.bound_alone;
        if accepted { Ok(()) } else { Err(Denial::Token(TokenError::NotSenderConstrained)) }
    }

    pub(super) fn check_scopes(&self, caller: &Caller) -> Result<(), Denial> {
        let Some(requirement) = &self.scopes else { return Ok(()) };
        let held = |scope: &String| caller.token().is_some_and(|token| token.scopes().contains(scope));
        if requirement.holds(held) {
            Ok(())
        } else {
            Err(Denial::InsufficientScope { scope: requirement.names().to_vec() })
        }
    }

    pub(super) fn check_groups(&self, caller: &Caller) -> Result<(), Denial> {
        let Some(requirement) = &self.groups else { return Ok(()) };
        let held = |group: &String| caller.token().is_some_and(|token| is_member(token, group));
        if requirement.holds(held) {
            Ok(())
        } else {
            Err(Denial::MissingGroup { groups: requirement.names().to_vec() })
        }
    }

    /// Asks the route's policies, if it names any.
    pub(super) fn ask_policies(
        &self,
        caller: &Caller,
        route: &Route,
        request: &AccessRequest<'_>,
        circumstances: Circumstances<'_>,
    ) -> Result<Option<PolicyAnswer>, Denial> {
        let Some(AppliedBundle { bundle, mode }) = &self.policy else { return Ok(None) };
        let principal = caller.principal().map_err(|_| Denial::PolicyError { bundle: bundle.name().to_owned() })?;
        let query = Query {
            principal: &principal,
            route: &route.name,
            method: request.method(),
            path: circumstances.parameters,
            host: request.host(),
            query: request.target().query(),
            ip: request.client(),
            now_millis: circumstances.now_millis,
            token: caller.token().map(|token| token_facts(token, circumstances.now_millis)),
        };
        Ok(Some(PolicyAnswer { bundle: bundle.name().to_owned(), mode: *mode, verdict: bundle.decide(&query) }))
    }
}

impl PolicyAnswer {
    /// The denial that this answer makes, if it counts and is no allow.
    pub(super) fn check(&self) -> Result<(), Denial> {
        if self.verdict.allowed() || self.mode == Mode::Shadow {
            return Ok(());
        }
        let bundle = self.bundle.clone();
        if self.verdict.errors().is_empty() {
            Err(Denial::Policy { bundle, message: self.verdict.message().map(str::to_owned) })
        } else {
            Err(Denial::PolicyError { bundle })
        }
    }
}

impl Requirement {
    fn holds(&self, held: impl FnMut(&String) -> bool) -> bool {
        match self {
            Self::Any(names) => names.iter().any(held),
            Self::All(names) => names.iter().all(held),
        }
    }

    fn names(&self) -> &[String] {
        match self {
            Self::Any(names) | Self::All(names) => names,
        }
    }
}

/// `issuer|group` is a group of that issuer alone; a bare name is one of the only issuer that can reach the route.
fn is_member(token: &VerifiedToken, group: &str) -> bool {
    match group.split_once('|') {
        Some((issuer, group)) => issuer == token.issuer_name() && token.groups().iter().any(|held| held == group),
        None => token.groups().iter().any(|held| held == group),
    }
}

impl Caller {
    pub(super) fn token(&self) -> Option<&Arc<VerifiedToken>> {
        match self {
            Self::Anonymous => None,
            Self::Known(token) => Some(token),
        }
    }

    fn principal(&self) -> Result<Principal, PolicyError> {
        let Self::Known(token) = self else { return Ok(Principal::anonymous()) };
        let attributes = token.attributes().iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
        Principal::user(User {
            issuer: token.issuer_name(),
            sub: token.subject(),
            groups: token.groups(),
            scopes: token.scopes(),
            username: token.username(),
            email: token.email(),
            email_verified: token.email_verified(),
            client_id: token.client_id(),
            attributes,
        })
    }
}

fn attribute(value: &Attribute) -> AttributeValue {
    match value {
        Attribute::String(text) => AttributeValue::String(text.clone()),
        Attribute::Long(number) => AttributeValue::Long(*number),
        Attribute::Bool(truth) => AttributeValue::Bool(*truth),
        Attribute::StringSet(members) => AttributeValue::StringSet(members.clone()),
    }
}

fn token_facts(token: &VerifiedToken, now_millis: u64) -> TokenFacts<'_> {
    // A token that does not say when it was issued counts as the oldest, so that no rule about age lets it pass.
    let age_seconds = token.issued_at().map_or(u64::MAX, |issued_at| (now_millis / 1000).saturating_sub(issued_at));
    TokenFacts { age_seconds, scopes: token.scopes() }
}
