//! Keys of trusted issuers over their lives: first fetch, rotation, outage, removal; and issuers that answer badly.

use std::time::Duration;

use crate::support::{Key, Message, Reply, Request, Setup, TestGateway, TestIssuer, TestUpstream, until};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
  partner: @PARTNER@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - {name: orders, match: {path: "/orders/{id}"}, upstream: echo}
  - {name: partners, match: {path: "/partners"}, access: {issuers: [partner]}, upstream: echo}
"#;

/// Keys are asked for again soon, and unknown ones at once.
const BRISK: &str = "refresh: {every: 1s, unknown_kid_at_most_every: 1s, timeout: 1s}";
/// Nothing but an unknown key leads to a fetch while the test runs.
const SLOW: &str = "refresh: {every: 1h, unknown_kid_at_most_every: 1h, timeout: 1s}";

struct World {
    corp: TestIssuer,
    partner: TestIssuer,
    upstream: TestUpstream,
}

impl World {
    fn new() -> Self {
        Self { corp: TestIssuer::start(), partner: TestIssuer::start(), upstream: TestUpstream::start() }
    }

    fn setup(&self, refresh: &str) -> Setup {
        let setup = Setup::of(CONFIG).put("CORP", self.corp.trust(refresh)).put("PARTNER", self.partner.trust(refresh));
        setup.put("UPSTREAM", self.upstream.address())
    }
}

fn order(gate: &TestGateway, token: &str) -> Message {
    gate.ask(&Request::get("/orders/7").bearer(token))
}

fn told(answer: &Message) -> (u16, String) {
    (answer.status(), answer.code())
}

#[test]
fn tokens_of_every_algorithm_are_verified() {
    let (world, keys) = (World::new(), [Key::rs256("r"), Key::es256("e"), Key::ed25519("o")]);
    world.corp.publish(&keys);
    let gate = world.setup(SLOW).start();
    for key in keys {
        let token = world.corp.token().signed_by(&key).mint();
        assert_eq!(order(&gate, &token).status(), 200, "{}", key.algorithm());
    }
    assert_eq!(world.corp.key_fetches(), 1);
}

#[test]
fn two_issuers_with_the_same_kid_never_meet() {
    let world = World::new();
    let gate = world.setup(SLOW).start();
    let [corp, partner] = [&world.corp, &world.partner];
    let third = Key::es256(corp.key().kid());
    assert_eq!(corp.key().kid(), partner.key().kid());
    // What says that it is of one, signed by the other under the same kid.
    let crossed = [
        corp.token().signed_by(&partner.key()).mint(),
        partner.token().signed_by(&corp.key()).mint(),
        corp.token().signed_by(&third).mint(),
    ];
    for token in crossed {
        assert_eq!(told(&order(&gate, &token)), (401, "bad-signature".to_owned()));
    }
    for issuer in [corp, partner] {
        assert_eq!(order(&gate, &issuer.token().mint()).status(), 200);
    }
    let elsewhere = gate.ask(&Request::get("/partners").bearer(&corp.token().mint()));
    assert_eq!(told(&elsewhere), (401, "issuer-not-accepted".to_owned()));
}

#[test]
fn an_unknown_kid_is_asked_for_once_by_any_number_of_requests() {
    let world = World::new();
    let gate = world.setup(SLOW).start();
    world.corp.keys_answer(Reply::new(200, r#"{"keys": []}"#).after(Duration::from_millis(300)));
    let token = world.corp.token().signed_by(&Key::es256("unknown")).mint();
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert_eq!(told(&order(&gate, &token)), (401, "unknown-key".to_owned())));
        }
    });
    for number in 0..20 {
        let token = world.corp.token().signed_by(&Key::es256(&format!("unknown-{number}"))).mint();
        assert_eq!(order(&gate, &token).status(), 401);
    }
    assert_eq!(world.corp.key_fetches(), 2, "the first one, and one for all of these");
    assert_eq!(world.partner.key_fetches(), 1, "nobody else is asked");
    // The keys that were there serve on.
    assert_eq!(order(&gate, &world.corp.token().mint()).status(), 200);
}

