//! A client's connection: sends any bytes, reads what comes back.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::message::Message;
use super::request::Request;

/// Longest wait for an answer; reached only where something is broken.
const LONGEST: Duration = Duration::from_secs(20);

/// A connection, plain or TLS.
pub(crate) struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    socket: TcpStream,
}

/// What can be read and written.
pub(crate) trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

impl Connection {
    /// A plain connection.
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::try_open(address).unwrap()
    }

    /// The same to somebody who may not be there.
    pub(crate) fn try_open(address: SocketAddr) -> io::Result<Self> {
        let socket = try_connect(address)?;
        Ok(Self { stream: BufReader::new(Box::new(socket.try_clone()?)), socket })
    }

    /// A TLS connection; the handshake is done before this returns.
    pub(crate) fn open_tls(address: SocketAddr, name: &str, config: Arc<ClientConfig>) -> io::Result<Self> {
        let socket = connect(address);
        let tls = shake_hands(socket.try_clone()?, name, config)?;
        Ok(Self { stream: BufReader::new(Box::new(tls)), socket })
    }

    /// The protocol that a handshake agrees on.
    pub(crate) fn negotiate(address: SocketAddr, name: &str, config: Arc<ClientConfig>) -> io::Result<Option<Vec<u8>>> {
        let tls = shake_hands(connect(address), name, config)?;
        Ok(tls.conn.alpn_protocol().map(<[u8]>::to_vec))
    }

    /// Sends these bytes. That the other side no longer listens is no failure: it may have answered already.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let stream = self.stream.get_mut();
        let _heard = stream.write_all(bytes).and_then(|()| stream.flush());
    }

    /// The next answer.
    pub(crate) fn read(&mut self) -> Message {
        self.try_read(false).unwrap().expect("the connection was closed without an answer")
    }

    /// The next answer, or none where the connection was closed instead.
    pub(crate) fn try_read(&mut self, bodiless: bool) -> io::Result<Option<Message>> {
        Message::read(&mut self.stream, bodiless)
    }

    /// Sends a request and reads its answer.
    pub(crate) fn ask(&mut self, request: &Request) -> Message {
        self.send(&request.bytes());
        match self.try_read(request.is_head()) {
            Ok(Some(answer)) => answer,
            other => panic!("no answer to {request:?}: {other:?}"),
        }
    }

    /// Whether the other side closes the connection, without another byte, within two seconds.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        match self.stream.read(&mut [0]) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
        }
    }

    /// Whether the other side has said that nothing more will come, and not merely hung up.
    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0))
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&self) {
        let _still_open = self.socket.shutdown(std::net::Shutdown::Write);
    }
}

fn shake_hands(
    socket: TcpStream,
    name: &str,
    config: Arc<ClientConfig>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut tls = StreamOwned::new(ClientConnection::new(config, name).unwrap(), socket);
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock)?;
    }
    Ok(tls)
}

fn connect(address: SocketAddr) -> TcpStream {
    try_connect(address).unwrap()
}

fn try_connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(LONGEST))?;
    socket.set_write_timeout(Some(LONGEST))?;
    socket.set_nodelay(true)?;
    Ok(socket)
}
