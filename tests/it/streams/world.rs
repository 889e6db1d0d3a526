//! A gate between the two hands of a test: one holds the client's socket, the other the upstream's.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::support::{Request, Setup, TestGateway, TestIssuer, Token, now, until};

const CONFIG: &str = r#"
listeners: [{address: "127.0.0.1:@GATE@", h2c: true}]
admin: {address: "127.0.0.1:@ADMIN@", revocations: {token: correct-horse-battery}}
trusted_issuers:
  corp: @CORP@
upstreams:
  plain: {endpoints: ["@PLAIN@"], timeouts: {@TIMEOUTS@}}
  calls: {endpoints: ["@CALLS@"], http2: true, timeouts: {@TIMEOUTS@}}
routes:
  - {name: chat, match: {path: "/chat"}, upgrade: [websocket], upstream: plain}
  - {name: kept, match: {path: "/kept"}, upgrade: [websocket], outlive_token: true, upstream: plain}
  - {name: feed, match: {path: "/feed/{*rest}"}, upstream: plain}
  - {name: open, match: {path: "/open/{*rest}"}, access: public, upstream: plain}
  - {name: calls, match: {path: "/test.Echo/{*rest}"}, upstream: calls}
  - {name: admins, match: {path: "/test.Admin/{*rest}"}, access: {scopes: {any: [admin]}}, upstream: calls}
limits: {body_timeout: 1s, body: 100KiB@LIMITS@}
"#;

pub(super) struct World {
    pub(super) issuer: TestIssuer,
    pub(super) gate: TestGateway,
    plain: TcpListener,
    pub(super) calls: TcpListener,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with("", "")
    }

    /// That is stopped within this time.
    pub(super) fn drained_within(drain: &str) -> Self {
        Self::with("", &format!("}}\nshutdown: {{delay: 0s, drain: {drain}"))
    }

    /// With these timeouts of the upstreams, and these limits too.
    pub(super) fn with(timeouts: &str, limits: &str) -> Self {
        let issuer = TestIssuer::start();
        let [plain, calls] = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let address = |listener: &TcpListener| listener.local_addr().unwrap();
        let setup = Setup::of(CONFIG).put("CORP", issuer.trust("leeway: 0s"));
        let setup = setup.put("TIMEOUTS", timeouts).put("LIMITS", limits);
        let gate = setup.put("PLAIN", address(&plain)).put("CALLS", address(&calls)).start();
        Self { issuer, gate, plain, calls }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.gate.address()
    }

    /// A token for so many seconds.
    pub(super) fn token_for(&self, seconds: u64) -> Token {
        self.issuer.token().claim("exp", now() + seconds)
    }

    /// A client's connection, over which this was sent.
    pub(super) fn send(&self, bytes: impl AsRef<[u8]>) -> Hand {
        let mut hand = Hand::new(TcpStream::connect(self.address()).unwrap());
        hand.send(bytes);
        hand
    }

    /// The next connection at the upstream, with the head that came over it.
    pub(super) fn accept(&self) -> (Hand, String) {
        self.plain.set_nonblocking(true).unwrap();
        let stream = until("a connection to the upstream", || self.plain.accept().ok()).0;
        stream.set_nonblocking(false).unwrap();
        let mut hand = Hand::new(stream);
        let head = hand.head();
        (hand, head)
    }

    /// Whether nobody else has connected to the upstream.
    pub(super) fn nobody_waits(&self) -> bool {
        self.plain.set_nonblocking(true).unwrap();
        self.plain.accept().is_err()
    }

    pub(super) fn revoke(&self, jti: &str) {
        let body = format!(r#"{{"issuer": "corp", "jti": "{jti}"}}"#);
        let request = Request::new("POST", "/revocations").bearer("correct-horse-battery");
        let answer = self.gate.ask_admin(&request.header("Connection", "close").body(body.as_bytes()));
        assert!(answer.status() < 300, "{answer:?}");
    }

    /// Waits until so many streams of this route were closed for this reason.
    pub(super) fn closed(&self, route: &str, reason: &str, count: u32) {
        self.gate.counts(&format!("lychgate_streams_closed_total{{reason=\"{reason}\",route=\"{route}\"}}"), count);
    }
}

/// One end of a connection, moved by hand.
pub(super) struct Hand(TcpStream);

impl Hand {
    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(stream)
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    /// The same to somebody who may be gone.
    pub(super) fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        let _gone = self.0.write_all(bytes.as_ref());
    }

    /// What comes until the connection ends, or until nothing has come for a moment.
    pub(super) fn end_or_silence(mut self) -> Vec<u8> {
        self.0.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut rest = Vec::new();
        let _ended_or_silent = self.0.read_to_end(&mut rest);
        rest
    }

    /// Everything to the next empty line.
    pub(super) fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&head)));
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap()
    }

    /// These bytes come next.
    #[track_caller]
    pub(super) fn comes(&mut self, bytes: impl AsRef<[u8]>) {
        let mut came = vec![0; bytes.as_ref().len()];
        self.0.read_exact(&mut came).unwrap();
        assert_eq!(came.escape_ascii().to_string(), bytes.as_ref().escape_ascii().to_string());
    }

    /// The socket, for a test that does to it what hands usually do not.
    pub(super) fn socket(&self) -> &TcpStream {
        &self.0
    }

    /// Nothing comes, for now.
    #[track_caller]
    pub(super) fn is_silent(&mut self) {
        self.0.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let read = self.0.read(&mut [0]);
        assert!(read.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{read:?}");
        self.0.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    }

    /// What comes until the connection ends; that it does is part of what is tested.
    #[track_caller]
    pub(super) fn end(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("the connection stays: {error}"),
            _ => rest,
        }
    }
}

/// A request for a WebSocket, with these lines too.
pub(super) fn websocket(path: &str, token: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {token}\r\n{more}\r\n"
    )
}

pub(super) const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
