//! `POST /revocations`: what passed a moment ago is refused at once, and only whoever has the secret can do that.

use serde_json::{Value, json};

use crate::support::{Message, Request, Setup, TestGateway, TestIssuer, TestUpstream, now};

const CONFIG: &str = r#"
admin: {address: "127.0.0.1:@ADMIN@", revocations: {token: correct-horse-battery}}
trusted_issuers:
  corp: @CORP@
  partner: @PARTNER@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: orders, match: {path: "/orders/{id}"}, upstream: echo}
"#;

struct World {
    corp: TestIssuer,
    partner: TestIssuer,
    _upstream: TestUpstream,
    gate: TestGateway,
}

impl World {
    fn new() -> Self {
        let (corp, partner, upstream) = (TestIssuer::start(), TestIssuer::start(), TestUpstream::start());
        let setup = Setup::of(CONFIG).put("CORP", corp.trust("")).put("PARTNER", partner.trust("max_age: 1h"));
        let gate = setup.put("UPSTREAM", upstream.address()).start();
        Self { corp, partner, _upstream: upstream, gate }
    }

    fn order(&self, token: &str) -> (u16, String) {
        let answer = self.gate.ask(&Request::get("/orders/7").bearer(token));
        (answer.status(), if answer.status() == 200 { String::new() } else { answer.code() })
    }

    fn revoke(&self, body: &Value) -> Message {
        let request = Request::new("POST", "/revocations").bearer("correct-horse-battery");
        self.gate.ask_admin(&request.header("Connection", "close").body(body.to_string().as_bytes()))
    }

    fn kept(&self) -> String {
        self.gate.metric("lychgate_revocations").to_string()
    }
}

fn passes() -> (u16, String) {
    (200, String::new())
}

fn revoked() -> (u16, String) {
    (401, "token-revoked".to_owned())
}

#[test]
fn a_token_that_passed_and_is_remembered_is_refused_at_once() {
    let world = World::new();
    let [ours, other] = ["a", "b"].map(|jti| world.corp.token().claim("jti", jti).mint());
    let theirs = world.partner.token().claim("jti", "a").mint();
    for token in [&ours, &ours, &ours, &other, &theirs] {
        assert_eq!(world.order(token), passes());
    }
    let hits = world.gate.metric(r#"lychgate_token_cache_total{result="hit"}"#);
    assert!(hits > 0.0, "the token must be remembered for this test to say anything");
    let answer = world.revoke(&json!({"issuer": "corp", "jti": "a", "exp": now() + 600}));
    assert_eq!((answer.status(), answer.text().as_str()), (204, ""));
    for _ in 0..3 {
        assert_eq!(world.order(&ours), revoked());
    }
    assert!(world.gate.metric(r#"lychgate_token_cache_total{result="hit"}"#) > hits);
    assert_eq!(world.order(&other), passes());
    assert_eq!(world.order(&theirs), passes(), "another issuer's ids are its own");
    assert_eq!(world.kept(), "1");
}

#[test]
fn a_session_is_refused_with_all_that_came_of_it() {
    let world = World::new();
    let session = |jti: &str| world.corp.token().claim("jti", jti).claim("origin_jti", "s").mint();
    assert_eq!(world.order(&session("a")), passes());
    let body = json!([{"issuer": world.corp.url(), "origin_jti": "s"}, {"issuer": "partner", "jti": "s"}]);
    assert_eq!(world.revoke(&body).status(), 204);
    assert_eq!(world.order(&session("a")), revoked());
    assert_eq!(world.order(&session("never-seen")), revoked());
    assert_eq!(world.order(&world.corp.token().claim("jti", "s").mint()), passes(), "a token's id is no session's");
    assert_eq!(world.order(&world.partner.token().claim("jti", "s").mint()), revoked());
    assert_eq!(world.kept(), "2");
}

#[test]
fn only_whoever_has_the_secret_revokes() {
    let world = World::new();
    let token = world.corp.token().claim("jti", "a").mint();
    let body = json!({"issuer": "corp", "jti": "a"}).to_string();
    let post = || Request::new("POST", "/revocations").header("Connection", "close");
    let right = "Bearer correct-horse-battery";
    for (request, code) in [
        (post(), "missing-credential"),
        (post().bearer("correct-horse-batterz"), "invalid-credential"),
        (post().bearer("correct-horse-batter"), "invalid-credential"),
        (post().bearer("correct-horse-battery2"), "invalid-credential"),
        (post().bearer(""), "invalid-credential"),
        (post().bearer(&token), "invalid-credential"),
        (post().header("Authorization", "Basic correct-horse-battery"), "invalid-credential"),
        (post().header("Authorization", "correct-horse-battery"), "invalid-credential"),
        (post().header("Authorization", right).header("Authorization", right), "invalid-credential"),
        (post().header("Authorization", "Bearer  correct-horse-battery"), "invalid-credential"),
    ] {
        let answer = world.gate.ask_admin(&request.body(body.as_bytes()));
        assert_eq!((answer.status(), answer.code()), (401, code.to_owned()));
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer realm="), "{challenge}");
        assert!(!answer.text().contains("correct-horse"));
    }
    assert_eq!(world.order(&token), passes());
    let lower = post().header("Authorization", "bearer correct-horse-battery").body(body.as_bytes());
    assert_eq!(world.gate.ask_admin(&lower).status(), 204, "a scheme has no case");
    assert_eq!(world.order(&token), revoked());
}

#[test]
fn what_is_not_understood_revokes_nothing_and_says_why() {
    let world = World::new();
    for (body, says) in [
        (json!({"issuer": "corp", "jti": "a", "why": "stolen"}), "`why`"),
        (json!({"issuer": "corp", "jti": "a", "exp": "tomorrow"}), "`exp`"),
        (json!({"issuer": "nobody", "jti": "a"}), "`issuer`"),
        (json!({"issuer": "https://nobody.example", "jti": "a"}), "`issuer`"),
        (json!({"issuer": "corp"}), "`jti`"),
        (json!([{"issuer": "corp", "jti": "a"}, {"issuer": "nobody", "jti": "a"}]), "`issuer`"),
        (json!("corp"), "JSON object"),
    ] {
        let answer = world.revoke(&body);
        assert_eq!((answer.status(), answer.code()), (400, "malformed-request".to_owned()), "{body}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(says) && !detail.contains("stolen") && !detail.contains("tomorrow"), "{detail}");
    }
    let huge = json!([{"issuer": "corp", "jti": "a".repeat(64 << 10)}]);
    assert_eq!(world.revoke(&huge).status(), 413);
    assert_eq!(world.kept(), "0");
    assert_eq!(world.order(&world.corp.token().claim("jti", "a").mint()), passes());
    let get = Request::get("/revocations").bearer("correct-horse-battery").header("Connection", "close");
    assert_eq!(world.gate.ask_admin(&get).status(), 405);
}

#[test]
fn without_the_secret_in_the_config_there_is_no_such_path() {
    let (corp, upstream) = (TestIssuer::start(), TestUpstream::start());
    let without = CONFIG.replace(", revocations: {token: correct-horse-battery}", "");
    let setup = Setup::of(&without).put("CORP", corp.trust("")).put("PARTNER", TestIssuer::start().trust(""));
    let gate = setup.put("UPSTREAM", upstream.address()).start_unready();
    for token in ["", "correct-horse-battery"] {
        let request = Request::new("POST", "/revocations").bearer(token).header("Connection", "close").body(b"[]");
        assert_eq!(gate.ask_admin(&request).status(), 404);
    }
}
