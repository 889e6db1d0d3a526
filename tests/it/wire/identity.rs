//! What a client claims about itself and about the way it came, in every spelling that an upstream could read.

use super::support::Gate;

#[test]
fn claimed_identity_reaches_no_upstream_whatever_the_connection_header_names() {
    let gate = Gate::start();
    let claims = [
        "x-auth-sub: eve",
        "X-AUTH-SUB: eve",
        "x_auth_sub: eve",
        "X-Auth_Sub: eve",
        "x-auth-: eve",
        "x-auth-anything: eve",
        "x-auth-sub: a\r\nx-auth-sub: eve",
    ];
    let connections = [
        "",
        "Connection: x-auth-sub\r\n",
        "Connection: keep-alive, x-auth-sub\r\n",
        "Connection: close\r\nConnection: X-Auth-Sub\r\n",
    ];
    for claim in claims {
        for connection in connections {
            let mut client = gate.connect();
            client.send(format!("GET /public/a HTTP/1.1\r\nHost: a\r\n{connection}{claim}\r\n\r\n").as_bytes());
            let reply = client.answer();
            assert!(matches!(reply.status(), 200 | 400), "{claim:?} {connection:?}: {reply:?}");
            let seen = gate.upstream.take();
            assert!(seen.iter().all(|seen| !seen.head.contains("eve")), "{claim:?} {connection:?}: {seen:#?}");
        }
    }
    gate.control();
}

#[test]
fn what_would_make_an_upstream_read_another_request_is_taken_out() {
    let gate = Gate::start();
    for name in [
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "X-Original-Method",
        "X-Original-URL",
        "X-Original-URI",
        "X-Rewrite-URL",
        "X-Envoy-Original-Path",
        "Proxy",
    ] {
        for name in [name.to_owned(), name.to_lowercase(), name.replace('-', "_")] {
            let lines = format!("{name}: /closed/a\r\nX-Kept: 1\r\nConnection: close\r\n");
            let reply = gate.send(format!("POST /public/a HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes());
            assert_eq!(reply.status(), 200, "{name}: {reply:?}");
            let seen = gate.upstream.take();
            assert!(!seen[0].head.contains("/closed/a"), "{name}: {seen:#?}");
            assert_eq!(seen[0].values("x-kept"), ["1"], "{name}");
        }
    }
}

#[test]
fn names_in_connection_take_out_nothing_that_the_gate_sets() {
    let gate = Gate::start();
    for name in [
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-request-id",
        "host",
        "x-auth-sub",
        "content-length",
    ] {
        let reply = gate.send(
            format!(
                "POST /public/a HTTP/1.1\r\nHost: a\r\nConnection: close, {name}\r\nContent-Length: 5\r\n\r\nhello"
            )
            .as_bytes(),
        );
        let seen = gate.upstream.take();
        if reply.status() == 400 {
            assert!(seen.is_empty(), "{name}: {seen:#?}");
            continue;
        }
        assert_eq!(seen.len(), 1, "{name}: {reply:?}");
        let framed: &[u8] =
            if seen[0].values("content-length").is_empty() { b"5\r\nhello\r\n0\r\n\r\n" } else { b"hello" };
        assert_eq!(seen[0].body, framed, "{name}");
        for set in ["host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id"] {
            assert_eq!(seen[0].values(set).len(), 1, "{name} took out {set}: {seen:#?}");
        }
    }
}

#[test]
fn what_is_for_the_upstream_cannot_be_named_in_connection() {
    let gate = Gate::start();
    for options in [
        "host",
        "close, X-Forwarded-For",
        "x-forwarded-proto",
        "x-forwarded-host",
        "forwarded",
        "content-length",
        ":authority",
        "\"host\"",
        "a b",
        "a,b,c,d,e,f,g,h,i,j",
    ] {
        let head =
            format!("POST /public/a HTTP/1.1\r\nHost: a\r\nConnection: {options}\r\nContent-Length: 5\r\n\r\nhello");
        gate.refuses(head.as_bytes(), 400, "bad-framing");
        assert!(gate.upstream.take().is_empty(), "{options}");
    }
}

#[test]
fn hop_by_hop_fields_stay_on_their_hop() {
    let gate = Gate::start();
    let reply = gate.send(
        b"GET /public/a HTTP/1.1\r\nHost: a\r\nConnection: close, x-hop, te\r\nX-Hop: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    );
    assert_eq!(reply.status(), 200, "{reply:?}");
    let seen = gate.upstream.take();
    for name in ["x-hop", "te", "keep-alive", "proxy-connection", "upgrade", "http2-settings"] {
        assert!(seen[0].values(name).is_empty(), "{name}: {seen:#?}");
    }
}

#[test]
fn the_way_that_a_request_came_is_told_by_the_gate_alone() {
    let gate = Gate::start();
    let claims = "X-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 7.7.7.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: eve\r\nForwarded: for=6.6.6.6\r\n\
                  X_Forwarded_For: 6.6.6.6\r\nX.Forwarded.For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX~Real~IP: 6.6.6.6\r\n";
    assert_eq!(
        gate.send(format!("GET /public/a HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n{claims}\r\n").as_bytes())
            .status(),
        200
    );
    let seen = gate.upstream.take();
    assert_eq!(seen[0].values("x-forwarded-for"), ["127.0.0.1"], "{seen:#?}");
    assert_eq!(seen[0].values("x-forwarded-proto"), ["http"]);
    assert_eq!(seen[0].values("x-forwarded-host"), ["a:80"]);
    assert!(!seen[0].head.contains("6.6.6.6") && !seen[0].head.contains("eve"), "{seen:#?}");
}

#[test]
fn a_trusted_proxy_is_believed_about_the_way_that_a_request_came() {
    let gate = Gate::with("trusted_proxies: [127.0.0.0/8, 10.0.0.1]");
    let claims = "X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n\
                  Forwarded: for=6.6.6.6\r\nx_forwarded_for: 6.6.6.6\r\n";
    assert_eq!(
        gate.send(format!("GET /public/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{claims}\r\n").as_bytes())
            .status(),
        200
    );
    let seen = gate.upstream.take();
    assert_eq!(seen[0].values("x-forwarded-for"), ["192.0.2.7, 10.0.0.1, 127.0.0.1"], "{seen:#?}");
    assert_eq!(seen[0].values("x-forwarded-proto"), ["https"]);
    assert_eq!(seen[0].values("x-forwarded-host"), ["shop.example"]);
    assert!(!seen[0].head.contains("6.6.6.6"), "{seen:#?}");
    gate.logs("192.0.2.7");
}
