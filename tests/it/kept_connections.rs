//! Connections to upstreams that are used again: only where nothing of one answer could be read as part of the next.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::support::{Message, Request, Setup, TestGateway, until};

/// One worker: by the time that it takes the next request, it is done with the last.
const CONFIG: &str = r#"
threads: 1
upstreams:
  raw: {endpoints: ["@RAW@"]@MORE@}
routes:
  - {name: open, match: {path: "/{*rest}"}, access: public, upstream: raw}
"#;

/// What is written as the answer to `/odd`, and a moment later.
type Odd = (&'static [u8], &'static [u8]);

const PLAIN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain";
const MOMENT: Duration = Duration::from_millis(150);

/// A server that says which of its connections each request came by.
struct Raw {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<(usize, String)>>>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    /// How many of its connections have ended.
    ended: Arc<AtomicUsize>,
}

impl Raw {
    fn start(odd: Odd) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, open) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let ended = Arc::<AtomicUsize>::default();
        let raw = Self { address, seen: seen.clone(), open: open.clone(), ended: ended.clone() };
        thread::spawn(move || {
            for (number, socket) in listener.incoming().enumerate() {
                let (socket, seen, ended) = (socket.unwrap(), seen.clone(), ended.clone());
                open.lock().unwrap().push(socket.try_clone().unwrap());
                thread::spawn(move || {
                    serve(socket, number, odd, &seen);
                    ended.fetch_add(1, Ordering::AcqRel);
                });
            }
        });
        raw
    }

    fn gate(&self, more: &str) -> TestGateway {
        Setup::of(CONFIG).put("RAW", self.address.to_string()).put("MORE", more).start()
    }

    /// The connections that the requests came by.
    fn ways(&self) -> Vec<usize> {
        self.seen.lock().unwrap().iter().map(|(number, _)| *number).collect()
    }
}

fn serve(mut socket: TcpStream, number: usize, (odd, later): Odd, seen: &Mutex<Vec<(usize, String)>>) {
    let mut lines = BufReader::new(socket.try_clone().unwrap()).lines().map_while(Result::ok);
    while let Some(first) = lines.next().filter(|line| line.ends_with(" HTTP/1.1")) {
        // The rest of the head.
        lines.by_ref().take_while(|line| !line.is_empty()).for_each(drop);
        let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
        seen.lock().unwrap().push((number, target.clone()));
        let is_odd = target.starts_with("/odd");
        if socket.write_all(if is_odd { odd } else { PLAIN }).is_err() {
            return;
        }
        if is_odd && !later.is_empty() {
            thread::sleep(MOMENT);
            let _gone = socket.write_all(later);
        }
        let ends_here = is_odd && odd.windows(3).any(|three| three == b"***");
        if ends_here {
            return drop(socket.shutdown(std::net::Shutdown::Both));
        }
    }
}

/// The answer on a connection of its own, behind what came in the interim; none where the connection ended instead.
fn answer(gate: &TestGateway, request: &Request) -> Option<Message> {
    let mut client = gate.connect();
    client.send(&request.bytes());
    loop {
        let answer = client.try_read(false).ok()??;
        if answer.status() >= 200 {
            return Some(answer);
        }
    }
}

fn plainly(gate: &TestGateway) -> (u16, String) {
    let answer = answer(gate, &Request::get("/plain")).unwrap();
    (answer.status(), answer.text())
}

#[test]
fn a_connection_is_used_again_after_an_answer_whose_end_is_known() {
    let answers: [&'static [u8]; 9] = [
        PLAIN,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nplain\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nplain\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
    ];
    for bytes in answers {
        let raw = Raw::start((bytes, b""));
        let gate = raw.gate("");
        for _ in 0..3 {
            answer(&gate, &Request::get("/odd")).unwrap();
            assert_eq!(plainly(&gate), (200, "plain".to_owned()));
        }
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!(raw.ways(), [0; 6], "{shown}");
    }
}

#[test]
fn a_connection_is_never_used_again_where_more_might_come_on_it() {
    let answers: [Odd; 13] = [
        // What stands behind the end of the answer, at once or later.
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nwrong", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"x"),
        // The upstream says that it ends.
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", b""),
        (b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok", b""),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b""),
        // Only its end ends the answer.
        (b"HTTP/1.1 200 OK\r\n\r\nok***", b""),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nok***", b""),
        // It ended too soon, or was no answer.
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok***", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", b""),
    ];
    for odd in answers {
        let raw = Raw::start(odd);
        let gate = raw.gate("");
        let shown = String::from_utf8_lossy(odd.0);
        for _ in 0..3 {
            // Of some there is none.
            let _whole = answer(&gate, &Request::get("/odd"));
            thread::sleep(if odd.1.is_empty() { Duration::ZERO } else { 3 * MOMENT });
            assert_eq!(plainly(&gate), (200, "plain".to_owned()), "{shown}");
        }
        let ways = raw.ways();
        // An odd answer is the last on its connection, and a plain one is not.
        assert_eq!(ways, [0, 1, 1, 2, 2, 3], "{shown}");
    }
}

#[test]
fn a_connection_is_never_used_again_where_a_request_was_not_sent_whole() {
    let raw = Raw::start((b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""));
    let gate = raw.gate("");
    for number in 0..3 {
        let mut early = gate.connect();
        early.send(b"POST /odd HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhalf of it");
        assert_eq!(early.read().status(), 200);
        drop(early);
        assert_eq!(plainly(&gate), (200, "plain".to_owned()));
        let ways = raw.ways();
        assert_eq!(ways.len(), 2 * (number + 1));
        assert_ne!(ways[2 * number], ways[2 * number + 1], "{ways:?}");
    }
}

#[test]
fn a_connection_that_the_upstream_has_closed_fails_nobody() {
    let raw = Raw::start((PLAIN, b""));
    let gate = raw.gate("");
    for number in 0..20 {
        assert_eq!(plainly(&gate), (200, "plain".to_owned()));
        for socket in raw.open.lock().unwrap().drain(..) {
            socket.shutdown(std::net::Shutdown::Both).unwrap();
        }
        // Found when it is wanted, or before.
        thread::sleep(Duration::from_millis(if number % 2 == 0 { 10 } else { 100 }));
    }
    assert_eq!(raw.ways(), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_connection_rests_for_timeouts_idle_and_no_longer() {
    let raw = Raw::start((PLAIN, b""));
    let gate = raw.gate(", timeouts: {idle: 2s}");
    assert_eq!(plainly(&gate).0, 200);
    thread::sleep(Duration::from_millis(500));
    assert_eq!(plainly(&gate).0, 200);
    assert_eq!(raw.ways(), [0, 0]);
    until("the connection's end", || (raw.ended.load(Ordering::Acquire) == 1).then_some(()));
    assert_eq!(plainly(&gate).0, 200);
    assert_eq!(raw.ways(), [0, 0, 1]);
}