#[test]
fn what_is_not_an_unknown_kid_asks_nobody() {
    let world = World::new();
    let gate = world.setup(SLOW).start();
    let stranger = TestIssuer::start();
    let tokens = [
        world.corp.token().header("kid", "first").claim("iss", stranger.url()),
        stranger.token(),
        world.corp.token().header("kid", ()).signed_by(&Key::ed25519("first")),
        world.corp.token().header("kid", ()),
        world.corp.token().header("alg", "none"),
        world.corp.token().header("alg", "HS256"),
        world.corp.token().header("alg", "RS256"),
        world.corp.token().header("jku", stranger.jwks_uri()),
        world.corp.token().header("crit", vec!["exp"]).header("kid", "unknown"),
    ];
    for token in tokens {
        let _either_way = order(&gate, &token.mint());
    }
    assert_eq!((world.corp.key_fetches(), stranger.key_fetches()), (1, 0));
}

#[test]
fn a_rotation_fails_no_request() {
    let world = World::new();
    let gate = world.setup("refresh: {every: 1h, unknown_kid_at_most_every: 1s, timeout: 1s}").start();
    let (first, second) = (world.corp.key(), Key::es256("second"));
    let ask = |key: &Key| order(&gate, &world.corp.token().signed_by(key).mint()).status();
    assert_eq!(ask(&first), 200);
    // Both are published before the new one signs, or it signs at once: the first request with it waits for the keys.
    world.corp.publish(&[second.clone(), first.clone()]);
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..10)
            .map(|number| if number % 2 == 0 { &second } else { &first })
            .map(|key| scope.spawn(|| ask(key)))
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(statuses, [200; 10]);
    assert_eq!(world.corp.key_fetches(), 2);
}

#[test]
fn a_removed_key_is_refused_after_the_next_refresh() {
    let world = World::new();
    let gate = world.setup(BRISK).start();
    let (first, second) = (world.corp.key(), Key::es256("second"));
    let old = world.corp.token().signed_by(&first).mint();
    assert_eq!(order(&gate, &old).status(), 200);
    world.corp.publish(std::slice::from_ref(&second));
    until("the old key to be refused", || (order(&gate, &old).status() == 401).then_some(()));
    assert_eq!(told(&order(&gate, &old)), (401, "unknown-key".to_owned()));
    assert_eq!(order(&gate, &world.corp.token().signed_by(&second).mint()).status(), 200);
}

#[test]
fn a_max_age_of_the_issuer_never_lengthens_the_refresh() {
    let world = World::new();
    let long_lived = serde_json::json!({"keys": [world.corp.key().jwk()]}).to_string();
    world.corp.keys_answer(Reply::new(200, long_lived).header("Cache-Control", "public, max-age=86400"));
    let _gate = world.setup(BRISK).start();
    until("another fetch", || (world.corp.key_fetches() > 1).then_some(()));
}

