//! A decision in API Gateway's words: an IAM policy for exactly what was asked about, or a simple response.

use serde_json::{Map, Value, json};

use super::event::Event;
use super::read::arn_of;
use crate::authorizer::Denial;
use crate::ext_authz::config::ApiGatewayConfig;
use crate::ext_authz::decider::{Ruled, Ruling};

/// What an event asks for beside the decision itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ext_authz) struct Asked {
    /// The resource of the policy; none where the event names none that could be let through.
    resource: Option<String>,
    is_simple: bool,
    /// Whether a refused caller can be told to authenticate: REST APIs make 401 of the error `Unauthorized`.
    pub(in crate::ext_authz) knows_unauthorized: bool,
}

impl Asked {
    /// Reads it from the event.
    pub(in crate::ext_authz) fn of(event: &Event, config: &ApiGatewayConfig) -> Self {
        let is_format_2 = event.version.as_deref() == Some("2.0");
        Self {
            resource: arn_of(event).ok().map(|arn| arn.whole.to_owned()),
            is_simple: is_format_2 && config.simple_responses,
            knows_unauthorized: event.version.is_none(),
        }
    }
}

/// What API Gateway is told.
pub(in crate::ext_authz) fn answer(ruling: &Ruling, asked: &Asked) -> Value {
    let is_allowed = ruling.permits();
    if asked.is_simple {
        return json!({ "isAuthorized": is_allowed, "context": context(ruling) });
    }
    // A refusal whose resource cannot be named refuses everything.
    let (effect, resource) = match &asked.resource {
        Some(resource) if is_allowed => ("Allow", resource.as_str()),
        Some(resource) => ("Deny", resource.as_str()),
        None => ("Deny", "*"),
    };
    let statement = json!({ "Action": "execute-api:Invoke", "Effect": effect, "Resource": resource });
    json!({
        "principalId": principal(ruling),
        "policyDocument": { "Version": "2012-10-17", "Statement": [statement] },
        "context": context(ruling),
    })
}

/// As policies name the caller: the issuer's name and the subject.
fn principal(ruling: &Ruling) -> String {
    let token = ruling.findings.token.as_ref().filter(|_| ruling.permits());
    token.map_or_else(|| "anonymous".to_owned(), |token| format!("{}|{}", token.issuer_name(), token.subject()))
}

/// Scalars alone: API Gateway refuses an answer with anything else in its context.
fn context(ruling: &Ruling) -> Map<String, Value> {
    let mut context = Map::new();
    let mut put = |name: &str, value: Value| context.insert(name.replace('-', "_"), value);
    match &ruling.outcome {
        Ruled::Permit(permit) => {
            for (name, value) in ruling.findings.proved().into_iter().flatten() {
                put_scalars(&mut put, &name, value);
            }
            // Later, so that none of the claims can stand in their place.
            for (name, value) in permit.set().iter().filter(|(name, _)| name != http::header::COOKIE) {
                put(name.as_str(), String::from_utf8_lossy(value.as_bytes()).into());
            }
            for (name, value) in ruling.findings.answer.whole() {
                put(name, value.into());
            }
        }
        Ruled::Answer(_) => put_refusal(&mut put, &Denial::AnsweredByTheGate, ruling),
        Ruled::Denial(denial) => put_refusal(&mut put, denial, ruling),
    }
    put("request_id", ruling.request_id.as_str().into());
    if let Some(route) = &ruling.findings.route {
        put("route", route.name().as_ref().into());
    }
    put("policies", ruling.findings.policy_ids().join(",").into());
    context
}

/// Why not, and what the client's answer is to say of it: API Gateway writes it there where its responses are mapped so.
fn put_refusal(put: &mut impl FnMut(&str, Value) -> Option<Value>, denial: &Denial, ruling: &Ruling) {
    let answer = ruling.findings.answer(denial, &ruling.request_id);
    put("code", denial.code().into());
    put("status", answer.status.into());
    for (name, value) in answer.headers {
        put(name, value.into());
    }
}

/// A list of texts becomes one text, an object's members stand for themselves, and what else is no scalar is left out.
fn put_scalars(put: &mut impl FnMut(&str, Value) -> Option<Value>, name: &str, value: Value) {
    match value {
        Value::Object(members) => members.into_iter().for_each(|(name, value)| put_scalars(put, &name, value)),
        Value::Array(members) => {
            let texts: Option<Vec<&str>> = members.iter().map(Value::as_str).collect();
            // OAuth joins scopes by blanks (RFC 6749 section 3.3), everything else here is joined by commas.
            let by = if name == "scopes" { " " } else { "," };
            texts.and_then(|texts| put(name, texts.join(by).into()));
        }
        Value::Null => {}
        scalar => drop(put(name, scalar)),
    }
}
