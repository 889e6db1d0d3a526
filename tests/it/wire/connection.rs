//! Connections: how long a client may take, how many it may have, and what follows on one.

use std::io::Write;
use std::time::{Duration, Instant};

use super::support::Gate;

const GET: &[u8] = b"GET /public/a HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_head_that_trickles_in_has_one_deadline_for_all_of_it() {
    let gate = Gate::with("limits: {header_timeout: 1s}");
    let begun = Instant::now();
    let mut client = gate.connect();
    client.send(b"GET /public/a HTTP/1.1\r\n");
    let mut trickle = client.stream.try_clone().unwrap();
    std::thread::spawn(move || {
        while trickle.write_all(b"X: a\r\n").is_ok() && begun.elapsed() < Duration::from_secs(15) {
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let reply = client.into_end();
    assert_eq!(reply.status(), 408, "{reply:?}");
    assert!(reply.text.contains("\"code\":\"request-timeout\""), "{reply:?}");
    assert!(reply.text.contains("connection: close\r\n") && !reply.text.contains("Pingora"), "{reply:?}");
    assert!((900..8000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    assert!(gate.upstream.take().is_empty());
    gate.logs("request-timeout");
    gate.control();
}

#[test]
fn the_deadline_of_a_later_head_begins_with_its_first_byte() {
    let gate = Gate::with("limits: {header_timeout: 1s}");
    let mut client = gate.connect();
    client.send(GET);
    assert_eq!(client.answer().status(), 200);
    // at rest for longer than a head may take
    std::thread::sleep(Duration::from_millis(1500));
    client.send(GET);
    assert_eq!(client.answer().status(), 200);
    let begun = Instant::now();
    client.send(b"GET /public/a HTTP/1.1\r\n");
    assert_eq!(client.into_end().status(), 408);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_connection_that_never_says_anything_is_closed() {
    let gate = Gate::with("limits: {header_timeout: 1s}");
    let begun = Instant::now();
    assert_eq!(gate.connect().into_end().text, "");
    assert_eq!(gate.connect_tls_raw().into_length(), 0);
    // half of a ClientHello
    let mut handshake = gate.connect_tls_raw();
    handshake.send(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
    handshake.into_length();
    assert!(begun.elapsed() >= Duration::from_millis(1500) && begun.elapsed() < Duration::from_secs(10));
    gate.control();
}

#[test]
fn an_address_has_only_so_many_connections_and_gets_its_places_back() {
    let gate = Gate::with("limits: {connections_per_ip: 5}");
    // the gate may not have noticed yet that the connections which asked whether it is open have gone
    std::thread::sleep(Duration::from_millis(200));
    let mut open: Vec<_> = (0..5).map(|_| gate.connect()).collect();
    for client in &mut open {
        client.send(GET);
        assert_eq!(client.answer().status(), 200);
    }
    for _ in 0..3 {
        assert_eq!(gate.send(GET).text, "", "one too many is closed at once");
    }
    // those that are open go on
    for client in &mut open {
        client.send(GET);
        assert_eq!(client.answer().status(), 200);
    }
    drop(open);
    std::thread::sleep(Duration::from_millis(200));
    gate.upstream.take();
    gate.control();
}

#[test]
fn requests_sent_ahead_are_answered_in_turn_each_judged_by_itself() {
    let gate = Gate::start();
    let first = "POST /public/one HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let second = "POST /public/two HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    let third = "GET /closed/three HTTP/1.1\r\nHost: a\r\n\r\n";
    let fourth = "GET /public/four HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let all = format!("{first}{second}{third}{fourth}");
    for cut in [all.len(), first.len() - 2, first.len() + 3, first.len() + second.len() - 3] {
        let mut client = gate.connect();
        client.send(&all.as_bytes()[..cut]);
        std::thread::sleep(Duration::from_millis(20));
        client.send(&all.as_bytes()[cut..]);
        let statuses =
            [client.answer().status(), client.answer().status(), client.answer().status(), client.answer().status()];
        assert_eq!(statuses, [200, 200, 401, 200], "cut at {cut}");
        let seen = gate.upstream.take();
        let lines: Vec<_> = seen.iter().map(|seen| seen.head.lines().next().unwrap()).collect();
        assert_eq!(lines, ["POST /public/one HTTP/1.1", "POST /public/two HTTP/1.1", "GET /public/four HTTP/1.1"]);
        assert_eq!(seen[0].body, b"hello");
    }
    // what is wrong in the second ends the connection, not the first
    let mut client = gate.connect();
    client.send(format!("{first}GET /public/x HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n{fourth}").as_bytes());
    assert_eq!(client.answer().status(), 200);
    let rest = client.into_end();
    assert_eq!(rest.status(), 400, "{rest:?}");
    assert_eq!(rest.text.matches("HTTP/1.1 ").count(), 1, "{rest:?}");
    assert_eq!(gate.upstream.take().len(), 1);
}

#[test]
fn answers_without_a_body_leave_the_connection_in_step() {
    let gate = Gate::start();
    let mut client = gate.connect();
    client.send(b"HEAD /public/a HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send(b"GET /public/204 HTTP/1.1\r\nHost: a\r\n\r\nGET /public/304 HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send(b"HEAD /closed/a HTTP/1.1\r\nHost: a\r\n\r\nGET /public/chunked HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let text = client.into_end().text;
    let statuses: Vec<_> = text.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "204", "304", "401", "200"], "{text}");
    let bodies: Vec<_> =
        text.split("HTTP/1.1 ").skip(1).map(|answer| answer.split_once("\r\n\r\n").unwrap().1).collect();
    assert_eq!(&bodies[..4], ["", "", "", ""], "{text}");
    assert!(bodies[4].contains("2\r\nok\r\n"), "{text}");
}

#[test]
fn an_expectation_is_met_before_the_body_comes() {
    let gate = Gate::start();
    let mut client = gate.connect();
    client.send(b"POST /public/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.answer().status(), 100);
    client.send(b"hello");
    assert_eq!(client.answer().status(), 200);
    assert_eq!(gate.upstream.take()[0].body, b"hello");
    // refused without asking for the body
    let mut client = gate.connect();
    client.send(b"POST /closed/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    let reply = client.into_end();
    assert_eq!(reply.status(), 401, "{reply:?}");
}

#[test]
fn to_a_client_of_http_1_0_an_expectation_means_nothing() {
    let gate = Gate::start();
    let reply =
        gate.send(b"POST /public/a HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(reply.status(), 200, "{reply:?}");
    assert_eq!(reply.text.matches("HTTP/1.1 ").count(), 1, "{reply:?}");
    let seen = gate.upstream.take();
    assert!(seen[0].values("expect").is_empty() && seen[0].body == b"hello", "{seen:#?}");
}

#[test]
fn http_1_0_is_kept_only_where_it_asks_for_it() {
    let gate = Gate::start();
    let once = gate.send(b"GET /public/a HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!(once.status(), 200, "{once:?}");
    assert!(once.text.to_lowercase().contains("connection: close"), "{once:?}");
    let mut kept = gate.connect();
    kept.send(b"GET /public/a HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(kept.answer().status(), 200);
    kept.send(b"GET /public/a HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!(kept.into_end().status(), 200);
}

#[test]
fn an_upgrade_that_no_route_allows_opens_no_tunnel() {
    let gate = Gate::start();
    let reply = gate.send(
        b"GET /public/101 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET /public/smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(reply.status(), 502, "{reply:?}");
    let seen = gate.upstream.take();
    assert!(seen.iter().all(|seen| seen.values("upgrade").is_empty()), "{seen:#?}");
    gate.control();
}
