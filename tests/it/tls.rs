//! TLS on both sides: HTTP/1.1 and HTTP/2 by ALPN, certificates that change, upstreams that prove who they are.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use crate::support::{Authority, Connection, Identity, Request, Setup, TestGateway, TestIssuer, TestUpstream, until};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - {name: orders, match: {path: "/orders/{id}"}, upstream: echo}
limits: {headers: 40, body: 1000}
"#;

const NAME: &str = "gate.example";

struct World {
    authority: Authority,
    issuer: TestIssuer,
    upstream: TestUpstream,
    gate: TestGateway,
}

fn world() -> World {
    let (authority, issuer, upstream) = (Authority::new(), TestIssuer::start(), TestUpstream::start());
    let Identity { certificate, key } = authority.identity(NAME);
    let setup = Setup::of(CONFIG).put("CORP", issuer.trust("")).put("UPSTREAM", upstream.address());
    let gate = setup.tls().file("tls.crt", certificate).file("tls.key", key).start();
    World { authority, issuer, upstream, gate }
}

impl World {
    fn connect(&self) -> Connection {
        Connection::open_tls(self.gate.address(), NAME, self.authority.client(&["http/1.1"])).unwrap()
    }

    /// A client that speaks HTTP/2 alone.
    fn http2(&self) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(self.authority.pem().as_bytes()).unwrap();
        reqwest::Client::builder()
            .tls_certs_only([root])
            .resolve(NAME, self.gate.address())
            .http2_prior_knowledge()
            .no_proxy()
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("https://{NAME}:{}{path}", self.gate.address().port())
    }
}

/// Whatever was claimed, folded or doubled.
fn told(upstream: &TestUpstream) -> Vec<(String, String)> {
    let arrived = upstream.last();
    let fields = arrived.fields().into_iter().map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    fields.filter(|(name, _)| name.contains("auth")).collect()
}

#[test]
fn http_1_and_2_are_spoken_by_choice_of_the_client() {
    let world = world();
    for (offered, chosen) in [
        (&["http/1.1"][..], Some(&b"http/1.1"[..])),
        (&["h2"], Some(b"h2")),
        (&["h2", "http/1.1"], Some(b"h2")),
        (&[], None),
    ] {
        let protocol = Connection::negotiate(world.gate.address(), NAME, world.authority.client(offered)).unwrap();
        assert_eq!(protocol.as_deref(), chosen, "{offered:?}");
    }
    let stranger = Authority::new();
    assert!(Connection::negotiate(world.gate.address(), NAME, stranger.client(&[])).is_err());
}

