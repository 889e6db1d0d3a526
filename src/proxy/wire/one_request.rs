//! A client's connection that gives pingora one request at a time: what follows stays here until its turn has come.

use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::{Buf, Bytes, BytesMut};
use pingora::http::RequestHeader;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::{SslDigest, TlsRef};
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, IO, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID, UniqueIDType,
};
use pingora::time::timeout;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::chunked::Chunked;
use super::closing::Closing;
use super::line::{Ended, Line, Watch};
use super::pace::{Pace, Stall};
use crate::authorizer::Denial;
use crate::proxy::config::LimitsConfig;
use crate::proxy::framing::{Body, check_lines, check_part, read_head};

/// Room for a head: most need no more.
const ROOM: usize = 4096;
/// How long a connection may rest between two requests.
const REST: Duration = Duration::from_mins(1);
/// How long the last bytes of a connection may take to be sent.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long bytes that nobody wants are taken in after the answer: a reset would tear the answer from the client.
const LINGER: Duration = Duration::from_secs(1);

/// One client's connection.
#[derive(Debug)]
pub(super) struct OneRequest<S> {
    io: S,
    /// Received, and not yet handed on.
    ahead: BytesMut,
    rest: Rest,
    /// Whether something was written that may lie here yet.
    unsent: bool,
    /// What the gateway says of the current request.
    line: Arc<Line>,
    watch: Watch,
    pace: Pace,
    stall: Stall,
}

/// What a client says before its first HTTP/2 frame (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What of the current request is still to be handed on.
#[derive(Debug)]
enum Rest {
    Nothing,
    Length(u64),
    Chunked(Chunked),
}

/// A request whose head has come and was judged.
pub(super) struct Arrived {
    /// Its head, as sent.
    pub(super) head: Bytes,
    /// What of its body came along.
    pub(super) body: BytesMut,
    /// What it says.
    pub(super) request: RequestHeader,
    /// Whether a body follows its head, or more of it.
    pub(super) has_body: bool,
}

/// A body that is not framed as it should be.
#[derive(Debug, thiserror::Error)]
#[error("a bad body: {}", .0.code())]
pub(in crate::proxy) struct BadBody(pub(in crate::proxy) Denial);

impl<S: IO> OneRequest<S> {
    pub(super) fn new(io: S) -> Self {
        Self {
            io,
            ahead: BytesMut::new(),
            rest: Rest::Nothing,
            unsent: false,
            line: Arc::default(),
            watch: Watch::default(),
            pace: Pace::new(Duration::ZERO),
            stall: Stall::new(REST),
        }
    }

    /// What the gateway says of the current request.
    pub(super) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// Waits for enough bytes to tell HTTP/2 from HTTP/1; the bytes stay here. `None` where the client left, or took too long.
    pub(super) async fn begins_http2(&mut self, by: Instant) -> Option<bool> {
        loop {
            let known = self.ahead.len().min(PREFACE.len());
            if self.ahead.get(..known) != PREFACE.get(..known) {
                return Some(false);
            }
            if known == PREFACE.len() {
                return Some(true);
            }
            self.ahead.reserve(ROOM);
            let left = by.saturating_duration_since(Instant::now());
            let read = timeout(left, self.io.read_buf(&mut self.ahead)).await;
            read.ok()?.ok().filter(|read| *read > 0)?;
        }
    }

    /// What has been received of a request that goes no further.
    pub(super) fn received(&self) -> &[u8] {
        &self.ahead
    }

    /// Waits for a whole head and judges it. `None` where the client left, or rested too long.
    ///
    /// A new connection has until `first_by`; a kept one may rest, and has its time from the first byte on. Both are for the
    /// whole head: a byte now and then gains nothing. Where the gate closes, one that sends nothing gets less.
    pub(super) async fn next(
        &mut self,
        limits: &LimitsConfig,
        first_by: Option<Instant>,
        closing: &mut Closing,
    ) -> Result<Option<Arrived>, Denial> {
        let mut by = first_by;
        let mut search = Search::default();
        loop {
            if search.strip_empty_line(&mut self.ahead)?
                && let Some(end) = search.end(&self.ahead)?
            {
                return self.hand_on(end, limits).map(Some);
            }
            if self.ahead.len() as u64 > limits.header.as_u64() {
                return Err(search.too_large(limits));
            }
            search.judge(&self.ahead, limits)?;
            let rests = self.ahead.is_empty();
            let left = match by {
                None if rests => closing.rest(REST),
                None => by.insert(Instant::now() + limits.header_timeout).saturating_duration_since(Instant::now()),
                Some(by) if rests => closing.rest(by.saturating_duration_since(Instant::now())),
                Some(by) => by.saturating_duration_since(Instant::now()),
            };
            self.ahead.reserve(ROOM);
            let read = tokio::select! {
                biased;
                read = timeout(left, self.io.read_buf(&mut self.ahead)) => read,
                () = closing.begun(), if rests && !closing.has_begun() => continue,
            };
            match read {
                Ok(Ok(read)) if read > 0 => {}
                Ok(_) => return Ok(None),
                Err(_) if self.ahead.is_empty() => return Ok(None),
                Err(_) => return Err(Denial::RequestTimeout),
            }
        }
    }

