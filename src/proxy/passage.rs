//! The way of a request to an upstream that speaks HTTP/1, and of its answer back.
//!
//! Nearly all requests go this way, so it is the gate's own: one task that listens to both sides, where pingora's proxy has two halves
//! that talk through channels, and room for caches that a gate does not have. Connections, and what is spoken on them, are pingora's.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderValue, Method};
use pingora::connectors::TransportConnector;
use pingora::http::ResponseHeader;
use pingora::protocols::http::v1::client::HttpSession;
use pingora::protocols::http::{HttpTask, ServerSession};
use pingora::time::timeout;
use pingora::{Error, ErrorType, Result};

use super::context::RequestContext;
use super::gateway::Gateway;
use super::onward::onward;
use super::steps;

/// Pieces of an answer that are written together, where they came together.
const TOGETHER: usize = 4;

/// How far a request was passed on.
struct Asking {
    /// Whether nothing more of it will come.
    is_over: bool,
    /// Why the upstream does not take it. It may have answered all the same; what still comes goes nowhere, but is read: it is no
    /// other request.
    broken: Option<Box<Error>>,
}

impl Asking {
    /// Whether nothing more of it is passed on.
    fn is_done(&self) -> bool {
        self.is_over || self.broken.is_some()
    }
}

/// How far its answer was.
#[derive(Default)]
struct Answering {
    /// Whether the client has all of it.
    is_over: bool,
    /// Whether the upstream has ended it.
    is_ended: bool,
}

impl Gateway {
    /// Passes on a request that has a permit, and its answer, and concludes it.
    pub(super) async fn pass(
        &self,
        by: &TransportConnector,
        mut session: ServerSession,
        mut context: Box<RequestContext>,
    ) {
        steps::prepare(&mut session, &mut context);
        let error = loop {
            match self.attempt(by, &mut session, &mut context).await {
                Ok(()) => break None,
                Err(error) if error.retry() => context.tell_of_retry(&error),
                Err(error) => break Some(error),
            }
        };
        if let Some(error) = &error {
            self.fail(&mut session, error, &mut context).await;
        }
        self.conclude(&session, error.as_deref(), &context);
        if error.is_none() {
            // The client may have gone.
            let _gone = session.finish().await;
        }
    }

