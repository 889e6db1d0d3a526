//! HTTP/2, frame by frame: what is malformed never becomes a request at the upstream, and floods end the connection.

use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, End, Frames, HEADERS, PING, RST_STREAM, WINDOW_UPDATE, block, with,
};
use super::support::Gate;

type Fields = Vec<(&'static [u8], &'static [u8])>;

/// On a fresh connection: refused somehow, nothing at the upstream, and the next request passes.
#[track_caller]
fn refused(gate: &Gate, fields: &[(&[u8], &[u8])]) {
    let end = Frames::open(gate).get(1, fields);
    let refused = matches!(end, End::Reset(_) | End::Connection(_) | End::Status(400 | 405 | 414 | 431));
    let shown: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.escape_ascii().to_string(), value.escape_ascii().to_string()))
        .collect();
    assert!(refused, "{shown:?}: {end:?}");
    let seen = gate.upstream.take();
    assert!(seen.is_empty(), "{shown:?} reached the upstream: {seen:#?}");
    control(gate);
}

#[track_caller]
fn control(gate: &Gate) {
    let end = Frames::open(gate).get(1, &with("GET", "/public/control", &[]));
    assert_eq!(end, End::Status(200));
    let seen: Vec<_> = gate.upstream.take().into_iter().filter(|seen| seen.whole).collect();
    assert_eq!(seen.len(), 1, "{seen:#?}");
    assert!(seen[0].head.starts_with("GET /public/control HTTP/1.1\r\n"), "{seen:#?}");
}

