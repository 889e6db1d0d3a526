//! `check` and `explain`, run as commands: what they say, and their exit codes.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Request, Setup, TestGateway, TestIssuer, TestUpstream, Token, lychgate};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
  partner: @PARTNER@
credentials: [{header: authorization, scheme: Bearer}, {cookie: session}]
policies:
  orders: {directory: policies/orders}
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - {name: either, match: {path: "/either"}, access: {optional: true}, upstream: echo}
  - {name: any, match: {path: "/any", methods: [GET, POST]}, upstream: echo}
  - {name: scoped, match: {path: "/scoped"}, access: {scopes: {any: [orders/read]}}, upstream: echo}
  - {name: grouped, match: {path: "/grouped"}, access: {issuers: [corp], groups: {any: [sales]}}, upstream: echo}
  - {name: order, match: {path: "/{tenant}/orders/{id}"}, access: {policy: orders}, upstream: echo}
  - {name: hosted, match: {hosts: [api.example.com], path: "/{*rest}"}, access: public, upstream: echo}
identity:
  headers: {x-auth-sub: sub, x-auth-groups: groups}
"#;

const POLICY: &str = r#"
@id("own-tenant")
permit (principal in Group::"corp|sales", action in Action::"read", resource == Service::"echo")
when { principal has tenant && context.path has tenant && context.path.tenant == principal.tenant };
"#;

struct World {
    corp: TestIssuer,
    partner: TestIssuer,
    upstream: TestUpstream,
}

impl World {
    fn new() -> Self {
        Self { corp: TestIssuer::start(), partner: TestIssuer::start(), upstream: TestUpstream::start() }
    }

    fn setup(&self) -> Setup {
        let trust = self.corp.trust("attributes: {tenant: {claim: \"custom:tenant\", type: string}}");
        let setup = Setup::of(CONFIG).put("CORP", trust).put("PARTNER", self.partner.trust(""));
        setup.put("UPSTREAM", self.upstream.address()).file("policies/orders/orders.cedar", POLICY)
    }
}

/// What `explain --json` says, with its exit code.
fn explain(gate: &TestGateway, row: &Row) -> (Option<i32>, Value) {
    let config = gate.path("lychgate.yaml");
    let url = format!("{} http://{}{}", row.method, row.host, row.target);
    let mut arguments = vec!["explain", "--config", config.to_str().unwrap(), "--request", &url, "--json"];
    let token = gate.path("token");
    if let Some(minted) = &row.token {
        fs::write(&token, minted).unwrap();
        arguments.extend(["--token", token.to_str().unwrap()]);
    }
    let header = row.header.map(|(name, value)| format!("{name}: {value}"));
    if let Some(header) = &header {
        arguments.extend(["--header", header]);
    }
    let explained = lychgate(&arguments);
    (explained.code, explained.json())
}

struct Row {
    method: &'static str,
    host: &'static str,
    target: &'static str,
    token: Option<String>,
    header: Option<(&'static str, &'static str)>,
}

fn row(method: &'static str, target: &'static str, token: Option<Token>) -> Row {
    Row { method, host: "gate.example", target, token: token.map(|token| token.mint()), header: None }
}

fn rows(corp: &TestIssuer, partner: &TestIssuer) -> Vec<Row> {
    let clerk = || corp.token().groups(&["sales"]).claim("custom:tenant", "acme");
    let get = |target, token| row("GET", target, token);
    vec![
        get("/public/a", None),
        get("/public/a?b=c", Some(corp.token())),
        get("/nowhere", None),
        row("PUT", "/any", None),
        row("TRACE", "/any", None),
        get("/any", None),
        get("/any", Some(corp.token())),
        row("POST", "/any", Some(partner.token())),
        get("/any", Some(corp.token().expired())),
        get("/any", Some(corp.token().claim("iss", "https://other.example"))),
        get("/any", Some(corp.token().header("kid", "other"))),
        get("/any", Some(corp.token().claim("groups", json!(["a,b"])))),
        Row { header: Some(("Authorization", "Basic YTpi")), ..get("/any", None) },
        Row { header: Some(("Authorization", "Bearer a.b.c")), ..get("/any", Some(corp.token())) },
        Row { header: Some(("Cookie", "session=a.b.c")), ..get("/any", Some(corp.token())) },
        Row { header: Some(("X_Auth_Sub", "root")), ..get("/any", Some(corp.token())) },
        get("/either", None),
        get("/either", Some(corp.token())),
        get("/either", Some(corp.token().expired())),
        get("/scoped", Some(corp.token())),
        get("/scoped", Some(corp.token().scopes("orders/read"))),
        get("/grouped", Some(corp.token())),
        get("/grouped", Some(clerk())),
        get("/grouped", Some(partner.token().groups(&["sales"]))),
        get("/acme/orders/7", Some(clerk())),
        get("/globex/orders/7", Some(clerk())),
        row("DELETE", "/acme/orders/7", Some(clerk())),
        Row { host: "api.example.com", ..get("/any", None) },
        Row { host: "API.example.com:8080", ..get("/", None) },
    ]
}

