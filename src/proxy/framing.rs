//! The bytes of an HTTP/1 request head, judged and read before anything is decided by them.
//!
//! Parsers behind accept more than one reading of some messages; what could be framed in two ways ends here, with the
//! connection, because the next bytes on it might be a request that nobody authorized (RFC 9112 section 11.2).

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use bytesize::ByteSize;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use pingora::http::RequestHeader;

use super::config::LimitsConfig;
use super::onward::check_options;
use crate::authorizer::{AccessRequest, ConnectionFacts, Denial, ReceivedRequest};

/// A request head that has one reading.
#[derive(Debug)]
pub(super) struct Head {
    /// What it says.
    pub(super) request: RequestHeader,
    /// What follows it.
    pub(super) body: Body,
}

/// How the end of a body is found (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// There is none.
    None,
    /// After this many bytes.
    Length(u64),
    /// By its last chunk.
    Chunked,
}

/// Judges a whole request head, from the first byte to the empty line, and reads it. The values of its fields stay where they are.
pub(super) fn read_head(head: &Bytes, limits: &LimitsConfig) -> Result<Head, Denial> {
    if exceeds(head.len(), limits.header) {
        return Err(Denial::HeadersTooLarge);
    }
    // All lines but the first and the empty one are fields.
    let fields = memchr::memchr_iter(b'\n', head).count().saturating_sub(2);
    if fields > limits.headers {
        return Err(Denial::HeadersTooLarge);
    }
    let mut lines = lines(head).map(line);
    let (method, target, version) = first_line(lines.next().ok_or(bad("no request line"))??, limits)?;
    let mut headers = HeaderMap::with_capacity(fields);
    let mut framing = Framing::default();
    let mut hosts = Hosts::default();
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let (name, value) = field(line)?;
        framing.note(name, value)?;
        hosts.note(name, value);
        let name = HeaderName::from_bytes(name).map_err(|_| bad("a header name that is not a token"))?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(value));
        headers.append(name, value.map_err(|_| bad("a control character in a header value"))?);
    }
    framing.check(version, limits)?;
    hosts.check(method, target)?;
    check_options(&headers)?;
    let version = if version == b"HTTP/1.0" { Version::HTTP_10 } else { Version::HTTP_11 };
    let request = request_of(method, head.slice_ref(target), version, headers);
    Ok(Head { request: request.ok_or(Denial::BadTarget("a character that no target has"))?, body: framing.body() })
}

/// A request as pingora has it. Of an absolute-form target the path goes on: its authority is the `Host`'s.
fn request_of(method: &[u8], target: Bytes, version: Version, headers: HeaderMap) -> Option<RequestHeader> {
    let path = if target.starts_with(b"/") {
        PathAndQuery::from_maybe_shared(target).ok()?
    } else {
        Uri::from_maybe_shared(target).ok()?.into_parts().path_and_query?
    };
    let mut parts = http::Request::new(()).into_parts().0;
    (parts.method, parts.uri) = (Method::from_bytes(method).ok()?, Uri::from(path));
    (parts.version, parts.headers) = (version, headers);
    Some(parts.into())
}

/// Judges lines of a head whose end has not come: nothing that may follow makes a bad one good. `begins` says whether the first of
/// them is the request's own.
pub(super) fn check_lines(whole: &[u8], begins: bool, limits: &LimitsConfig) -> Result<(), Denial> {
    let mut lines = lines(whole).map(line);
    if begins && let Some(first) = lines.next() {
        first_line(first?, limits)?;
    }
    lines.try_for_each(|line| field(line?).map(drop))
}

/// Judges the beginning of a line.
pub(super) fn check_part(line: &[u8]) -> Result<(), Denial> {
    // Its last byte may be the CR that an LF follows.
    let inner = line.strip_suffix(b"\r").unwrap_or(line);
    if any(inner, |byte| byte == b'\r' || byte == 0) { Err(bad(BARE)) } else { Ok(()) }
}