    fn hand_on(&mut self, end: usize, limits: &LimitsConfig) -> Result<Arrived, Denial> {
        // Splitting would make the buffer a shared one: most often there is nothing to split.
        let whole = if self.ahead.len() == end { mem::take(&mut self.ahead) } else { self.ahead.split_to(end) };
        let head = whole.freeze();
        match self.take_head(&head, limits) {
            Ok((request, body)) => {
                let has_body = !body.is_empty() || self.awaits_body();
                Ok(Arrived { head, body, request, has_body })
            }
            Err(denial) => {
                // What was received tells the log what it was.
                let mut received = BytesMut::from(&head[..]);
                received.unsplit(mem::take(&mut self.ahead));
                self.ahead = received;
                Err(denial)
            }
        }
    }

    fn take_head(&mut self, head: &Bytes, limits: &LimitsConfig) -> Result<(RequestHeader, BytesMut), Denial> {
        let read = read_head(head, limits)?;
        self.rest = match read.body {
            Body::None => Rest::Nothing,
            Body::Length(length) => Rest::Length(length),
            Body::Chunked => Rest::Chunked(Chunked::new(limits.body.as_u64())),
        };
        (self.line, self.watch, self.pace) = (Arc::default(), Watch::default(), Pace::new(limits.body_timeout));
        self.stall = Stall::new(limits.write_timeout);
        let body = self.rest.take(&self.ahead).map_err(|bad| bad.0)?;
        let body = if body == 0 { BytesMut::new() } else { self.ahead.split_to(body) };
        Ok((read.request, body))
    }

    /// Whether more of the current request's body is to come.
    pub(super) fn awaits_body(&self) -> bool {
        !matches!(self.rest, Rest::Nothing)
    }

    /// Between two requests, or during an answer: whether the client is still there. What it sends already is kept.
    pub(super) fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What belongs to a body is its reader's.
        if !self.ahead.is_empty() || self.awaits_body() {
            return self.poll_quiet(cx);
        }
        let mut bytes = [0; 1024];
        let mut buf = ReadBuf::new(&mut bytes);
        if Pin::new(&mut self.io).poll_read(cx, &mut buf)?.is_pending() {
            return self.poll_quiet(cx);
        }
        if buf.filled().is_empty() {
            return Poll::Ready(Ok(()));
        }
        // Nobody is to be woken: pingora's parser must not see another request's bytes as this one's.
        self.ahead.extend_from_slice(buf.filled());
        self.poll_quiet(cx)
    }

    /// Another protocol's bytes, those first that came before the upstream agreed to it.
    fn poll_tunnel(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            if Pin::new(&mut self.io).poll_read(cx, buf)?.is_ready() {
                return Poll::Ready(Ok(()));
            }
            return self.poll_quiet(cx);
        }
        let length = self.ahead.len().min(buf.remaining());
        buf.put_slice(&self.ahead.split_to(length));
        Poll::Ready(Ok(()))
    }

    /// Where there is nothing to do but wait: an error once the right is lost by which the stream goes on.
    fn poll_quiet(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // pingora gathers a body of known length until it is whole, however long its pieces are apart. What fails here will fail
        // again when more is written.
        if self.unsent && self.poll_send(cx).is_pending() {
            return self.poll_stalled(cx);
        }
        self.poll_ended(cx)
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch.poll_lost(&self.line, cx).map(|ended| Err(io::Error::other(ended)))
    }

    /// Where a client makes no room for more of its answer: an error once that lasts too long. A client that reads nothing keeps
    /// its stream no longer for that than its right lasts.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let ended @ Poll::Ready(_) = self.poll_ended(cx) {
            return ended;
        }
        ready!(self.stall.poll_over(cx));
        Poll::Ready(Err(io::Error::other(Ended(Denial::AnswerNotTaken))))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = Pin::new(&mut self.io).poll_flush(cx);
        self.unsent = sent.is_pending();
        if !self.unsent {
            self.stall.took();
        }
        sent
    }

    /// Takes note of what came of a write.
    fn written(&mut self, written: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            return self.poll_stalled(cx).map_ok(|()| 0);
        }
        self.unsent = true;
        self.stall.took();
        written
    }

    /// What ends the wait for more of a body.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.pace.poll_late(cx));
        Poll::Ready(Err(io::Error::other(Ended(Denial::RequestTimeout))))
    }

    /// Takes in what the client is still sending, until it has read the answer and leaves.
    async fn linger(&mut self) {
        let mut bytes = [0; 2048];
        while self.io.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
    }
}