#[test]
fn explain_says_what_the_gate_does() {
    let world = World::new();
    let gate = world.setup().start();
    for row in rows(&world.corp, &world.partner) {
        let request = Request::new(row.method, row.target).host(row.host);
        let request = row.token.iter().fold(request, |request, token| request.bearer(token));
        let request = row.header.iter().fold(request, |request, (name, value)| request.header(name, value));
        let answer = gate.ask(&request);
        let shown = format!("{} {}{}", row.method, row.host, row.target);
        let (code, explained) = explain(&gate, &row);
        let allowed = answer.status() == 200;
        assert_eq!(
            (code, explained["allowed"].as_bool()),
            (Some(i32::from(!allowed)), Some(allowed)),
            "{shown}: {explained}"
        );
        let steps = explained["steps"].as_array().unwrap();
        assert!(!steps.is_empty(), "{shown}");
        if !allowed {
            assert_eq!(explained["status"], answer.status(), "{shown}");
            assert_eq!(explained["code"], answer.code(), "{shown}");
            assert_eq!(steps.last().unwrap()["passed"], false, "{shown}");
            assert!(steps.iter().rev().skip(1).all(|step| step["passed"] == true), "{shown}: {explained}");
            for header in explained["headers"].as_array().unwrap() {
                assert_eq!(answer.header(header[0].as_str().unwrap()), header[1].as_str(), "{shown}");
            }
            continue;
        }
        assert!(steps.iter().all(|step| step["passed"] == true), "{shown}");
        let line = gate.logged(answer.header("x-request-id").unwrap());
        assert_eq!(explained["route"], line["route"], "{shown}");
        assert_eq!(explained["upstream"], "echo", "{shown}");
        let arrived = world.upstream.last();
        for set in explained["set"].as_array().unwrap() {
            assert_eq!(arrived.header(set[0].as_str().unwrap()), set[1].as_str(), "{shown}");
        }
        for removed in explained["removed"].as_array().unwrap() {
            assert_eq!(arrived.headers(removed.as_str().unwrap()), [""; 0], "{shown}");
        }
    }
}

#[test]
fn explain_tells_people_each_step_and_never_the_token() {
    let world = World::new();
    let gate = world.setup().start();
    let config = gate.path("lychgate.yaml");
    let token = world.corp.token().groups(&["sales"]).claim("custom:tenant", "acme").mint();
    fs::write(gate.path("token"), &token).unwrap();
    let explain = |request: &str| {
        let file = gate.path("token");
        lychgate(&["explain", "-c", config.to_str().unwrap(), "--request", request, "--token", file.to_str().unwrap()])
    };
    let allowed = explain("GET http://gate.example/acme/orders/7");
    assert_eq!(allowed.code, Some(0), "{allowed:?}");
    for said in ["route", "`order`", "tenant = acme", "token", "`corp`", "policy", "own-tenant", "allowed", "`echo`"] {
        assert!(allowed.stdout.contains(said), "{said}: {}", allowed.stdout);
    }
    let denied = explain("GET http://gate.example/globex/orders/7");
    assert_eq!(denied.code, Some(1), "{denied:?}");
    assert!(denied.stdout.contains("denied: 403 denied-by-policy"), "{}", denied.stdout);
    for text in [allowed.stdout, allowed.stderr, denied.stdout, denied.stderr] {
        assert!(!text.contains(&token) && !text.contains(token.rsplit('.').next().unwrap()), "{text}");
    }
    assert_eq!(world.upstream.received().len(), 0, "nothing is sent");
}

