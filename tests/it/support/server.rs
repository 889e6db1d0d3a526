//! A small HTTP/1.1 server, plain or TLS, that keeps every message and answers as it is told.

use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::connection::Stream;
use super::message::Message;
use super::wait::until;

/// How a request is answered.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// How long it takes to answer.
    pub(crate) delay: Duration,
    /// The connection is closed instead.
    pub(crate) hang_up: bool,
}

impl Reply {
    /// This status and body.
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, fields: Vec::new(), body: body.into(), delay: Duration::ZERO, hang_up: false }
    }

    /// No answer: the connection is closed.
    pub(crate) fn hang_up() -> Self {
        Self { hang_up: true, ..Self::new(0, "") }
    }

    /// One more field.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Later.
    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    fn bytes(&self, head_only: bool) -> Vec<u8> {
        let fields: Vec<_> = self.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let fields = fields.concat();
        let head = format!("HTTP/1.1 {} Test\r\nContent-Length: {}\r\n{fields}\r\n", self.status, self.body.len());
        let body = if head_only { &[] } else { self.body.as_slice() };
        [head.as_bytes(), body].concat()
    }
}

type Handler = dyn Fn(&Message) -> Reply + Send + Sync;

/// The server; it stops listening when it is dropped, and its connections break.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    handler: Box<Handler>,
    tls: Option<Arc<ServerConfig>>,
    received: Mutex<Vec<Message>>,
    /// What came and was no HTTP/1.1 request.
    unreadable: Mutex<Vec<String>>,
    stopped: AtomicBool,
    sockets: Mutex<Vec<TcpStream>>,
}

impl Server {
    /// Listens on a free port of loopback.
    pub(crate) fn start(
        tls: Option<Arc<ServerConfig>>,
        handler: impl Fn(&Message) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), tls, handler)
    }

    /// Listens at this address.
    pub(crate) fn start_at(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        handler: impl Fn(&Message) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = until("the address to be free", || TcpListener::bind(address).ok());
        let address = listener.local_addr().unwrap();
        let (received, unreadable, sockets) = (Mutex::default(), Mutex::default(), Mutex::default());
        let stopped = AtomicBool::default();
        let shared = Arc::new(Shared { handler: Box::new(handler), tls, received, unreadable, stopped, sockets });
        let accepting = shared.clone();
        thread::spawn(move || {
            let running = || !accepting.stopped.load(Ordering::SeqCst);
            for socket in listener.incoming().take_while(|_| running()) {
                let Ok(socket) = socket else { continue };
                accepting.sockets.lock().unwrap().extend(socket.try_clone());
                let serving = accepting.clone();
                thread::spawn(move || {
                    let ended = socket.try_clone();
                    let served = serving.serve(socket);
                    // What else knows the socket must not keep it open.
                    let _gone = ended.and_then(|socket| socket.shutdown(Shutdown::Both));
                    served
                });
            }
        });
        Self { address, shared }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request so far, in the order in which they were whole.
    pub(crate) fn received(&self) -> Vec<Message> {
        let unreadable = self.shared.unreadable.lock().unwrap();
        assert!(unreadable.is_empty(), "the server was sent what it cannot read: {unreadable:?}");
        self.shared.received.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then ends.
        let _woken = TcpStream::connect(self.address);
        for socket in self.shared.sockets.lock().unwrap().drain(..) {
            // The other side may have gone first.
            let _gone = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn serve(&self, socket: TcpStream) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(socket),
            Some(tls) => Box::new(StreamOwned::new(ServerConnection::new(tls.clone()).unwrap(), socket)),
        };
        let mut stream = BufReader::new(stream);
        loop {
            let Some(request) = Message::read(&mut stream, false).inspect_err(|error| self.note(error))? else {
                return Ok(());
            };
            self.received.lock().unwrap().push(request.clone());
            let reply = (self.handler)(&request);
            thread::sleep(reply.delay);
            if reply.hang_up || self.stopped.load(Ordering::SeqCst) {
                return Ok(());
            }
            stream.get_mut().write_all(&reply.bytes(request.method() == "HEAD"))?;
            stream.get_mut().flush()?;
        }
    }

    /// A handshake that came to nothing, or a request that broke off, was no request; anything else was, and a bad one.
    fn note(&self, error: &io::Error) {
        if matches!(error.kind(), io::ErrorKind::Other) {
            self.unreadable.lock().unwrap().push(error.to_string());
        }
    }
}
