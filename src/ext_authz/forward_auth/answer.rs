//! The forward-auth door: a proxy asks by plain HTTP, and gets identity headers or the denial in a form that it can pass on.

use std::net::IpAddr;

use axum::body::Body;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};

use super::profile;
use crate::authorizer::{Answer, DecisionPoint, Denial, Permit};
use crate::ext_authz::config::{ClaimedHeadersConfig, ForwardAuthConfig, ProfileConfig};
use crate::ext_authz::decider::{Decider, Door, Gives, Ruled, Ruling};
use crate::ext_authz::original_request::{OriginalRequest, bad};

/// The id that leads an operator to the log line.
pub(in crate::ext_authz) const REQUEST_ID: &str = "x-request-id";
/// The field of DPoP proofs (RFC 9449 section 4.1).
const PROOF: HeaderName = HeaderName::from_static("dpop");
/// What nginx cannot pass on as a status: its examples make it one again.
const STATUS: &str = "x-lychgate-status";
const CODE: &str = "x-lychgate-code";

/// Answers one question.
pub(in crate::ext_authz) async fn answer(
    decider: &Decider,
    config: &ForwardAuthConfig,
    asker: IpAddr,
    headers: HeaderMap,
) -> Response<Body> {
    let (point, profile) = (decider.point(), config.profile);
    let original = profile::read(profile, asker, headers, &point.trusted_proxies);
    let original = original.and_then(|original| unclaimed(original, config.claimed_headers, &point));
    // What is answered with 2xx passes to the upstream: a preflight request and a document about the gate would too, by
    // nobody's leave. The proxy is told by a status of their own that they are answered at this door, not decided about.
    let door = Door { name: profile.name(), gives: Gives::Decisions };
    let ruling = decider.decide(door, &point, original).await;
    let response = match &ruling.outcome {
        Ruled::Permit(permit) => allowed(permit, &ruling),
        Ruled::Answer(_) => denied(&Denial::AnsweredByTheGate, profile, &ruling),
        Ruled::Denial(denial) => denied(denial, profile, &ruling),
    };
    with_request_id(response, &ruling.request_id)
}

/// The request, unless its client says itself who it is to a proxy that could not keep all of that from its upstream.
fn unclaimed(
    original: OriginalRequest,
    claimed: ClaimedHeadersConfig,
    point: &DecisionPoint,
) -> Result<OriginalRequest, Denial> {
    match claimed {
        ClaimedHeadersConfig::Refuse if point.authorizer.claims_identity(&original.headers) => {
            Err(bad("an identity header", "the client's"))
        }
        ClaimedHeadersConfig::Refuse | ClaimedHeadersConfig::Drop => Ok(original),
    }
}

/// What was proved, and what goes on of the credential: a proxy that takes these headers from the answer, and drops its
/// client's where the answer has none, sends upstream what the gate itself would. What the gate would add to its client's
/// answer stands there too, for proxies that can take it from here.
fn allowed(permit: &Permit, ruling: &Ruling) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let fields = response.headers_mut();
    for (name, value) in permit.set() {
        fields.append(name.clone(), value.clone());
    }
    let sent = ruling.original.as_ref().map(|original| &original.headers);
    for name in [AUTHORIZATION, COOKIE, PROOF] {
        let goes_on = !permit.remove().contains(&name) && !fields.contains_key(&name);
        if let Some(value) = sent.and_then(|sent| sent.get(&name)).filter(|_| goes_on) {
            fields.append(name, value.clone());
        }
    }
    write(ruling.findings.answer.whole(), fields);
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The denial as it is, or for nginx as one of the two statuses that it knows.
fn denied(denial: &Denial, profile: ProfileConfig, ruling: &Ruling) -> Response<Body> {
    let mut response = problem(denial, ruling.findings.answer(denial, &ruling.request_id));
    if profile == ProfileConfig::Nginx {
        *response.status_mut() = denial.status_code_for_nginx();
        let fields = response.headers_mut();
        fields.insert(STATUS, HeaderValue::from(denial.status()));
        fields.insert(CODE, HeaderValue::from_static(denial.code()));
    }
    response
}

/// A denial as an HTTP answer.
pub(in crate::ext_authz) fn problem(denial: &Denial, answer: Answer) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = denial.status_code();
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    write(answer.headers.iter().map(|(name, value)| (*name, value.as_str())), fields);
    response
}

/// Adds fields to an answer.
pub(super) fn write<'a>(fields: impl Iterator<Item = (&'static str, &'a str)>, headers: &mut HeaderMap) {
    for (name, value) in fields {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
}

/// Adds the id that leads to the log line.
pub(in crate::ext_authz) fn with_request_id(mut response: Response<Body>, request_id: &str) -> Response<Body> {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}
