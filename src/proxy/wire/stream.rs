//! One HTTP/2 stream as a session of pingora's: its request, its answer, and what ends it before its time.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, DATE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Digest;
use pingora::protocols::http::HttpTask;
use pingora::protocols::http::custom::CustomMessageWrite;
use pingora::protocols::http::custom::server::Session;
use pingora::protocols::http::date::get_cached_date;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::time::timeout;
use pingora::{Error, ErrorType, OrErr, Result};

use super::kept::Kept;
use super::line::{Ended, Line, Watch};
use super::pace::Pace;
use crate::authorizer::Denial;
use crate::proxy::config::LimitsConfig;

/// Interim answers that are passed on for one request.
const MOST_INTERIM: usize = 8;

type Messages = Box<dyn Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>;

/// A stream from its request to its end.
pub(super) struct Http2Stream {
    request: RequestHeader,
    body: RecvStream,
    respond: SendResponse<Bytes>,
    out: Option<SendStream<Bytes>>,
    written: Option<Box<ResponseHeader>>,
    /// Whether the last frame of the answer was sent.
    ended: bool,
    read: usize,
    sent: usize,
    /// Interim answers that were passed on.
    informed: usize,
    kept: Kept,
    digest: Arc<Digest>,
    write_timeout: Duration,
    line: Arc<Line>,
    watch: Watch,
    pace: Pace,
}

impl Http2Stream {
    pub(super) fn new(
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        digest: Arc<Digest>,
        limits: &LimitsConfig,
    ) -> Self {
        let (mut parts, body) = request.into_parts();
        join_cookies(&mut parts.headers);
        Self {
            request: parts.into(),
            body,
            respond,
            out: None,
            written: None,
            ended: false,
            read: 0,
            sent: 0,
            informed: 0,
            kept: Kept::default(),
            digest,
            write_timeout: limits.write_timeout,
            line: Arc::default(),
            watch: Watch::default(),
            pace: Pace::new(limits.body_timeout),
        }
    }

    /// What is known of its connection.
    pub(super) fn connection(&self) -> &Digest {
        &self.digest
    }

    /// What the gateway says of this stream.
    pub(super) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// Waits for the end of a body that is said to be empty: to the upstream the head alone would be the whole request, before it is
    /// known that nothing follows.
    pub(super) async fn end_of_empty_body(&mut self) -> Result<()> {
        if self.is_said_to_be_empty() {
            self.drain_request_body().await?;
        }
        Ok(())
    }

    fn is_said_to_be_empty(&self) -> bool {
        self.request
            .headers
            .get(CONTENT_LENGTH)
            .is_some_and(|length| length.as_bytes().iter().all(|digit| *digit == b'0'))
    }

