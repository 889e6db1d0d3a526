//! Issuers with parameters: one name for many issuers, each with keys of its own, and never one that the rules do not allow.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::{Key, Message, Reply, Request, Setup, TestGateway, TestIssuer, TestUpstream, Token, until};

const CONFIG: &str = r#"
admin: {address: "127.0.0.1:@ADMIN@", revocations: {token: correct-horse-battery}}
trusted_issuers:
  saas:
    issuer: "@URL@/{tenant}/v2.0"
    audience: [api]
    @MORE@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
policies:
  own: {directory: own}
identity:
  headers: {x-auth-sub: sub, x-auth-iss: iss}
routes:
  - {name: orders, match: {path: "/orders/{id}"}, access: {issuers: [saas]}, upstream: echo}
  - {name: own, match: {path: "/of/{tenant}"}, access: {policy: own}, upstream: echo}
"#;

const POLICY: &str = r#"
@id("own-tenant")
permit (principal, action in Action::"own", resource) when { principal has tenant && principal.tenant == context.path.tenant };
@id("one-person")
permit (principal == User::"saas|a|root", action, resource);
"#;

const PATTERN: &str = "parameters: {tenant: {pattern: \"[a-z]{1,5}\"}}";
const BRISK: &str = "refresh: {every: 1s, unknown_kid_at_most_every: 1s, timeout: 2s}";

struct World {
    /// Serves the documents of all tenants.
    provider: TestIssuer,
    upstream: TestUpstream,
}

impl World {
    fn new() -> Self {
        Self { provider: TestIssuer::start(), upstream: TestUpstream::start() }
    }

    /// The key of a new tenant; all have the same kid.
    fn tenant(&self, tenant: &str) -> Key {
        let key = Key::es256("shared");
        self.publishes(tenant, &key);
        let iss = self.iss(tenant);
        let discovery = json!({"issuer": iss, "jwks_uri": format!("{}/{tenant}/keys", self.provider.url())});
        let path = format!("/{tenant}/v2.0/.well-known/openid-configuration");
        self.provider.answers(&path, Reply::new(200, discovery.to_string()));
        key
    }

    fn publishes(&self, tenant: &str, key: &Key) {
        let set = json!({"keys": [key.jwk()]}).to_string();
        self.provider.answers(&format!("/{tenant}/keys"), Reply::new(200, set));
    }

    fn iss(&self, tenant: &str) -> String {
        format!("{}/{tenant}/v2.0", self.provider.url())
    }

    fn token(&self, tenant: &str, key: &Key) -> Token {
        Token::of(&self.iss(tenant), key.clone())
    }

    fn fetches(&self, tenant: &str) -> usize {
        self.provider.fetches(&format!("/{tenant}/keys"))
    }

    fn setup(&self, more: &str) -> Setup {
        let setup = Setup::of(CONFIG).put("URL", self.provider.url()).put("UPSTREAM", self.upstream.address());
        setup.put("MORE", more.replace('\n', "\n    ")).file("own/own.cedar", POLICY)
    }
}

fn ask(gate: &TestGateway, path: &str, token: &Token) -> Message {
    gate.ask(&Request::get(path).bearer(&token.mint()))
}

fn told(answer: &Message) -> (u16, String) {
    (answer.status(), if answer.status() == 200 { String::new() } else { answer.code() })
}

fn refused(code: &str) -> (u16, String) {
    (401, code.to_owned())
}

