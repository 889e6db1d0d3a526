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
use std::time::Duration;

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
            thread::spawn(|| answer_all(stream.unwrap()));
        }
    });
    address
}

fn answer_all(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let is_request = |text: &str| text.ends_with("\r\n\r\n");
    while read_until(&mut stream, is_request).is_some() && stream.write_all(ANSWER).is_ok() {}
}

/// All that comes until it is whole; none where the connection ends before.
fn read_until(stream: &mut TcpStream, is_whole: impl Fn(&str) -> bool) -> Option<String> {
    let (mut read, mut part) = (Vec::new(), [0; 16 << 10]);
    loop {
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return None,
            Ok(length) => read.extend_from_slice(&part[..length]),
        }
        let text = str::from_utf8(&read).unwrap();
        if is_whole(text) {
            return Some(text.to_owned());
        }
    }
}

fn is_answer(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.to_ascii_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// The whole answer to a request, which begins with its status.
fn ask(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).unwrap();
    read_until(stream, is_answer).unwrap()
}

/// Opens the gate, which goes with the process.
fn gate(key: &SigningKey) -> TcpStream {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (loaded, files) = whole_gate(address, upstream(), key);
    let (open, opened) = mpsc::channel();
    thread::spawn(move || {
        let _files = files;
        serve(&loaded, Evaluation::default(), None, || open.send(()).unwrap()).unwrap();
    });
    opened.recv().unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
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
    let expect = |request: &[u8], status: &str| {
        let answer = ask(&mut stream.borrow_mut(), request);
        assert_eq!(answer.get(9..12), Some(status), "{answer}");
    };
    let passes = |request: &[u8]| expect(request, "200");
    let known = token();
    // The gate opens before it has the issuer's keys.
    while ask(&mut stream.borrow_mut(), &request("token", Some(&known))).contains("keys-unavailable") {
        thread::sleep(Duration::from_millis(10));
    }
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
    group.bench_function("no token", |bencher| bencher.iter(|| expect(&bare, "401")));
    group.finish();
}

criterion_group!(asking, benches);
criterion_main!(asking);
