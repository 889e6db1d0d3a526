//! The body of an HTTP/1 request as its content: without the chunks that it came in.

use std::io;

use bytes::{Bytes, BytesMut};
use pingora::protocols::IO;
use pingora::{Error, ErrorType, OrErr, Result};
use tokio::io::AsyncReadExt;

use super::chunked::Chunked;
use super::kept::Kept;
use super::one_request::{BadBody, OneRequest};

/// Bytes that are read at a time.
const ROOM: usize = 32 * 1024;
/// Where less of it is left, there is room anew: with a buffer for each piece a body that trickles in would take thousandfold.
const LEAST_ROOM: usize = 4 * 1024;

/// How far a body was read. The connection knows where it ends, and has judged what is read here.
#[derive(Debug)]
pub(super) struct Incoming {
    /// Came, and was not handed on.
    came: BytesMut,
    chunks: Option<Chunked>,
    read: usize,
    kept: Kept,
}

impl Incoming {
    /// A body of which some came along with its head.
    pub(super) fn new(came: BytesMut, is_chunked: bool) -> Self {
        // How much may come was judged before.
        let chunks = is_chunked.then(|| Chunked::new(u64::MAX));
        Self { came, chunks, read: 0, kept: Kept::default() }
    }

    /// Whether nothing more of it will come.
    pub(super) fn is_over<S: IO>(&self, stream: &OneRequest<S>) -> bool {
        self.came.is_empty() && !stream.awaits_body()
    }

    /// What comes next of its content; none where it is over.
    pub(super) async fn next<S: IO>(&mut self, stream: &mut OneRequest<S>) -> Result<Option<Bytes>> {
        loop {
            let content = self.content()?;
            if !content.is_empty() {
                self.read += content.len();
                self.kept.keep(&content);
                return Ok(Some(content));
            }
            if !stream.awaits_body() {
                return Ok(None);
            }
            if self.came.capacity() < LEAST_ROOM {
                self.came.reserve(ROOM);
            }
            let read = stream.read_buf(&mut self.came).await.or_err(ErrorType::ReadError, "while reading a body")?;
            if read == 0 {
                return Error::e_explain(ErrorType::ConnectionClosed, "the client left within its body");
            }
        }
    }

    /// What has come of its content.
    fn content(&mut self) -> Result<Bytes> {
        let came = self.came.split().freeze();
        let Some(chunks) = &mut self.chunks else { return Ok(came) };
        let mut pieces = Vec::new();
        let read = chunks.read_content(&came, |piece| pieces.push(came.slice(piece)));
        let read = read.map_err(|bad| io::Error::new(io::ErrorKind::InvalidData, BadBody(bad)));
        read.or_err(ErrorType::ReadError, "while reading a body")?;
        Ok(match pieces.as_slice() {
            [] => Bytes::new(),
            [piece] => piece.clone(),
            pieces => pieces.concat().into(),
        })
    }

    /// Bytes of content that were read.
    pub(super) fn length(&self) -> usize {
        self.read
    }

    /// What was read of it, for a second try.
    pub(super) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// The same, to begin with it.
    pub(super) fn kept_mut(&mut self) -> &mut Kept {
        &mut self.kept
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
    use tokio::sync::watch;

    use super::super::closing::Closing;
    use super::*;
    use crate::proxy::LimitsConfig;

    /// A request whose body comes in these pieces, the first of them with its head.
    async fn posted(field: &str, pieces: &[&'static str]) -> (Incoming, OneRequest<DuplexStream>) {
        let (near, mut far) = duplex(1 << 20);
        let (_stays, shutdown) = watch::channel(false);
        let mut stream = OneRequest::new(near);
        let (first, others) = pieces.split_first().unwrap();
        let head = format!("POST / HTTP/1.1\r\nHost: x\r\n{field}\r\n\r\n{first}");
        far.write_all(head.as_bytes()).await.unwrap();
        let by = Some(Instant::now() + std::time::Duration::from_secs(5));
        let arrived = stream.next(&LimitsConfig::default(), by, &mut Closing::new(shutdown)).await.unwrap().unwrap();
        far.write_all(others.concat().as_bytes()).await.unwrap();
        (Incoming::new(arrived.body, field.starts_with("Transfer")), stream)
    }

    async fn content(body: &mut Incoming, stream: &mut OneRequest<DuplexStream>) -> Result<String> {
        let mut content = Vec::new();
        while let Some(piece) = body.next(stream).await? {
            content.extend_from_slice(&piece);
        }
        Ok(String::from_utf8(content).unwrap())
    }

    #[tokio::test]
    async fn a_body_is_read_to_its_end_and_no_further() {
        let table: [(&str, &[&'static str], &str); 6] = [
            ("Content-Length: 5", &["hello"], "hello"),
            ("Content-Length: 5", &["", "hello", "GET"], "hello"),
            ("Transfer-Encoding: chunked", &["5\r\nhello\r\n0\r\n\r\n"], "hello"),
            ("Transfer-Encoding: chunked", &["5;a=b\r\nhel", "lo\r\n3\r\nyou\r\n0\r\nx: y\r\n\r\n", "GET"], "helloyou"),
            ("Transfer-Encoding: chunked", &["0\r\n\r\n"], ""),
            ("Content-Length: 0", &[""], ""),
        ];
        for (field, pieces, wanted) in table {
            let (mut body, mut stream) = posted(field, pieces).await;
            body.kept_mut().begin();
            assert_eq!(content(&mut body, &mut stream).await.unwrap(), wanted, "{field} {pieces:?}");
            assert!(body.is_over(&stream) && body.length() == wanted.len(), "{field} {pieces:?}");
            assert_eq!(body.kept().all().as_deref().unwrap_or_default(), wanted.as_bytes(), "{field} {pieces:?}");
        }
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_or_goes_wrong_is_no_body() {
        for (field, pieces) in [
            ("Content-Length: 5", &["hell"][..]),
            ("Transfer-Encoding: chunked", &["5\r\nhello\r\n"]),
            ("Transfer-Encoding: chunked", &["5\r\nhello\r\n", "zero\r\n"]),
        ] {
            let (mut body, mut stream) = posted(field, pieces).await;
            assert!(content(&mut body, &mut stream).await.is_err(), "{field} {pieces:?}");
        }
    }

    #[tokio::test]
    async fn pieces_that_trickle_in_share_their_room() {
        let (near, mut far) = duplex(1 << 10);
        let (_stays, shutdown) = watch::channel(false);
        let mut stream = OneRequest::new(near);
        far.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n").await.unwrap();
        let by = Some(Instant::now() + std::time::Duration::from_secs(5));
        let arrived = stream.next(&LimitsConfig::default(), by, &mut Closing::new(shutdown)).await.unwrap().unwrap();
        let mut body = Incoming::new(arrived.body, false);
        body.kept_mut().begin();
        let mut pieces = Vec::new();
        for _ in 0..100 {
            far.write_all(b"a").await.unwrap();
            pieces.push(body.next(&mut stream).await.unwrap().unwrap());
        }
        let adjacent = pieces.windows(2).filter(|pair| pair[1].as_ptr() as usize == pair[0].as_ptr() as usize + 1);
        assert_eq!(adjacent.count(), 99);
    }
}