#[test]
fn each_tenant_is_verified_with_its_own_keys_and_is_told_apart() {
    let world = World::new();
    let [a, b] = ["a", "b"].map(|tenant| world.tenant(tenant));
    let gate = world.setup(PATTERN).start();
    assert_eq!(world.fetches("a"), 0, "nobody has come yet");
    for (tenant, key) in [("a", &a), ("b", &b)] {
        for _ in 0..3 {
            assert_eq!(ask(&gate, "/orders/7", &world.token(tenant, key)).status(), 200);
        }
        let sent = world.upstream.last();
        assert_eq!(sent.header("x-auth-sub"), Some(format!("{tenant}|alice").as_str()));
        assert_eq!(sent.header("x-auth-iss"), Some(world.iss(tenant).as_str()));
        assert_eq!(world.fetches(tenant), 1);
    }
    let crossed = [world.token("a", &b), world.token("b", &a)];
    for token in crossed {
        assert_eq!(told(&ask(&gate, "/orders/7", &token)), refused("bad-signature"));
    }
    let status = gate.admin("/status").json();
    assert_eq!(status["trusted_issuers"]["saas"]["tenants"][world.iss("a")]["keys"], 1, "{status}");
    assert_eq!(gate.metric(r#"lychgate_tenants{issuer="saas"}"#).to_string(), "2");
    assert_eq!(gate.metric(r#"lychgate_keys{issuer="saas"}"#).to_string(), "2");
}

#[test]
fn policies_know_the_tenant_and_no_subject_is_that_of_another_tenant() {
    let world = World::new();
    let [a, b] = ["a", "b"].map(|tenant| world.tenant(tenant));
    let gate = world.setup(PATTERN).start();
    for (token, path, status) in [
        (world.token("a", &a), "/of/a", 200),
        (world.token("a", &a), "/of/b", 403),
        (world.token("b", &b), "/of/b", 200),
        (world.token("b", &b), "/of/a", 403),
        (world.token("a", &a).sub("root"), "/of/b", 200),
        (world.token("b", &b).sub("root"), "/of/a", 403),
        (world.token("b", &b).sub("a|root"), "/of/a", 403),
        (world.token("b", &b).claim("tenant", "a"), "/of/a", 403),
    ] {
        assert_eq!(ask(&gate, path, &token).status(), status, "{path}");
    }
}

#[test]
fn nothing_is_fetched_for_an_issuer_that_the_pattern_does_not_allow() {
    let world = World::new();
    let key = world.tenant("a");
    let gate = world.setup(PATTERN).start();
    let url = world.provider.url();
    let issuers = [
        format!("{url}/A/v2.0"),
        format!("{url}/a/V2.0"),
        format!("{url}/a/v2.0/"),
        format!("{url}//v2.0"),
        format!("{url}/../v2.0"),
        format!("{url}/a/../a/v2.0"),
        format!("{url}/a/a/v2.0"),
        format!("{url}/a%2fa/v2.0"),
        format!("{url}/%61/v2.0"),
        format!("{url}/a?a/v2.0"),
        format!("{url}/a#/v2.0"),
        format!("{url}/a;a/v2.0"),
        format!("{url}/a\\a/v2.0"),
        format!("{url}/a\n/v2.0"),
        format!("{url}/ä/v2.0"),
        format!("{url}/{{tenant}}/v2.0"),
        format!("{url}/toolong/v2.0"),
        format!("{}/a/v2.0", url.replace("http://", "HTTP://")),
        format!("{}/a/v2.0", url.replace("http://", "http://x@")),
        format!("{url}.evil/a/v2.0"),
        format!(" {url}/a/v2.0"),
        url.clone(),
    ];
    for iss in issuers {
        assert_eq!(told(&ask(&gate, "/orders/7", &Token::of(&iss, key.clone()))), refused("unknown-issuer"), "{iss}");
    }
    assert_eq!(world.provider.requests(), 0, "nobody was asked for anything");
    assert_eq!(ask(&gate, "/orders/7", &world.token("a", &key)).status(), 200);
}

#[test]
fn the_first_requests_of_a_tenant_wait_for_one_fetch_together() {
    let world = World::new();
    let key = world.tenant("a");
    let set = json!({"keys": [key.jwk()]}).to_string();
    world.provider.answers("/a/keys", Reply::new(200, set).after(Duration::from_millis(300)));
    let gate = world.setup(PATTERN).start();
    let token = world.token("a", &key);
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert_eq!(ask(&gate, "/orders/7", &token).status(), 200));
        }
    });
    assert_eq!(world.fetches("a"), 1);
}

#[test]
fn a_tenant_without_keys_is_unavailable_alone_and_is_asked_for_no_more_than_others() {
    let world = World::new();
    let [a, b] = ["a", "b"].map(|tenant| world.tenant(tenant));
    // What the one states is the other's issuer.
    let lie = json!({"issuer": world.iss("a"), "jwks_uri": format!("{}/b/keys", world.provider.url())});
    world.provider.answers("/b/v2.0/.well-known/openid-configuration", Reply::new(200, lie.to_string()));
    let gate = world.setup(PATTERN).start();
    for _ in 0..5 {
        let answer = ask(&gate, "/orders/7", &world.token("b", &b));
        assert_eq!(told(&answer), (503, "keys-unavailable".to_owned()));
        let nobody = ask(&gate, "/orders/7", &world.token("none", &b));
        assert_eq!(told(&nobody), (503, "keys-unavailable".to_owned()));
    }
    assert_eq!(world.fetches("b"), 0);
    assert!(world.provider.fetches("/none/v2.0/.well-known/openid-configuration") <= 3, "it is backed off from");
    assert_eq!(ask(&gate, "/orders/7", &world.token("a", &a)).status(), 200);
    assert_eq!(gate.admin("/readyz").status(), 200);
}