#[test]
fn fields_that_http_1_would_read_otherwise_never_reach_the_upstream() {
    let gate = Gate::start();
    let more: [(&str, &str); 33] = [
        ("x", "a\r\nx-auth-sub: eve"),
        ("x", "a\nb"),
        ("x", "a\rb"),
        ("x", "a\0b"),
        ("x\r\nx-auth-sub", "eve"),
        ("x\n", "a"),
        ("x:y", "a"),
        ("x y", "a"),
        ("", "a"),
        ("X-Upper", "a"),
        ("x\0", "a"),
        ("connection", "close"),
        ("connection", "x-auth-sub"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("host", "b"),
        (":path", "/public/b"),
        (":status", "200"),
        (":odd", "a"),
        ("content-length", "5"),
        ("content-length", "+0"),
        ("x\"", "a"),
        ("x", " a"),
        ("x", "a "),
        ("x", "\ta"),
        ("x", "a\t"),
        ("x", " "),
        ("content_length", "5"),
        ("content.length", "0"),
        ("transfer_encoding", "chunked"),
    ];
    for (name, value) in more {
        refused(&gate, &with("GET", "/public/a", &[(name, value)]));
    }
    refused(&gate, &with("GET", "/public/a", &[("host", "a"), ("host", "a")]));
    refused(&gate, &with("POST", "/public/a", &[("content-length", "0"), ("content-length", "0")]));
}

#[test]
fn pseudo_fields_that_are_missing_doubled_misplaced_or_odd_are_refused() {
    let gate = Gate::start();
    let usual = with("GET", "/public/a", &[]);
    for missing in [0, 1, 2, 3] {
        let fields: Fields =
            usual.iter().enumerate().filter(|(place, _)| *place != missing).map(|(_, field)| *field).collect();
        refused(&gate, &fields);
    }
    for doubled in [0, 1, 2, 3] {
        let mut fields = usual.clone();
        fields.push(fields[doubled]);
        refused(&gate, &fields);
    }
    let mut late = usual.clone();
    late.insert(0, (b"x", b"a"));
    refused(&gate, &late);
    for path in [
        "",
        "*",
        "public/a",
        "/public/a b",
        "/public/a\r\nx: y",
        "/public/a\0",
        "/public/../closed",
        "/public/%2e%2e/closed",
        "//public/a",
        "/public//a",
        "/public/a%2fb",
        "http://a/public/a",
        "http:/public/a",
        "/public/\\a",
        "/public/\u{e9}",
    ] {
        refused(&gate, &with("GET", path, &[]));
    }
    for authority in ["", "u@a", "a b", "a\r\nb", "a/b", "a:b", "a,b"] {
        let mut fields = usual.clone();
        fields[2].1 = authority.as_bytes();
        refused(&gate, &fields);
    }
    for scheme in ["", "ftp", "javascript", "file", "http:", "https://b/"] {
        let mut fields = usual.clone();
        fields[1].1 = scheme.as_bytes();
        refused(&gate, &fields);
    }
    for method in ["", "G T", "GET\r\n", "TRACE"] {
        refused(&gate, &with(method, "/public/a", &[]));
    }
    refused(&gate, &[(b":method", b"CONNECT"), (b":authority", b"a:443")]);
    refused(&gate, &with("CONNECT", "/public/a", &[(":protocol", "websocket")]));
}

#[test]
fn an_authority_that_cannot_be_is_refused_in_our_words() {
    let gate = Gate::start();
    let usual = with("GET", "/public/a", &[]);
    let without: Fields = usual.iter().filter(|(name, _)| *name != b":authority").copied().collect();
    let disagreeing = with("GET", "/public/a", &[("host", "b")]);
    let star = with("GET", "*", &[]);
    for (fields, code) in [(without, "bad-host"), (disagreeing, "bad-host"), (star, "bad-target")] {
        let mut frames = Frames::open(&gate);
        assert_eq!(frames.get(1, &fields), End::Status(400), "{code}");
        let body = frames.body_of(1);
        assert!(body.contains(&format!("\"code\":\"{code}\"")), "{code}: {body}");
        gate.logs(code);
    }
    assert!(gate.upstream.take().is_empty());
    control(&gate);
}

#[test]
fn a_fragment_is_refused_over_http_2_too_though_the_library_below_would_cut_it_off() {
    let gate = Gate::start();
    for path in ["/public/a#", "/public/a?b#/closed/a", "/closed/a#/../../public/a", "/#/public/a", "#"] {
        let mut frames = Frames::open(&gate);
        assert_eq!(frames.get(1, &with("GET", path, &[])), End::Status(400), "{path}");
        assert!(frames.body_of(1).contains("\"code\":\"bad-target\""), "{path}");
        // the connection goes on, and in the next request nothing is left of it
        assert_eq!(frames.get(3, &with("GET", "/public/b", &[])), End::Status(200), "{path}");
        let seen = gate.upstream.take();
        assert!(seen.len() == 1 && seen[0].head.starts_with("GET /public/b HTTP/1.1\r\n"), "{path}: {seen:#?}");
    }
    gate.logs("bad-target");
    control(&gate);
}

/// As browsers write it: in Huffman's code, kept in the connection's table, and named by its number from then on.
#[test]
fn a_fragment_is_refused_however_the_path_is_packed() {
    let gate = Gate::start();
    let mut frames = Frames::open(&gate);
    let mut first = block(&with("GET", "/public/a", &[])[..3]);
    // literal with incremental indexing, name 4 of the static table: `/public/a#b`
    first.extend_from_slice(&[0x44, 0x89, 0x62, 0xbb, 0x63, 0xa0, 0xc4, 0x60, 0x7f, 0xf5, 0x1f]);
    frames.frame(HEADERS, END_STREAM | END_HEADERS, 1, &first);
    assert_eq!(frames.end_of(1), End::Status(400));
    let mut second = block(&with("GET", "/public/a", &[])[..3]);
    second.push(0xbe);
    frames.frame(HEADERS, END_STREAM | END_HEADERS, 3, &second);
    assert_eq!(frames.end_of(3), End::Status(400));
    assert!(gate.upstream.take().is_empty());
    control(&gate);
}

#[test]
fn trailers_with_pseudo_fields_never_end_a_request() {
    let gate = Gate::start();
    for name in [":path", ":status", ":odd"] {
        let mut frames = Frames::open(&gate);
        frames.frame(HEADERS, END_HEADERS, 1, &block(&with("POST", "/public/a", &[])));
        frames.frame(DATA, 0, 1, b"hello");
        frames.frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&[(name.as_bytes(), b"200")]));
        let end = frames.end_of(1);
        assert!(matches!(end, End::Reset(_) | End::Connection(_)), "{name}: {end:?}");
        std::thread::sleep(std::time::Duration::from_millis(20));
        let seen = gate.upstream.take();
        assert!(seen.iter().all(|seen| !seen.whole), "{name}: {seen:#?}");
        control(&gate);
    }
}