/// The target of a head that [`read_head`] has taken, as sent.
pub(super) fn target(head: &[u8]) -> &[u8] {
    head.split(|byte| *byte == b' ').nth(1).unwrap_or_default()
}

/// The same bounds for a request that came by HTTP/2, whose framing is its own.
pub(super) fn check_fields(target: &str, headers: &HeaderMap, limits: &LimitsConfig) -> Result<(), Denial> {
    limits.sizes().check(target, headers)?;
    let mut framing = Framing::default();
    for (name, value) in headers {
        // The library below lets a quotation mark stand in a name.
        if !is_token(name.as_str().as_bytes()) {
            return Err(bad("a header name that is not a token"));
        }
        // RFC 9113 section 8.2.1: over HTTP/1.1 the blanks would be gone.
        if value.as_bytes() != trim(value.as_bytes()) {
            return Err(bad("a header value with blanks around it"));
        }
        framing.note(name.as_str().as_bytes(), value.as_bytes())?;
    }
    framing.check(b"HTTP/2", limits)
}

fn exceeds(length: usize, limit: ByteSize) -> bool {
    u64::try_from(length).map_or(true, |length| length > limit.as_u64())
}

fn bad(reason: &'static str) -> Denial {
    Denial::BadFraming(reason)
}

/// Up to and with each LF.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    let ends = memchr::memchr_iter(b'\n', head).map(|end| end + 1).chain([head.len()]);
    ends.filter_map(move |end| {
        let line = head.get(std::mem::replace(&mut at, end)..end);
        line.filter(|line| !line.is_empty())
    })
}

/// Whether any byte is of the kind. It looks at all of them: without a way out in the middle many are looked at in one step.
fn any(bytes: &[u8], is_of_the_kind: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(false, |found, byte| found | is_of_the_kind(*byte))
}

/// A line without its CRLF. Neither CR nor LF stands anywhere else (RFC 9112 section 2.2).
fn line(bytes: &[u8]) -> Result<&[u8], Denial> {
    let line = bytes.strip_suffix(b"\r\n").ok_or(bad("a line that does not end in CRLF"))?;
    let forbidden = |byte| byte == b'\r' || byte == b'\n' || byte == 0;
    if any(line, forbidden) { Err(bad(BARE)) } else { Ok(line) }
}

const BARE: &str = "a bare CR, LF or NUL";

type RequestLine<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// The first line, as far as it can be judged without the others.
fn first_line<'a>(line: &'a [u8], limits: &LimitsConfig) -> Result<RequestLine<'a>, Denial> {
    let (method, target, version) = request_line(line)?;
    if !is_token(method) {
        return Err(bad("a method that is not a token"));
    }
    if exceeds(target.len(), limits.target) {
        return Err(Denial::TargetTooLong);
    }
    Ok((method, target, version))
}

/// RFC 9112 section 3: method, target and version, one blank between each.
fn request_line(line: &[u8]) -> Result<RequestLine<'_>, Denial> {
    let mut parts = line.split(|byte| *byte == b' ');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(method), Some(target), Some(version @ (b"HTTP/1.1" | b"HTTP/1.0")), None) => {
            Ok((method, target, version))
        }
        _ => Err(bad("a request line that is not `method target version`")),
    }
}

/// RFC 9112 section 5: no blank before the colon, no line folding.
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Denial> {
    let colon = memchr::memchr(b':', line).ok_or(bad("a header line without a colon"))?;
    let (name, value) = line.split_at(colon);
    if !is_token(name) {
        return Err(bad("a header name that is not a token, or a folded line"));
    }
    let value = trim(value.get(1..).unwrap_or_default());
    let control = |byte| (byte < 0x20 && byte != b'\t') || byte == 0x7f;
    if any(value, control) { Err(bad("a control character in a header value")) } else { Ok((name, value)) }
}

