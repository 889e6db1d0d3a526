//! One line of the decision log: who asked for what, what was decided, and by which policies of which revision.

use std::io::{self, Write};
use std::net::IpAddr;

use serde::Serialize;

use super::access_line::{AccessLine, micros, rfc_3339};
use super::printable::JsonLineFormatter;

/// What the decision log says beside what the access log says of the same request.
#[derive(Debug, Clone, Default)]
pub struct DecisionFacts<'a> {
    /// Whether the gate let the request go on.
    pub allowed: bool,
    /// The action as policies know it: `GET /orders/{order_id}`.
    pub action: Option<String>,
    /// What the policies said, if any were asked.
    pub policy: Option<PolicyFacts<'a>>,
    /// What a candidate, or a bundle in shadow, would have said.
    pub shadow: Option<PolicyFacts<'a>>,
    /// Why the token would be refused by rules that are only tried out; the stable code.
    pub token_shadow: Option<&'a str>,
}

/// What a bundle said.
#[derive(Debug, Clone, Serialize)]
pub struct PolicyFacts<'a> {
    /// The bundle's name.
    pub bundle: &'a str,
    /// Its revision.
    pub revision: &'a str,
    /// `enforce` or `shadow`; of what is tried out, how it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<&'a str>,
    /// How it differs from what counted; of what is tried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<&'a str>,
    /// `allow` or `deny`.
    pub decision: &'static str,
    /// The ids of the policies that decided.
    pub policies: Vec<&'a str>,
    /// What went wrong: a code, with the policy or the name that it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

/// The members of the line, in the order in which they are written.
#[derive(Serialize)]
struct JsonLine<'a> {
    log: &'static str,
    time: String,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a PolicyFacts<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<&'a PolicyFacts<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_shadow: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_us: Option<u64>,
}

/// Writes a decision as a JSON object, with `subject` as the subject's name.
pub(super) fn write_json(
    line: &AccessLine<'_>,
    facts: &DecisionFacts<'_>,
    subject: Option<&str>,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let line = JsonLine {
        log: "decision",
        time: rfc_3339(line.time_unix_millis).to_string(),
        request_id: line.request_id,
        trace_id: line.trace_id,
        decision: if facts.allowed { "allow" } else { "deny" },
        code: (!facts.allowed).then_some(line.code),
        client: line.client,
        issuer: line.issuer,
        subject,
        route: line.route,
        method: line.method,
        host: line.host,
        path: line.path_alone(),
        action: facts.action.as_deref(),
        policy: facts.policy.as_ref(),
        shadow: facts.shadow.as_ref(),
        token_shadow: facts.token_shadow,
        duration_us: line.decision.map(micros),
    };
    line.serialize(&mut serde_json::Serializer::with_formatter(&mut *out, JsonLineFormatter))?;
    out.write_all(b"\n")
}