#[test]
fn a_connection_begins_with_settings_or_ends() {
    let gate = Gate::start();
    let mut frames = Frames::open_without_settings(&gate);
    frames.frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&with("GET", "/public/a", &[])));
    assert!(matches!(frames.end_of(1), End::Connection(_)));
    assert!(gate.upstream.take().is_empty());
    control(&gate);
}

#[test]
fn a_body_that_is_said_to_be_empty_is_awaited_before_anything_is_forwarded() {
    let gate = Gate::with("limits: {body_timeout: 1s}");
    let head = block(&with("POST", "/public/a", &[("content-length", "0")]));
    let mut frames = Frames::open(&gate);
    frames.frame(HEADERS, END_HEADERS, 1, &head);
    std::thread::sleep(std::time::Duration::from_millis(50));
    frames.frame(DATA, END_STREAM, 1, b"hello");
    assert!(matches!(frames.end_of(1), End::Reset(_)));
    assert!(gate.upstream.take().is_empty());
    // one that ends
    let mut frames = Frames::open(&gate);
    frames.frame(HEADERS, END_HEADERS, 1, &head);
    frames.frame(DATA, END_STREAM, 1, b"");
    assert_eq!(frames.end_of(1), End::Status(200));
    assert_eq!(gate.upstream.take().len(), 1);
    // and one that never does
    let mut frames = Frames::open(&gate);
    frames.frame(HEADERS, END_HEADERS, 1, &head);
    assert_eq!(frames.end_of(1), End::Status(408));
    assert!(gate.upstream.take().is_empty());
    control(&gate);
}

#[test]
fn an_expectation_is_met_over_http_2_too() {
    let gate = Gate::start();
    let mut frames = Frames::open(&gate);
    let fields = with("POST", "/public/a", &[("expect", "100-continue"), ("content-length", "5")]);
    frames.frame(HEADERS, END_HEADERS, 1, &block(&fields));
    assert_eq!(frames.end_of(1), End::Status(100));
    frames.frame(DATA, END_STREAM, 1, b"hello");
    assert_eq!(frames.end_of(1), End::Status(200));
    assert_eq!(gate.upstream.take()[0].body, b"hello");
}

#[test]
fn a_body_that_is_not_as_long_as_it_says_never_becomes_a_whole_request() {
    let gate = Gate::start();
    for (length, body) in [("5", "hell"), ("5", "hello!")] {
        let mut frames = Frames::open(&gate);
        frames.frame(HEADERS, END_HEADERS, 1, &block(&with("POST", "/public/a", &[("content-length", length)])));
        frames.frame(DATA, END_STREAM, 1, body.as_bytes());
        let end = frames.end_of(1);
        assert!(!matches!(end, End::Status(200..=299)), "{length} {body}: {end:?}");
        std::thread::sleep(std::time::Duration::from_millis(20));
        let seen = gate.upstream.take();
        assert!(seen.iter().all(|seen| !seen.whole), "{length} {body}: {seen:#?}");
        control(&gate);
    }
    let mut frames = Frames::open(&gate);
    frames.frame(HEADERS, END_HEADERS, 1, &block(&with("POST", "/public/a", &[("content-length", "5")])));
    frames.frame(DATA, END_STREAM, 1, b"hello");
    assert_eq!(frames.end_of(1), End::Status(200));
    assert_eq!(gate.upstream.take()[0].body, b"hello");
}

#[test]
fn trailers_never_reach_the_upstream() {
    let gate = Gate::start();
    let mut frames = Frames::open(&gate);
    frames.frame(HEADERS, END_HEADERS, 1, &block(&with("POST", "/public/a", &[("te", "trailers")])));
    frames.frame(DATA, 0, 1, b"hello");
    frames.frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&[(b"x-auth-sub", b"eve"), (b"x-check", b"1")]));
    assert_eq!(frames.end_of(1), End::Status(200));
    let seen = gate.upstream.take();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].body, b"5\r\nhello\r\n0\r\n\r\n", "{seen:#?}");
    assert!(!seen[0].head.contains("eve") && seen[0].values("te").is_empty(), "{seen:#?}");
}

