//! Targets and hosts that two readers could read differently are refused; all others arrive byte for byte.

use crate::support::{Message, Request, Setup, TestGateway, TestIssuer, TestUpstream};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - {name: admin, match: {path: "/admin/{*rest}"}, access: {scopes: {any: [admin]}}, upstream: echo}
  - {name: exact, match: {path: "/admin"}, access: {scopes: {any: [admin]}}, upstream: echo}
"#;

fn world() -> (TestUpstream, TestGateway) {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let gate = Setup::of(CONFIG).put("CORP", issuer.trust("")).put("UPSTREAM", upstream.address()).start();
    (upstream, gate)
}

/// Sends each of these; all must be refused with 400, and nothing but the control request that follows each may arrive.
fn are_refused<T: AsRef<[u8]>>(requests: impl IntoIterator<Item = T>) {
    let (upstream, gate) = world();
    let mut wrong = Vec::new();
    for bytes in requests {
        let seen = upstream.received().len();
        let mut connection = gate.connect();
        connection.send(bytes.as_ref());
        let status = connection.read().status();
        assert_eq!(gate.ask(&Request::get("/public/control")).status(), 200);
        let arrived = upstream.received().split_off(seen);
        let targets: Vec<_> = arrived.iter().map(Message::target).collect();
        if status != 400 || targets != ["/public/control"] {
            wrong.push(format!("{:?}: {status}, {targets:?} arrived", String::from_utf8_lossy(bytes.as_ref())));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn get(target: &[u8]) -> Vec<u8> {
    [b"GET ", target, b" HTTP/1.1\r\nHost: gate.example\r\n\r\n"].concat()
}

#[test]
fn a_path_with_two_readings_is_refused() {
    let refused: [&[u8]; 66] = [
        b"/public/../admin",
        b"/public/..",
        b"/public/.",
        b"/public/./a",
        b"/./public/a",
        b"/../public/a",
        b"/public/a/..",
        b"/public/a/../",
        b"/public/%2e%2e/admin",
        b"/public/%2E%2E/admin",
        b"/public/.%2e/admin",
        b"/public/%2e./admin",
        b"/public/%2e",
        b"/public/%2e/a",
        b"/public/..;/admin",
        b"/public/..;a=b/admin",
        b"/public/.;/a",
        b"/public/%2e%2e;/admin",
        b"/public/%2e%2e%3b/admin",
        b"/public/..%3Ba/admin",
        b"/public/a%2fb",
        b"/public/a%2Fb",
        b"/public/..%2fadmin",
        b"/public%2f..%2fadmin",
        b"/public/a%5cb",
        b"/public/a%5Cb",
        b"/public/..%5cadmin",
        b"/public/a\\b",
        b"/public/..\\admin",
        b"/public\\a",
        b"/public/a%00",
        b"/public/a%00.html",
        b"/public/a%0a",
        b"/public/a%0d%0aX:y",
        b"/public/a%09",
        b"/public/a%7f",
        b"/public/a%1b",
        b"/public/%252e%252e/admin",
        b"/public/%252fadmin",
        b"/public/a%2525b%32%35",
        b"/public/%25%32%65",
        b"/public/a%c0%ae",
        b"/public/a%c0%af",
        b"/public/a%e0%80%af",
        b"/public/a%ed%a0%80",
        b"/public/a%ff",
        b"/public/a%",
        b"/public/a%2",
        b"/public/a%zz",
        b"/public/a%u002e",
        b"/public/a%%32e",
        b"//public/a",
        b"/public//a",
        b"/public/a//",
        b"//admin",
        b"//gate.example/admin",
        b"/public/a#",
        b"/public/a#/admin",
        b"/public/a?b#c",
        b"/admin#a",
        b"/public/\xc3\xa9",
        b"/public/a?\xc3\xa9",
        b"/public/\xe2\x80\xae",
        b"/public/a\x7f",
        b"public/a",
        b"*",
    ];
    are_refused(refused.map(get));
}

#[test]
fn a_control_byte_in_the_target_is_refused() {
    let bytes = (0..b' ').chain([0x7f, 0x80, 0xa0, 0xff]).filter(|byte| *byte != b'\n');
    are_refused(bytes.map(|byte| get(&[b"/public/a", &[byte][..], b"b"].concat())));
}

#[test]
fn a_blank_in_the_target_is_refused() {
    are_refused([get(b"/public/a b"), get(b"/public/a "), get(b" /public/a"), get(b"/public/a HTTP/1.1 ")]);
}

#[test]
fn a_host_with_two_readings_is_refused() {
    let refused = [
        ("/public/a", ""),
        ("/public/a", "Host: gate.example\r\nHost: gate.example\r\n"),
        ("/public/a", "Host: gate.example\r\nHost: other.example\r\n"),
        ("/public/a", "Host: gate.example\r\nhOsT: other.example\r\n"),
        ("/public/a", "Host:\r\n"),
        ("/public/a", "Host: gate.example, other.example\r\n"),
        ("/public/a", "Host: gate.example other.example\r\n"),
        ("/public/a", "Host: user@gate.example\r\n"),
        ("/public/a", "Host: gate.example/admin\r\n"),
        ("/public/a", "Host: gate.example?a\r\n"),
        ("/public/a", "Host: gate.example#a\r\n"),
        ("/public/a", "Host: gate.example:\r\n"),
        ("/public/a", "Host: gate.example:http\r\n"),
        ("/public/a", "Host: gate.example:99999\r\n"),
        ("/public/a", "Host: gate.example:80:80\r\n"),
        ("/public/a", "Host: gate..example\r\n"),
        ("/public/a", "Host: .gate.example\r\n"),
        ("/public/a", "Host: gate.example..\r\n"),
        ("/public/a", "Host: [::1\r\n"),
        ("/public/a", "Host: ::1\r\n"),
        ("/public/a", "Host: [gate]\r\n"),
        ("/public/a", "Host: g%61te.example\r\n"),
        ("/public/a", "Host: \u{e9}.example\r\n"),
        ("http://other.example/public/a", "Host: gate.example\r\n"),
        ("http://gate.example:81/public/a", "Host: gate.example\r\n"),
        ("http://user@gate.example/public/a", "Host: gate.example\r\n"),
        ("http://gate.example/public/a", ""),
        ("http:///public/a", "Host: gate.example\r\n"),
        ("http://gate.example", "Host: gate.example\r\n"),
        ("http:/public/a", "Host: gate.example\r\n"),
        ("ftp://gate.example/public/a", "Host: gate.example\r\n"),
        ("gate.example/public/a", "Host: gate.example\r\n"),
        ("http://gate.example/public/../admin", "Host: gate.example\r\n"),
        ("http://gate.example//admin", "Host: gate.example\r\n"),
    ];
    are_refused(refused.map(|(target, fields)| format!("GET {target} HTTP/1.1\r\n{fields}\r\n")));
}

#[test]
fn what_every_reader_reads_alike_arrives_byte_for_byte() {
    let (upstream, gate) = world();
    let taken = [
        "/public/",
        "/public/a",
        "/public/a/",
        "/public/a/b/c",
        "/public/a?",
        "/public/a?b=c&b=d&&",
        "/public/a?//x/../y",
        "/public/a?b\\c",
        "/public/a?q=%2f%5c%2e%2e",
        "/public/a?%",
        "/public/a?x=%zz",
        "/public/a?a[]={b}|^`",
        "/public/...",
        "/public/..a",
        "/public/.a/a..",
        "/public/a;b=c/d;e",
        "/public/;",
        "/public/%7Euser",
        "/public/%7euser",
        "/public/100%25",
        "/public/caf%C3%A9",
        "/public/caf%c3%a9",
        "/public/a%20b",
        "/public/a+b",
        "/public/a:b@c!$&'()*,=-._~",
        "/public/a%3Fb",
        "/public/a%23b",
        "/public/%61",
        "/public/x?/admin",
        "/%70ublic/a",
    ];
    let mut wrong = Vec::new();
    for target in taken {
        let status = gate.ask(&Request::get(target)).status();
        if status != 200 || upstream.last().first_line() != format!("GET {target} HTTP/1.1") {
            wrong.push(format!("{target}: {status}, last arrived {}", upstream.last().first_line()));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn an_absolute_target_is_taken_like_its_path() {
    let (upstream, gate) = world();
    for target in ["http://gate.example/public/a?b", "http://gate.example/public/a?b"] {
        assert_eq!(gate.ask(&Request::get(target)).status(), 200, "{target}");
        assert_eq!(upstream.last().first_line(), "GET /public/a?b HTTP/1.1");
        assert_eq!(upstream.last().header("host"), Some("gate.example"));
    }
}

#[test]
fn no_spelling_of_a_guarded_path_is_open() {
    let (upstream, gate) = world();
    let guarded =
        ["/admin", "/admin?x", "/admin/", "/admin/x", "/%61dmin", "/%61%64%6d%69%6e/x", "/admin;a=b/x", "/ADMIN"];
    for target in guarded {
        let status = gate.ask(&Request::get(target)).status();
        assert!(matches!(status, 401 | 404), "{target}: {status}");
    }
    for header in ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "X-Original-Uri", "X-Forwarded-Prefix"] {
        assert_eq!(gate.ask(&Request::get("/admin").header(header, "/public/a")).status(), 401, "{header}");
    }
    assert_eq!(gate.ask(&Request::get("/admin").header("X-HTTP-Method-Override", "OPTIONS")).status(), 401);
    assert_eq!(upstream.received().len(), 0);
}
