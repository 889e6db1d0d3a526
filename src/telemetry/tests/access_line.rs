//! What the lines of the access log say, and that no request can write one of its own.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::telemetry::access_line::AccessLine;
use crate::telemetry::outcome::Outcome;

const TRICK: &str = "/a\r\n{\"outcome\":\"allowed\"}\u{2028}\u{85} subject=root \u{1b}[2K\"";

fn line(path: &str) -> AccessLine<'_> {
    AccessLine {
        time_unix_millis: 1_795_036_294_007,
        request_id: "r-1",
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"),
        door: None,
        client: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        method: "GET",
        host: Some("api.example.com"),
        path,
        route: Some("read-orders"),
        status: Some(200),
        outcome: Outcome::Allowed,
        code: "2xx",
        issuer: Some("corp"),
        subject: Some("alice"),
        policies: vec!["clerk-reads-own-tenant", "staff"],
        duration: Duration::from_micros(1834),
        decision: Some(Duration::from_micros(57)),
        upstream: Some("orders"),
        upstream_duration: Some(Duration::from_micros(1500)),
        bytes_in: 0,
        bytes_out: 1024,
    }
}

fn bare(path: &str) -> AccessLine<'_> {
    AccessLine {
        trace_id: None,
        client: None,
        host: None,
        route: None,
        status: None,
        issuer: None,
        subject: None,
        policies: vec![],
        decision: None,
        upstream: None,
        upstream_duration: None,
        ..line(path)
    }
}

fn json(line: &AccessLine<'_>) -> String {
    let mut out = Vec::new();
    line.write_json(line.subject, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn text(line: &AccessLine<'_>) -> String {
    let mut out = Vec::new();
    line.write_text(line.subject, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_json_line_says_all_that_is_known() {
    assert_eq!(
        json(&line("/orders/7")),
        concat!(
            r#"{"time":"2026-11-18T21:11:34.007Z","request_id":"r-1","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","#,
            r#""client":"127.0.0.1","method":"GET","host":"api.example.com","path":"/orders/7","route":"read-orders","#,
            r#""status":200,"outcome":"allowed","code":"2xx","issuer":"corp","subject":"alice","#,
            r#""policies":["clerk-reads-own-tenant","staff"],"duration_us":1834,"decision_us":57,"#,
            r#""upstream":"orders","upstream_us":1500,"bytes_in":0,"bytes_out":1024}"#,
            "\n"
        )
    );
}

#[test]
fn the_text_line_says_all_that_is_known() {
    assert_eq!(
        text(&line("/orders/7")),
        "2026-11-18T21:11:34.007Z 127.0.0.1 GET api.example.com/orders/7 200 allowed 2xx 1834us route=read-orders \
         issuer=corp subject=alice policy=clerk-reads-own-tenant policy=staff decision_us=57 upstream=orders \
         upstream_us=1500 in=0 out=1024 id=r-1 trace=4bf92f3577b34da6a3ce929d0e0e4736\n"
    );
}

#[test]
fn what_is_not_known_is_left_out() {
    assert_eq!(text(&bare("/")), "2026-11-18T21:11:34.007Z - GET / - allowed 2xx 1834us in=0 out=1024 id=r-1\n");
    let json: serde_json::Value = serde_json::from_str(&json(&bare("/"))).unwrap();
    for absent in
        ["client", "host", "route", "status", "issuer", "subject", "policies", "decision_us", "upstream", "upstream_us"]
    {
        assert!(json.get(absent).is_none(), "{absent}");
    }
}

#[test]
fn a_query_is_never_written() {
    for path in ["/orders?access_token=eyJ", "/orders#eyJ", "/orders?a#eyJ"] {
        assert!(!json(&line(path)).contains("eyJ"), "{path}");
        assert!(!text(&line(path)).contains("eyJ"), "{path}");
    }
}

#[test]
fn no_value_can_forge_a_line_or_a_field() {
    let forged = AccessLine {
        method: TRICK,
        host: Some(TRICK),
        code: TRICK,
        subject: Some(TRICK),
        policies: vec![TRICK],
        request_id: TRICK,
        ..bare(TRICK)
    };
    let (json, text) = (json(&forged), text(&forged));
    let clean = |line: &str| !line.trim_end_matches('\n').chars().any(|c| c.is_control() || c == '\u{2028}');
    assert!(clean(&json) && clean(&text), "{json:?}\n{text:?}");
    assert_eq!(text.split(' ').filter(|word| word.starts_with("subject=")).count(), 1, "{text}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["path"], TRICK);
    assert_eq!(json["outcome"], "allowed");
}

#[test]
fn a_time_past_all_calendars_does_not_stop_the_log() {
    let far = AccessLine { time_unix_millis: u64::MAX, ..bare("/") };
    assert!(text(&far).starts_with("9999-12-31T23:59:59.999Z"), "{}", text(&far));
    assert!(json(&far).contains("9999-12-31T23:59:59.999Z"));
}
