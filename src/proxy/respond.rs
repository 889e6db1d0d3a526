//! Writes a denial as the answer to a request, and finds the denial that a failure on the way stands for.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::{ServerSession, custom};
use pingora::{Error, ErrorSource, ErrorType, OrErr};

use super::context::RequestContext;
use super::streams::{grpc_answer, is_grpc};
use super::wire::{BadBody, Ended, Line};
use crate::authorizer::{AnswerFields, Denial, Findings, OwnAnswer};

/// The header that carries the request's id, to the client and to the upstream.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers with the denial in place of an upstream. The connection goes on only if nothing on it could be read in two ways.
pub(super) async fn deny(
    session: &mut ServerSession,
    denial: &Denial,
    context: &RequestContext,
) -> pingora::Result<()> {
    let (header, body) = denied(denial, &context.findings, &context.request_id, session.req_header())?;
    if denial.closes_connection() {
        end_connection(session, &context.line);
    }
    // Nobody else takes part in it.
    write(session, header, body).await.map_err(Error::into_down)
}

/// Has the connection end with this answer. pingora asks its own sessions, the wire the line.
pub(super) fn end_connection(session: &mut ServerSession, line: &Line) {
    session.set_keepalive(None);
    line.end_connection();
}

/// The denial as this client reads it: a problem with its body, or a gRPC status in the header section alone.
pub(super) fn denied(
    denial: &Denial,
    findings: &Findings,
    request_id: &str,
    request: &RequestHeader,
) -> pingora::Result<(ResponseHeader, Option<Bytes>)> {
    if is_grpc(request) {
        return Ok((grpc_answer(denial, request_id)?, None));
    }
    let answer = findings.answer(denial, request_id);
    let body = Bytes::from(answer.body);
    let mut parts = Response::new(()).into_parts().0;
    parts.status = denial.status_code();
    // These, what `answer` adds, and what the wire writes of the connection.
    parts.headers.reserve(8);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    parts.headers.insert(CONTENT_LENGTH, body.len().into());
    parts.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let odd = "while writing a denial";
    parts.headers.insert(REQUEST_ID, HeaderValue::from_str(request_id).or_err(ErrorType::InvalidHTTPHeader, odd)?);
    for (name, value) in answer.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).or_err(ErrorType::InvalidHTTPHeader, odd)?;
        parts.headers.insert(name, HeaderValue::try_from(value).or_err(ErrorType::InvalidHTTPHeader, odd)?);
    }
    Ok((parts.into(), Some(body)))
}

/// An answer of the gate's own.
pub(super) fn given(answer: &OwnAnswer, request_id: &str) -> pingora::Result<(ResponseHeader, Option<Bytes>)> {
    let mut header = ResponseHeader::build_no_case(answer.status(), Some(8))?;
    if let Some(body) = answer.body() {
        header.insert_header(CONTENT_LENGTH, body.len())?;
    }
    header.insert_header(REQUEST_ID, request_id)?;
    change(&mut header, answer.fields())?;
    Ok((header, answer.body().map(|body| Bytes::copy_from_slice(body.as_bytes()))))
}

/// Changes the head of an answer as the route wants it.
pub(super) fn change(header: &mut ResponseHeader, fields: &AnswerFields) -> pingora::Result<()> {
    for name in fields.remove {
        header.remove_header(*name);
    }
    for (name, value) in &fields.set {
        header.insert_header(*name, value)?;
    }
    if fields.varies_by_origin && !varies_by_origin(header) {
        header.append_header(VARY, "origin")?;
    }
    Ok(())
}

fn varies_by_origin(header: &ResponseHeader) -> bool {
    let values = header.headers.get_all(VARY).iter().filter_map(|value| value.to_str().ok());
    let mut names = values.flat_map(|value| value.split(',')).map(str::trim);
    names.any(|name| name == "*" || name.eq_ignore_ascii_case("origin"))
}