#[test]
fn known_keys_serve_through_an_outage_and_requests_do_not_wait() {
    let world = World::new();
    let gate = world.setup(BRISK).start();
    let token = world.corp.token().mint();
    assert_eq!(order(&gate, &token).status(), 200);
    world.corp.goes_down();
    until("a fetch that fails", || {
        (gate.metric(r#"lychgate_keys_fetch_total{issuer="corp",result="failure"}"#) > 0.0).then_some(())
    });
    assert_eq!(order(&gate, &token).status(), 200);
    assert_eq!(gate.admin("/readyz").status(), 200);
    let status = gate.admin("/status").json();
    assert_eq!(status["trusted_issuers"]["corp"]["available"], true);
    assert!(status["trusted_issuers"]["corp"]["last_error"].is_string(), "{status}");
    world.corp.answers_well();
    until("a fetch that succeeds", || {
        gate.admin("/status").json()["trusted_issuers"]["corp"]["last_error"].is_null().then_some(())
    });
}

#[test]
fn keys_that_are_too_old_are_used_no_more() {
    let world = World::new();
    let gate = world.setup("refresh: {every: 1s, stale_for: 1s, timeout: 1s}").start();
    let token = world.corp.token().mint();
    assert_eq!(order(&gate, &token).status(), 200);
    world.corp.goes_down();
    let refused =
        until("the keys to be too old", || Some(order(&gate, &token)).filter(|answer| answer.status() != 200));
    assert_eq!(told(&refused), (503, "keys-unavailable".to_owned()));
    assert_eq!(order(&gate, &world.partner.token().mint()).status(), 200, "the other issuer goes on");
    world.corp.answers_well();
    until("the keys to be back", || (order(&gate, &token).status() == 200).then_some(()));
}

#[test]
fn without_keys_an_issuer_alone_is_unavailable_and_the_gate_is_not_ready() {
    let world = World::new();
    world.corp.goes_down();
    let gate = world.setup(BRISK).start_unready();
    until("the partner's keys", || (order(&gate, &world.partner.token().mint()).status() == 200).then_some(()));
    let refused = order(&gate, &world.corp.token().mint());
    assert_eq!(told(&refused), (503, "keys-unavailable".to_owned()));
    assert_eq!((refused.header("retry-after"), refused.header("www-authenticate")), (Some("5"), None));
    assert_eq!(gate.ask(&Request::get("/public/a")).status(), 200);
    assert_eq!(gate.ask(&Request::get("/orders/7")).code(), "missing-credential");
    let ready = gate.admin("/readyz");
    assert_eq!((ready.status(), &ready.json()["missing"]), (503, &serde_json::json!(["keys:corp"])));
    assert_eq!(gate.admin("/livez").status(), 200);
    world.corp.answers_well();
    until("readiness", || (gate.admin("/readyz").status() == 200).then_some(()));
    assert_eq!(order(&gate, &world.corp.token().mint()).status(), 200);
}

#[test]
fn an_issuer_that_answers_badly_gives_no_keys() {
    let elsewhere = TestIssuer::start();
    let json = |value: serde_json::Value| Reply::new(200, value.to_string());
    let of_elsewhere = || serde_json::json!({"issuer": elsewhere.url(), "jwks_uri": elsewhere.jwks_uri()});
    let discoveries = [
        json(of_elsewhere()),
        json(serde_json::json!({"jwks_uri": elsewhere.jwks_uri()})),
        json(serde_json::json!([])),
        Reply::new(200, "<html>sign in</html>").header("Content-Type", "text/html"),
        Reply::new(200, ""),
        Reply::new(500, ""),
        Reply::new(302, "").header("Location", &format!("{}/.well-known/openid-configuration", elsewhere.url())),
        Reply::new(302, "").header("Location", "/.well-known/openid-configuration"),
        Reply::new(200, vec![b' '; (1 << 20) + 1]),
        Reply::new(200, "{}").after(Duration::from_secs(3)),
        Reply::hang_up(),
    ];
    let key_sets = [
        json(serde_json::json!({"keys": []})),
        json(serde_json::json!({"keys": {}})),
        json(serde_json::json!({"keys": [{"kty": "oct", "k": "AAAA", "kid": "first"}]})),
        Reply::new(200, "<html></html>"),
        Reply::new(404, ""),
        Reply::new(302, "").header("Location", &elsewhere.jwks_uri()),
        Reply::new(200, vec![b' '; (1 << 20) + 1]),
        Reply::new(200, "{}").after(Duration::from_secs(3)),
    ];
    let issuers: Vec<_> = discoveries
        .into_iter()
        .map(|reply| with_reply(TestIssuer::discovery_answers, reply))
        .chain(key_sets.into_iter().map(|reply| with_reply(TestIssuer::keys_answer, reply)))
        .chain(ODD_DISCOVERIES.map(saying_of_itself))
        .collect();
    let upstream = TestUpstream::start();
    let trusted: Vec<_> = issuers
        .iter()
        .enumerate()
        .map(|(number, issuer)| format!("  bad{number}: {}\n", issuer.trust("refresh: {timeout: 500ms}")))
        .collect();
    let config = "trusted_issuers:\n@TRUSTED@\nupstreams: {echo: {endpoints: [\"@UPSTREAM@\"]}}\n\
                  routes: [{name: orders, match: {path: \"/orders/{id}\"}, upstream: echo}]\n";
    let gate = Setup::of(config).put("TRUSTED", trusted.concat()).put("UPSTREAM", upstream.address()).start_unready();
    for number in 0..issuers.len() {
        let series = format!(r#"lychgate_keys_fetch_total{{issuer="bad{number}",result="failure"}}"#);
        until("a fetch that fails", || (gate.metric(&series) > 0.0).then_some(()));
    }
    for (number, issuer) in issuers.iter().enumerate() {
        let answer = order(&gate, &issuer.token().mint());
        assert_eq!(told(&answer), (503, "keys-unavailable".to_owned()), "bad{number}");
        let status = gate.admin("/status").json();
        assert_eq!(status["trusted_issuers"][format!("bad{number}")]["keys"], 0, "bad{number}");
    }
    assert_eq!(elsewhere.key_fetches(), 0, "nobody is led elsewhere");
}

/// What is nearly the discovery document of the issuer at the first URL, whose keys are at the second.
const ODD_DISCOVERIES: [fn(&str, &str) -> String; 5] = [
    |issuer, keys| serde_json::json!([issuer, keys]).to_string(),
    |issuer, keys| serde_json::json!({"issuer": format!("{issuer}/"), "jwks_uri": keys}).to_string(),
    |issuer, keys| serde_json::json!({"issuer": [issuer], "jwks_uri": keys}).to_string(),
    |issuer, keys| format!(r#"{{"issuer":"https://x","\u0069ssuer":"{issuer}","jwks_uri":"{keys}"}}"#),
    |issuer, keys| format!("\u{feff}{{\"issuer\":\"{issuer}\",\"jwks_uri\":\"{keys}\"}}"),
];

fn saying_of_itself(said: fn(&str, &str) -> String) -> TestIssuer {
    let issuer = TestIssuer::start();
    issuer.discovery_answers(Reply::new(200, said(&issuer.url(), &issuer.jwks_uri())));
    issuer
}

fn with_reply(answers: fn(&TestIssuer, Reply), reply: Reply) -> TestIssuer {
    let issuer = TestIssuer::start();
    answers(&issuer, reply);
    issuer
}

#[test]
fn one_bad_key_does_not_spoil_the_set() {
    let world = World::new();
    let keys = serde_json::json!({"keys": [
        {"kty": "RSA", "kid": 7, "n": "AQAB", "e": "AQAB"},
        {"kty": "EC", "crv": "P-999", "kid": "odd"},
        "nonsense",
        {"kty": "EC", "deep": [[[[[[[[[[]]]]]]]]]]},
        world.corp.key().jwk(),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric", "alg": "HS256"},
    ]});
    world.corp.keys_answer(Reply::new(200, keys.to_string()));
    let gate = world.setup(SLOW).start();
    assert_eq!(order(&gate, &world.corp.token().mint()).status(), 200);
    let of_corp = &gate.admin("/status").json()["trusted_issuers"]["corp"];
    assert_eq!((of_corp["keys"].as_u64(), of_corp["skipped"].as_array().map(Vec::len)), (Some(1), Some(5)));
    gate.counts(r#"lychgate_keys{issuer="corp"}"#, 1);
}

#[test]
fn keys_can_come_from_a_url_a_file_and_the_config_itself() {
    let world = World::new();
    let key = Key::rs256("only");
    let set = serde_json::json!({"keys": [key.jwk()]}).to_string();
    let config = r#"
trusted_issuers:
  url: {issuer: "https://url.example", audience: [api], keys: {jwks_uri: "@URI@"}}
  file: {issuer: "https://file.example", audience: [api], keys: {file: jwks.json}}
  inline: {issuer: "https://inline.example", audience: [api], keys: {inline: @SET@}}
upstreams: {echo: {endpoints: ["@UPSTREAM@"]}}
routes: [{name: orders, match: {path: "/orders/{id}"}, upstream: echo}]
"#;
    world.corp.publish(std::slice::from_ref(&key));
    let setup = Setup::of(config).put("URI", world.corp.jwks_uri()).put("SET", &set).file("jwks.json", set);
    let gate = setup.put("UPSTREAM", world.upstream.address()).start();
    for issuer in ["https://url.example", "https://file.example", "https://inline.example"] {
        let token = world.corp.token().signed_by(&key).claim("iss", issuer).mint();
        assert_eq!(order(&gate, &token).status(), 200, "{issuer}");
    }
}
