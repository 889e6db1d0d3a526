//! The forward-auth door: a proxy asks by plain HTTP, and gets identity headers or the denial in a form that it can pass on.

use std::net::IpAddr;

use axum::body::Body;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE};
use http::{HeaderName, HeaderValue, Response};

use super::config::ProfileConfig;
use super::decider::{Decider, DoorName, Ruling};
use super::profile;
use crate::authorizer::{Denial, Permit};

/// The id that leads an operator to the log line.
pub(super) const REQUEST_ID: &str = "x-request-id";
/// What nginx cannot pass on as a status: its examples make it one again.
const STATUS: &str = "x-lychgate-status";
const CODE: &str = "x-lychgate-code";

/// Answers one question.
pub(super) async fn answer(
    decider: &Decider,
    profile: ProfileConfig,
    asker: IpAddr,
    headers: http::HeaderMap,
) -> Response<Body> {
    let point = decider.point();
    let original = profile::read(profile, asker, headers, &point.trusted_proxies);
    let ruling = decider.decide(DoorName(profile.name()), &point, original).await;
    let mut response = match &ruling.outcome {
        Ok(permit) => allowed(permit, &ruling),
        Err(denial) => denied(denial, profile, &ruling.request_id),
    };
    let fields = response.headers_mut();
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&ruling.request_id) {
        fields.insert(REQUEST_ID, id);
    }
    response
}

/// What was proved, and what goes on of the credential: a proxy that takes these headers from the answer, and drops its
/// client's where the answer has none, sends upstream what the gate itself would.
fn allowed(permit: &Permit, ruling: &Ruling) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let fields = response.headers_mut();
    for (name, value) in permit.set() {
        fields.append(name.clone(), value.clone());
    }
    let sent = ruling.original.as_ref().map(|original| &original.headers);
    for name in [AUTHORIZATION, COOKIE] {
        let goes_on = !permit.remove().contains(&name) && !fields.contains_key(&name);
        if let Some(value) = sent.and_then(|sent| sent.get(&name)).filter(|_| goes_on) {
            fields.append(name, value.clone());
        }
    }
    response
}

/// The denial as it is, or for nginx as one of the two statuses that it knows.
fn denied(denial: &Denial, profile: ProfileConfig, request_id: &str) -> Response<Body> {
    let answer = denial.answer(request_id);
    let mut response = problem(denial, request_id);
    if profile == ProfileConfig::Nginx {
        *response.status_mut() = denial.status_code_for_nginx();
        let fields = response.headers_mut();
        fields.insert(STATUS, HeaderValue::from(answer.status));
        fields.insert(CODE, HeaderValue::from_static(denial.code()));
    }
    response
}

/// A denial as an HTTP answer.
pub(super) fn problem(denial: &Denial, request_id: &str) -> Response<Body> {
    let answer = denial.answer(request_id);
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = denial.status_code();
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::try_from(value)) {
            fields.append(name, value);
        }
    }
    response
}
