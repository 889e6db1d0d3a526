//! The whole gate in this process, as `lychgate serve` builds it, between one connection and a small upstream.
//!
//! `cargo bench --bench gateway` tells how long the client waits for an answer: its own work and the upstream's are in it, so
//! read the differences. What the gate alone takes is what `benches/instructions/run` and `benches/compare/run` measure.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench stops at what it cannot set up")]

mod claims;
mod whole_gate;

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use lychgate::authorizer::Evaluation;
use lychgate::clock::Clock;
use lychgate::jose::{Algorithm, SigningKey};
use lychgate::server::serve;

use self::claims::claims;
use self::whole_gate::whole_gate;

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Answers every request alike, on as many connections as come.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            thread::spawn(
                move || while read_to(&mut stream, b"\r\n\r\n").is_some() && stream.write_all(ANSWER).is_ok() {},
            );
        }
    });
    address
}

/// All that comes until it ends so; none where the connection ends before.
fn read_to(stream: &mut TcpStream, end: &[u8]) -> Option<Vec<u8>> {
    let (mut read, mut part) = (Vec::new(), [0; 16 << 10]);
    while !read.ends_with(end) {
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return None,
            Ok(length) => read.extend_from_slice(&part[..length]),
        }
    }
    Some(read)
}

/// Opens the gate, which goes with the process.
fn gate(key: &SigningKey) -> TcpStream {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (loaded, files) = whole_gate(address, upstream(), key);
    let (open, opened) = mpsc::channel();
    thread::spawn(move || {
        let _files = files;
        serve(&loaded, Evaluation::default(), || open.send(()).unwrap()).unwrap();
    });
    opened.recv().unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn request(route: &str, token: Option<&str>) -> Vec<u8> {
    let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("GET /{route}/alice/orders/7 HTTP/1.1\r\nHost: api.example.com\r\nAccept: */*\r\n{bearer}\r\n").into_bytes()
}

fn benches(criterion: &mut Criterion) {
    // As `main` does, before pingora installs another.
    rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
    let key = SigningKey::generate_for(Algorithm::Rs256).unwrap();
    let stream = RefCell::new(gate(&key));
    let now = Clock::system().unix_seconds();
    let number = Cell::new(0);
    let token = || {
        number.set(number.get() + 1);
        key.sign(&claims(number.get(), now)).unwrap()
    };
    let ask = |request: &[u8], status: &str, end: &[u8]| {
        let mut stream = stream.borrow_mut();
        stream.write_all(request).unwrap();
        let answer = read_to(&mut stream, end).unwrap();
        assert!(answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "{}", String::from_utf8_lossy(&answer));
    };
    let passes = |request: &[u8]| ask(request, "200", b"\r\n\r\nok");
    let known = token();
    let mut group = criterion.benchmark_group("gateway");
    for (name, route) in [("pass-through", "public"), ("same token", "token"), ("policies", "policies")] {
        let request = request(route, Some(&known));
        group.bench_function(name, |bencher| bencher.iter(|| passes(&request)));
    }
    let next = || request("token", Some(&token()));
    group.bench_function("first-seen tokens", |bencher| {
        bencher.iter_batched(next, |request| passes(&request), BatchSize::SmallInput);
    });
    let bare = request("token", None);
    group.bench_function("no token", |bencher| bencher.iter(|| ask(&bare, "401", b"}")));
    group.finish();
}

criterion_group!(asking, benches);
criterion_main!(asking);
