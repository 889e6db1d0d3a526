//! Opaque tokens: what their issuer says of them counts like the claims of a token, and no one else is asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Connection, Key, Message, Reply, Request, Setup, TestGateway, TestIssuer, TestUpstream, now, until,
};

const ISSUER: &str = "https://opaque.example";

const CONFIG: &str = r#"
admin: {address: "127.0.0.1:@ADMIN@", revocations: {token: correct-horse-battery}}
trusted_issuers:
  opaque:
    issuer: https://opaque.example
    audience: [api]
    leeway: 0s
    keys: {introspection: {endpoint: "@ENDPOINT@/introspect?a=b", client_id: "gate:1", client_secret: "a s/cret", timeout: 1s@MORE@}}
  corp: @CORP@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: orders, match: {path: "/orders"}, upstream: echo}
  - {name: scoped, match: {path: "/scoped"}, access: {scopes: {any: [orders/write]}}, upstream: echo}
  - {name: corp-alone, match: {path: "/corp"}, access: {issuers: [corp]}, upstream: echo}
  - {name: opaque-alone, match: {path: "/opaque"}, access: {issuers: [opaque]}, upstream: echo}
"#;

/// An introspection endpoint that answers what it is told to of each token, and `{"active":false}` of all others.
struct Endpoint {
    server: TestUpstream,
    answers: Arc<Mutex<HashMap<String, Reply>>>,
}

impl Endpoint {
    fn start() -> Self {
        let answers = Arc::new(Mutex::new(HashMap::<String, Reply>::new()));
        let known = answers.clone();
        let server = TestUpstream::answering(move |request| {
            let token = field(request, "token");
            known.lock().unwrap().get(&token).cloned().unwrap_or_else(|| of_json(&json!({"active": false})))
        });
        Self { server, answers }
    }

    fn answers(&self, token: &str, reply: Reply) {
        self.answers.lock().unwrap().insert(token.to_owned(), reply);
    }

    /// How often it was asked about this token.
    fn asked(&self, token: &str) -> usize {
        self.server.received().iter().filter(|request| field(request, "token") == token).count()
    }

    fn asked_at_all(&self) -> usize {
        self.server.received().len()
    }
}

fn of_json(body: &Value) -> Reply {
    Reply::new(200, body.to_string()).header("Content-Type", "application/json;charset=UTF-8")
}

/// A good answer.
fn active() -> Value {
    json!({
        "active": true, "token_type": "Bearer", "iss": ISSUER, "sub": "alice", "aud": ["other", "api"], "client_id": "web",
        "scope": "orders/read openid", "exp": now() + 600, "iat": now(),
    })
}

/// A good answer with this member; null takes it out.
fn with(name: &str, value: Value) -> Value {
    let mut answer = active();
    match value {
        Value::Null => drop(answer.as_object_mut().unwrap().remove(name)),
        value => answer[name] = value,
    }
    answer
}

fn field(request: &Message, name: &str) -> String {
    let text = request.text();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(known, _)| *known == name).map_or(String::new(), |(_, value)| value.to_owned())
}

struct World {
    endpoint: Endpoint,
    corp: TestIssuer,
    upstream: TestUpstream,
    gate: TestGateway,
}

fn world(more: &str) -> World {
    let (endpoint, corp, upstream) = (Endpoint::start(), TestIssuer::start(), TestUpstream::start());
    let setup = Setup::of(CONFIG).put("ENDPOINT", format!("http://{}", endpoint.server.address()));
    let setup = setup.put("MORE", more).put("CORP", corp.trust("")).put("UPSTREAM", upstream.address());
    let gate = setup.start();
    World { endpoint, corp, upstream, gate }
}

impl World {
    fn ask(&self, path: &str, token: &str) -> Message {
        self.gate.ask(&Request::get(path).bearer(token))
    }

    fn said(&self, path: &str, token: &str) -> (u16, String) {
        let answer = self.ask(path, token);
        (answer.status(), answer.code())
    }
}

fn refused(code: &str) -> (u16, String) {
    (401, code.to_owned())
}