async fn write(session: &mut ServerSession, header: ResponseHeader, body: Option<Bytes>) -> pingora::Result<()> {
    if let Some(stream) = session.as_custom_mut() {
        give(stream.as_mut(), header, body).await?;
        // A connection that was only let go of would take the answer with it where the client is still sending.
        return stream.finish().await;
    }
    // A body that nobody reads would be taken for the next request.
    if !session.is_body_done() {
        session.set_keepalive(None);
    }
    let body = body.filter(|_| session.req_header().method != Method::HEAD);
    session.write_response_header(Box::new(header)).await?;
    session.write_response_body(body.unwrap_or_default(), true).await
}

/// Writes a whole answer. Where there is no body the head says that it ends: the session itself would end the stream by a frame of
/// its own, and a caller reads no status in what comes before.
pub(super) async fn give(
    stream: &mut dyn custom::server::Session,
    header: ResponseHeader,
    body: Option<Bytes>,
) -> pingora::Result<()> {
    match body.filter(|_| stream.req_header().method != Method::HEAD) {
        None => stream.write_response_header(Box::new(header), true).await,
        Some(body) => {
            stream.write_response_header(Box::new(header), false).await?;
            stream.write_body(body, true).await
        }
    }
}

/// The answer that has begun, if one has. What came before it in the interim, "100 Continue" for one, is none.
pub(super) fn begun(session: &ServerSession) -> Option<&ResponseHeader> {
    let is_interim = |status: StatusCode| status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS;
    session.response_written().filter(|answer| !is_interim(answer.status))
}

/// What the gateway or the wire has found, where they ended the request themselves.
pub(super) fn ended(error: &Error) -> Option<&Denial> {
    let cause = error.root_cause().downcast_ref::<std::io::Error>()?;
    cause.get_ref()?.downcast_ref::<Ended>().map(|ended| &ended.0)
}

/// What the gate itself has to say about a failure; nothing where the client is the one that left.
pub(super) fn failure(error: &Error) -> Option<Denial> {
    if let Some(denial) = ended(error) {
        return Some(denial.clone());
    }
    if let Some(bad) = bad_body(error) {
        return Some(bad.clone());
    }
    match (error.esource(), error.etype()) {
        (ErrorSource::Upstream, ErrorType::ReadTimedout | ErrorType::WriteTimedout) => Some(Denial::UpstreamTimeout),
        (_, connect) if is_connecting(connect) => Some(Denial::UpstreamUnreachable),
        (ErrorSource::Upstream, _) => Some(Denial::UpstreamFailed),
        (ErrorSource::Downstream, ErrorType::InvalidHTTPHeader | ErrorType::H1Error) => {
            Some(Denial::BadFraming("a body that is not framed as the head says"))
        }
        (ErrorSource::Downstream, ErrorType::ReadTimedout) => Some(Denial::RequestTimeout),
        (ErrorSource::Downstream, _) => None,
        (ErrorSource::Internal | ErrorSource::Unset, _) => Some(Denial::Internal),
    }
}

/// What the wire found wrong with the body, below pingora.
fn bad_body(error: &Error) -> Option<&Denial> {
    let cause = error.root_cause().downcast_ref::<std::io::Error>()?;
    cause.get_ref()?.downcast_ref::<BadBody>().map(|bad| &bad.0)
}

fn is_connecting(error: &ErrorType) -> bool {
    use ErrorType::{
        ConnectError, ConnectNoRoute, ConnectRefused, ConnectTimedout, HandshakeError, InvalidCert, SocketError,
        TLSHandshakeFailure, TLSHandshakeTimedout,
    };
    matches!(
        error,
        ConnectError
            | ConnectNoRoute
            | ConnectRefused
            | ConnectTimedout
            | HandshakeError
            | InvalidCert
            | SocketError
            | TLSHandshakeFailure
            | TLSHandshakeTimedout
    )
}