    /// What comes next of the body; none where it is over.
    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        let Poll::Ready(part) = self.body.poll_data(context) else { return self.poll_waiting(context).map(Err) };
        let Some(part) = part.transpose().or_err(ErrorType::ReadError, "while reading a body")? else {
            return Poll::Ready(Ok(None));
        };
        self.read += part.len();
        self.pace.came(part.len());
        self.kept.keep(&part);
        // It fails only where the stream is gone, which the next read tells.
        let _gone = self.body.flow_control().release_capacity(part.len());
        Poll::Ready(Ok(Some(part)))
    }

    /// What ends the wait for more of the body.
    fn poll_waiting(&mut self, context: &mut Context<'_>) -> Poll<Box<Error>> {
        if let Poll::Ready(ended) = self.watch.poll_lost(&self.line, context) {
            return Poll::Ready(end(ended));
        }
        if self.line.is_hurried() {
            ready!(self.pace.poll_late(context));
            return Poll::Ready(end(Ended(Denial::RequestTimeout)));
        }
        Poll::Pending
    }

    /// Ready once the client has given up, or has lost its right.
    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<Box<Error>> {
        if let Poll::Ready(ended) = self.watch.poll_lost(&self.line, context) {
            return Poll::Ready(end(ended));
        }
        let reset = match &mut self.out {
            Some(out) => out.poll_reset(context),
            None => self.respond.poll_reset(context),
        };
        ready!(reset).map_or_else(
            |error| Poll::Ready(Error::because(ErrorType::H2Error, "while the answer is made", error)),
            |reason| Poll::Ready(Error::explain(ErrorType::H2Error, format!("the client gave up: {reason}"))),
        )
    }

    fn begin(&mut self, mut header: Box<ResponseHeader>, end: bool) -> Result<()> {
        // An answer begins once.
        if self.ended || self.written.is_some() {
            return Ok(());
        }
        if header.status.is_informational() {
            return self.inform(&header);
        }
        header.insert_header(DATE, get_cached_date())?;
        // RFC 9113 section 8.2.2.
        for name in [TRANSFER_ENCODING, CONNECTION, UPGRADE] {
            header.remove_header(&name);
        }
        header.remove_header("keep-alive");
        header.remove_header("proxy-connection");
        let response = Response::from_parts(header.as_owned_parts(), ());
        let out = self.respond.send_response(response, end).or_err(ErrorType::WriteError, "while answering")?;
        (self.out, self.written, self.ended) = (Some(out), Some(header), end);
        Ok(())
    }

    /// Passes on an interim answer: that the body may come, or what the client can begin with.
    fn inform(&mut self, header: &ResponseHeader) -> Result<()> {
        // They wait here without a bound of the library's, and HTTP/2 has no other protocol to change to (RFC 9113 section 8.6).
        if self.informed >= MOST_INTERIM || header.status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(());
        }
        self.informed += 1;
        let interim = Response::from_parts(header.as_owned_parts(), ());
        self.respond.send_informational(interim).or_err(ErrorType::WriteError, "while informing")
    }

    async fn send(&mut self, mut data: Bytes, last: bool) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        if data.is_empty() {
            self.out()?.send_data(data, last).or_err(ErrorType::WriteError, "while answering")?;
        } else {
            while !data.is_empty() {
                let room = self.room(data.len()).await?;
                let part = data.split_to(room.min(data.len()));
                self.sent += part.len();
                let is_last = last && data.is_empty();
                self.out()?.send_data(part, is_last).or_err(ErrorType::WriteError, "while answering")?;
            }
        }
        self.ended = last;
        Ok(())
    }

    /// Waits until the client takes more, and gives how much.
    async fn room(&mut self, wanted: usize) -> Result<usize> {
        self.out()?.reserve_capacity(wanted);
        let wait = self.write_timeout;
        let room = timeout(wait, poll_fn(|context| self.poll_room(context))).await;
        room.unwrap_or_else(|_| Err(end(Ended(Denial::AnswerNotTaken))))
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<usize>> {
        let out = self.out()?;
        match out.poll_capacity(context) {
            Poll::Ready(Some(room)) => Poll::Ready(room.or_err(ErrorType::WriteError, "while waiting for room")),
            Poll::Ready(None) => Poll::Ready(Error::e_explain(ErrorType::WriteError, "the stream is closed")),
            Poll::Pending => self.watch.poll_lost(&self.line, context).map(|ended| Err(end(ended))),
        }
    }

    fn out(&mut self) -> Result<&mut SendStream<Bytes>> {
        self.out.as_mut().ok_or_else(|| Error::explain(ErrorType::H2Error, "a body before its header"))
    }

    fn close(&mut self) -> Result<()> {
        if self.ended || self.out.is_none() {
            return Ok(());
        }
        self.ended = true;
        self.out()?.send_data(Bytes::new(), true).or_err(ErrorType::WriteError, "while ending an answer")
    }

    fn end_with(&mut self, trailers: HeaderMap) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        self.out()?.send_trailers(trailers).or_err(ErrorType::WriteError, "while sending trailers")
    }

    /// Does one thing to the answer, and says whether it was the last.
    async fn carry_out(&mut self, task: HttpTask) -> Result<bool> {
        let done = match task {
            HttpTask::Header(header, last) => self.begin(header, last).map(|()| last),
            HttpTask::Body(Some(data), last) if !data.is_empty() => self.send(data, last).await.map(|()| last),
            HttpTask::Body(_, last) => Ok(last),
            HttpTask::Trailer(Some(trailers)) => self.end_with(*trailers).map(|()| true),
            HttpTask::Trailer(None) | HttpTask::Done => Ok(true),
            HttpTask::UpgradedBody(..) => Error::e_explain(ErrorType::InternalError, "a tunnel in an HTTP/2 stream"),
            // The upstream's failure, which is not the client's doing.
            HttpTask::Failed(error) => return Err(error),
        };
        done.map_err(Error::into_down)
    }
}