impl Rest {
    /// How many of these bytes belong to the request.
    fn take(&mut self, bytes: &[u8]) -> Result<usize, BadBody> {
        let taken = match self {
            Self::Nothing => 0,
            Self::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                taken
            }
            Self::Chunked(chunked) => chunked.read(bytes).map_err(BadBody)?,
        };
        let done = match self {
            Self::Nothing => false,
            Self::Length(left) => *left == 0,
            Self::Chunked(chunked) => chunked.is_done(),
        };
        if done {
            *self = Self::Nothing;
        }
        Ok(taken)
    }
}

/// How far the end of a head was looked for, so that no byte is looked at twice.
#[derive(Default)]
struct Search {
    at: usize,
    line: usize,
    stripped: bool,
    /// How far what has come was judged.
    judged: usize,
}

impl Search {
    /// One empty line before a request is let pass (RFC 9112 section 2.2). False where there is nothing to read yet.
    fn strip_empty_line(&mut self, bytes: &mut BytesMut) -> Result<bool, Denial> {
        if self.stripped || bytes.first() != Some(&b'\r') {
            self.stripped = !bytes.is_empty();
            return Ok(self.stripped);
        }
        match bytes.get(..2) {
            None => return Ok(false),
            Some(b"\r\n") => bytes.advance(2),
            Some(_) => return Err(Denial::BadFraming("a bare CR, LF or NUL")),
        }
        self.stripped = true;
        Ok(!bytes.is_empty())
    }

    /// Where the head ends: behind its empty line.
    fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, Denial> {
        while let Some(line) = bytes.get(self.at..)
            && let Some(length) = memchr::memchr(b'\n', line)
        {
            let end = self.at + length;
            if bytes.get(end.wrapping_sub(1)) != Some(&b'\r') {
                return Err(Denial::BadFraming("a line that does not end in CRLF"));
            }
            let is_empty = end - self.line == 1;
            (self.at, self.line) = (end + 1, end + 1);
            if is_empty {
                return Ok(Some(end + 1));
            }
        }
        self.at = bytes.len();
        Ok(None)
    }

    /// Judges what has come of a head that is not whole, so that nobody waits for the rest of what cannot become one.
    fn judge(&mut self, bytes: &[u8], limits: &LimitsConfig) -> Result<(), Denial> {
        let lines = bytes.get(self.judged..self.line).unwrap_or_default();
        check_lines(lines, self.judged == 0, limits)?;
        self.judged = self.judged.max(self.line);
        check_part(bytes.get(self.judged..).unwrap_or_default())
    }

    fn too_large(&self, limits: &LimitsConfig) -> Denial {
        let in_request_line = self.line == 0;
        if in_request_line && limits.target < limits.header { Denial::TargetTooLong } else { Denial::HeadersTooLarge }
    }
}

impl<S: IO> AsyncRead for OneRequest<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.line.is_tunnel() {
            return this.poll_tunnel(cx, buf);
        }
        if !this.awaits_body() {
            return this.poll_rest(cx);
        }
        let before = buf.filled().len();
        if Pin::new(&mut this.io).poll_read(cx, buf)?.is_pending() {
            return if this.poll_quiet(cx)?.is_pending() { this.poll_waiting(cx) } else { Poll::Pending };
        }
        this.pace.came(buf.filled().len() - before);
        let read = buf.filled().get(before..).unwrap_or_default();
        let taken = this.rest.take(read).map_err(|bad| io::Error::new(io::ErrorKind::InvalidData, bad))?;
        if let Some(next) = read.get(taken..).filter(|next| !next.is_empty()) {
            this.ahead.extend_from_slice(next);
            buf.set_filled(before + taken);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: IO> AsyncWrite for OneRequest<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(cx, buf);
        this.written(written, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let sent = this.poll_send(cx);
        if sent.is_pending() { this.poll_stalled(cx) } else { sent }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.written(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[async_trait]
impl<S: IO> Shutdown for OneRequest<S> {
    async fn shutdown(&mut self) {
        // A client that takes nothing would keep its connection by that.
        let is_shut = timeout(FAREWELL, self.io.shutdown()).await.is_ok();
        if !is_shut {
            return;
        }
        if self.line.is_tunnel() || self.awaits_body() || !self.ahead.is_empty() {
            let _until_then = timeout(LINGER, self.linger()).await;
        }
    }
}

impl<S: IO> UniqueID for OneRequest<S> {
    fn id(&self) -> UniqueIDType {
        self.io.id()
    }
}

impl<S: IO> Ssl for OneRequest<S> {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.io.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.io.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.io.selected_alpn_proto()
    }
}

impl<S: IO> Peek for OneRequest<S> {}

impl<S: IO> GetTimingDigest for OneRequest<S> {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.io.get_timing_digest()
    }
}

impl<S: IO> GetProxyDigest for OneRequest<S> {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.io.get_proxy_digest()
    }
}

impl<S: IO> GetSocketDigest for OneRequest<S> {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.io.get_socket_digest()
    }
}
