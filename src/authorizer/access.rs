//! Who may pass a route: its issuers, scopes, groups and policy, all of which must hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ask::{AppliedBundle, Asked};
use super::authorize::Findings;
use super::config::{AccessConfig, AccessRules, Requirement};
use super::denial::Denial;
use super::timeline::DecisionStep;
use crate::token::{TokenError, VerifiedToken};

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

    /// The rules, where there are any.
    pub(super) fn rules(&self) -> Option<&Rules> {
        match self {
            Self::Public => None,
            Self::Rules(rules) => Some(rules),
        }
    }
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

    /// The names of the issuers whose tokens count here; none where all do.
    pub(super) fn issuers(&self) -> &[String] {
        &self.issuers
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

    /// Whether the bundle of this name decides here.
    pub(super) fn asks(&self, bundle: &str) -> bool {
        self.policy.as_ref().is_some_and(|applied| applied.bundle.name() == bundle)
    }

    /// Asks all that the route asks for beyond the token: from the cheapest question to the dearest, and all of them must be
    /// answered with yes.
    pub(super) fn hold(&self, caller: &Caller, asked: &Asked<'_>, findings: &mut Findings) -> Result<(), Denial> {
        findings.timeline.begin(DecisionStep::Access);
        self.check_scopes(caller)?;
        self.check_groups(caller)?;
        let Some(applied) = &self.policy else { return Ok(()) };
        findings.timeline.begin(DecisionStep::Policy);
        let answer = findings.policy.insert(applied.ask(caller, asked)?);
        answer.check()
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
}
