//! Writes a denial onto a pingora session.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;

use crate::authorizer::Denial;

/// The header that carries the request's id, to the client and to the upstream.
pub(super) const REQUEST_ID: &str = "x-request-id";

/// Answers with the denial. The connection goes on only if nothing on it could be read in two ways.
pub(super) async fn deny(session: &mut Session, denial: &Denial, request_id: &str) -> pingora::Result<()> {
    let answer = denial.answer(request_id);
    let body = Bytes::from(answer.body);
    let mut header = ResponseHeader::build(answer.status, Some(6))?;
    header.insert_header(CONTENT_TYPE, "application/problem+json")?;
    header.insert_header(CONTENT_LENGTH, body.len())?;
    header.insert_header(CACHE_CONTROL, "no-store")?;
    header.insert_header(REQUEST_ID, request_id)?;
    for (name, value) in answer.headers {
        header.insert_header(name, value)?;
    }
    // A body that nobody reads would be taken for the next request.
    if denial.closes_connection() || !session.is_body_done() {
        session.set_keepalive(None);
    }
    let head_only = session.req_header().method == http::Method::HEAD;
    session.write_response_header(Box::new(header), head_only).await?;
    if !head_only {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(())
}