/// RFC 9113 section 8.2.3: browsers send each cookie in a field of its own, and nobody but HTTP/2 reads them so.
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() < 2 {
        return;
    }
    // Values that each can stand in a field can do so together.
    if let Ok(joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

#[expect(clippy::unnecessary_box_returns, reason = "pingora's errors are boxed wherever they go")]
fn end(ended: Ended) -> Box<Error> {
    // As the stream of an HTTP/1 connection would fail, so that one place reads both.
    Error::because(ErrorType::ReadError, "ended by the gate", io::Error::other(ended))
}

#[async_trait]
impl Session for Http2Stream {
    fn req_header(&self) -> &RequestHeader {
        &self.request
    }

    fn req_header_mut(&mut self) -> &mut RequestHeader {
        &mut self.request
    }

    async fn read_body_bytes(&mut self) -> Result<Option<Bytes>> {
        poll_fn(|context| self.poll_body(context)).await
    }

    async fn drain_request_body(&mut self) -> Result<()> {
        while self.read_body_bytes().await?.is_some() {}
        Ok(())
    }

    async fn write_response_header(&mut self, header: Box<ResponseHeader>, end: bool) -> Result<()> {
        self.begin(header, end)
    }

    async fn write_response_header_ref(&mut self, header: &ResponseHeader, end: bool) -> Result<()> {
        self.begin(Box::new(header.clone()), end)
    }

    async fn write_body(&mut self, data: Bytes, end: bool) -> Result<()> {
        self.send(data, end).await
    }

    async fn write_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        self.end_with(trailers)
    }

    async fn response_duplex_vec(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        let mut last = false;
        for task in tasks {
            last = self.carry_out(task).await? || last;
        }
        if last {
            self.close().map_err(Error::into_down)?;
        }
        if self.ended {
            self.line.answer_is_whole();
        }
        Ok(last)
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
        self.written.as_deref()
    }

    async fn shutdown(&mut self, _code: u32, _context: &str) {
        if !self.ended {
            self.ended = true;
            self.respond.send_reset(Reason::INTERNAL_ERROR);
        }
    }

    fn is_body_done(&mut self) -> bool {
        self.is_body_empty() || self.body.is_end_stream()
    }

    async fn finish(&mut self) -> Result<()> {
        self.close()
    }

    fn is_body_empty(&mut self) -> bool {
        self.read == 0 && (self.body.is_end_stream() || self.is_said_to_be_empty())
    }

    async fn read_body_or_idle(&mut self, no_body_expected: bool) -> Result<Option<Bytes>> {
        if no_body_expected || self.is_body_done() {
            Err(poll_fn(|context| self.poll_idle(context)).await)
        } else {
            self.read_body_bytes().await
        }
    }

    fn body_bytes_sent(&self) -> usize {
        self.sent
    }

    fn body_bytes_read(&self) -> usize {
        self.read
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
        self.kept.begin();
    }

    fn retry_buffer_truncated(&self) -> bool {
        !self.kept.is_whole()
    }

    fn get_retry_buffer(&self) -> Option<Bytes> {
        self.kept.all()
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