/// Browsers send them so; an upstream that reads one `Cookie` would read one cookie.
#[test]
fn cookies_in_fields_of_their_own_are_one_field_to_the_upstream() {
    let gate = Gate::start();
    let fields = with("GET", "/public/a", &[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2; c=3"), ("cookie", "d=4")]);
    assert_eq!(Frames::open(&gate).get(1, &fields), End::Status(200));
    let seen = gate.upstream.take();
    assert_eq!(seen[0].values("cookie"), ["a=1; b=2; c=3; d=4"], "{seen:#?}");
    assert_eq!(seen[0].values("x"), ["y"]);
}

#[test]
fn what_is_too_large_is_refused() {
    let gate = Gate::start();
    let long: &'static str = "a".repeat(12_000).leak();
    let fields: Vec<(&str, &str)> = ["x-1", "x-2", "x-3"].into_iter().map(|name| (name, long)).collect();
    let mut frames = Frames::open(&gate);
    let whole = block(&with("GET", "/public/a", &fields));
    let (first, rest) = whole.split_at(16_000);
    frames.frame(HEADERS, END_STREAM, 1, first);
    let mut parts = rest.chunks(16_000).peekable();
    while let Some(part) = parts.next() {
        frames.frame(CONTINUATION, if parts.peek().is_none() { END_HEADERS } else { 0 }, 1, part);
    }
    assert_eq!(frames.end_of(1), End::Status(431));
    assert!(gate.upstream.take().is_empty());
    let many: Vec<(&str, &str)> = (0..101).map(|_| ("x", "a")).collect();
    assert_eq!(Frames::open(&gate).get(1, &with("GET", "/public/a", &many)), End::Status(431));
    let path: &'static str = format!("/public/{}", "a".repeat(9000)).leak();
    assert_eq!(Frames::open(&gate).get(1, &with("GET", path, &[])), End::Status(414));
    assert!(gate.upstream.take().is_empty());
    control(&gate);
}

#[test]
fn a_header_list_of_more_than_twice_the_bound_ends_its_stream_and_no_other() {
    let gate = Gate::start();
    let long: &'static str = "a".repeat(14_000).leak();
    let fields: Vec<(&str, &str)> = ["x-1", "x-2", "x-3", "x-4", "x-5"].into_iter().map(|name| (name, long)).collect();
    let whole = block(&with("GET", "/public/a", &fields));
    assert!(whole.len() > 2 * 32 * 1024);
    let mut frames = Frames::open(&gate);
    let (first, rest) = whole.split_at(16_000);
    frames.frame(HEADERS, END_STREAM, 1, first);
    let mut parts = rest.chunks(16_000).peekable();
    while let Some(part) = parts.next() {
        frames.frame(CONTINUATION, if parts.peek().is_none() { END_HEADERS } else { 0 }, 1, part);
    }
    let end = frames.end_of(1);
    assert!(matches!(end, End::Status(431) | End::Reset(_) | End::Connection(_)), "{end:?}");
    assert!(gate.upstream.take().is_empty());
    control(&gate);
}

/// A few bytes that unpack to very many (RFC 7541): one long field in the table of the connection, named again and again.
#[test]
fn a_header_list_is_measured_as_it_unpacks() {
    let gate = Gate::start();
    let before = gate.resident_bytes();
    for _ in 0..20 {
        let mut frames = Frames::open(&gate);
        let mut first = block(&with("GET", "/public/a", &[]));
        // literal, with incremental indexing: `x` of 4,000 bytes
        first.extend_from_slice(&[0x40, 1, b'x', 127, 0xa1, 0x1e]);
        first.extend_from_slice(&[b'a'; 4000]);
        frames.frame(HEADERS, END_STREAM | END_HEADERS, 1, &first);
        assert_eq!(frames.end_of(1), End::Status(200));
        assert_eq!(gate.upstream.take().len(), 1);
        let mut bomb = block(&with("GET", "/public/a", &[]));
        // the entry that is the newest, 16,000 times: 64 MB
        bomb.resize(bomb.len() + 16_000, 0xbe);
        frames.frame(HEADERS, END_STREAM | END_HEADERS, 3, &bomb);
        let end = frames.end_of(3);
        assert!(matches!(end, End::Status(431) | End::Reset(_) | End::Connection(_)), "{end:?}");
        assert!(gate.upstream.take().is_empty());
    }
    let grown = gate.resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes more");
    control(&gate);
}

/// As a client resets streams, but by having the gate reset them: each has a window that overflows.
#[test]
fn streams_that_the_gate_is_made_to_reset_end_the_connection() {
    let gate = Gate::start();
    let mut frames = Frames::open(&gate);
    let request = block(&with("POST", "/public/a", &[]));
    for stream in (1..3000).step_by(2) {
        frames.frame(HEADERS, END_HEADERS, stream, &request);
        frames.frame(WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes());
    }
    frames.frame(HEADERS, END_HEADERS, 3001, &request);
    assert!(matches!(frames.end_of(3001), End::Connection(_)));
    control_after(&gate);
}

#[test]
fn continuation_that_never_ends_ends_the_connection() {
    let gate = Gate::start();
    let mut frames = Frames::open(&gate);
    frames.frame(HEADERS, END_STREAM, 1, &block(&with("GET", "/public/a", &[])));
    for _ in 0..2000 {
        frames.frame(CONTINUATION, 0, 1, &block(&[(b"x", b"a")]));
    }
    assert!(matches!(frames.end_of(1), End::Connection(_)));
    // and one that is empty each time
    let mut frames = Frames::open(&gate);
    frames.frame(HEADERS, END_STREAM, 1, &block(&with("GET", "/public/a", &[])));
    for _ in 0..5000 {
        frames.frame(CONTINUATION, 0, 1, &[]);
    }
    assert!(matches!(frames.end_of(1), End::Connection(_)));
    assert!(gate.upstream.take().is_empty());
    control(&gate);
}

#[test]
fn streams_that_are_opened_to_be_reset_end_the_connection() {
    let gate = Gate::start();
    let mut frames = Frames::open(&gate);
    let request = block(&with("GET", "/public/a", &[]));
    for stream in (1..6000).step_by(2) {
        frames.frame(HEADERS, END_STREAM | END_HEADERS, stream, &request);
        frames.frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    }
    frames.frame(HEADERS, END_STREAM | END_HEADERS, 6001, &request);
    assert!(matches!(frames.end_of(6001), End::Connection(_)));
    std::thread::sleep(std::time::Duration::from_millis(100));
    gate.upstream.take();
    control(&gate);
}

#[test]
fn malformed_streams_end_the_connection_in_the_end() {
    let gate = Gate::start();
    let mut frames = Frames::open(&gate);
    let request = block(&with("GET", "/public/a", &[("transfer-encoding", "chunked")]));
    for stream in (1..2001).step_by(2) {
        frames.frame(HEADERS, END_STREAM | END_HEADERS, stream, &request);
    }
    frames.frame(HEADERS, END_STREAM | END_HEADERS, 2001, &block(&with("GET", "/public/a", &[])));
    assert!(matches!(frames.end_of(2001), End::Connection(_)));
    assert!(gate.upstream.take().is_empty());
    control(&gate);
}

#[test]
fn only_so_many_streams_are_open_at_once() {
    let gate = Gate::start();
    let mut frames = Frames::open(&gate);
    // requests whose bodies never come
    let request = block(&with("POST", "/public/a", &[]));
    for stream in (1..301).step_by(2) {
        frames.frame(HEADERS, END_HEADERS, stream, &request);
    }
    assert_eq!(frames.end_of(299), End::Reset(7), "REFUSED_STREAM");
    control_after(&gate);
}

#[test]
fn pings_keep_no_connection_that_asks_for_nothing() {
    let gate = Gate::with("limits: {header_timeout: 1s}");
    let mut frames = Frames::open(&gate);
    let begun = std::time::Instant::now();
    for _ in 0..10 {
        std::thread::sleep(std::time::Duration::from_millis(150));
        frames.frame(PING, 0, 0, &[0; 8]);
    }
    assert!(matches!(frames.end_of(1), End::Connection(_)));
    assert!(begun.elapsed() < std::time::Duration::from_secs(5));
    control(&gate);
}

fn control_after(gate: &Gate) {
    std::thread::sleep(std::time::Duration::from_millis(100));
    gate.upstream.take();
    control(gate);
}