/// Without the blanks around it (RFC 9110 section 5.6.3). What else some call a blank, a form feed for one, stays: others do not.
fn trim(value: &[u8]) -> &[u8] {
    let mut value = value;
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}

/// The characters of a token (RFC 9110 section 5.6.2).
const TOKEN_BYTES: u128 = bits(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&'*+-.^_`|~");
/// What a target is written with at times, and most never.
const ODD_BYTES: u128 = bits(b"#<>`\\^{|}\"");

/// A bit for each of these ASCII characters.
const fn bits(characters: &[u8]) -> u128 {
    let (mut bits, mut rest) = (0, characters);
    while let [character, others @ ..] = rest {
        bits |= 1 << *character;
        rest = others;
    }
    bits
}

pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii() && TOKEN_BYTES >> (byte & 0x7f) & 1 == 1
}

/// What a head says about whom it is for, where the parser behind would answer in its own words.
#[derive(Default)]
struct Hosts<'a> {
    host: Option<&'a [u8]>,
    several: bool,
}

impl<'a> Hosts<'a> {
    fn note(&mut self, name: &[u8], value: &'a [u8]) {
        if name.eq_ignore_ascii_case(b"host") {
            self.several = self.host.replace(value).is_some() || self.several;
        }
    }

    fn check(&self, method: &[u8], target: &[u8]) -> Result<(), Denial> {
        if self.several {
            return Err(Denial::BadHost("several"));
        }
        let host = self.host.ok_or(Denial::BadHost("missing"))?;
        let unusual = |byte: u8| !byte.is_ascii_graphic() || ODD_BYTES >> (byte & 0x7f) & 1 == 1;
        let is_plain = target.starts_with(b"/") && !any(target, unusual) && !any(host, |byte| byte == b'@');
        if is_plain && method != b"CONNECT" {
            return Ok(());
        }
        // Rare enough to be read twice.
        let headers =
            http::HeaderValue::from_bytes(host).map(|host| [(http::header::HOST, host)].into_iter().collect());
        let received = ReceivedRequest {
            method: std::str::from_utf8(method).unwrap_or_default(),
            target,
            authority: None,
            headers: &headers.map_err(|_| Denial::BadHost("not a value"))?,
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            connection: ConnectionFacts::default(),
        };
        AccessRequest::read(received)?;
        let authority = target.splitn(4, |byte| *byte == b'/').nth(2).filter(|_| !target.starts_with(b"/"));
        if authority.is_some_and(|authority| authority != host) {
            return Err(Denial::BadHost("two that differ"));
        }
        http::Uri::try_from(target).map(drop).map_err(|_| Denial::BadTarget("a character that no target has"))
    }
}

/// The fields that say where a body ends.
const FRAMING: [&[u8]; 2] = [b"content-length", b"transfer-encoding"];

/// Whether CGI and its heirs, to whom each character that is neither letter nor digit is the same, read this name as that one.
fn folds_to(name: &[u8], own: &[u8]) -> bool {
    let reads =
        |(byte, own): (&u8, &u8)| byte.eq_ignore_ascii_case(own) || (*own == b'-' && !byte.is_ascii_alphanumeric());
    name.len() == own.len() && name.iter().zip(own).all(reads)
}

/// What a head says about where its body ends (RFC 9112 section 6).
#[derive(Default)]
struct Framing {
    content_length: Option<u64>,
    chunked: bool,
}

