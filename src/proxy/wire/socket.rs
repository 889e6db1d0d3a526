//! A client's TCP socket with what pingora asks of a stream: its addresses, its times, and how it is shut.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID,
    UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, BufWriter, ReadBuf};
use tokio::net::TcpStream;

use super::proven::Proof;

/// Head and a small body of an answer go out in one packet.
const WRITE_BUFFER: usize = 4096;
/// A TLS record: rustls alone would ask the system for a quarter of it at a time.
const READ_BUFFER: usize = 16 * 1024;

/// A socket whose writes are gathered; below TLS its reads are, too.
#[derive(Debug)]
pub(super) struct Socket<T> {
    io: T,
    id: UniqueIDType,
    digest: Arc<SocketDigest>,
    proof: Proof,
}

pub(super) type PlainSocket = Socket<BufWriter<TcpStream>>;
pub(super) type TlsSocket = Socket<BufReader<BufWriter<TcpStream>>>;

impl PlainSocket {
    pub(super) fn plain(stream: TcpStream, client: SocketAddr) -> Self {
        let (id, digest) = identify(&stream, client);
        let io = BufWriter::with_capacity(WRITE_BUFFER, stream);
        Self { io, id, digest, proof: Proof::default() }
    }
}

impl TlsSocket {
    /// `proof` is where the handshake above will say what it has proved.
    pub(super) fn below_tls(stream: TcpStream, client: SocketAddr, proof: Proof) -> Self {
        let (id, digest) = identify(&stream, client);
        let io = BufReader::with_capacity(READ_BUFFER, BufWriter::with_capacity(WRITE_BUFFER, stream));
        Self { io, id, digest, proof }
    }
}

fn identify(stream: &TcpStream, client: SocketAddr) -> (UniqueIDType, Arc<SocketDigest>) {
    let id = stream.as_raw_fd();
    let digest = SocketDigest::from_raw_fd(id);
    // Known already: asking the system again would cost a call for each connection.
    let _first_set = digest.peer_addr.set(Some(client.into()));
    (id, Arc::new(digest))
}

impl<T: AsyncRead + Unpin> AsyncRead for Socket<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Socket<T> {
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

#[async_trait]
impl<T: AsyncWrite + Unpin + Send> Shutdown for Socket<T> {
    async fn shutdown(&mut self) {
        // The client may have gone first.
        let _gone = AsyncWriteExt::shutdown(&mut self.io).await;
    }
}

impl<T> UniqueID for Socket<T> {
    fn id(&self) -> UniqueIDType {
        self.id
    }
}

impl<T> Ssl for Socket<T> {}

impl<T> Peek for Socket<T> {}

impl<T> GetTimingDigest for Socket<T> {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        // Nobody asks, and each request would pay for it.
        Vec::new()
    }
}

impl<T> GetProxyDigest for Socket<T> {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.proof.digest()
    }
}

impl<T> GetSocketDigest for Socket<T> {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        Some(self.digest.clone())
    }
}