#[test]
fn more_tenants_than_the_bound_are_refused_and_counted() {
    let world = World::new();
    let keys = ["a", "b", "c"].map(|tenant| (tenant, world.tenant(tenant)));
    let gate = world.setup(&format!("{PATTERN}\nmost_issuers: 2")).start();
    let answers = keys.each_ref().map(|(tenant, key)| told(&ask(&gate, "/orders/7", &world.token(tenant, key))));
    assert_eq!(answers, [(200, String::new()), (200, String::new()), refused("unknown-issuer")]);
    assert_eq!(world.fetches("c"), 0);
    assert_eq!(gate.metric(r#"lychgate_tenants_refused_total{issuer="saas"}"#).to_string(), "1");
    let (tenant, key) = &keys[0];
    assert_eq!(ask(&gate, "/orders/7", &world.token(tenant, key)).status(), 200, "who is there stays");
}

#[test]
fn a_tenant_that_went_and_came_back_with_other_keys_is_not_remembered() {
    let world = World::new();
    let [old, b] = ["a", "b"].map(|tenant| world.tenant(tenant));
    let gate = world.setup(&format!("{PATTERN}\nmost_issuers: 1\n{BRISK}")).start();
    let remembered = world.token("a", &old).mint();
    let order = |token: &str| told(&gate.ask(&Request::get("/orders/7").bearer(token)));
    for _ in 0..3 {
        assert_eq!(order(&remembered), (200, String::new()));
    }
    let come = |tenant: &str, key: &Key| {
        let token = world.token(tenant, key);
        until("a place for the tenant", || (ask(&gate, "/orders/7", &token).status() == 200).then_some(()));
    };
    come("b", &b);
    let new = Key::es256("shared");
    world.publishes("a", &new);
    come("a", &new);
    assert_eq!(order(&remembered), refused("bad-signature"));
}

#[test]
fn listed_tenants_are_fetched_at_start_and_others_never() {
    let world = World::new();
    let keys = ["a", "b", "c"].map(|tenant| (tenant, world.tenant(tenant)));
    let uri = format!("keys: {{jwks_uri: \"{}/{{tenant}}/keys\"}}", world.provider.url());
    let gate = world.setup(&format!("parameters: {{tenant: [a, b]}}\n{uri}")).start();
    until("the keys of both", || (world.fetches("a") + world.fetches("b") == 2).then_some(()));
    let answers = keys.each_ref().map(|(tenant, key)| told(&ask(&gate, "/orders/7", &world.token(tenant, key))));
    assert_eq!(answers, [(200, String::new()), (200, String::new()), refused("unknown-issuer")]);
    let (_, key) = &keys[0];
    assert_eq!(told(&ask(&gate, "/orders/7", &world.token("A", key))), refused("unknown-issuer"));
    assert_eq!((world.fetches("c"), world.fetches("A")), (0, 0));
    assert_eq!(
        (revoke(&gate, "saas"), revoke(&gate, &world.iss("c")), revoke(&gate, &world.iss("b"))),
        (400, 400, 204)
    );
}

fn revoke(gate: &TestGateway, issuer: &str) -> u16 {
    let body = json!({"issuer": issuer, "jti": "j"}).to_string();
    let request = Request::new("POST", "/revocations").bearer("correct-horse-battery");
    gate.ask_admin(&request.header("Connection", "close").body(body.as_bytes())).status()
}

#[test]
fn a_revocation_is_of_one_tenant() {
    let world = World::new();
    let [a, b] = ["a", "b"].map(|tenant| world.tenant(tenant));
    let gate = world.setup(PATTERN).start();
    let [ours, theirs] = [("a", &a), ("b", &b)].map(|(tenant, key)| world.token(tenant, key).claim("jti", "j"));
    assert_eq!(revoke(&gate, "saas"), 400, "which of them?");
    assert_eq!(revoke(&gate, &world.iss("A")), 400);
    assert_eq!(revoke(&gate, &world.iss("a")), 204);
    assert_eq!(told(&ask(&gate, "/orders/7", &ours)), refused("token-revoked"));
    assert_eq!(ask(&gate, "/orders/7", &theirs).status(), 200);
}
