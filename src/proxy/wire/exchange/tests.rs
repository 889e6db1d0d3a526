//! An answer as its client reads it, and what becomes of its connection.

use tokio::io::{AsyncReadExt, DuplexStream, duplex};

use bytes::BytesMut;
use http::Version;
use tokio::sync::watch;

use super::*;
use crate::proxy::LimitsConfig;
use crate::proxy::wire::closing::Closing;

struct Client {
    exchange: Exchange<DuplexStream>,
    place: Place<DuplexStream>,
    far: DuplexStream,
}

/// A request of this kind, and the client's end of its connection.
fn asked(method: &str, version: Version) -> Client {
    let (near, far) = duplex(1 << 20);
    let mut request = RequestHeader::build_no_case(method, b"/", None).unwrap();
    request.set_version(version);
    let arrived = Arrived { head: Bytes::new(), body: BytesMut::new(), request, has_body: false };
    let place = Place::default();
    let digest = Arc::new(Digest::default());
    let exchange = Exchange::new(arrived, Box::new(OneRequest::new(near)), digest, place.clone());
    Client { exchange, place, far }
}

fn head(status: u16, fields: &[(&'static str, &str)], last: bool) -> HttpTask {
    let mut header = ResponseHeader::build_no_case(status, None).unwrap();
    for (name, value) in fields {
        header.append_header(*name, *value).unwrap();
    }
    HttpTask::Header(Box::new(header), last)
}

fn body(text: &'static str, last: bool) -> HttpTask {
    HttpTask::Body(Some(Bytes::from_static(text.as_bytes())), last)
}

impl Client {
    /// What the client reads once these tasks are done and the exchange has ended, and whether its connection is kept.
    async fn reads(mut self, tasks: Vec<HttpTask>) -> (String, bool) {
        self.exchange.response_duplex_vec(tasks).await.unwrap();
        self.exchange.finish().await.unwrap();
        drop(self.exchange);
        let kept = self.place.take().is_some();
        let mut read = String::new();
        self.far.read_to_string(&mut read).await.unwrap();
        let date = read.find("Date: ").map(|at| at..at + "Date: Mon, 30 Nov 2026 00:00:00 GMT\r\n".len());
        if let Some(date) = date {
            read.replace_range(date, "");
        }
        (read, kept)
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\n";
const KEPT: &str = "Connection: keep-alive\r\n\r\n";
const CLOSED: &str = "Connection: close\r\n\r\n";

#[tokio::test]
async fn an_answer_is_framed_as_its_head_says_and_its_client_can_read() {
    let (length, chunked) = (("content-length", "5"), ("transfer-encoding", "chunked"));
    let get = |version| ("GET", version);
    let (new, old) = (Version::HTTP_11, Version::HTTP_10);
    let table = [
        (
            get(new),
            vec![head(200, &[length], false), body("hello", true)],
            format!("{OK}Content-Length: 5\r\n{KEPT}hello"),
            true,
        ),
        (
            get(new),
            vec![head(200, &[length], false), body("hello!", true)],
            format!("{OK}Content-Length: 5\r\n{KEPT}hello"),
            true,
        ),
        (
            get(new),
            vec![head(200, &[chunked], false), body("hello", false), body("0123456789abcdef0", true)],
            format!("{OK}Transfer-Encoding: chunked\r\n{KEPT}5\r\nhello\r\n11\r\n0123456789abcdef0\r\n0\r\n\r\n"),
            true,
        ),
        (
            get(new),
            vec![head(200, &[chunked], false), body("", false), body("a", false), HttpTask::Trailer(None)],
            format!("{OK}Transfer-Encoding: chunked\r\n{KEPT}1\r\na\r\n0\r\n\r\n"),
            true,
        ),
        (get(new), vec![head(200, &[], true)], format!("{OK}Content-Length: 0\r\n{KEPT}"), true),
        (get(new), vec![head(200, &[chunked], true)], format!("{OK}Content-Length: 0\r\n{KEPT}"), true),
        (get(old), vec![head(200, &[], false), body("hello", true)], format!("{OK}{CLOSED}hello"), false),
        // pingora adds chunks for whoever asks, where the upstream speaks HTTP/2
        (get(old), vec![head(200, &[chunked], false), body("hello", true)], format!("{OK}{CLOSED}hello"), false),
        (
            get(old),
            vec![head(200, &[length, chunked], false), body("hello", true)],
            format!("{OK}Content-Length: 5\r\n{KEPT}hello"),
            true,
        ),
        (("HEAD", old), vec![head(200, &[chunked], true)], format!("{OK}{KEPT}"), true),
        (("HEAD", new), vec![head(200, &[length], true)], format!("{OK}Content-Length: 5\r\n{KEPT}"), true),
        (("HEAD", new), vec![head(200, &[], false), body("hello", true)], format!("{OK}{KEPT}"), true),
        (
            get(new),
            vec![head(304, &[length], false), body("hello", true)],
            format!("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n{KEPT}"),
            true,
        ),
        (get(new), vec![head(204, &[], true)], format!("HTTP/1.1 204 No Content\r\n{KEPT}"), true),
        // what was announced and does not come keeps no connection
        (get(new), vec![head(200, &[length], true)], format!("{OK}Content-Length: 5\r\n{KEPT}"), false),
        (
            get(new),
            vec![head(200, &[length], false), body("hell", true)],
            format!("{OK}Content-Length: 5\r\n{KEPT}hell"),
            false,
        ),
    ];
    for ((method, version), tasks, wanted, kept) in table {
        let said = format!("{method} {version:?} {tasks:?}");
        assert_eq!(asked(method, version).reads(tasks).await, (wanted, kept), "{said}");
    }
}

#[tokio::test]
async fn interim_answers_go_to_those_who_can_read_them_and_end_nothing() {
    let tasks = || {
        let link = [("link", "</a>")];
        vec![
            head(103, &link, false),
            head(101, &[], false),
            head(200, &[("content-length", "1")], false),
            body("a", true),
        ]
    };
    let last = format!("{OK}Content-Length: 1\r\n");
    let (read, kept) = asked("GET", Version::HTTP_11).reads(tasks()).await;
    assert_eq!((read, kept), (format!("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n{last}{KEPT}a"), true));
    let (read, _) = asked("GET", Version::HTTP_10).reads(tasks()).await;
    assert!(read.starts_with(&last), "{read}");
}

#[tokio::test]
async fn a_line_that_ends_its_connection_says_so_and_gives_nothing_back() {
    let mut client = asked("GET", Version::HTTP_11);
    client.exchange.stream().unwrap().line().end_connection();
    let (read, kept) = client.reads(vec![head(200, &[("content-length", "0")], true)]).await;
    assert_eq!((read, kept), (format!("{OK}Content-Length: 0\r\n{CLOSED}"), false));
}

#[tokio::test]
async fn a_large_piece_goes_on_as_it_came_between_its_borders() {
    let large = "x".repeat(48 * 1024);
    let piece = HttpTask::Body(Some(Bytes::from(large.clone())), false);
    let tasks = vec![head(200, &[("transfer-encoding", "chunked")], false), piece, body("y", true)];
    let (read, kept) = asked("GET", Version::HTTP_11).reads(tasks).await;
    let body = format!("c000\r\n{large}\r\n1\r\ny\r\n0\r\n\r\n");
    assert_eq!((read, kept), (format!("{OK}Transfer-Encoding: chunked\r\n{KEPT}{body}"), true));
}

#[tokio::test]
async fn what_came_before_the_upstream_failed_is_still_sent_and_nothing_ends_it() {
    let mut client = asked("GET", Version::HTTP_11);
    let failed = HttpTask::Failed(Error::new(ErrorType::ReadError));
    let tasks = vec![head(200, &[("transfer-encoding", "chunked")], false), body("a", false), failed];
    assert!(client.exchange.response_duplex_vec(tasks).await.is_err());
    client.exchange.shutdown(0, "").await;
    drop(client.exchange);
    let mut read = String::new();
    client.far.read_to_string(&mut read).await.unwrap();
    assert!(read.ends_with("1\r\na\r\n") && client.place.take().is_none(), "{read}");
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_while_its_answer_is_made() {
    let Client { mut exchange, far, .. } = asked("GET", Version::HTTP_11);
    drop(far);
    assert!(exchange.read_body_or_idle(true).await.is_err());
}

#[tokio::test]
async fn a_body_that_turned_out_to_be_empty_is_so_for_a_second_try() {
    let (mut near, far) = duplex(1 << 20);
    near.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").await.unwrap();
    let (_stays, shutdown) = watch::channel(false);
    let (limits, mut closing) = (LimitsConfig::default(), Closing::new(shutdown));
    let mut stream = Box::new(OneRequest::new(far));
    let arrived = stream.next(&limits, None, &mut closing).await.unwrap().unwrap();
    let mut exchange = Exchange::new(arrived, stream, Arc::new(Digest::default()), Place::default());
    assert!(!exchange.is_body_empty(), "nobody has looked");
    exchange.drain_request_body().await.unwrap();
    assert!(exchange.is_body_empty());
}

#[tokio::test]
async fn a_body_that_nobody_has_read_keeps_no_connection() {
    for (body, read_first, keeps) in [("a", false, false), ("a", true, true), ("", false, true)] {
        let mut client = asked("POST", Version::HTTP_11);
        client.exchange.body = Incoming::new(BytesMut::from(body), false);
        if read_first {
            client.exchange.drain_request_body().await.unwrap();
        }
        let (read, kept) = client.reads(vec![head(200, &[("content-length", "0")], true)]).await;
        let option = if keeps { KEPT } else { CLOSED };
        assert_eq!((read, kept), (format!("{OK}Content-Length: 0\r\n{option}"), keeps), "{body:?} {read_first}");
    }
}
