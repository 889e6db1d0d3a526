//! Request heads: what is refused before any parser reads it, in our own words.

use super::support::Gate;

/// Lines of a head that reads in two ways by them.
const FIELDS: [&str; 40] = [
    "X: a\nY: b",
    "X: a\rY: b",
    "X: a\0b",
    "X: a\x01",
    "X: a\x7f",
    "X : a",
    " X: a",
    "X: a\r\n b",
    "X: a\r\n\tb",
    "X",
    ": a",
    "X\x0b: a",
    "X(: a",
    "Content-Length: 5, 5",
    "Content-Length: +0",
    "Content-Length: 0x0",
    "Content-Length: -0",
    "Content-Length:",
    "Content-Length: 0\r\nContent-Length: 0",
    "Content-Length: 99999999999999999999",
    "Content-Length: 0\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 0",
    "Transfer-Encoding: gzip",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding:",
    "Transfer-Encoding: x\rchunked",
    "Transfer-Encoding : chunked",
    "Transfer_Encoding: chunked\r\nTransfer-Encoding: chunked, x",
    "Transfer-Encoding: \x0cchunked",
    "Transfer-Encoding: chunked\x0c",
    "Transfer-Encoding: \x0bchunked",
    "Content-Length: 0\x0c",
    "X: \x0c",
    // to upstreams that read each other character as `_`
    "Transfer_Encoding: chunked",
    "transfer.encoding: chunked",
    "Content_Length: 5",
    "content-Length: 5\r\nContent_Length: 0",
];

#[test]
fn a_head_that_reads_in_two_ways_is_refused_before_any_parser_reads_it() {
    let gate = Gate::start();
    let request_lines = [
        "GET  /public/a HTTP/1.1",
        "GET /public/a  HTTP/1.1",
        "GET /public/a HTTP/1.1 ",
        " GET /public/a HTTP/1.1",
        "GET\t/public/a\tHTTP/1.1",
        "GET /public/a b HTTP/1.1",
        "GET /public/a HTTP/1.2",
        "GET /public/a HTTP/2.0",
        "GET /public/a http/1.1",
        "GET /public/a",
        "G(T /public/a HTTP/1.1",
        "PRI * HTTP/2.0",
        "\r\n\r\nGET /public/a HTTP/1.1",
        "\rGET /public/a HTTP/1.1",
        "\nGET /public/a HTTP/1.1",
        "GET /public/\0a HTTP/1.1",
    ];
    for line in request_lines {
        gate.refuses(format!("{line}\r\nHost: a\r\n\r\n").as_bytes(), 400, "bad-framing");
    }
    for field in FIELDS {
        gate.refuses(
            format!("POST /public/a HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n0\r\n\r\n").as_bytes(),
            400,
            "bad-framing",
        );
    }
    gate.refuses(
        b"POST /public/a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "bad-framing",
    );
    gate.refuses(b"GET /public/a HTTP/1.1\nHost: a\n\n", 400, "bad-framing");
    gate.refuses(b"GET /public/a HTTP/1.1\r\nHost: a\r\n\n", 400, "bad-framing");
    gate.refuses("GET /public/a HTTP/1.1\r\nHost: a\r\nX\u{e9}: a\r\n\r\n".as_bytes(), 400, "bad-framing");
}

