//! Listeners: who connects, by certificate or by the word of a load balancer, and which certificate they are shown.

use std::fs;
use std::sync::Arc;

use rustls::ClientConfig;

use crate::support::{
    Authority, Connection, Identity, Request, Setup, TestGateway, TestIssuer, TestUpstream, lychgate, until,
};

const NAME: &str = "gate.example";

const CONFIG: &str = r#"
listeners:
  - address: 127.0.0.1:@GATE@
    tls: {certificate: tls.crt, key: tls.key@MORE@}
trusted_issuers:
  corp: @CORP@
policies:
  known: {directory: known}
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public"}, access: public, upstream: echo}
  - {name: known, match: {path: "/known"}, access: {policy: known}, upstream: echo}
"#;

const POLICY: &str = r#"
@id("known-service")
permit (principal, action, resource)
when { context has client_certificate && context.client_certificate.names.contains("dns:orders.internal") };
"#;

struct World {
    issuer: TestIssuer,
    _upstream: TestUpstream,
    servers: Authority,
    clients: Authority,
    gate: TestGateway,
}

fn world(more: &str) -> World {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let (servers, clients) = (Authority::new(), Authority::new());
    let [one, other] = ["gate.example", "*.other.example"].map(|name| servers.identity(name));
    let setup = Setup::of(CONFIG).put("MORE", more).put("CORP", issuer.trust("")).put("UPSTREAM", upstream.address());
    let setup = setup.file("tls.crt", one.certificate).file("tls.key", one.key);
    let setup = setup.file("other.crt", other.certificate).file("other.key", other.key);
    let gate = setup.file("clients.pem", clients.pem()).file("known/known.cedar", POLICY).start();
    World { issuer, _upstream: upstream, servers, clients, gate }
}

impl World {
    /// What becomes of a request to `path`; `None` where the connection came to nothing.
    fn ask(&self, client: &Arc<ClientConfig>, path: &str) -> Option<u16> {
        let mut connection = Connection::open_tls(self.gate.address(), NAME, client.clone()).ok()?;
        let request = Request::get(path).host(NAME).bearer(&self.issuer.token().mint());
        connection.send(&request.bytes());
        // In TLS 1.3 a client hears only after its handshake that it was turned away.
        connection.try_read(false).ok().flatten().map(|answer| answer.status())
    }
}

#[test]
fn a_client_is_known_by_its_certificate() {
    let world = world(", client_ca: clients.pem");
    let with = |identity: Identity| world.servers.client_with(&identity, &["http/1.1"]);
    let known = with(world.clients.identity("orders.internal"));
    assert_eq!((world.ask(&known, "/public"), world.ask(&known, "/known")), (Some(200), Some(200)));
    let other = with(world.clients.identity("billing.internal"));
    assert_eq!((world.ask(&other, "/public"), world.ask(&other, "/known")), (Some(200), Some(403)));
    for stranger in [world.servers.client(&["http/1.1"]), with(Authority::new().identity("orders.internal"))] {
        assert_eq!(world.ask(&stranger, "/public"), None, "there is no connection without a certificate of ours");
    }
}

#[test]
fn a_certificate_may_be_left_out_where_the_config_says_so_but_never_be_a_strangers() {
    let world = world(", client_ca: clients.pem, client_auth: optional");
    let without = world.servers.client(&["http/1.1"]);
    assert_eq!((world.ask(&without, "/public"), world.ask(&without, "/known")), (Some(200), Some(403)));
    let known = world.servers.client_with(&world.clients.identity("orders.internal"), &["http/1.1"]);
    assert_eq!(world.ask(&known, "/known"), Some(200));
    let stranger = world.servers.client_with(&Authority::new().identity("orders.internal"), &["http/1.1"]);
    assert_eq!(world.ask(&stranger, "/public"), None);
}

#[test]
fn authorities_of_clients_are_read_again_and_open_connections_go_on() {
    let world = world(", client_ca: clients.pem");
    let old = world.servers.client_with(&world.clients.identity("orders.internal"), &["http/1.1"]);
    let mut kept = Connection::open_tls(world.gate.address(), NAME, old.clone()).unwrap();
    assert_eq!(kept.ask(&Request::get("/public").host(NAME)).status(), 200);
    let renewed = Authority::new();
    let new = world.servers.client_with(&renewed.identity("orders.internal"), &["http/1.1"]);
    assert_eq!(world.ask(&new, "/public"), None);
    fs::write(world.gate.path("clients.pem"), renewed.pem()).unwrap();
    until("the new authority", || world.ask(&new, "/known").filter(|status| *status == 200));
    assert_eq!(world.ask(&old, "/public"), None, "the old one no longer counts");
    assert_eq!(kept.ask(&Request::get("/public").host(NAME)).status(), 200);
}

#[test]
fn a_certificate_is_chosen_by_name() {
    let world = world(", certificates: [{certificate: other.crt, key: other.key}]");
    let shown = |name| Connection::negotiate(world.gate.address(), name, world.servers.client(&[])).is_ok();
    // The client checks that it is shown a certificate of the name that it asked for.
    assert!(shown("gate.example") && shown("a.other.example"));
    assert!(!shown("other.example") && !shown("a.b.other.example") && !shown("nobody.example"));
}

