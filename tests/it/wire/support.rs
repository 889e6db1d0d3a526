//! A gate as its own process, an upstream that keeps every byte it gets, and clients that send bytes as they like.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A request as it reached the upstream, or as far as it did.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    pub(super) whole: bool,
}

impl Seen {
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).collect()
    }
}

/// An upstream on a free port.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Upstream {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let keep = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let keep = keep.clone();
                std::thread::spawn(move || serve(stream, &keep));
            }
        });
        Self { address, seen }
    }

    /// All that came since the last call, the unfinished included.
    pub(super) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

/// One connection: answers each request by its path, and keeps what it got.
fn serve(mut stream: TcpStream, keep: &Mutex<Vec<Seen>>) {
    let mut bytes = Vec::new();
    loop {
        let Some(head_end) = read_until(&mut stream, &mut bytes, |bytes| find(bytes, b"\r\n\r\n").map(|at| at + 4))
        else {
            return keep_partial(keep, &bytes, 0);
        };
        let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
        if head.to_lowercase().contains("expect: 100-continue") {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        }
        let Some(end) = read_until(&mut stream, &mut bytes, |bytes| body_end(&head, head_end, bytes)) else {
            return keep_partial(keep, &bytes, head_end);
        };
        let seen = Seen { head: head.clone(), body: bytes[head_end..end].to_vec(), whole: true };
        keep.lock().unwrap().push(seen);
        bytes.drain(..end);
        if stream.write_all(answer(&head).as_bytes()).is_err() {
            return;
        }
    }
}

fn keep_partial(keep: &Mutex<Vec<Seen>>, bytes: &[u8], head_end: usize) {
    if !bytes.is_empty() {
        let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
        keep.lock().unwrap().push(Seen { head, body: bytes[head_end..].to_vec(), whole: false });
    }
}

fn answer(head: &str) -> String {
    let path = head.split(' ').nth(1).unwrap_or_default();
    let body_of_head = if head.starts_with("HEAD ") { "" } else { "ok" };
    match path {
        "/public/204" => "HTTP/1.1 204 No Content\r\nx-up: 1\r\n\r\n".to_owned(),
        "/public/304" => "HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\ncontent-length: 2\r\n\r\n".to_owned(),
        "/public/chunked" => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_owned(),
        "/public/101" => "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_owned(),
        _ => format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-up: 1\r\n\r\n{body_of_head}"),
    }
}

