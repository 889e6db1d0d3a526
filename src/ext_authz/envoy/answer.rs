//! A decision in Envoy's words: a `CheckResponse`.

use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue as RawHeader, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckResponse, DeniedHttpResponse, OkHttpResponse};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::rpc::Status;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use tonic::Code;

use super::metadata::metadata;
use crate::authorizer::{AnswerFields, DecisionPoint, Denial, OwnAnswer, Permit, overrides_the_request};
use crate::ext_authz::decider::{Ruled, Ruling};
use crate::ext_authz::forward_auth::REQUEST_ID;
use crate::ext_authz::original_request::OriginalRequest;

/// By these a call's own words say why it was refused; the gate's proxy uses the same.
const GRPC_STATUS: &str = "grpc-status";
const CODE: &str = "lychgate-code";

/// What Envoy is told.
pub(in crate::ext_authz) fn answer(point: &DecisionPoint, ruling: &Ruling) -> CheckResponse {
    let (code, http_response) = match &ruling.outcome {
        Ruled::Permit(permit) => (Code::Ok, HttpResponse::OkResponse(allowed(point, permit, ruling))),
        // Envoy sends what is denied to its client with any status, and lets nothing pass by it.
        Ruled::Answer(answer) => {
            (Code::PermissionDenied, HttpResponse::DeniedResponse(own(answer, &ruling.request_id)))
        }
        Ruled::Denial(denial) => (grpc_code(denial), HttpResponse::DeniedResponse(denied(denial, ruling))),
    };
    CheckResponse {
        status: Some(Status { code: code.into(), ..Status::default() }),
        dynamic_metadata: Some(metadata(ruling)),
        http_response: Some(http_response),
    }
}

fn allowed(point: &DecisionPoint, permit: &Permit, ruling: &Ruling) -> OkHttpResponse {
    let set =
        permit.set().iter().map(|(name, value)| header(name.as_str(), &String::from_utf8_lossy(value.as_bytes())));
    OkHttpResponse {
        headers: set.chain([header(REQUEST_ID, &ruling.request_id)]).collect(),
        headers_to_remove: removed(point, permit, ruling.original.as_ref()),
        response_headers_to_add: changed(&ruling.findings.answer),
        query_parameters_to_remove: removed_parameters(permit, ruling.original.as_ref()),
        ..OkHttpResponse::default()
    }
}

/// What must not go on. Envoy may be told to show a part of the headers alone, so each by which upstreams are told who calls is
/// named, whether it was seen or not.
///
/// Envoy removes after it has set, so what is set must not be named among what is removed: it is overwritten anyway.
fn removed(point: &DecisionPoint, permit: &Permit, original: Option<&OriginalRequest>) -> Vec<String> {
    let is_set = |name: &HeaderName| permit.set().iter().any(|(set, _)| set == name);
    let seen = original.into_iter().flat_map(|original| original.headers.keys());
    let overrides = seen.filter(|name| overrides_the_request(name.as_str()));
    let unseen = point.authorizer.identity_headers().iter().filter(|name| !permit.remove().contains(name));
    let all = permit.remove().iter().chain(unseen).chain(overrides);
    all.filter(|name| !is_set(name)).map(ToString::to_string).collect()
}

/// The names of the query's parameters that carried a credential, each as it was written: Envoy compares without decoding.
fn removed_parameters(permit: &Permit, original: Option<&OriginalRequest>) -> Vec<String> {
    let sent = original.and_then(|original| original.target.split_once('?')).map(|(_, query)| query);
    let (Some(sent), Some(rest)) = (sent, permit.query()) else { return Vec::new() };
    let mut rest = rest.split('&').peekable();
    let mut removed = Vec::new();
    for pair in sent.split('&') {
        if rest.next_if_eq(&pair).is_none() {
            removed.push(pair.split('=').next().unwrap_or_default().to_owned());
        }
    }
    removed
}

/// What changes in the head of the upstream's answer. Envoy takes nothing out of it; an empty value says as little.
fn changed(fields: &AnswerFields) -> Vec<HeaderValueOption> {
    let is_set = |name: &str| fields.set.iter().any(|(set, _)| *set == name);
    let emptied = fields.remove.iter().filter(|name| !is_set(name));
    let emptied = emptied.map(|name| by(HeaderAppendAction::OverwriteIfExists, name, ""));
    let set = fields.set.iter().map(|(name, value)| header(name, value));
    let vary = fields.varies_by_origin.then(|| by(HeaderAppendAction::AppendIfExistsOrAdd, "vary", "origin"));
    emptied.chain(set).chain(vary).collect()
}

fn own(answer: &OwnAnswer, request_id: &str) -> DeniedHttpResponse {
    DeniedHttpResponse {
        status: Some(HttpStatus { code: answer.status().into() }),
        headers: [(REQUEST_ID, request_id)]
            .into_iter()
            .chain(answer.fields().whole())
            .map(|(name, value)| header(name, value))
            .collect(),
        body: answer.body().map(ToString::to_string).unwrap_or_default(),
    }
}

fn denied(denial: &Denial, ruling: &Ruling) -> DeniedHttpResponse {
    let answer = ruling.findings.answer(denial, &ruling.request_id);
    let grpc_status = denial.grpc_status().to_string();
    let is_call = ruling.original.as_ref().is_some_and(is_grpc);
    // Of a refused call Envoy writes the head itself, and what stands here as the body into `grpc-message`.
    let (fields, body): (&[(&str, &str)], _) = if is_call {
        (&[(GRPC_STATUS, &grpc_status), (CODE, denial.code())], denial.detail())
    } else {
        (&[("content-type", "application/problem+json")], answer.body)
    };
    let always = [("cache-control", "no-store"), (REQUEST_ID, ruling.request_id.as_str())];
    let fields = fields.iter().chain(&always).map(|(name, value)| header(name, value));
    let more = answer.headers.iter().map(|(name, value)| header(name, value));
    DeniedHttpResponse {
        status: Some(HttpStatus { code: answer.status.into() }),
        headers: fields.chain(more).collect(),
        body,
    }
}

/// What Envoy takes for a gRPC call, over whichever version of HTTP.
fn is_grpc(original: &OriginalRequest) -> bool {
    let kind = original.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let rest = kind.and_then(|kind| kind.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+')))
}

/// In place of any header of that name: appending would leave the client's own beside it.
fn header(name: &str, value: &str) -> HeaderValueOption {
    by(HeaderAppendAction::OverwriteIfExistsOrAdd, name, value)
}

/// Envoy reads `value` here, never `raw_value`.
fn by(action: HeaderAppendAction, name: &str, value: &str) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(RawHeader { key: name.to_owned(), value: value.to_owned(), ..RawHeader::default() }),
        append_action: action.into(),
        ..HeaderValueOption::default()
    }
}

/// Any code but `Ok` is a no for Envoy; these are what gRPC's own mapping of the HTTP status would give.
fn grpc_code(denial: &Denial) -> Code {
    if denial.is_failure() {
        Code::Unavailable
    } else if denial.asks_for_credentials() {
        Code::Unauthenticated
    } else {
        Code::PermissionDenied
    }
}