impl Framing {
    fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), Denial> {
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = content_length(value).ok_or(bad("an odd Content-Length"))?;
            if self.content_length.replace(length).is_some() {
                return Err(bad("several Content-Length"));
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if !value.eq_ignore_ascii_case(b"chunked") || self.chunked {
                return Err(bad("a Transfer-Encoding that is not `chunked` alone"));
            }
            self.chunked = true;
        } else if FRAMING.iter().any(|own| folds_to(name, own)) {
            return Err(bad("a name that some read as that of a framing field"));
        }
        Ok(())
    }

    fn body(&self) -> Body {
        match self.content_length {
            _ if self.chunked => Body::Chunked,
            None | Some(0) => Body::None,
            Some(length) => Body::Length(length),
        }
    }

    fn check(&self, version: &[u8], limits: &LimitsConfig) -> Result<(), Denial> {
        if self.chunked && self.content_length.is_some() {
            return Err(bad("Content-Length with Transfer-Encoding"));
        }
        if self.chunked && version != b"HTTP/1.1" {
            return Err(bad("Transfer-Encoding before HTTP/1.1"));
        }
        if self.content_length.is_some_and(|length| length > limits.body.as_u64()) {
            return Err(Denial::BodyTooLarge);
        }
        Ok(())
    }
}