#[test]
fn wrong_usage_ends_with_2_and_what_cannot_start_with_3() {
    let world = World::new();
    let written = world.setup().write();
    let config = written.config();
    let config = config.to_str().unwrap();
    let usage: [&[&str]; 12] = [
        &[],
        &["serv"],
        &["serve"],
        &["serve", "--config"],
        &["serve", "--confg", config],
        &["check"],
        &["check", "--config", config, "extra"],
        &["explain", "--config", config],
        &["explain", "--config", config, "--request", "GET"],
        &["explain", "--config", config, "--request", "GET /no/host"],
        &["explain", "--config", config, "--request", "GET http://a b"],
        &["explain", "--config", config, "--request", "GET http://a/", "--header", "no colon"],
    ];
    for arguments in usage {
        let ended = lychgate(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert!(!ended.stderr.is_empty());
    }
    let missing = written.path("missing.yaml");
    for command in ["serve", "check"] {
        let ended = lychgate(&[command, "--config", missing.to_str().unwrap()]);
        assert_eq!(ended.code, Some(3), "{command}: {ended:?}");
        assert!(ended.stderr.contains("missing.yaml"), "{}", ended.stderr);
    }
    let no_token = ["explain", "--config", config, "--request", "GET http://a/", "--token", missing.to_str().unwrap()];
    assert_eq!(lychgate(&no_token).code, Some(3));
}

#[test]
fn every_command_helps_with_an_example() {
    for command in ["quickstart", "serve", "check", "explain"] {
        let helped = lychgate(&[command, "--help"]);
        assert_eq!(helped.code, Some(0));
        assert!(helped.stdout.contains(&format!("lychgate {command}")), "{}", helped.stdout);
    }
    let helped = lychgate(&["--help"]);
    assert_eq!(helped.code, Some(0));
    assert!(helped.stdout.contains("Exit codes"), "{}", helped.stdout);
    assert!(lychgate(&["--version"]).stdout.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn check_names_every_mistake_with_its_place_and_the_nearest_word() {
    let world = World::new();
    let good = world.setup().write();
    let checked = lychgate(&["check", "--config", good.config().to_str().unwrap()]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stdout.contains("7 routes"), "{}", checked.stdout);
    let mistaken = fs::read_to_string(good.config()).unwrap();
    let mistaken = mistaken
        .replace("name: scoped, match", "name: scoped, macth")
        .replace("upstream: echo}\n  - {name: any", "upstream: eco}\n  - {name: any");
    fs::write(good.path("mistaken.yaml"), &mistaken).unwrap();
    let line_of = |text: &str| mistaken.lines().position(|line| line.contains(text)).unwrap() + 1;
    let path = good.path("mistaken.yaml");
    let checked = lychgate(&["check", "--config", path.to_str().unwrap()]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(checked.stderr.contains(&format!("mistaken.yaml:{}:", line_of("macth"))), "{}", checked.stderr);
    assert!(checked.stderr.contains("`match`"), "the nearest known word: {}", checked.stderr);
    let served = lychgate(&["serve", "--config", path.to_str().unwrap()]);
    assert_eq!((served.code, served.stderr.contains("macth")), (Some(3), true), "{served:?}");

    fs::write(&path, mistaken.replace("macth", "match")).unwrap();
    let checked = lychgate(&["check", "--config", path.to_str().unwrap(), "--json"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let mistake = &checked.json()["mistakes"][0];
    assert_eq!(mistake["line"], line_of("upstream: eco"), "{mistake}");
    assert!(mistake["column"].as_u64().is_some() && mistake["code"].is_string(), "{mistake}");
    assert!(mistake.to_string().contains("`echo`"), "{mistake}");
}

#[test]
fn check_asks_for_keys_only_when_told_to() {
    let world = World::new();
    let written = world.setup().write();
    let config = written.config();
    let config = config.to_str().unwrap();
    assert_eq!(lychgate(&["check", "--config", config]).code, Some(0));
    assert_eq!(world.corp.key_fetches(), 0);
    assert_eq!(lychgate(&["check", "--config", config, "--online"]).code, Some(0));
    assert_eq!((world.corp.key_fetches(), world.partner.key_fetches()), (1, 1));
    world.corp.goes_down();
    let checked = lychgate(&["check", "--config", config, "--online"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(checked.stderr.contains("`corp`") && !checked.stderr.contains("`partner`"), "{}", checked.stderr);
    let checked = lychgate(&["check", "--config", config, "--online", "--json"]);
    assert_eq!((checked.code, checked.json()["good"].as_bool()), (Some(1), Some(false)));
}
