//! Tokens that are bound to a client certificate (RFC 8705 section 3), from the TLS handshake to the decision.

use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use crate::support::{
    Authority, Connection, Identity, Message, Reply, Request, Setup, TestGateway, TestIssuer, TestUpstream, encode, now,
};

const NAME: &str = "gate.example";

const CONFIG: &str = r#"
listeners:
  - {address: "127.0.0.1:@GATE@", tls: {certificate: tls.crt, key: tls.key, client_ca: clients.pem, client_auth: optional}}
  - {address: "127.0.0.1:@PLAIN@"}
trusted_issuers:
  corp: @CORP@
  opaque:
    issuer: https://opaque.example
    audience: [api]
    keys: {introspection: {endpoint: "@ENDPOINT@", client_id: gate, client_secret: not a real secret}}
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: orders, match: {path: "/orders"}, upstream: echo}
  - {name: bound, match: {path: "/bound"}, access: {sender_constrained: required}, upstream: echo}
"#;

struct World {
    issuer: TestIssuer,
    /// Says of every opaque token that it is bound as this says.
    opaque_is_bound_by: Arc<Mutex<Value>>,
    _endpoint: TestUpstream,
    upstream: TestUpstream,
    servers: Authority,
    clients: Authority,
    gate: TestGateway,
    plain: std::net::SocketAddr,
}

fn world() -> World {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let (servers, clients) = (Authority::new(), Authority::new());
    let Identity { certificate, key } = servers.identity(NAME);
    let [plain] = crate::support::free_ports();
    let opaque_is_bound_by = Arc::new(Mutex::new(Value::Null));
    let bound_by = opaque_is_bound_by.clone();
    let endpoint = TestUpstream::answering(move |_| {
        let cnf = bound_by.lock().unwrap().clone();
        let answer = json!({"active": true, "token_type": "Bearer", "sub": "alice", "aud": "api", "exp": now() + 600, "cnf": cnf});
        Reply::new(200, answer.to_string()).header("Content-Type", "application/json")
    });
    let setup = Setup::of(CONFIG).put("CORP", issuer.trust("")).put("UPSTREAM", upstream.address());
    let setup = setup.put("ENDPOINT", format!("http://{}", endpoint.address()));
    let setup = setup.put("PLAIN", plain).file("tls.crt", certificate).file("tls.key", key);
    let gate = setup.file("clients.pem", clients.pem()).start();
    World {
        issuer,
        opaque_is_bound_by,
        _endpoint: endpoint,
        upstream,
        servers,
        clients,
        gate,
        plain: ([127, 0, 0, 1], plain).into(),
    }
}

/// `x5t#S256` of a certificate.
fn thumbprint(identity: &Identity) -> Value {
    let der = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
    json!({"x5t#S256": encode(digest(&SHA256, &der).as_ref())})
}

impl World {
    /// A token that is bound as `cnf` says; null binds it to nobody.
    fn token(&self, cnf: Value) -> String {
        self.issuer.token().claim("cnf", cnf).mint()
    }

    fn ask(&self, client: &Arc<ClientConfig>, path: &str, token: &str) -> Message {
        let mut connection = Connection::open_tls(self.gate.address(), NAME, client.clone()).unwrap();
        connection.ask(&Request::get(path).host(NAME).bearer(token))
    }

    fn with(&self, identity: &Identity) -> Arc<ClientConfig> {
        self.servers.client_with(identity, &["http/1.1"])
    }
}

fn said(answer: &Message) -> (u16, String) {
    (answer.status(), answer.code())
}

fn refused(code: &str) -> (u16, String) {
    (401, code.to_owned())
}

#[test]
fn a_token_passes_with_the_certificate_that_it_is_bound_to() {
    let world = world();
    let own = world.clients.identity("orders.internal");
    let token = world.token(thumbprint(&own));
    for path in ["/orders", "/bound"] {
        // Twice, so that the second is of the cache.
        for _ in 0..3 {
            assert_eq!(world.ask(&world.with(&own), path, &token).status(), 200, "{path}");
        }
        assert_eq!(world.upstream.last().header("x-auth-sub"), Some("alice"));
    }
}

