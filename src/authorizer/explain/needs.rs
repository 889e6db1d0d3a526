//! What would have let a request pass that was refused, as far as that can be decided.

use super::explanation::Explanation;
use crate::authorizer::authorize::Findings;
use crate::authorizer::denial::Denial;
use crate::policy::{Fault, FiredPolicy};
use crate::token::{TokenError, VerifiedToken};

/// Something that would have to be otherwise. Every one that says so is needed; of those that permit, any one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayToPass {
    /// `needed`, or `permit` where any one of these is enough.
    pub kind: &'static str,
    /// The policy that asks for it; none where the route or the gate does.
    pub policy: Option<FiredPolicy>,
    /// Of a forbid any one of these, otherwise all; none where nothing in the request could change it.
    pub needs: Vec<WantedChange>,
}

impl WayToPass {
    /// Whether any one of its needs is enough: each condition of a forbid can undo it.
    #[must_use]
    pub fn any_is_enough(&self) -> bool {
        self.policy.as_ref().is_some_and(|policy| policy.forbids)
    }
}

/// One thing that would have to be otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedChange {
    /// The stable name of its kind, in kebab case.
    pub code: &'static str,
    /// What it is.
    pub says: String,
    /// The line of the policy's file that asks for it.
    pub line: Option<usize>,
}

pub(super) fn ways_to_pass(explanation: &Explanation) -> Vec<WayToPass> {
    let Err(denial) = &explanation.outcome else { return Vec::new() };
    let (Some(policies), Denial::Policy { .. } | Denial::PolicyError { .. }) = (&explanation.policies, denial) else {
        return of_gate(denial, &explanation.findings).into_iter().collect();
    };
    let errors = policies.erred.iter().map(|(fault, policy)| {
        let says = without_fault(fault);
        let line = policy.as_ref().map(|policy| policy.line);
        let needs = vec![WantedChange { code: "no-error", says, line }];
        WayToPass { kind: "needed", policy: policy.clone(), needs }
    });
    let ways = policies.ways.iter().map(|way| {
        let needs = way.needs.iter().map(|need| WantedChange {
            code: need.code,
            says: need.says.clone(),
            line: Some(need.line),
        });
        let kind = if way.policy.forbids { "needed" } else { "permit" };
        WayToPass { kind, policy: Some(way.policy.clone()), needs: needs.collect() }
    });
    errors.chain(ways).collect()
}

/// What would have to be otherwise for this not to go wrong.
fn without_fault(fault: &Fault) -> String {
    let name = fault.name().unwrap_or_default();
    match fault.code() {
        "query-parameter-repeated" => format!("the query parameter `{name}` only once"),
        "query-parameter-ambiguous" => {
            format!("the query parameter `{name}` in its own spelling: no other case, brackets or `;`")
        }
        "query-parameter-encoding" => format!("the query parameter `{name}` percent-encoded, in UTF-8"),
        "path-parameter-encoding" => format!("the path's `{name}` percent-encoded, in UTF-8"),
        "attribute-type" => format!("the attribute `{name}` of the type that the policies were checked with"),
        code if name.is_empty() => format!("`{code}` not to go wrong"),
        code => format!("`{code}` of `{name}` not to go wrong"),
    }
}

/// What the gate itself or the route asks for.
fn of_gate(denial: &Denial, findings: &Findings) -> Option<WayToPass> {
    let lacks = |wanted: &[String], held: fn(&VerifiedToken) -> &[String]| {
        let held = findings.token.as_ref().map(|token| held(token)).unwrap_or_default();
        let missing = wanted.iter().filter(|name| !held.contains(name)).map(|name| format!("`{name}`"));
        missing.collect::<Vec<_>>().join(", ")
    };
    let (code, says) = match denial {
        Denial::MissingCredential => ("missing-token", "a token".to_owned()),
        Denial::InsufficientScope { scope } => {
            ("missing-scope", format!("of the scopes that the route names: {}", lacks(scope, VerifiedToken::scopes)))
        }
        Denial::MissingGroup { groups } => {
            ("missing-group", format!("of the groups that the route names: {}", lacks(groups, VerifiedToken::groups)))
        }
        Denial::IssuerNotAccepted => ("other-issuer", "a token of an issuer that the route names".to_owned()),
        Denial::MethodNotAllowed { allow } if !allow.is_empty() => {
            ("other-method", format!("one of the methods {}", allow.join(", ")))
        }
        Denial::Token(TokenError::Expired | TokenError::TooOld) => ("new-token", "a token that is newer".to_owned()),
        Denial::Token(
            TokenError::MissingClaim(name) | TokenError::RequiredClaim(name) | TokenError::ClaimType(name),
        ) => ("other-claim", format!("a token whose `{name}` is as the issuer's config asks for")),
        Denial::Token(TokenError::WrongAudience) => {
            ("other-audience", "a token for one of the issuer's `audience`".to_owned())
        }
        _ => return None,
    };
    Some(WayToPass { kind: "needed", policy: None, needs: vec![WantedChange { code, says, line: None }] })
}