/// Digits only, and few enough to be a number everywhere.
fn content_length(value: &[u8]) -> Option<u64> {
    let digits = (1..=18).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::{Just, Strategy, TestCaseError, prop, prop_assert_eq, prop_oneof};
    use proptest::test_runner::{Config, TestRunner};

    use super::*;

    fn check(head: &str) -> Result<String, &'static str> {
        let head = Bytes::copy_from_slice(head.as_bytes());
        let read = read_head(&head, &LimitsConfig::default()).map_err(|denial| denial.code())?;
        Ok(format!("{} {:?} {}", read.request.uri, read.body, read.request.headers.len()))
    }

    #[test]
    fn a_head_with_one_reading_is_read() {
        let table = [
            ("GET /a?b=..;c HTTP/1.1\r\nHost: x\r\n\r\n", "/a?b=..;c None 1"),
            ("GET http://x/a HTTP/1.0\r\nHost: x\r\n\r\n", "/a None 1"),
            ("POST / HTTP/1.1\r\nhost:x\r\ncontent-length:\t5 \r\n\r\n", "/ Length(5) 2"),
            ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n", "/ Chunked 2"),
        ];
        for (head, reading) in table {
            assert_eq!(check(head).unwrap(), reading);
        }
        let head = Bytes::from_static(b"PUT /a HTTP/1.0\r\nHost: x\r\nX-A:\t1 2 \r\nx-a:\r\nX-B: \xe9\r\n\r\n");
        let request = read_head(&head, &LimitsConfig::default()).unwrap().request;
        assert_eq!(
            (request.method.as_str(), request.version, request.raw_path()),
            ("PUT", Version::HTTP_10, &b"/a"[..])
        );
        assert_eq!(request.headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1 2", ""]);
        assert_eq!((request.headers["x-b"].as_bytes(), target(&head)), (&b"\xe9"[..], &b"/a"[..]));
    }

    #[test]
    fn what_could_be_framed_in_two_ways_is_refused() {
        let bodies = [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length: 5 5\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked, chunked\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: \"chunked\"\r\n",
            "Transfer-Encoding: \x0cchunked\r\n",
            "Transfer-Encoding: chunked\x0c\r\n",
            "Content-Length: 5\x0c\r\n",
            "Content_Length: 5\r\n",
            "content.length: 5\r\n",
            "Transfer_Encoding: chunked\r\n",
            "Transfer-Encoding : chunked\r\n",
            "Transfer-Encoding\t: chunked\r\n",
            " Transfer-Encoding: chunked\r\n",
            "A: b\r\n c\r\n",
            "A: b\r\n\tc\r\n",
            "A: b\nB: c\r\n",
            "A: b\rB: c\r\n",
            "A: \0\r\n",
            "A\r\n",
            ": b\r\n",
            "A b: c\r\n",
            "A: \x01\r\n",
            "A: \x7f\r\n",
            "A(: b\r\n",
            "\u{e9}: b\r\n",
        ];
        for body in bodies {
            let head = format!("POST / HTTP/1.1\r\nHost: x\r\n{body}\r\n");
            assert_eq!(check(&head), Err("bad-framing"), "{body:?}");
        }
        let lines = [
            "",
            "\r\n",
            "GET /\r\n\r\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1 \r\n\r\n",
            " GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "GET / http/1.1\r\n\r\n",
            "GET /a b HTTP/1.1\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\n\n",
            "GET\t/ HTTP/1.1\r\n\r\n",
            "G(T / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        ];
        for head in lines {
            assert_eq!(check(head), Err("bad-framing"), "{head:?}");
        }
    }

    #[test]
    fn what_is_too_large_has_its_own_answer() {
        let head = |target: usize, fields: usize, value: usize| {
            let fields = format!("a: {}\r\n", "x".repeat(value)).repeat(fields);
            format!("GET /{} HTTP/1.1\r\nHost: x\r\n{fields}\r\n", "x".repeat(target))
        };
        assert!(check(&head(8191, 99, 10)).is_ok());
        assert_eq!(check(&head(8192, 1, 1)), Err("target-too-long"));
        assert_eq!(check(&head(1, 100, 1)), Err("headers-too-large"));
        assert_eq!(check(&head(1, 40, 1000)), Err("headers-too-large"));
        assert_eq!(check("POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"), Err("body-too-large"));
    }

    /// What pingora reads in a head.
    fn read_by_pingora(head: &[u8]) -> Option<RequestHeader> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (near, _far) = tokio::io::duplex(1);
            let mut session = pingora::protocols::http::ServerSession::new_http1(Box::new(near));
            session.set_pipelined_prefix(bytes::BytesMut::from(head));
            session.read_request().await.ok().filter(|read| *read)?;
            Some(session.req_header().clone())
        })
    }

    fn any_head() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![8 => 0x20..0x7f_u8, 1 => 0..=u8::MAX, 1 => Just(b'\t')];
        let name = prop_oneof![4 => "[A-Za-z][A-Za-z0-9-]{0,12}", 1 => "[ -~]{0,6}", 1 => Just("x-a".to_owned())];
        let field = (name, prop::collection::vec(byte, 0..24));
        let method = prop_oneof![3 => Just("GET".to_owned()), 1 => "[A-Z!a-z]{1,8}"];
        let target = prop_oneof![3 => "/[!-~]{0,20}", 1 => "http://x/[a-z?]{0,6}", 1 => "[ -~]{0,12}"];
        let version = prop_oneof![4 => Just("HTTP/1.1"), 1 => Just("HTTP/1.0"), 1 => Just("HTTP/1.2")];
        (method, target, version, prop::collection::vec(field, 0..6)).prop_map(|(method, target, version, fields)| {
            let mut head = format!("{method} {target} {version}\r\nHost: x\r\n").into_bytes();
            for (name, value) in fields {
                head.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
            }
            head.extend_from_slice(b"\r\n");
            head
        })
    }

    /// Two readers of one head must see one request: whoever comes after the gate may read as pingora does.
    #[test]
    fn what_is_read_here_is_what_pingora_reads() {
        let (read, cases) = (Cell::new(0), Cell::new(0));
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
        let compared = runner.run(&any_head(), |head| {
            cases.set(cases.get() + 1);
            let Ok(ours) = read_head(&Bytes::from(head.clone()), &LimitsConfig::default()) else { return Ok(()) };
            read.set(read.get() + 1);
            let theirs = read_by_pingora(&head).ok_or(TestCaseError::fail("pingora refuses what is taken here"))?;
            let ours = ours.request;
            prop_assert_eq!((&ours.method, &ours.uri, ours.version), (&theirs.method, &theirs.uri, theirs.version));
            prop_assert_eq!(ours.headers.iter().collect::<Vec<_>>(), theirs.headers.iter().collect::<Vec<_>>());
            Ok(())
        });
        compared.unwrap_or_else(|error| panic!("{error}"));
        assert!(read.get() * 8 > cases.get(), "of {} heads only {} are any", cases.get(), read.get());
    }
}