#[test]
fn over_tls_the_same_rules_hold() {
    let world = world();
    let mut connection = world.connect();
    assert_eq!(connection.ask(&Request::get("/public/a").host(NAME)).status(), 200);
    assert_eq!(world.upstream.last().header("x-forwarded-proto"), Some("https"));
    assert_eq!(connection.ask(&Request::get("/orders/7").host(NAME)).code(), "missing-credential");
    let request = Request::get("/orders/7").host(NAME).bearer(&world.issuer.token().mint());
    assert_eq!(connection.ask(&request).status(), 200);
    assert_eq!(told(&world.upstream), [("x-auth-sub".to_owned(), "alice".to_owned())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn over_http_2_the_same_rules_hold() {
    let world = world();
    let client = world.http2();
    let token = world.issuer.token().mint();
    let answer = client.get(world.url("/public/a?b=c")).header("x_auth_sub", "forged").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
    assert_eq!(told(&world.upstream), []);
    assert_eq!(world.upstream.last().first_line(), "GET /public/a?b=c HTTP/1.1");
    assert_eq!(world.upstream.last().header("x-forwarded-proto"), Some("https"));
    let authority = format!("{NAME}:{}", world.gate.address().port());
    assert_eq!(world.upstream.last().header("x-forwarded-host"), Some(authority.as_str()));

    let forged = client.get(world.url("/orders/7")).header("X-Auth-Sub", "forged").header("x-auth_groups", "forged");
    let answer = forged.bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(told(&world.upstream), [("x-auth-sub".to_owned(), "alice".to_owned())]);

    let posted = client.post(world.url("/public/a")).body("hello").send().await.unwrap();
    assert_eq!(posted.status().as_u16(), 200);
    assert_eq!(world.upstream.last().text(), "hello");

    let seen = world.upstream.received().len();
    let too_many =
        (0..41).fold(client.get(world.url("/public/a")), |request, number| request.header(format!("x-{number}"), "y"));
    let refused = [
        (client.get(world.url("/orders/7")), 401, "missing-credential"),
        (client.get(world.url("/orders/7")).bearer_auth("a.b.c"), 401, "malformed-token"),
        (client.get(world.url("/nowhere")), 404, "no-route"),
        (client.get(world.url("/public/a%2fb")), 400, "bad-target"),
        (client.get(world.url("/public//a")), 400, "bad-target"),
        (client.request(reqwest::Method::TRACE, world.url("/public/a")), 405, "method-not-allowed"),
        (client.post(world.url("/public/a")).body(vec![b'x'; 1001]), 413, "body-too-large"),
        (too_many, 431, "headers-too-large"),
        (client.get(world.url("/public/a")).header("host", "other.example"), 400, "bad-host"),
    ];
    for (request, status, code) in refused {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{code}");
        let body = answer.text().await.unwrap();
        assert!(body.contains(&format!("\"code\":\"{code}\"")), "{code}: {body:?}");
    }
    assert_eq!(world.upstream.received().len(), seen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn many_streams_of_one_connection_are_decided_each_for_itself() {
    let world = world();
    let (client, token) = (world.http2(), world.issuer.token().mint());
    let requests = (0..40).map(|number| {
        let request = client.get(world.url(&format!("/orders/{number}")));
        let with_token = number % 2 == 0;
        let request = if with_token { request.bearer_auth(&token) } else { request };
        let expected = if with_token { 200 } else { 401 };
        tokio::spawn(async move { (request.send().await.unwrap().status().as_u16(), expected) })
    });
    for request in requests.collect::<Vec<_>>() {
        let (status, expected) = request.await.unwrap();
        assert_eq!(status, expected);
    }
}

#[test]
fn a_certificate_that_changes_on_disk_is_presented_without_a_restart() {
    let world = world();
    let mut kept = world.connect();
    assert_eq!(kept.ask(&Request::get("/public/a").host(NAME)).status(), 200);
    let renewed = Authority::new();
    let Identity { certificate, key } = renewed.identity(NAME);
    // Half of a change is no change: the old certificate goes on.
    fs::write(world.gate.path("tls.key"), "half written").unwrap();
    fs::write(world.gate.path("tls.crt"), certificate).unwrap();
    world.connect();
    fs::write(world.gate.path("tls.key"), key).unwrap();
    until("the new certificate", || {
        Connection::negotiate(world.gate.address(), NAME, renewed.client(&["http/1.1"])).ok()
    });
    assert_eq!(kept.ask(&Request::get("/public/a").host(NAME)).status(), 200, "the open connection goes on");
}

const TO_TLS: &str = r#"
upstreams:
  named: {endpoints: ["@UPSTREAM@"], tls: {server_name: orders.internal, ca: ca.pem}}
  misnamed: {endpoints: ["@UPSTREAM@"], tls: {server_name: other.internal, ca: ca.pem}}
  by-address: {endpoints: ["@UPSTREAM@"], tls: {ca: ca.pem}}
  by-system: {endpoints: ["@UPSTREAM@"], tls: {server_name: orders.internal}}
  plain: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: named, match: {path: "/named"}, access: public, upstream: named}
  - {name: misnamed, match: {path: "/misnamed"}, access: public, upstream: misnamed}
  - {name: by-address, match: {path: "/by-address"}, access: public, upstream: by-address}
  - {name: by-system, match: {path: "/by-system"}, access: public, upstream: by-system}
  - {name: plain, match: {path: "/plain"}, access: public, upstream: plain}
"#;

fn before_tls(upstream: SocketAddr, authority: &Authority) -> TestGateway {
    Setup::of(TO_TLS).put("UPSTREAM", upstream).file("ca.pem", authority.pem()).start()
}

#[test]
fn an_upstream_is_believed_by_its_own_authority_and_name_alone() {
    let authority = Authority::new();
    let upstream = TestUpstream::start_tls(authority.identity("orders.internal").server());
    let gate = before_tls(upstream.address(), &authority);
    assert_eq!(gate.ask(&Request::get("/named")).status(), 200);
    assert_eq!(upstream.last().target(), "/named");
    for path in ["/misnamed", "/by-address", "/by-system", "/plain"] {
        let answer = gate.ask(&Request::get(path));
        assert_eq!(answer.status(), 502, "{path}");
        assert!(answer.code().starts_with("upstream-"), "{path}: {}", answer.code());
    }
    assert_eq!(upstream.received().len(), 1);
}

#[test]
fn an_upstream_of_another_authority_is_not_believed() {
    let authority = Authority::new();
    let upstream = TestUpstream::start_tls(Authority::new().identity("orders.internal").server());
    let gate = before_tls(upstream.address(), &authority);
    let answer = gate.ask(&Request::get("/named"));
    assert_eq!((answer.status(), answer.code().as_str()), (502, "upstream-unreachable"));
    assert_eq!(upstream.received().len(), 0);
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_when_the_gate_starts() {
    let (authority, upstream) = (Authority::new(), TestUpstream::start());
    let (one, other) = (authority.identity(NAME), authority.identity(NAME));
    for (certificate, key) in [
        (one.certificate.as_str(), other.key.as_str()),
        ("nonsense", one.key.as_str()),
        (one.certificate.as_str(), "nonsense"),
        (one.certificate.as_str(), one.certificate.as_str()),
    ] {
        let trust = r#"{issuer: "https://idp.example", audience: [api]}"#;
        let setup = Setup::of(CONFIG).put("CORP", trust).put("UPSTREAM", upstream.address());
        let written = setup.tls().file("tls.crt", certificate).file("tls.key", key).write();
        let ended = crate::support::lychgate(&["serve", "--config", written.config().to_str().unwrap()]);
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.stderr.contains("tls.crt") || ended.stderr.contains("tls.key"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
}
