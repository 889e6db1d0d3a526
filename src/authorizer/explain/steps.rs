//! A decision told step by step: what each step found, up to the one that refused.

use super::explanation::Explanation;
use crate::authorizer::authorize::Findings;
use crate::authorizer::denial::{Denial, Stage};
use crate::authorizer::rehearse::Passage;
use crate::token::VerifiedToken;

/// One step of a decision, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: &'static str,
    /// Whether it let the request go on.
    pub passed: bool,
    /// What it found.
    pub says: String,
}

/// The steps up to the one that refused, or all of them.
pub(super) fn steps(explanation: &Explanation) -> Vec<Step> {
    let findings = &explanation.findings;
    let rules = || findings.route.as_ref().map(|_| "all that the route asks for".to_owned());
    let told = [
        (Stage::Request, "request", Some("can be read in one way only".to_owned())),
        (Stage::Route, "route", route(findings)),
        (Stage::Credential, "credential", credential(findings)),
        (Stage::Token, "token", token(findings)),
        (Stage::Scopes, "scopes", rules()),
        (Stage::Groups, "groups", rules()),
        (Stage::Policy, "policy", policy(findings)),
        (Stage::Permit, "permit", explanation.outcome.as_ref().ok().map(passage)),
    ];
    let denial = explanation.outcome.as_ref().err();
    let mut steps = Vec::new();
    for (stage, name, says) in told {
        if let Some(denial) = denial.filter(|denial| denial.stage() == stage) {
            steps.push(Step { name, passed: false, says: refusal(denial, findings) });
            break;
        }
        steps.extend(says.map(|says| Step { name, passed: true, says }));
    }
    steps
}

fn route(findings: &Findings) -> Option<String> {
    let route = findings.route.as_ref()?;
    let parameters = findings.parameters.iter().map(|(name, value)| format!(", {name} = {value}"));
    Some(format!("`{}` ({}){}", route.name(), route.path(), parameters.collect::<String>()))
}

fn credential(findings: &Findings) -> Option<String> {
    findings.route.as_ref()?;
    Some(if findings.credential { "one token" } else { "none, and none is needed" }.to_owned())
}

fn token(findings: &Findings) -> Option<String> {
    let token = findings.token.as_ref()?;
    let [groups, scopes] = [token.groups().join(", "), token.scopes().join(", ")];
    Some(format!("of `{}`, subject {}, groups [{groups}], scopes [{scopes}]", token.issuer_name(), token.subject()))
}

fn policy(findings: &Findings) -> Option<String> {
    let answer = findings.policy.as_ref()?;
    let verdict = &answer.verdict;
    let decided = if verdict.allowed() { "allow" } else { "deny" };
    let by = verdict.determining().join(", ");
    let by = if by.is_empty() { "no permit held".to_owned() } else { format!("by {by}") };
    let errors = verdict.errors().iter().map(|fault| match (fault.policy(), fault.name()) {
        (Some(policy), _) => format!("; {} in {policy}", fault.code()),
        (None, Some(name)) => format!("; {} of {name}", fault.code()),
        (None, None) => format!("; {}", fault.code()),
    });
    Some(format!(
        "bundle `{}` ({}): {decided}, {by}{}",
        answer.bundle.name(),
        answer.mode.name(),
        errors.collect::<String>()
    ))
}

fn passage(passage: &Passage) -> String {
    let removed = passage.removed.iter().map(|name| format!("-{name}"));
    let set = passage.set.iter().map(|(name, value)| format!("+{name}: {value}"));
    let changes: Vec<_> = removed.chain(set).collect();
    let changes = if changes.is_empty() { "the headers as they are".to_owned() } else { changes.join(", ") };
    format!("to upstream `{}` with {changes}", passage.upstream)
}

/// Why not, with what the operator may know and the client may not.
fn refusal(denial: &Denial, findings: &Findings) -> String {
    let held = |of: fn(&VerifiedToken) -> &[String]| findings.token.as_ref().map(|token| of(token).join(", "));
    let why = match denial {
        Denial::InsufficientScope { scope } => needs(scope, held(VerifiedToken::scopes)),
        Denial::MissingGroup { groups } => needs(groups, held(VerifiedToken::groups)),
        Denial::Policy { .. } | Denial::PolicyError { .. } => policy(findings).unwrap_or_default(),
        Denial::Token(error) => error.to_string(),
        Denial::ClaimNotForwardable { claim } => format!("claim `{claim}`"),
        _ => denial.detail(),
    };
    format!("{}: {why}", denial.code())
}

fn needs(names: &[String], held: Option<String>) -> String {
    format!("needs [{}], and the token has [{}]", names.join(", "), held.unwrap_or_default())
}