/// Nobody waits for the end of a head that cannot become one: there may never be an end.
#[test]
fn what_can_become_no_head_is_refused_while_it_comes() {
    let gate = Gate::start();
    let begun = std::time::Instant::now();
    for beginning in [
        "GET /public/a\r\n",
        "GET /public/a HTTP/2.0\r\n",
        "GET /public/a HTTP/1.1\rHost: a\r\r",
        "GET /public/a HTTP/1.1\r\nHost: a\rX",
        "GET /public/a HTTP/1.1\r\nHost: a\r\n folded\r\n",
        "GET /public/a HTTP/1.1\r\nX : y\r\n",
        "GET /public/\0",
        "\x16\x03\x01\x02\0\x01\0",
    ] {
        gate.refuses(beginning.as_bytes(), 400, "bad-framing");
        // the same where it comes byte by byte
        let mut client = gate.connect();
        for byte in beginning.as_bytes() {
            client.send(&[*byte]);
        }
        assert_eq!(client.into_end().status(), 400, "{beginning:?}");
    }
    let long = format!("GET /public/{} HTTP/1.1\r\n", "a".repeat(9000));
    gate.refuses(long.as_bytes(), 414, "target-too-long");
    assert!(begun.elapsed() < std::time::Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn hosts_and_targets_that_the_parser_would_refuse_in_its_own_words_are_refused_in_ours() {
    let gate = Gate::start();
    let hosts = ["", "Host: a\r\nHost: a\r\n", "Host: a\r\nhost: b\r\n", "Host: u@a\r\n", "Host: a b\r\n", "Host:\r\n"];
    for host in hosts {
        let head = format!("GET /public/a HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
        gate.refuses(head.as_bytes(), 400, "bad-host");
    }
    for target in
        ["http://b/public/a", "http://A/public/a", "http://u@a/public/a", "http://a:80/public/a", "https://b/public/a"]
    {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        gate.refuses(head.as_bytes(), 400, "bad-host");
    }
    for target in [
        "*",
        "a",
        "a:80",
        "http:/public/a",
        "http:a/public/a",
        "ftp://a/public/a",
        "http://a",
        "?a",
        "/public/a#b",
        "/public/a<b>",
        "/public/`a`",
        "/public/a\\b",
        "//public/a",
        "/public//a",
        "/public/../a",
        "/public/%2e%2e/closed/a",
        "/public/a%2fb",
        "/public/%00",
    ] {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        gate.refuses(head.as_bytes(), 400, "bad-target");
    }
    gate.refuses(b"GET /public/\xc3\xa9 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400, "bad-target");
    gate.refuses(b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405, "method-not-allowed");
    gate.refuses(b"CONNECT /public/a HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method-not-allowed");
    gate.refuses(b"TRACE /public/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405, "method-not-allowed");
}

#[test]
fn what_is_too_large_is_refused_while_it_comes() {
    let gate = Gate::start();
    let long = "a".repeat(40_000);
    gate.refuses(
        format!("GET /public/{} HTTP/1.1\r\nHost: a\r\n\r\n", &long[..9000]).as_bytes(),
        414,
        "target-too-long",
    );
    gate.refuses(format!("GET /public/{long}").as_bytes(), 414, "target-too-long");
    gate.refuses(format!("GET /public/a HTTP/1.1\r\nHost: a\r\nX: {long}").as_bytes(), 431, "headers-too-large");
    let many = "X: a\r\n".repeat(100);
    gate.refuses(format!("GET /public/a HTTP/1.1\r\nHost: a\r\n{many}\r\n").as_bytes(), 431, "headers-too-large");
    gate.refuses(b"POST /public/a HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413, "body-too-large");
}

#[test]
fn what_has_one_reading_passes() {
    let gate = Gate::start();
    let heads = [
        "GET /public/a HTTP/1.1\r\nHost: a\r\n",
        "\r\nGET /public/a HTTP/1.1\r\nHost: a\r\n",
        "GET http://a/public/a HTTP/1.1\r\nHost: a\r\n",
        "GET /public/a HTTP/1.0\r\nHost: a\r\n",
        "GET /public/a?b=%2e%2e//c HTTP/1.1\r\nhOsT:a:80  \r\nX-Empty:\r\nX-Utf8: \u{e9}\r\n",
        "M-SEARCH /public/a HTTP/1.1\r\nHost: a\r\n",
    ];
    for head in heads {
        let reply = gate.send(format!("{head}Connection: close\r\n\r\n").as_bytes());
        let expected = if head.starts_with("M-S") { 405 } else { 200 };
        assert_eq!(reply.status(), expected, "{head:?}: {reply:?}");
        assert!(!reply.text.to_lowercase().contains("pingora"), "{reply:?}");
        gate.upstream.take();
    }
    // in pieces, cut at every byte
    let mut client = gate.connect();
    for byte in b"\r\nPOST /public/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n" {
        client.send(&[*byte]);
    }
    assert_eq!(client.into_end().status(), 200);
    let seen = gate.upstream.take();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].body, b"2\r\nhi\r\n0\r\n\r\n");
}