fn body_end(head: &str, start: usize, bytes: &[u8]) -> Option<usize> {
    let head = head.to_lowercase();
    let after = &bytes[start..];
    if head.contains("transfer-encoding: chunked") {
        let last =
            if after.starts_with(b"0\r\n\r\n") { Some(0) } else { find(after, b"\r\n0\r\n\r\n").map(|at| at + 2) };
        return last.map(|at| start + at + 5);
    }
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    (after.len() >= length).then_some(start + length)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn read_until(stream: &mut TcpStream, bytes: &mut Vec<u8>, end: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
    loop {
        if let Some(end) = end(bytes) {
            return Some(end);
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
    }
}

/// A gate before one upstream: `/public/…` is open, everything else wants a token that nobody has.
pub(super) struct Gate {
    pub(super) address: SocketAddr,
    pub(super) tls: SocketAddr,
    pub(super) upstream: Upstream,
    process: Child,
    directory: tempfile::TempDir,
}

impl Gate {
    pub(super) fn start() -> Self {
        Self::with("")
    }

    /// A gate whose config has these lines, too.
    pub(super) fn with(lines: &str) -> Self {
        let upstream = Upstream::start();
        let directory = tempfile::tempdir().unwrap();
        let (address, tls) = (free(), free());
        let certificate = write_certificate(directory.path());
        let config = format!(
            "listeners:\n  - address: {address}\n  - address: {tls}\n    tls: {{certificate: {0}/tls.crt, key: {0}/tls.key}}\n\
             threads: 1\nadmin: off\ntelemetry: {{log: error, access_log: json}}\n\
             trusted_issuers:\n  corp:\n    issuer: https://idp.example\n    audience: [api]\n    keys:\n      inline:\n        keys:\n\
             \x20         - {{kty: EC, crv: P-256, kid: a, x: MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4, y: 4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM}}\n\
             upstreams:\n  up: {{endpoints: [\"{1}\"]}}\n\
             routes:\n  - {{name: open, match: {{path: \"/public/{{*rest}}\"}}, access: public, upstream: up}}\n\
             \x20 - {{name: closed, match: {{path: \"/closed/{{*rest}}\"}}, upstream: up}}\n{lines}\n",
            certificate.display(),
            upstream.address,
        );
        let file = directory.path().join("lychgate.yaml");
        std::fs::write(&file, config).unwrap();
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_lychgate"))
            .args(["serve", "--config"])
            .arg(&file)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let gate = Self { address, tls, upstream, process, directory };
        gate.await_open();
        gate
    }

    fn await_open(&self) {
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() || TcpStream::connect(self.tls).is_err() {
            assert!(begun.elapsed() < Duration::from_mins(1), "the gate does not open: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// The memory that it holds.
    pub(super) fn resident_bytes(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// Says this in its log, sooner or later.
    pub(super) fn logs(&self, what: &str) {
        let begun = Instant::now();
        while !self.log().contains(what) {
            assert!(begun.elapsed() < Duration::from_secs(10), "`{what}` is not in {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The certificate authority of its certificate, PEM.
    pub(super) fn authority(&self) -> PathBuf {
        self.directory.path().join("tls.crt")
    }

    pub(super) fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address).unwrap())
    }

    /// A connection to the TLS port, without TLS.
    pub(super) fn connect_tls_raw(&self) -> Client {
        Client::new(TcpStream::connect(self.tls).unwrap())
    }

    /// Sends these bytes on a fresh connection, and reads until it ends.
    pub(super) fn send(&self, bytes: &[u8]) -> Reply {
        let mut client = self.connect();
        client.send(bytes);
        client.into_end()
    }

    /// A request with nothing wrong about it passes on a fresh connection, and is all that reaches the upstream.
    pub(super) fn control(&self) {
        let reply = self.send(b"GET /public/control HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(reply.status(), 200, "control: {reply:?}");
        // what an earlier request left unfinished may be noted only now
        let seen: Vec<_> = self.upstream.take().into_iter().filter(|seen| seen.whole).collect();
        assert_eq!(seen.len(), 1, "{seen:#?}");
        assert!(seen[0].head.starts_with("GET /public/control HTTP/1.1\r\n"), "{seen:#?}");
    }

    /// Refused with this status and code, the connection closed, nothing at the upstream, and the next request passes.
    #[track_caller]
    pub(super) fn refuses(&self, bytes: &[u8], status: u16, code: &str) {
        let shown = String::from_utf8_lossy(bytes).chars().take(300).collect::<String>();
        let reply = self.send(bytes);
        assert_eq!(reply.status(), status, "{shown:?}: {reply:?}");
        assert!(reply.text.contains(&format!("\"code\":\"{code}\"")), "{shown:?}: {reply:?}");
        let lower = reply.text.to_lowercase();
        assert!(lower.contains("\r\ncontent-type: application/problem+json\r\n"), "{shown:?}: {reply:?}");
        assert!(lower.contains("\r\nconnection: close\r\n"), "{shown:?}: {reply:?}");
        assert!(lower.contains("\r\ndate: ") && !lower.contains("\r\nserver:"), "{shown:?}: {reply:?}");
        assert_eq!(lower.matches("http/1.1 ").count(), 1, "one answer, and no more: {shown:?}: {reply:?}");
        let seen = self.upstream.take();
        assert!(seen.is_empty(), "{shown:?} reached the upstream: {seen:#?}");
        self.control();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

fn write_certificate(directory: &Path) -> PathBuf {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(directory.join("tls.crt"), made.cert.pem()).unwrap();
    std::fs::write(directory.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    directory.to_owned()
}

/// A client's connection.
pub(super) struct Client {
    pub(super) stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, received: Vec::new() }
    }

    /// The gate may close before all is sent, which is its right.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let _gone = self.stream.write_all(bytes);
    }

    /// Reads one answer with its body, or what there is of it when the connection ends.
    pub(super) fn answer(&mut self) -> Reply {
        let end = |bytes: &[u8]| {
            let head_end = find(bytes, b"\r\n\r\n")? + 4;
            let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
            let without_body = [" 204 ", " 304 ", " 100 "].iter().any(|status| head[..14].contains(status));
            if without_body { Some(head_end) } else { body_end(&head, head_end, bytes) }
        };
        let end = read_until(&mut self.stream, &mut self.received, end).unwrap_or(self.received.len());
        let text = String::from_utf8_lossy(&self.received[..end]).into_owned();
        self.received.drain(..end);
        Reply { text }
    }

    /// How many bytes come until the connection ends.
    pub(super) fn into_length(self) -> usize {
        self.into_end().text.len()
    }

    /// Reads until the connection ends; that it does is part of what is tested.
    pub(super) fn into_end(mut self) -> Reply {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => self.received.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => {
                    panic!("the connection stays open ({error}) after {:?}", String::from_utf8_lossy(&self.received))
                }
            }
        }
        Reply { text: String::from_utf8_lossy(&self.received).into_owned() }
    }
}

/// What a client has read.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) text: String,
}

impl Reply {
    /// 0 where nothing was answered.
    pub(super) fn status(&self) -> u16 {
        self.text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }
}