#[test]
fn in_other_hands_it_is_of_no_use() {
    let world = world();
    let own = world.clients.identity("orders.internal");
    let token = world.token(thumbprint(&own));
    assert_eq!(world.ask(&world.with(&own), "/orders", &token).status(), 200);
    // The same authority and the same name, and so another key.
    let other = world.clients.identity("orders.internal");
    let answer = world.ask(&world.with(&other), "/orders", &token);
    assert_eq!(said(&answer), refused("sender-constraint"));
    assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
    let without = world.ask(&world.servers.client(&["http/1.1"]), "/orders", &token);
    assert_eq!(said(&without), refused("sender-constraint"));
    let in_clear = Connection::open(world.plain).ask(&Request::get("/orders").host(NAME).bearer(&token));
    assert_eq!(said(&in_clear), refused("sender-constraint"));
    assert_eq!(world.upstream.received().len(), 1);
}

#[test]
fn an_opaque_token_is_bound_as_its_issuer_says() {
    let world = world();
    let own = world.clients.identity("orders.internal");
    *world.opaque_is_bound_by.lock().unwrap() = thumbprint(&own);
    for _ in 0..2 {
        assert_eq!(world.ask(&world.with(&own), "/bound", "opaque").status(), 200);
        let other = world.clients.identity("orders.internal");
        assert_eq!(said(&world.ask(&world.with(&other), "/bound", "opaque")), refused("sender-constraint"));
        let without = world.ask(&world.servers.client(&["http/1.1"]), "/orders", "opaque");
        assert_eq!(said(&without), refused("sender-constraint"));
    }
}

#[test]
fn a_header_proves_no_certificate() {
    let world = world();
    let own = world.clients.identity("orders.internal");
    let token = world.token(thumbprint(&own));
    let pem = own.certificate.replace('\n', "%0A");
    let headers = ["client-cert", "x-client-cert", "x-forwarded-client-cert", "x-ssl-client-cert", "ssl-client-cert"];
    let request = Request::get("/orders").host(NAME).bearer(&token);
    let request = headers.iter().fold(request, |request, name| request.header(name, &pem));
    assert_eq!(said(&Connection::open(world.plain).ask(&request)), refused("sender-constraint"));
}

#[test]
fn one_connection_proves_nothing_for_another() {
    let world = world();
    let own = world.clients.identity("orders.internal");
    let token = world.token(thumbprint(&own));
    let [own, other] = [world.with(&own), world.with(&world.clients.identity("billing.internal"))];
    let open = |client: &Arc<ClientConfig>| Connection::open_tls(world.gate.address(), NAME, client.clone()).unwrap();
    let (mut first, mut second) = (open(&own), open(&other));
    let request = Request::get("/orders").host(NAME).bearer(&token);
    for _ in 0..3 {
        assert_eq!(first.ask(&request).status(), 200);
        assert_eq!(said(&second.ask(&request)), refused("sender-constraint"));
    }
}

#[test]
fn a_certificate_alone_binds_no_token() {
    let world = world();
    let own = world.clients.identity("orders.internal");
    let unbound = world.token(Value::Null);
    assert_eq!(world.ask(&world.with(&own), "/orders", &unbound).status(), 200);
    assert_eq!(said(&world.ask(&world.with(&own), "/bound", &unbound)), refused("not-sender-constrained"));
}

#[test]
fn a_binding_that_is_not_one_is_refused_whatever_the_certificate() {
    let world = world();
    let own = world.clients.identity("orders.internal");
    let good = thumbprint(&own)["x5t#S256"].as_str().unwrap().to_owned();
    for cnf in [
        json!({"x5t#S256": ""}),
        json!({"x5t#S256": null}),
        json!({"x5t#S256": [good]}),
        json!({"x5t#S256": format!("{good}=")}),
        json!({"x5t#S256": good[..42]}),
        json!({"x5t": good}),
        json!({"x5t#S256": good, "x5t": good}),
        json!({}),
    ] {
        let answer = world.ask(&world.with(&own), "/orders", &world.token(cnf.clone()));
        assert_eq!(said(&answer), refused("sender-constraint"), "{cnf}");
    }
}

#[test]
fn a_token_that_is_bound_to_a_key_as_well_needs_its_proof_too() {
    let world = world();
    let own = world.clients.identity("orders.internal");
    let mut both = thumbprint(&own);
    both["jkt"] = json!(encode(digest(&SHA256, b"a key").as_ref()));
    let answer = world.ask(&world.with(&own), "/orders", &world.token(both));
    assert_eq!(said(&answer), refused("sender-constraint"));
}
