//! One request of an HTTP/1 connection and its answer: as a session of pingora's, or for an answer of the gate's own.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use http::HeaderMap;
use http::header::TRANSFER_ENCODING;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::HttpTask;
use pingora::protocols::http::custom::CustomMessageWrite;
use pingora::protocols::http::custom::server::Session;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::protocols::{Digest, IO, Shutdown};
use pingora::{Error, ErrorType, OrErr, Result};
use tokio::io::AsyncWriteExt;

use super::incoming::Incoming;
use super::one_request::{Arrived, OneRequest};
use super::outgoing::Outgoing;

type Messages = Box<dyn Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>;

/// Where the connection is found again once its request is over.
pub(super) struct Place<S>(Arc<Mutex<Option<Box<OneRequest<S>>>>>);

/// A request and its answer.
pub(super) struct Exchange<S> {
    request: RequestHeader,
    has_body: bool,
    body: Incoming,
    /// Gone once the exchange is over.
    stream: Option<Box<OneRequest<S>>>,
    place: Place<S>,
    digest: Arc<Digest>,
    answer: Outgoing,
}

impl<S> Default for Place<S> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<S> Clone for Place<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> Place<S> {
    /// The connection, where another request may follow on it.
    pub(super) fn take(&self) -> Option<Box<OneRequest<S>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, stream: Box<OneRequest<S>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
    }
}

impl<S: IO> Exchange<S> {
    /// The connection is put back into its place if the exchange leaves it fit for another.
    pub(super) fn new(arrived: Arrived, stream: Box<OneRequest<S>>, digest: Arc<Digest>, place: Place<S>) -> Self {
        let Arrived { request, body, has_body, .. } = arrived;
        let body = Incoming::new(body, request.headers.contains_key(TRANSFER_ENCODING));
        Self { request, has_body, body, stream: Some(stream), place, digest, answer: Outgoing::new() }
    }

    fn stream(&mut self) -> Result<&mut OneRequest<S>> {
        self.stream.as_deref_mut().ok_or_else(|| Error::explain(ErrorType::InternalError, "the exchange is over"))
    }

    fn is_body_over(&self) -> bool {
        self.stream.as_deref().is_none_or(|stream| self.body.is_over(stream))
    }

    /// Takes in the head of an answer.
    fn begin(&mut self, header: Box<ResponseHeader>, end: bool) -> Result<()> {
        let line = self.stream()?.line().clone();
        // What of a body is still to come would be taken for the next request.
        if !header.status.is_informational() && !self.is_body_over() {
            line.end_connection();
        }
        self.answer.begin(&self.request, &line, header, end)
    }

    /// Takes in some of the body.
    async fn send(&mut self, data: Bytes, last: bool) -> Result<()> {
        if let Some(large) = self.answer.put(data) {
            self.write_out().await?;
            self.stream()?.write_all(&large).await.or_err(ErrorType::WriteError, "while answering")?;
            self.answer.end_piece();
        }
        if last {
            self.answer.put_end();
        }
        Ok(())
    }

    async fn write_out(&mut self) -> Result<()> {
        let out = self.answer.take();
        self.stream()?.write_all(&out).await.or_err(ErrorType::WriteError, "while answering")
    }

    async fn flush(&mut self) -> Result<()> {
        self.write_out().await?;
        self.stream()?.flush().await.or_err(ErrorType::WriteError, "while answering")
    }

    /// Does one thing to the answer, and says whether it was the last.
    async fn carry_out(&mut self, task: HttpTask) -> Result<bool> {
        match task {
            HttpTask::Header(header, last) => {
                self.begin(header, last).map(|()| last && self.answer.written().is_some())
            }
            HttpTask::Body(data, last) => self.send(data.unwrap_or_default(), last).await.map(|()| last),
            // Trailers end here, as pingora has them do for its own sessions.
            HttpTask::Trailer(_) | HttpTask::Done => self.send(Bytes::new(), true).await.map(|()| true),
            HttpTask::UpgradedBody(..) => Error::e_explain(ErrorType::InternalError, "a tunnel that was not asked for"),
            // The upstream's failure, which is not the client's doing: what came before it is still to be had.
            HttpTask::Failed(error) => {
                self.flush().await.map_err(Error::into_down)?;
                return Err(error);
            }
        }
        .map_err(Error::into_down)
    }

    /// Ends the exchange: the connection is found in its place again, or is shut.
    pub(super) async fn end(&mut self) -> Result<()> {
        self.answer.close();
        self.flush().await?;
        let is_whole = self.answer.is_whole() && self.is_body_over();
        let Some(mut stream) = self.stream.take() else { return Ok(()) };
        if is_whole && !stream.line().ends_connection() {
            self.place.put(stream);
        } else {
            Shutdown::shutdown(stream.as_mut()).await;
        }
        Ok(())
    }
}

impl<S> fmt::Debug for Place<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Place")
    }
}

