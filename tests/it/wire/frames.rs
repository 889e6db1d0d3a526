//! HTTP/2 written by hand, frame by frame, so that it can be wrong.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::support::Gate;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// What became of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Status(u16),
    Reset(u32),
    /// The whole connection was ended, with this code or without a word.
    Connection(Option<u32>),
}

/// An HTTP/2 connection, over TLS or in the clear.
pub(crate) struct Frames {
    stream: Box<dyn Stream>,
}

trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

impl Frames {
    /// Connects by ALPN, and says hello.
    pub(super) fn open(gate: &Gate) -> Self {
        let mut frames = Self::open_without_settings(gate);
        frames.frame(SETTINGS, 0, 0, &[]);
        frames
    }

    /// The same, with half of a hello.
    pub(super) fn open_without_settings(gate: &Gate) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(gate.authority()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        Self::over(StreamOwned::new(connection, connect(gate.tls)))
    }

    /// Connects to a port that speaks it in the clear, and says hello.
    pub(crate) fn clear(address: SocketAddr) -> Self {
        let mut frames = Self::over(connect(address));
        frames.frame(SETTINGS, 0, 0, &[]);
        frames
    }

    fn over(stream: impl Read + Write + 'static) -> Self {
        let mut frames = Self { stream: Box::new(stream) };
        frames.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        frames
    }

    /// The gate may end the connection before all is sent, which is its right.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let _gone = self.stream.write_all(bytes);
        let _gone = self.stream.flush();
    }

    pub(crate) fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut bytes = Vec::with_capacity(9 + payload.len());
        bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes()[1..]);
        bytes.extend_from_slice(&[kind, flags]);
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(payload);
        self.raw(&bytes);
    }

    /// One request without a body, and what became of it.
    pub(crate) fn get(&mut self, stream: u32, fields: &[(&[u8], &[u8])]) -> End {
        self.frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(fields));
        self.end_of(stream)
    }

    /// Reads until this stream has its status, or will never have one.
    pub(crate) fn end_of(&mut self, stream: u32) -> End {
        loop {
            let Some((kind, flags, of, payload)) = self.read() else { return End::Connection(None) };
            match kind {
                HEADERS if of == stream => return End::Status(status(&payload)),
                RST_STREAM if of == stream => return End::Reset(number(&payload)),
                GOAWAY => return End::Connection(Some(number(&payload[4..]))),
                SETTINGS if flags & 1 == 0 => self.frame(SETTINGS, 1, 0, &[]),
                _ => {}
            }
        }
    }

    /// How many header sections come before the body.
    pub(crate) fn heads_before_data(&mut self, stream: u32) -> usize {
        let mut heads = 0;
        while let Some((kind, _, of, _)) = self.read() {
            match kind {
                HEADERS if of == stream => heads += 1,
                DATA if of == stream => break,
                _ => {}
            }
        }
        heads
    }

    /// The body that follows a status.
    pub(crate) fn body_of(&mut self, stream: u32) -> String {
        let mut body = Vec::new();
        while let Some((kind, flags, of, payload)) = self.read() {
            if kind == DATA && of == stream {
                body.extend(payload);
                if flags & END_STREAM != 0 {
                    break;
                }
            }
        }
        String::from_utf8(body).unwrap()
    }

    fn read(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).ok()?;
        let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap()];
        self.stream.read_exact(&mut payload).ok()?;
        Some((head[3], head[4], number(&head[5..]), payload))
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let tcp = TcpStream::connect(address).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    tcp
}

/// A request's usual fields, and these.
pub(crate) fn with(
    method: &'static str,
    path: &'static str,
    more: &[(&'static str, &'static str)],
) -> Vec<(&'static [u8], &'static [u8])> {
    let usual = [(":method", method), (":scheme", "https"), (":authority", "a"), (":path", path)];
    usual.iter().chain(more).map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect()
}

/// HPACK without compression: each field literal, never indexed (RFC 7541 section 6.2.3).
pub(crate) fn block(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0x10);
        for text in [name, value] {
            length(&mut block, text.len());
            block.extend_from_slice(text);
        }
    }
    block
}

fn length(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else { return block.push(u8::try_from(length).unwrap()) };
    block.push(127);
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0] & 0x7f, bytes[1], bytes[2], bytes[3]])
}

/// The first field of an answer's block, on a connection that has had no other answer.
fn status(block: &[u8]) -> u16 {
    // a change of the table's size may come first (RFC 7541 section 6.3)
    let block = if block[0] & 0xe0 == 0x20 { &block[1..] } else { block };
    match block[0] {
        0x88 => 200,
        0x89 => 204,
        0x8b => 304,
        0x8c => 400,
        0x8d => 404,
        0x8e => 500,
        0x48 if block[1] & 0x80 == 0 => String::from_utf8_lossy(&block[2..5]).parse().unwrap(),
        0x48 => digits(&block[2..2 + usize::from(block[1] & 0x7f)]),
        other => panic!("no status: {other:#x}"),
    }
}

/// Three digits in Huffman's code (RFC 7541 appendix B).
fn digits(bytes: &[u8]) -> u16 {
    let bits: Vec<u16> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| u16::from(byte >> bit & 1))).collect();
    let take = |at: usize, count: usize| bits[at..at + count].iter().fold(0, |all, bit| all * 2 + bit);
    let (mut at, mut number) = (0, 0);
    for _ in 0..3 {
        let short = take(at, 5);
        let (digit, length) = if short < 3 { (short, 5) } else { (take(at, 6) - 0b01_1001 + 3, 6) };
        number = number * 10 + digit;
        at += length;
    }
    number
}
