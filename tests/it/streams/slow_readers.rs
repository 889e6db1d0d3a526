//! Clients that ask for much and take nothing of it: they cost little, and end; those that take a little go on.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::world::{Hand, World};
use crate::support::{Authority, Connection, Request, Setup};
use crate::wire::frames::{END_HEADERS, END_STREAM, Frames, HEADERS, SETTINGS, WINDOW_UPDATE, block, with};

const LIMITS: &str = ", write_timeout: 1s";
/// What one such client may be sent: what the system holds for two connections, and the gate between them.
const SENT: usize = 64 << 20;
/// What the gate may hold of that, its first request of the kind included.
const HELD: usize = 24 << 20;

/// Sends without end, until the other side ends it; how much, and how long that took.
fn pour(upstream: &Hand) -> (usize, Duration) {
    let mut socket = upstream.socket().try_clone().unwrap();
    socket.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
    let (begun, mut sent) = (Instant::now(), 0);
    loop {
        match socket.write(&[b'x'; 1 << 14]) {
            Ok(written) => sent += written,
            Err(error) => {
                assert!(begun.elapsed() < Duration::from_secs(25), "it is never ended: {error}");
                return (sent, begun.elapsed());
            }
        }
        assert!(sent < 1 << 30, "somebody takes it all");
    }
}

fn get(world: &World) -> Hand {
    world.send("GET /open/much HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn a_client_that_takes_nothing_is_ended_and_costs_little_meanwhile() {
    let world = World::with("", LIMITS);
    for (count, head) in [
        (1, "Content-Length: 4000000000\r\n"),
        (2, "Transfer-Encoding: chunked\r\n\r\n7fffffff"),
        (3, "Content-Type: text/event-stream\r\n"),
    ] {
        let before = world.gate.resident_bytes();
        let client = get(&world);
        let (mut upstream, _) = world.accept();
        upstream.send(format!("HTTP/1.1 200 OK\r\n{head}\r\n"));
        let (sent, took) = pour(&upstream);
        assert!(took >= Duration::from_millis(900), "{head}: {took:?} for {sent}");
        assert!(sent < SENT, "{head}: {sent} bytes");
        let grown = world.gate.resident_bytes().saturating_sub(before);
        assert!(grown < HELD, "{head}: {grown} bytes more for {sent} that were sent");
        world.closed("open", "answer-not-taken", count);
        drop(client);
    }
    world.gate.counts(r#"lychgate_requests_total{code="answer-not-taken",outcome="denied",route="open"}"#, 3);
    world.gate.counts("lychgate_connections", 0);
    let client = get(&world);
    let (mut upstream, _) = world.accept();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    drop(client);
}

#[test]
fn a_client_that_takes_a_little_now_and_then_gets_all_of_it() {
    const ALL: usize = 24 << 20;
    let world = World::with("", LIMITS);
    let mut client = get(&world);
    let (mut upstream, _) = world.accept();
    upstream.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {ALL}\r\n\r\n"));
    let pouring = std::thread::spawn(move || upstream.send(vec![b'x'; ALL]));
    client.head();
    let (mut socket, mut taken, mut buffer) = (client.socket().try_clone().unwrap(), 0, vec![0; 4 << 20]);
    // every wait is shorter than the gate's patience, all of them together longer
    while taken < ALL {
        std::thread::sleep(Duration::from_millis(500));
        let most = (ALL - taken).min(buffer.len());
        socket.read_exact(&mut buffer[..most]).unwrap();
        taken += most;
    }
    pouring.join().unwrap();
}

/// An upstream that answers everyone without end.
fn fountain() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || flow(stream));
        }
    });
    address
}

fn flow(mut stream: TcpStream) {
    // Whatever is asked for comes in one piece.
    let asked = stream.read(&mut [0; 4096]).unwrap_or_default();
    let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4000000000\r\n\r\n");
    while asked > 0 && stream.write_all(&[b'x'; 1 << 14]).is_ok() {}
}

const FOUNTAIN: &str = r#"
listeners: [{address: "127.0.0.1:@GATE@"@LISTENER@}]
trusted_issuers: {}
upstreams: {up: {endpoints: ["@UPSTREAM@"]}}
routes: [{name: open, match: {path: "/{*rest}"}, access: public, upstream: up}]
limits: {write_timeout: 2s}
"#;

/// Asks for a hundred answers at once, with windows as large as they can be, and reads none of them.
#[test]
fn over_http_2_a_client_that_takes_nothing_costs_little_and_its_streams_end() {
    const STREAMS: u32 = 100;
    let gate = Setup::of(FOUNTAIN).put("LISTENER", ", h2c: true").put("UPSTREAM", fountain()).start();
    let before = gate.resident_bytes();
    let mut frames = Frames::clear(gate.address());
    // SETTINGS_INITIAL_WINDOW_SIZE, and the same for the connection
    frames.frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]);
    frames.frame(WINDOW_UPDATE, 0, 0, &0x7fff_0000_u32.to_be_bytes());
    let request = block(&with("GET", "/much", &[]));
    for stream in (1..2 * STREAMS).step_by(2) {
        frames.frame(HEADERS, END_STREAM | END_HEADERS, stream, &request);
    }
    gate.counts(r#"lychgate_streams_closed_total{reason="answer-not-taken",route="open"}"#, STREAMS);
    let grown = gate.resident_bytes().saturating_sub(before);
    assert!(grown < 100 << 20, "{grown} bytes more");
    let answer = gate.ask(&Request::get("/").host("a b"));
    assert_eq!(answer.code(), "bad-host", "others are still answered");
}

#[test]
fn over_tls_a_client_that_takes_nothing_is_ended_too() {
    let authority = Authority::new();
    let identity = authority.identity("gate.example");
    let setup = Setup::of(FOUNTAIN).put("LISTENER", ", tls: {certificate: tls.crt, key: tls.key}");
    let setup = setup.file("tls.crt", identity.certificate).file("tls.key", identity.key);
    let gate = setup.put("UPSTREAM", fountain()).start();
    let mut client = Connection::open_tls(gate.address(), "gate.example", authority.client(&["http/1.1"])).unwrap();
    client.send(&Request::get("/much").host("gate.example").bytes());
    gate.counts(r#"lychgate_streams_closed_total{reason="answer-not-taken",route="open"}"#, 1);
    gate.counts("lychgate_connections", 0);
    drop(client);
}