#[test]
fn an_old_version_of_tls_is_spoken_unless_the_config_forbids_it() {
    for (more, spoken) in [("", true), (", min_version: 1.2", true), (", min_version: 1.3", false)] {
        let world = world(more);
        let old = world.servers.client_of_tls_1_2();
        assert_eq!(Connection::negotiate(world.gate.address(), NAME, old).is_ok(), spoken, "{more}");
        let new = world.servers.client(&[]);
        assert!(Connection::negotiate(world.gate.address(), NAME, new).is_ok(), "{more}");
    }
}

const BALANCED: &str = r#"
listeners:
  - {address: "127.0.0.1:@GATE@", proxy_protocol: true}
trusted_proxies: [@TRUSTED@]
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public"}, access: public, upstream: echo}
limits: {connections_per_ip: 2, header_timeout: 1s}
"#;

fn balanced(upstream: &TestUpstream, trusted: &str) -> TestGateway {
    Setup::of(BALANCED).put("UPSTREAM", upstream.address()).put("TRUSTED", trusted).start()
}

fn request() -> Vec<u8> {
    Request::get("/public").header("X-Forwarded-For", "6.6.6.6").bytes()
}

#[test]
fn a_trusted_load_balancer_says_who_connected() {
    let upstream = TestUpstream::start();
    let gate = balanced(&upstream, "127.0.0.1");
    let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\x7f\x00\x00\x01\x10\x00\x00\x50";
    for (header, client) in [
        (&b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"[..], "192.0.2.1"),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 443\r\n", "2001:db8::1"),
        (binary, "192.0.2.7"),
    ] {
        let mut connection = gate.connect();
        connection.send(&[header, &request()].concat());
        let answer = connection.read();
        assert_eq!(answer.status(), 200);
        assert_eq!(upstream.last().headers("x-forwarded-for"), [client], "what the client claims is not believed");
        let id = answer.header("x-request-id").unwrap();
        assert_eq!(gate.logged(id)["client"], client);
    }
}

#[test]
fn connections_are_counted_by_whom_the_load_balancer_names() {
    let upstream = TestUpstream::start();
    let gate = balanced(&upstream, "127.0.0.0/8");
    let connect = |host: u8| {
        let mut connection = gate.connect();
        connection.send(&[format!("PROXY TCP4 192.0.2.{host} 198.51.100.1 1 443\r\n").as_bytes(), &request()].concat());
        let answer = connection.try_read(false).ok().flatten().map(|answer| answer.status());
        (connection, answer)
    };
    let kept: Vec<_> = [1, 1, 2, 2].map(connect).into_iter().collect();
    assert!(kept.iter().all(|(_, answer)| *answer == Some(200)));
    assert_eq!(connect(1).1, None);
    assert_eq!(connect(3).1, Some(200));
}

#[test]
fn without_its_word_or_from_a_stranger_there_is_no_connection() {
    let upstream = TestUpstream::start();
    let gate = balanced(&upstream, "127.0.0.1");
    for header in [
        &b""[..],
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n",
        b"PROXY TCP4 192.0.2.1\r\nX: 198.51.100.1 1 2\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2",
    ] {
        let mut connection = gate.connect();
        connection.send(&[header, &request()].concat());
        assert!(connection.is_closed(), "{header:?}");
    }
    assert!(gate.connect().is_closed(), "who says nothing has no longer than for a head");
    let to_strangers = balanced(&upstream, "10.0.0.0/8");
    let mut connection = to_strangers.connect();
    connection.send(&[b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r\n".as_slice(), &request()].concat());
    assert!(connection.is_closed());
    assert_eq!(upstream.received().len(), 0);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let check = |listener: &str, more: &str| {
        let text = format!(
            "\nlisteners: [{{address: '127.0.0.1:1'{listener}}}]\n{more}\nupstreams: {{a: {{endpoints: ['127.0.0.1:2']}}}}\n\
             routes: [{{name: a, match: {{path: /}}, access: public, upstream: a}}]\n"
        );
        let identity = Authority::new().identity(NAME);
        let setup = Setup::of(&text).file("tls.crt", identity.certificate).file("tls.key", identity.key);
        let checked = lychgate(&["check", "--config", setup.write().config().to_str().unwrap()]);
        (checked.code, checked.stderr)
    };
    let tls = |more: &str| format!(", tls: {{certificate: tls.crt, key: tls.key{more}}}");
    assert_eq!(check(", proxy_protocol: true", "trusted_proxies: [10.0.0.1]").0, Some(0));
    for (listener, named) in [
        (", proxy_protocol: true".to_owned(), "proxy_protocol"),
        (tls(", client_auth: optional"), "client_auth"),
        (tls(", client_ca: missing.pem"), "missing.pem"),
        (tls(", min_version: 1.1"), "1.1"),
        (tls(", certificates: [{certificate: tls.crt}]"), "key"),
    ] {
        let (code, stderr) = check(&listener, "");
        assert_eq!(code, Some(1), "{listener}: {stderr}");
        assert!(stderr.contains(named), "{listener}: {stderr}");
    }
}