#[async_trait]
impl<S: IO + 'static> Session for Exchange<S> {
    fn req_header(&self) -> &RequestHeader {
        &self.request
    }

    fn req_header_mut(&mut self) -> &mut RequestHeader {
        &mut self.request
    }

    async fn read_body_bytes(&mut self) -> Result<Option<Bytes>> {
        match &mut self.stream {
            Some(stream) => self.body.next(stream).await,
            None => Ok(None),
        }
    }

    async fn drain_request_body(&mut self) -> Result<()> {
        while self.read_body_bytes().await?.is_some() {}
        Ok(())
    }

    async fn write_response_header(&mut self, header: Box<ResponseHeader>, end: bool) -> Result<()> {
        self.begin(header, end)?;
        if end { self.flush().await } else { Ok(()) }
    }

    async fn write_response_header_ref(&mut self, header: &ResponseHeader, end: bool) -> Result<()> {
        self.write_response_header(Box::new(header.clone()), end).await
    }

    async fn write_body(&mut self, data: Bytes, end: bool) -> Result<()> {
        self.send(data, end).await?;
        self.flush().await
    }

    async fn write_trailers(&mut self, _trailers: HeaderMap) -> Result<()> {
        self.write_body(Bytes::new(), true).await
    }

    async fn response_duplex_vec(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        let mut last = false;
        for task in tasks {
            last = self.carry_out(task).await? || last;
        }
        // What comes next may be long in coming.
        self.flush().await.map_err(Error::into_down)?;
        if self.answer.is_whole() {
            self.stream()?.line().answer_is_whole();
        }
        Ok(last || self.answer.is_whole())
    }

    /// The pace of a body is kept by `limits.body_timeout`.
    fn set_read_timeout(&mut self, _timeout: Option<Duration>) {}

    fn get_read_timeout(&self) -> Option<Duration> {
        None
    }

    /// The pace of an answer is kept by `limits.write_timeout`.
    fn set_write_timeout(&mut self, _timeout: Option<Duration>) {}

    fn get_write_timeout(&self) -> Option<Duration> {
        None
    }

    fn set_total_drain_timeout(&mut self, _timeout: Option<Duration>) {}

    fn get_total_drain_timeout(&self) -> Option<Duration> {
        None
    }

    fn request_summary(&self) -> String {
        self.request.method.to_string()
    }

    fn response_written(&self) -> Option<&ResponseHeader> {
        self.answer.written()
    }

    /// An answer of which the rest will never come: its missing end tells that.
    async fn shutdown(&mut self, _code: u32, _context: &str) {
        self.stream = None;
    }

    fn is_body_done(&mut self) -> bool {
        self.is_body_over()
    }

    async fn finish(&mut self) -> Result<()> {
        self.end().await
    }

    /// Also of one that turned out to be: a second try has nothing to send, and is to say so.
    fn is_body_empty(&mut self) -> bool {
        !self.has_body || self.body.length() == 0 && self.is_body_over()
    }

    /// Behind the body: waits for the client to leave, or to lose its right.
    async fn read_body_or_idle(&mut self, no_body_expected: bool) -> Result<Option<Bytes>> {
        if !no_body_expected && !self.is_body_over() {
            return self.read_body_bytes().await;
        }
        let stream = self.stream()?;
        match poll_fn(|context| stream.poll_rest(context)).await {
            Ok(()) => Error::e_explain(ErrorType::ConnectionClosed, "the client left before its answer"),
            Err(error) => Error::e_because(ErrorType::ReadError, "while the answer is made", error),
        }
    }

    fn body_bytes_sent(&self) -> usize {
        self.answer.sent()
    }

    fn body_bytes_read(&self) -> usize {
        self.body.length()
    }

    fn digest(&self) -> Option<&Digest> {
        Some(&self.digest)
    }

    fn digest_mut(&mut self) -> Option<&mut Digest> {
        Arc::get_mut(&mut self.digest)
    }

    fn client_addr(&self) -> Option<&SocketAddr> {
        self.digest.socket_digest.as_ref()?.peer_addr()
    }

    fn server_addr(&self) -> Option<&SocketAddr> {
        self.digest.socket_digest.as_ref()?.local_addr()
    }

    fn pseudo_raw_h1_request_header(&self) -> Bytes {
        Bytes::new()
    }

    fn enable_retry_buffering(&mut self) {
        self.body.kept_mut().begin();
    }

    fn retry_buffer_truncated(&self) -> bool {
        !self.body.kept().is_whole()
    }

    fn get_retry_buffer(&self) -> Option<Bytes> {
        self.body.kept().all()
    }

    async fn finish_custom(&mut self) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_reader(&mut self) -> Option<Messages> {
        None
    }

    fn restore_custom_message_reader(&mut self, _reader: Messages) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_writer(&mut self) -> Option<Box<dyn CustomMessageWrite>> {
        None
    }

    fn restore_custom_message_writer(&mut self, _writer: Box<dyn CustomMessageWrite>) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
