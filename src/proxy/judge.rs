//! A request is judged as soon as its head is read, by whichever version of HTTP it came. What the gate answers itself is answered
//! there and then; what may pass is handed on, with all that is known of it.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use pingora::http::RequestHeader;
use pingora::protocols::Digest;
use pingora::protocols::http::custom::server::Session;

use super::access_log::{Answered, conclude};
use super::config::LimitsConfig;
use super::context::RequestContext;
use super::forwarded::Way;
use super::framing;
use super::gateway::Gateway;
use super::respond::{denied, give, given};
use super::steps::UNKNOWN;
use super::streams::asks_for_websocket;
use super::wire::{Line, proven};
use crate::authorizer::{
    AccessRequest, ConnectionFacts, Denial, OwnAnswer, Permit, ReceivedRequest, Timeline, UpgradeConfig,
};

/// A request as the wire hands it in.
pub(super) struct Arrival<'a> {
    pub(super) request: &'a RequestHeader,
    /// Its target as sent, over HTTP/1: before any parser has cut or mended it.
    pub(super) target: Option<&'a [u8]>,
    /// What is known of its connection.
    pub(super) digest: &'a Digest,
    pub(super) line: &'a Arc<Line>,
}

/// What becomes of a request: nothing more from the gate itself where it may pass.
pub(super) type Judgement = Result<Option<OwnAnswer>, Denial>;

tokio::task_local! {
    /// The request that pingora is about to take over: it makes its own context, and asks for none.
    static JUDGED: Cell<Option<Box<RequestContext>>>;
}

impl Gateway {
    /// Steps 1 to 12 of the decision. What is learned on the way is kept in the context.
    pub(super) async fn judge(&self, arrival: &Arrival<'_>) -> (Box<RequestContext>, Judgement) {
        let mut context = self.fresh_context();
        let headers = &arrival.request.headers;
        let peer = arrival.digest.socket_digest.as_ref().and_then(|digest| digest.peer_addr()?.as_inet());
        let peer = peer.map_or(UNKNOWN, SocketAddr::ip);
        let (client, way) = Way::read(peer, headers, &context.snapshot.point.trusted_proxies);
        context.trace = context.snapshot.point.traces.join(headers, way.is_through_a_proxy());
        (context.client, context.way) = (Some(client), way);
        (context.is_tls, context.line) = (arrival.digest.ssl_digest.is_some(), arrival.line.clone());
        let judgement = decide(arrival, client, &mut context).await;
        context.decision = Some(context.started.elapsed());
        let may_upgrade = |permit: &Permit| permit.route().upgrades_to(UpgradeConfig::Websocket);
        context.upgrade = context.permit.as_ref().is_some_and(may_upgrade) && asks_for_websocket(arrival.request);
        (context, judgement)
    }

    /// Gives the gate's own answer, and concludes the request.
    pub(super) async fn answer(
        &self,
        stream: &mut dyn Session,
        answer: Result<OwnAnswer, Denial>,
        mut context: Box<RequestContext>,
    ) {
        let answer = match answer {
            Ok(answer) => given(&answer, &context.request_id),
            Err(denial) => {
                // Noted first: that the client has gone before it could read it is no failure of the gate's.
                let denial = context.denial.insert(denial);
                if denial.closes_connection() {
                    context.line.end_connection();
                }
                denied(denial, &context.findings, &context.request_id, stream.req_header())
            }
        };
        let given = match answer {
            Ok((header, body)) => give(stream, header, body).await,
            Err(error) => Err(error),
        };
        if let Err(error) = given {
            context.line.end_connection();
            tracing::debug!(request_id = context.request_id, %error, "an answer of the gate's own was not taken");
        }
        let status = stream.response_written().map(|header| header.status.as_u16());
        let answered = Answered { request: stream.req_header(), status, bytes_out: stream.body_bytes_sent() as u64 };
        conclude(&answered, &context, &self.log);
    }

    /// Runs what takes a request over, which then goes on with this context.
    pub(super) async fn hand_over<F: Future>(context: Box<RequestContext>, taker: F) -> F::Output {
        JUDGED.scope(Cell::new(Some(context)), taker).await
    }

    /// The context of the request that is handed over here, if one is.
    pub(super) fn handed_over() -> Option<Box<RequestContext>> {
        JUDGED.try_with(Cell::take).ok().flatten()
    }
}

/// The target as the client sent it; the authority too, where it is no header field.
fn target_of<'a>(arrival: &Arrival<'a>, limits: &LimitsConfig) -> Result<(&'a [u8], Option<&'a str>), Denial> {
    if let Some(target) = arrival.target {
        return Ok((target, None));
    }
    let uri = &arrival.request.uri;
    let target = uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    framing::check_fields(target, &arrival.request.headers, limits)?;
    Ok((target.as_bytes(), uri.authority().map(http::uri::Authority::as_str)))
}

async fn decide(arrival: &Arrival<'_>, client: IpAddr, context: &mut RequestContext) -> Judgement {
    // Framing came first: the wire has judged where this request ends, before anything in it meant anything.
    let request = arrival.request;
    let (target, authority) = target_of(arrival, &context.snapshot.limits)?;
    let received = ReceivedRequest {
        method: request.method.as_str(),
        target,
        authority,
        headers: &request.headers,
        client,
        connection: ConnectionFacts {
            certificate: proven(arrival.digest),
            ..context.way.facts(context.is_tls, &request.headers)
        },
    };
    let request = AccessRequest::read(received)?;
    context.host = Some(request.host().to_owned());
    if let Some((answer, findings)) = context.snapshot.point.authorizer.answer_itself(&request) {
        context.findings = findings;
        return answer.map(Some);
    }
    let timeline = Timeline::kept_if(context.is_recorded());
    let decision = context.snapshot.point.authorizer.authorize_in_time(&request, timeline).await;
    context.findings = decision.findings;
    let permit = decision.outcome?;
    // Byte for byte as sent, an empty query too; only where a credential was all of the query, its `?` goes as well.
    let query = permit.query().map_or(request.target().query(), |rest| Some(rest).filter(|rest| !rest.is_empty()));
    let path = request.target().path();
    context.target = Some(query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")));
    context.upstream = context.snapshot.upstreams.get(permit.route().upstream()).cloned();
    context.permit = Some(permit);
    Ok(None)
}
