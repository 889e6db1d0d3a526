//! What the gate answers itself, for requests that another proxy sends to a door as they came: preflight requests, and
//! documents about what the gate protects.
//!
//! Nobody asks here whether a request may pass, so an answer of 2xx opens nothing; there is none for any other request.

use std::net::IpAddr;

use axum::body::Body;
use http::request::Parts;
use http::{Response, StatusCode};

use super::answer::{problem, with_request_id, write};
use crate::authorizer::{Denial, Hops, NetworkConfig, OwnAnswer};
use crate::ext_authz::decider::{Decider, Door, Gives, Ruled};
use crate::ext_authz::original_request::{OriginalRequest, Told, bad, one, required};

const DOOR: Door = Door { name: "own-answers", gives: Gives::Answers };
const HOST: &str = "host";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Answers a request that came as its client sent it.
pub(in crate::ext_authz) async fn answer(decider: &Decider, asker: IpAddr, request: Parts) -> Response<Body> {
    let point = decider.point();
    let original = read(asker, request, &point.trusted_proxies);
    let ruling = decider.decide(DOOR, &point, original).await;
    let refused = |denial: &Denial| problem(denial, ruling.findings.answer(denial, &ruling.request_id));
    let response = match &ruling.outcome {
        Ruled::Answer(answer) => own(answer),
        Ruled::Denial(denial) => refused(denial),
        Ruled::Permit(_) => refused(&Denial::NoRoute),
    };
    with_request_id(response, &ruling.request_id)
}

fn own(answer: &OwnAnswer) -> Response<Body> {
    let mut response = Response::new(answer.body().map_or_else(Body::empty, |body| Body::from(body.to_string())));
    *response.status_mut() = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::NO_CONTENT);
    write(answer.fields().whole(), response.headers_mut());
    response
}

/// The request itself, of which the proxy tells the scheme alone (`X-Forwarded-Proto`, `http` where it is not there): it
/// says where documents about the origin are, and nothing else here depends on it.
fn read(asker: IpAddr, request: Parts, trusted: &[NetworkConfig]) -> Result<OriginalRequest, Denial> {
    let Parts { method, uri, headers, .. } = request;
    let is_secure = match one(&headers, FORWARDED_PROTO)? {
        Some("https") => true,
        Some("http") | None => false,
        Some(_) => return Err(bad(FORWARDED_PROTO, "neither http nor https")),
    };
    let host = required(&headers, HOST)?.to_owned();
    let client = Hops::behind(asker, &headers, trusted).client;
    let told = Told { method: method.to_string(), target: uri.to_string(), host, client, is_secure };
    OriginalRequest::new(told, headers)
}
