//! An HTTP/2 connection whose frames are looked at on their way in.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::reader::Reader;

/// What was seen on a connection.
#[derive(Debug, Default)]
pub(in crate::proxy::wire) struct Noted {
    malformed: AtomicBool,
    cut: Mutex<Vec<u32>>,
}

impl Noted {
    /// Whether the connection was ended for what came on it.
    pub(in crate::proxy::wire) fn is_malformed(&self) -> bool {
        self.malformed.load(Ordering::Acquire)
    }

    /// Whether the path of this stream's request had a fragment. Once it was asked for, that is forgotten.
    pub(in crate::proxy::wire) fn had_fragment(&self, stream: u32) -> bool {
        let mut cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        // Streams come up in their order: of those before it that were noted, nobody will ask.
        let had = cut.contains(&stream);
        cut.retain(|noted| *noted > stream);
        had
    }

    fn note(&self, stream: u32) {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
    }
}

/// A connection below HTTP/2.
pub(in crate::proxy::wire) struct Screened<S> {
    io: S,
    reader: Reader,
    noted: Arc<Noted>,
}

impl<S> Screened<S> {
    /// A connection of which nothing has been read.
    pub(in crate::proxy::wire) fn new(io: S, noted: Arc<Noted>) -> Self {
        Self { io, reader: Reader::default(), noted }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Screened<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        let came = buf.filled().get(before..).unwrap_or_default();
        let noted = &this.noted;
        Poll::Ready(this.reader.read(came, |stream| noted.note(stream)).map_err(|malformed| {
            noted.malformed.store(true, Ordering::Release);
            io::Error::new(io::ErrorKind::InvalidData, malformed)
        }))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Screened<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
