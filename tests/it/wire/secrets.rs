//! What stands in no log, whatever a client sends and however much is logged.

use super::frames::{Frames, with};
use crate::support::{Request, Setup, TestIssuer, TestUpstream};

const CONFIG: &str = r#"
listeners: [{address: "127.0.0.1:@GATE@", h2c: true}]
trusted_issuers:
  corp: @CORP@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
  gone: {endpoints: ["127.0.0.1:1"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - {name: orders, match: {path: "/orders/{id}"}, upstream: echo}
  - {name: gone, match: {path: "/gone/{id}"}, upstream: gone}
telemetry: {log: trace, access_log: json}
"#;

#[test]
fn no_query_and_no_token_stands_in_any_log() {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let gate = Setup::of(CONFIG).put("CORP", issuer.trust("")).put("UPSTREAM", upstream.address()).start();
    let token = issuer.token().claim("jti", "the-jti").mint();
    let query = "?access_token=in-the-query&q=1";
    let (bearer, malformed) = (format!("Authorization: Bearer {token}"), format!("Authorization: Bearer {token}x"));
    let host = "Host: gate.example";
    for head in [
        format!("GET /public/a{query} HTTP/1.1\r\n{host}\r\n{bearer}"),
        format!("GET /orders/7{query} HTTP/1.1\r\n{host}\r\n{bearer}"),
        format!("GET /gone/7{query} HTTP/1.1\r\n{host}\r\n{bearer}"),
        format!("GET /nowhere{query} HTTP/1.1\r\n{host}\r\n{bearer}"),
        format!("GET /orders/7{query} HTTP/1.1\r\n{host}\r\n{malformed}"),
        format!("GET /public/../a{query} HTTP/1.1\r\n{host}\r\n{bearer}"),
        format!("GET /public/a#{query} HTTP/1.1\r\n{host}\r\n{bearer}"),
        format!("GET http://other/public/a{query} HTTP/1.1\r\n{host}\r\n{bearer}"),
        format!("GET /public/a{query} HTTP/1.1\r\n{host}\r\nX : y\r\n{bearer}"),
        format!("TRACE /public/a{query} HTTP/1.1\r\n{host}\r\n{bearer}"),
        format!("GET {query} HTTP/1.1\r\n{host}\r\n{bearer}"),
        format!("POST /public/a{query} HTTP/1.1\r\n{host}\r\n{bearer}\r\nTransfer-Encoding: chunked\r\n\r\n{token}"),
        // what is left of a request whose beginning went elsewhere
        format!("Bearer {token}"),
        format!("{token} {token} {token}"),
        bearer,
    ] {
        let mut connection = gate.connect();
        connection.send(format!("{head}\r\n\r\n").as_bytes());
        connection.read();
    }
    let authorization: &'static str = format!("Bearer {token}").leak();
    for path in ["/public/a", "/orders/7", "/gone/7", "/nowhere", "/public//a", "/public/a#"] {
        let path: &'static str = format!("{path}{query}").leak();
        for (name, value) in [("x", "y"), ("connection", "close"), ("x", " a")] {
            let fields = with("GET", path, &[("authorization", authorization), (name, value)]);
            Frames::clear(gate.address()).get(1, &fields);
        }
    }
    let last = gate.ask(&Request::get("/public/last"));
    gate.logged(last.header("x-request-id").unwrap());
    let written = gate.stdout() + &gate.stderr();
    assert!(written.contains("/public/last") && written.contains("bad-framing"), "{written}");
    for secret in [token.as_str(), &token[..60], token.rsplit('.').next().unwrap(), "the-jti", "in-the-query"] {
        let line = written.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} in {line:?}");
    }
}