#[test]
fn an_active_token_is_its_bearers_who_is_told_upstream() {
    let world = world("");
    world.endpoint.answers("opaque-1", of_json(&active()));
    assert_eq!(world.ask("/orders", "opaque-1").status(), 200);
    let arrived = world.upstream.last();
    assert_eq!(arrived.header("x-auth-sub"), Some("alice"));
    assert_eq!(arrived.header("authorization"), None);
    let asked = world.endpoint.server.last();
    assert_eq!(asked.first_line(), "POST /introspect?a=b HTTP/1.1");
    // `gate%3A1:a+s%2Fcret`
    assert_eq!(asked.header("authorization"), Some("Basic Z2F0ZSUzQTE6YStzJTJGY3JldA=="));
    assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(asked.header("accept"), Some("application/json"));
    assert_eq!(asked.text(), "token=opaque-1&token_type_hint=access_token");
    world.gate.counts(r#"lychgate_introspections_total{issuer="opaque",result="active"}"#, 1);
    assert_eq!(world.said("/scoped", "opaque-1"), (403, "insufficient-scope".to_owned()));
}

#[test]
fn an_answer_is_remembered_and_no_longer_than_it_holds() {
    let world = world(", cache: 1s");
    world.endpoint.answers("kept", of_json(&active()));
    for _ in 0..5 {
        assert_eq!(world.ask("/orders", "kept").status(), 200);
    }
    assert!(world.endpoint.asked("kept") < 5, "{}", world.endpoint.asked("kept"));
    world.endpoint.answers("kept", of_json(&json!({"active": false})));
    until("the revocation to be seen", || (world.said("/orders", "kept") == refused("token-inactive")).then_some(()));

    world.endpoint.answers("brief", of_json(&with("exp", json!(now() + 2))));
    assert_eq!(world.ask("/orders", "brief").status(), 200);
    until("the token to expire", || (world.said("/orders", "brief") == refused("token-expired")).then_some(()));
}

#[test]
fn without_memory_each_request_asks() {
    let world = world(", cache: 0s");
    world.endpoint.answers("asked", of_json(&active()));
    (0..3).for_each(|_| assert_eq!(world.ask("/orders", "asked").status(), 200));
    assert_eq!(world.endpoint.asked("asked"), 3);
}

#[test]
fn many_who_bring_the_same_token_at_once_ask_once() {
    let world = world("");
    world.endpoint.answers("shared", of_json(&active()).after(Duration::from_millis(300)));
    let statuses: Vec<_> = thread::scope(|scope| {
        let asking: Vec<_> = (0..20).map(|_| scope.spawn(|| world.ask("/orders", "shared").status())).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(statuses, [200; 20]);
    assert_eq!(world.endpoint.asked("shared"), 1);
}

#[test]
fn whoever_leaves_breaks_the_question_off_for_nobody() {
    let world = world("");
    world.endpoint.answers("left", of_json(&active()).after(Duration::from_millis(500)));
    let mut first = world.gate.connect();
    first.send(&Request::get("/orders").bearer("left").bytes());
    until("the question", || (world.endpoint.asked("left") == 1).then_some(()));
    drop(first);
    assert_eq!(world.ask("/orders", "left").status(), 200);
    assert_eq!(world.endpoint.asked("left"), 1);
}

#[test]
fn a_token_that_is_not_active_is_refused_and_not_asked_about_again() {
    let world = world("");
    for _ in 0..5 {
        let answer = world.ask("/orders", "made-up");
        assert_eq!((answer.status(), answer.code().as_str()), (401, "token-inactive"));
        assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
    }
    assert_eq!(world.endpoint.asked("made-up"), 1);
    world.gate.counts(r#"lychgate_introspections_total{issuer="opaque",result="inactive"}"#, 1);
    // What was said of a token that is not active is not a claim of anybody.
    world.endpoint.answers("talkative", of_json(&with("active", json!(false))));
    assert_eq!(world.said("/orders", "talkative"), refused("token-inactive"));
    assert!(world.upstream.received().is_empty());
}

#[test]
fn every_rule_about_claims_is_asked_of_an_answer() {
    let world = world("");
    for (number, (answer, code)) in [
        (with("exp", Value::Null), "missing-claim"),
        (with("exp", json!("4000000000")), "claim-type"),
        (with("exp", json!(now() - 10)), "token-expired"),
        (with("nbf", json!(now() + 600)), "token-not-yet-valid"),
        (with("iat", json!(now() + 600)), "token-issued-in-the-future"),
        (with("aud", json!("other")), "wrong-audience"),
        (with("aud", Value::Null), "missing-claim"),
        (with("aud", json!({"api": true})), "claim-type"),
        (with("iss", json!("https://evil.example")), "unknown-issuer"),
        (with("iss", json!(7)), "unknown-issuer"),
        (with("sub", Value::Null), "missing-claim"),
        (with("sub", json!("")), "invalid-subject"),
        (with("sub", json!("al\u{0}ice")), "invalid-subject"),
        (with("sub", json!(["alice"])), "claim-type"),
        (with("scope", json!(7)), "claim-type"),
        (with("client_id", json!(7)), "claim-type"),
        (with("token_type", Value::Null), "wrong-token-type"),
        (with("token_type", json!("refresh_token")), "wrong-token-type"),
        (with("typ", json!("Refresh")), "wrong-token-type"),
        (with("cnf", json!({"kid": "a"})), "sender-constraint"),
        (with("cnf", json!({})), "sender-constraint"),
        (with("cnf", json!({"x5t#S256": "A".repeat(43)})), "sender-constraint"),
        (with("cnf", json!({"jkt": "A".repeat(43)})), "sender-constraint"),
    ]
    .into_iter()
    .enumerate()
    {
        let token = format!("odd-{number}");
        world.endpoint.answers(&token, of_json(&answer));
        for _ in 0..2 {
            assert_eq!(world.said("/orders", &token), refused(code), "{answer}");
        }
    }
    assert!(world.upstream.received().is_empty());
    world.endpoint.answers("silent", of_json(&with("iss", Value::Null)));
    assert_eq!(world.ask("/orders", "silent").status(), 200, "the endpoint speaks for its own issuer");
}

#[test]
fn an_endpoint_that_fails_is_no_fault_of_the_token() {
    let world = world("");
    let moved = Reply::new(307, "").header("Location", "http://127.0.0.1:1/");
    let large = format!("{{\"active\":true,\"x\":\"{}\"}}", "x".repeat(2 << 20));
    for (number, reply) in [
        Reply::new(500, "{}"),
        Reply::new(401, "{\"error\":\"invalid_client\"}"),
        Reply::hang_up(),
        Reply::new(200, active().to_string()),
        Reply::new(200, active().to_string()).header("Content-Type", "text/html"),
        Reply::new(200, "<html>").header("Content-Type", "application/json"),
        Reply::new(200, "{\"active\":\"true\"}").header("Content-Type", "application/json"),
        Reply::new(200, "{\"active\":false,\"active\":true}").header("Content-Type", "application/json"),
        Reply::new(200, large).header("Content-Type", "application/json"),
        moved,
        of_json(&active()).after(Duration::from_secs(3)),
    ]
    .into_iter()
    .enumerate()
    {
        let token = format!("unlucky-{number}");
        let shown = format!("{number}: {} {:?}", reply.status, reply.fields);
        world.endpoint.answers(&token, reply);
        let answer = world.ask("/orders", &token);
        assert_eq!((answer.status(), answer.code().as_str()), (503, "introspection-unavailable"), "{shown}");
        assert!(answer.header("retry-after").is_some() && answer.header("www-authenticate").is_none(), "{shown}");
        world.endpoint.answers(&token, of_json(&active()));
        assert_eq!(world.ask("/orders", &token).status(), 200, "a failure is not remembered: {shown}");
    }
    world.gate.counts(r#"lychgate_introspections_total{issuer="opaque",result="failure"}"#, 11);
    assert_eq!(world.gate.admin("/status").json()["trusted_issuers"]["opaque"]["source"], "introspection");
    assert!(world.gate.stderr().contains("does not answer as it should"), "{}", world.gate.stderr());
    assert!(!world.gate.stderr().contains("unlucky-") && !world.gate.stderr().contains("a s/cret"));
}

#[test]
fn what_is_remembered_outlives_the_endpoint() {
    let World { endpoint, gate, corp, upstream } = world("");
    endpoint.answers("known", of_json(&active()));
    assert_eq!(gate.ask(&Request::get("/orders").bearer("known")).status(), 200);
    drop(endpoint);
    assert_eq!(gate.ask(&Request::get("/orders").bearer("known")).status(), 200);
    assert_eq!(gate.ask(&Request::get("/orders").bearer("unknown")).code(), "introspection-unavailable");
    assert_eq!(gate.ask(&Request::get("/orders").bearer(&corp.token().mint())).status(), 200);
    drop(upstream);
}

#[test]
fn nobody_is_shown_a_token_that_is_not_its_own() {
    let world = world("");
    let good = world.corp.token().mint();
    assert_eq!(world.ask("/orders", &good).status(), 200);
    let forged = world.corp.token().signed_by(&Key::es256("first")).mint();
    assert_eq!(world.said("/orders", &forged), refused("bad-signature"));
    assert_eq!(world.said("/orders", &good[..good.len() - 9]).0, 401);
    let strangers = world.corp.token().claim("iss", "https://stranger.example").mint();
    assert_eq!(world.said("/orders", &strangers), refused("unknown-issuer"));
    assert_eq!(world.said("/opaque", &good), refused("issuer-not-accepted"));
    assert_eq!(world.said("/corp", "opaque-1"), refused("malformed-token"), "nobody could say whose it is");
    assert_eq!(world.endpoint.asked_at_all(), 0);
}

#[test]
fn a_structured_token_of_the_issuer_is_introspected_and_never_believed_by_itself() {
    let world = world("");
    let token = world.corp.token().claim("iss", ISSUER).mint();
    assert_eq!(world.said("/orders", &token), refused("token-inactive"));
    let other = world.corp.token().claim("iss", ISSUER).sub("mallory").mint();
    world.endpoint.answers(&other, of_json(&active()));
    for _ in 0..3 {
        assert_eq!(world.ask("/orders", &other).status(), 200);
    }
    assert_eq!(world.upstream.last().header("x-auth-sub"), Some("alice"), "the issuer's word counts, not the token's");
    assert_eq!(world.endpoint.asked(&other), 1);
}

#[test]
fn a_revocation_at_the_gate_counts_at_once() {
    let world = world("");
    world.endpoint.answers("revoked", of_json(&with("jti", json!("j-1"))));
    assert_eq!(world.ask("/orders", "revoked").status(), 200);
    let order = json!({"issuer": ISSUER, "jti": "j-1"}).to_string();
    let order = Request::new("POST", "/revocations").bearer("correct-horse-battery").body(order.as_bytes());
    let revoked = world.gate.ask_admin(&order.header("Content-Type", "application/json").header("Connection", "close"));
    assert!(revoked.status() < 300, "{}", revoked.head);
    assert_eq!(world.said("/orders", "revoked"), refused("token-revoked"));
}

#[test]
fn a_flood_of_made_up_tokens_displaces_no_good_one() {
    let world = world("");
    world.endpoint.answers("good", of_json(&active()));
    assert_eq!(world.ask("/orders", "good").status(), 200);
    let mut connection = Connection::open(world.gate.address());
    for number in 0..500 {
        let answer = connection.ask(&Request::get("/orders").bearer(&format!("flood-{number}")));
        assert_eq!(answer.code(), "token-inactive");
    }
    assert_eq!(world.ask("/orders", "good").status(), 200);
    assert_eq!(world.endpoint.asked("good"), 1);
}

#[test]
fn a_gate_is_ready_before_anybody_is_asked() {
    let corp = TestIssuer::start();
    let setup = Setup::of(CONFIG).put("ENDPOINT", "http://127.0.0.1:1").put("MORE", "").put("CORP", corp.trust(""));
    let gate = setup.put("UPSTREAM", "127.0.0.1:1").start();
    let available = || gate.admin("/status").json()["trusted_issuers"]["opaque"]["available"].clone();
    assert_eq!(available(), true);
    assert_eq!(gate.ask(&Request::get("/orders").bearer("any")).code(), "introspection-unavailable");
    assert_eq!(available(), false);
}
