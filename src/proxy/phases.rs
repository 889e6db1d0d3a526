//! pingora's phases: what becomes of a request that pingora's proxy carries, to an upstream that speaks HTTP/2 or through a tunnel.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, Result};

use super::context::RequestContext;
use super::gateway::Gateway;
use super::steps;
use crate::authorizer::Denial;

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = Box<RequestContext>;

    /// Of a request that was handed over without a judgement nothing is known, so it has no permit.
    fn new_ctx(&self) -> Self::CTX {
        Self::handed_over().unwrap_or_else(|| self.fresh_context())
    }

    /// No modules: what the gate does to a request is all in these phases.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    /// The request was judged before pingora had it.
    async fn request_filter(&self, session: &mut Session, context: &mut Self::CTX) -> Result<bool> {
        steps::prepare(&mut session.downstream_session, context);
        Ok(false)
    }

    async fn upstream_peer(&self, session: &mut Session, context: &mut Self::CTX) -> Result<Box<HttpPeer>> {
        let chosen = steps::choose(&mut session.downstream_session, context).await?;
        let mut peer = Box::new(chosen.endpoint.peer.clone());
        peer.options.read_timeout = Some(chosen.patience);
        Ok(peer)
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        context: &mut Self::CTX,
        mut error: Box<Error>,
    ) -> Box<Error> {
        steps::connect_failed(context, &mut error);
        error
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        context: &mut Self::CTX,
        reused: bool,
    ) -> Box<Error> {
        steps::broke(&session.downstream_session, context, &mut error, reused);
        error
    }

    /// Runs after pingora has taken out hop-by-hop fields.
    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        context: &mut Self::CTX,
    ) -> Result<()> {
        steps::address(&session.downstream_session, request, context)
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        _end_of_stream: bool,
        context: &mut Self::CTX,
    ) -> Result<()> {
        let piece = body.as_ref().map_or(0, Bytes::len);
        steps::let_body_pass(&session.downstream_session, context, &self.stopping, piece)
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Self::CTX,
    ) -> Result<()> {
        steps::take_answer(&session.downstream_session, response, context, &self.stopping)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Self::CTX,
    ) -> Result<()> {
        steps::shape(&mut session.downstream_session, response, context, &self.stopping)
    }

    fn response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        _end_of_stream: bool,
        context: &mut Self::CTX,
    ) -> Result<Option<Duration>> {
        steps::let_answer_pass(context, &self.stopping, body.as_deref())?;
        Ok(None)
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, context: &mut Self::CTX) -> FailToProxy {
        self.fail(&mut session.downstream_session, error, context).await;
        FailToProxy { error_code: context.denial.as_ref().map_or(0, Denial::status), can_reuse_downstream: false }
    }

    /// The gate's own access log says what became of a request; pingora's line would quote the query.
    fn suppress_error_log(&self, _session: &Session, _context: &Self::CTX, _error: &Error) -> bool {
        true
    }

    /// The gate tells of it in its own words.
    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        context: &Self::CTX,
        error: &Error,
        _retry: ProxyWarnLogContext,
    ) -> bool {
        context.tell_of_retry(error);
        true
    }

    fn request_summary(&self, session: &Session, context: &Self::CTX) -> String {
        format!("{} request {}", session.req_header().method, context.request_id)
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, context: &mut Self::CTX) {
        self.conclude(&session.downstream_session, error, context);
    }
}