    /// One try, at one endpoint.
    async fn attempt(
        &self,
        by: &TransportConnector,
        session: &mut ServerSession,
        context: &mut RequestContext,
    ) -> Result<()> {
        let chosen = steps::choose(session, context).await?;
        let endpoint = &chosen.endpoint;
        let kept = if context.attempt.may_use_kept() { endpoint.take_kept() } else { None };
        let reused = kept.is_some();
        let stream = match kept {
            Some(stream) => stream,
            None => match by.new_stream(&endpoint.peer).await {
                Ok(stream) => stream,
                Err(mut error) => {
                    error.as_up();
                    steps::connect_failed(context, &mut error);
                    return Err(error);
                }
            },
        };
        let mut upstream = HttpSession::new(stream);
        upstream.read_timeout = Some(chosen.patience);
        upstream.write_timeout = endpoint.peer.options.write_timeout;
        match self.converse(session, &mut upstream, context).await {
            Ok(true) => {
                upstream.respect_keepalive();
                if let Some(stream) = upstream.reuse().await {
                    endpoint.keep(stream);
                }
            }
            Ok(false) => {}
            Err(mut error) => {
                steps::broke(session, context, &mut error, reused);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Asks, and listens to both sides until all is said. Whether another request may follow on the upstream's connection.
    async fn converse(
        &self,
        session: &mut ServerSession,
        upstream: &mut HttpSession,
        context: &mut RequestContext,
    ) -> Result<bool> {
        let has_body = !session.is_body_empty();
        let mut request = onward(session.req_header(), has_body)?;
        steps::address(session, &mut request, context)?;
        in_time(upstream.write_timeout, upstream.write_request_header(Box::new(request))).await?;
        session.enable_retry_buffering();
        let mut asking = Asking { is_over: session.is_body_done(), broken: None };
        // What an earlier try has read.
        let kept = session.get_retry_buffer();
        if kept.is_some() || asking.is_over {
            self.pass_body(kept, session, upstream, context, &mut asking).await?;
        }
        let mut answering = Answering::default();
        while !asking.is_done() || !answering.is_over {
            tokio::select! {
                piece = session.read_body_or_idle(asking.is_over) => {
                    let piece = piece.map_err(Error::into_down)?;
                    asking.is_over = piece.is_none() || session.is_body_done();
                    self.pass_body(piece, session, upstream, context, &mut asking).await?;
                }
                task = upstream.read_response_task(), if !answering.is_over => match task {
                    Ok(task) => self.pass_answer(task, session, upstream, context, &mut answering).await?,
                    Err(error) => return Err(asking.broken.take().unwrap_or(error).into_up()),
                },
            }
        }
        Ok(answering.is_ended && asking.broken.is_none())
    }

    /// Passes on a piece of the request's body.
    async fn pass_body(
        &self,
        piece: Option<Bytes>,
        session: &mut ServerSession,
        upstream: &mut HttpSession,
        context: &mut RequestContext,
        asking: &mut Asking,
    ) -> Result<()> {
        if let Some(piece) = &piece {
            steps::let_body_pass(session, context, &self.stopping, piece.len())?;
        }
        if asking.broken.is_some() {
            return Ok(());
        }
        tokio::select! {
            biased;
            given = give(upstream, piece.as_deref(), asking.is_over) => asking.broken = given.err(),
            // The upstream may take its time, and the client need not wait for it.
            Err(left) = session.read_body_or_idle(true) => return Err(left.into_down()),
        }
        Ok(())
    }

    /// Passes on a piece of the answer, and those that have come with it.
    async fn pass_answer(
        &self,
        first: HttpTask,
        session: &mut ServerSession,
        upstream: &mut HttpSession,
        context: &mut RequestContext,
        answering: &mut Answering,
    ) -> Result<()> {
        let (mut tasks, mut next, mut broken) = (Vec::with_capacity(TOGETHER), Some(first), None);
        while let Some(task) = next.take() {
            answering.is_ended = task.is_end();
            tasks.push(self.take(task, session, context)?);
            if answering.is_ended || tasks.len() == TOGETHER {
                break;
            }
            match at_hand(upstream.read_response_task()).await {
                Some(Ok(task)) => next = Some(task),
                Some(Err(error)) => broken = Some(error.into_up()),
                None => {}
            }
        }
        answering.is_over = session.response_duplex_vec(tasks).await? || answering.is_ended;
        broken.map_or(Ok(()), Err)
    }

    /// Judges a piece of the answer, and makes it what the client is to read.
    fn take(&self, mut task: HttpTask, session: &mut ServerSession, context: &mut RequestContext) -> Result<HttpTask> {
        match &mut task {
            HttpTask::Header(head, is_end) => {
                steps::take_answer(session, head, context, &self.stopping)?;
                if !*is_end && has_unknown_end(head, &session.req_header().method) {
                    head.insert_header(TRANSFER_ENCODING, HeaderValue::from_static("chunked"))?;
                }
                steps::shape(session, head, context, &self.stopping)?;
            }
            HttpTask::Body(piece, _) => steps::let_answer_pass(context, &self.stopping, piece.as_deref())?,
            _ => {}
        }
        Ok(task)
    }
}

/// Writes a piece of a body, and its end where that is the last.
async fn give(upstream: &mut HttpSession, piece: Option<&[u8]>, is_last: bool) -> Result<()> {
    if let Some(piece) = piece.filter(|piece| !piece.is_empty()) {
        upstream.write_body(piece).await.map_err(Error::into_up)?;
    }
    if is_last {
        in_time(upstream.write_timeout, upstream.finish_body()).await?;
    }
    Ok(())
}

/// What is written to the upstream, within the time that a write may take.
async fn in_time<T>(patience: Option<Duration>, written: impl Future<Output = Result<T>>) -> Result<T> {
    let written = match patience {
        Some(patience) => timeout(patience, written)
            .await
            .unwrap_or_else(|_| Error::e_explain(ErrorType::WriteTimedout, "the upstream takes nothing")),
        None => written.await,
    };
    written.map_err(Error::into_up)
}

/// Whether an answer has a body that ends with the upstream's connection: the client's need not.
fn has_unknown_end(head: &ResponseHeader, method: &Method) -> bool {
    let has_body =
        *method != Method::HEAD && !head.status.is_informational() && !matches!(head.status.as_u16(), 204 | 304);
    has_body && !head.headers.contains_key(CONTENT_LENGTH) && !head.headers.contains_key(TRANSFER_ENCODING)
}

/// What comes of `wanted` without a wait; none where there would be one.
async fn at_hand<T>(wanted: impl Future<Output = T>) -> Option<T> {
    let mut wanted = pin!(wanted);
    poll_fn(|context| match wanted.as_mut().poll(context) {
        Poll::Ready(got) => Poll::Ready(Some(got)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
