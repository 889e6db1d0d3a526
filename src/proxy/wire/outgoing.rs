//! The answer to an HTTP/1 request, as the bytes that its client reads: framed once, in the way that its head says.

use std::io::Write;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use http::{HeaderValue, Method, StatusCode, Version};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::date::get_cached_date;

use super::line::Line;

/// Bytes that wait here to be written together; more of a body goes on as it came.
const TOGETHER: usize = 16 * 1024;
/// Room for a head and a small body.
const ROOM: usize = 2048;

/// How far an answer was given, and what of it is to be written next.
#[derive(Debug)]
pub(super) struct Outgoing {
    written: Option<Box<ResponseHeader>>,
    frame: Frame,
    /// Whether all of it was given.
    ended: bool,
    out: BytesMut,
    sent: usize,
}

/// How the client finds the end of the answer's body (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// There is none.
    Bodiless,
    /// After so many bytes more.
    Length(u64),
    Chunked,
    /// With the connection's.
    Close,
}

impl Outgoing {
    pub(super) fn new() -> Self {
        Self { written: None, frame: Frame::Close, ended: false, out: BytesMut::with_capacity(ROOM), sent: 0 }
    }

    /// Takes in the head of an answer. `line` is told where the connection ends with it.
    pub(super) fn begin(
        &mut self,
        request: &RequestHeader,
        line: &Line,
        mut header: Box<ResponseHeader>,
        end: bool,
    ) -> Result<()> {
        // An answer begins once.
        if self.written.is_some() {
            return Ok(());
        }
        if header.status.is_informational() {
            // HTTP/1.0 knows none of them (RFC 9110 section 15.2), and no other protocol was asked for.
            let is_readable = request.version >= Version::HTTP_11;
            if is_readable && header.status != StatusCode::SWITCHING_PROTOCOLS {
                self.put_head(&header);
            }
            return Ok(());
        }
        if request.version < Version::HTTP_11 {
            // It knows no chunks (RFC 9112 section 6.1).
            header.remove_header(&TRANSFER_ENCODING);
        }
        self.frame = match content_length(&header) {
            _ if !has_body(request, header.status) => Frame::Bodiless,
            None if end => {
                // There is none, and the client need not wait for the end of the connection to know it.
                header.remove_header(&TRANSFER_ENCODING);
                header.insert_header(CONTENT_LENGTH, HeaderValue::from_static("0"))?;
                Frame::Length(0)
            }
            _ if header.headers.contains_key(TRANSFER_ENCODING) => Frame::Chunked,
            Some(length) => Frame::Length(length),
            None => Frame::Close,
        };
        if self.frame == Frame::Close {
            line.end_connection();
        }
        let option = if line.ends_connection() { "close" } else { "keep-alive" };
        header.insert_header(DATE, get_cached_date())?;
        header.insert_header(CONNECTION, HeaderValue::from_static(option))?;
        self.put_head(&header);
        self.written = Some(header);
        if end {
            self.put_end();
        }
        Ok(())
    }

    fn put_head(&mut self, header: &ResponseHeader) {
        self.out.put_slice(b"HTTP/1.1 ");
        self.out.put_slice(header.status.as_str().as_bytes());
        self.out.put_u8(b' ');
        self.out.put_slice(header.get_reason_phrase().unwrap_or_default().as_bytes());
        self.out.put_slice(b"\r\n");
        header.header_to_h1_wire(&mut self.out);
        self.out.put_slice(b"\r\n");
    }

    /// Takes in some of the body. What is more than was announced goes nowhere. Gives what is too large to wait here: it is to be
    /// written behind what waits, before anything else is taken in.
    pub(super) fn put(&mut self, mut data: Bytes) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        match &mut self.frame {
            Frame::Bodiless => data.clear(),
            Frame::Length(left) => {
                data.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= data.len() as u64;
            }
            Frame::Chunked | Frame::Close => {}
        }
        if data.is_empty() {
            return None;
        }
        self.sent += data.len();
        if self.frame == Frame::Chunked {
            // Writing to a buffer that grows does not fail.
            let _infallible = write!((&mut self.out).writer(), "{:x}\r\n", data.len());
        }
        if self.out.len() + data.len() > TOGETHER {
            return Some(data);
        }
        self.out.put_slice(&data);
        self.end_piece();
        None
    }

    /// What follows a piece of the body.
    pub(super) fn end_piece(&mut self) {
        if self.frame == Frame::Chunked {
            self.out.put_slice(b"\r\n");
        }
    }

    /// Nothing more will be given.
    pub(super) fn put_end(&mut self) {
        if self.frame == Frame::Chunked && !self.ended {
            self.out.put_slice(b"0\r\n\r\n");
        }
        self.ended = true;
    }

    /// The same of an answer that is over without a word of it. Of one with a length what did not come is missing still.
    pub(super) fn close(&mut self) {
        if self.written.is_some() && matches!(self.frame, Frame::Chunked | Frame::Close) {
            self.put_end();
        }
    }

    /// What is to be written next.
    pub(super) fn take(&mut self) -> BytesMut {
        self.out.split()
    }

    /// The head, once an answer has begun that is no interim one.
    pub(super) fn written(&self) -> Option<&ResponseHeader> {
        self.written.as_deref()
    }

    /// Bytes of the body that were given.
    pub(super) fn sent(&self) -> usize {
        self.sent
    }

    /// Whether the client has all that was announced to it.
    pub(super) fn is_whole(&self) -> bool {
        let has_all = match self.frame {
            Frame::Bodiless => true,
            Frame::Length(left) => left == 0,
            Frame::Chunked | Frame::Close => self.ended,
        };
        self.written.is_some() && has_all
    }
}

/// Whether the answer to this request can have a body (RFC 9112 section 6.3).
fn has_body(request: &RequestHeader, status: StatusCode) -> bool {
    request.method != Method::HEAD && !matches!(status.as_u16(), 204 | 304)
}

fn content_length(header: &ResponseHeader) -> Option<u64> {
    header.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
