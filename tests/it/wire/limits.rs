//! What each bound answers, over both protocols, and under which code it is counted.

use super::frames::{CONTINUATION, DATA, END_HEADERS, END_STREAM, End, Frames, HEADERS, block, with};
use crate::support::{Request, Setup, TestGateway, TestUpstream};

const CONFIG: &str = r#"
listeners: [{address: "127.0.0.1:@GATE@", h2c: true}]
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
limits: {body: 1000, target: 1KiB, header: 8KiB, headers: 40, header_timeout: 1s, body_timeout: 1s}
"#;

fn world() -> (TestUpstream, TestGateway) {
    let upstream = TestUpstream::start();
    let gate = Setup::of(CONFIG).put("UPSTREAM", upstream.address()).start();
    (upstream, gate)
}

/// The bounds of a head: what is just within them passes, what is just beyond is refused and counted.
#[test]
fn each_bound_of_a_head_has_its_status_and_its_count_over_both_protocols() {
    let (upstream, gate) = world();
    let path = |length: usize| format!("/public/{}", "x".repeat(length - "/public/".len()));
    let named = |count: usize| (0..count).map(|number| (format!("x-{number}"), "y".to_owned())).collect::<Vec<_>>();
    let long = |length: usize| vec![("x".to_owned(), "y".repeat(length))];
    let rows = [
        (path(1024), vec![], 200, ""),
        (path(1025), vec![], 414, "target-too-long"),
        // Host, and over HTTP/1.1 nothing else that is not named here
        (path(9), named(39), 200, ""),
        (path(9), named(41), 431, "headers-too-large"),
        (path(9), long(8000), 200, ""),
        (path(9), long(8192), 431, "headers-too-large"),
    ];
    for (target, fields, status, code) in &rows {
        let seen = upstream.received().len();
        let request = fields.iter().fold(Request::get(target), |request, (name, value)| request.header(name, value));
        let mut connection = gate.connect();
        let answer = connection.ask(&request);
        assert_eq!((answer.status(), answer.code().as_str()), (*status, *code), "{} fields", fields.len());
        assert_eq!(connection.is_closed(), *status != 200, "{code}");
        let mut all = with("GET", target.clone().leak(), &[]);
        all.extend(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).map(|(name, value)| {
            let (name, value): (&'static [u8], &'static [u8]) = (name.to_vec().leak(), value.to_vec().leak());
            (name, value)
        }));
        let mut frames = Frames::clear(gate.address());
        assert_eq!(frames.get(1, &all), End::Status(*status), "{code}, {} fields", fields.len());
        if *status != 200 {
            assert!(frames.body_of(1).contains(&format!("\"code\":\"{code}\"")), "{code}");
        }
        // the connection goes on
        assert_eq!(frames.get(3, &with("GET", "/public/control", &[])), End::Status(200), "{code}");
        assert_eq!(upstream.received().len() - seen, if *status == 200 { 3 } else { 1 }, "{code}");
    }
    for (code, count) in [("target-too-long", 2), ("headers-too-large", 4)] {
        gate.counts(&format!("lychgate_requests_total{{code=\"{code}\",outcome=\"denied\",route=\"-\"}}"), count);
    }
}

#[test]
fn a_body_has_its_bounds_over_both_protocols() {
    let (upstream, gate) = world();
    let denied = |code: &str, route: &str, count: u32| {
        gate.counts(&format!("lychgate_requests_total{{code=\"{code}\",outcome=\"denied\",route=\"{route}\"}}"), count);
    };
    // said beforehand, nothing of it is awaited
    let mut connection = gate.connect();
    connection.send(b"POST /public/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n");
    assert_eq!(connection.read().status(), 413);
    assert!(connection.is_closed());
    denied("body-too-large", "-", 1);
    let mut frames = Frames::clear(gate.address());
    let head = block(&with("POST", "/public/a", &[("content-length", "1001")]));
    frames.frame(HEADERS, END_HEADERS, 1, &head);
    assert_eq!(frames.end_of(1), End::Status(413));
    denied("body-too-large", "-", 2);
    // said by nobody, it ends where it is too much; so does nothing else of the connection
    let mut frames = Frames::clear(gate.address());
    frames.frame(HEADERS, END_HEADERS, 1, &block(&with("POST", "/public/a", &[])));
    frames.frame(DATA, 0, 1, &[b'x'; 600]);
    frames.frame(DATA, 0, 1, &[b'x'; 600]);
    assert_eq!(frames.end_of(1), End::Status(413));
    assert_eq!(frames.get(3, &with("GET", "/public/control", &[])), End::Status(200));
    denied("body-too-large", "open", 1);
    // one that does not come
    let mut frames = Frames::clear(gate.address());
    frames.frame(HEADERS, END_HEADERS, 1, &block(&with("POST", "/public/a", &[])));
    frames.frame(DATA, 0, 1, b"x");
    assert_eq!(frames.end_of(1), End::Status(408));
    let mut connection = gate.connect();
    connection.send(b"POST /public/a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx");
    assert_eq!(connection.read().status(), 408);
    assert!(connection.is_closed());
    denied("request-timeout", "open", 2);
    assert_eq!(upstream.received().len(), 1, "the control request alone came whole");
}

/// That nobody reads the answer is not the gate's failure: operators are woken for those.
#[test]
fn a_client_that_breaks_off_is_never_counted_as_a_failure_of_the_gate() {
    let (_upstream, gate) = world();
    let mut frames = Frames::clear(gate.address());
    frames.frame(HEADERS, END_HEADERS, 1, &block(&with("POST", "/public/a", &[("content-length", "1001")])));
    frames.frame(DATA, END_STREAM, 1, b"x");
    frames.frame(HEADERS, 0, 3, &block(&with("GET", "/nowhere", &[])));
    frames.frame(CONTINUATION, END_HEADERS, 3, &[]);
    frames.frame(DATA, END_STREAM, 3, b"");
    frames.end_of(3);
    for _ in 0..20 {
        gate.connect().send(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\nGET /public/a HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    assert_eq!(gate.ask(&Request::get("/public/a")).status(), 200);
    let metrics = gate.admin("/metrics").text();
    assert!(!metrics.contains("code=\"internal\""), "{metrics}");
}
