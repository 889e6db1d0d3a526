//! What is tried out beside what counts, and the log of decisions: told, counted, and never of any effect.

use std::fs;

use serde_json::Value;

use crate::support::{Message, Request, Setup, TestGateway, TestIssuer, TestUpstream, Token, until};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
policies:
  orders: {directory: policies/orders, mode: @MODE@@CANDIDATE@}
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: orders, match: {path: "/{tenant}/orders/{id}"}, access: {policy: orders}, upstream: echo}
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
telemetry: {decisions: @DECISIONS@}
"#;

const ENFORCED: &str = r#"
@id("clerk-reads")
permit (principal in Group::"corp|sales", action in Action::"read", resource);

@id("auditor-reads")
permit (principal in Group::"corp|auditors", action in Action::"read", resource);
"#;

/// Clerks read their own tenant alone, auditors write as well, and levels may overflow.
const CANDIDATE: &str = r#"
@id("clerk-reads-own-tenant")
permit (principal in Group::"corp|sales", action in Action::"read", resource)
when { principal has tenant && context.path.tenant == principal.tenant };

@id("auditor-does-all")
permit (principal in Group::"corp|auditors", action, resource);

@id("level-overflows")
forbid (principal, action, resource)
when { principal has level && principal.level + 1 == 0 };
"#;

struct World {
    corp: TestIssuer,
    upstream: TestUpstream,
    gate: TestGateway,
}

fn world(mode: &str, candidate: &str, trust: &str, decisions: &str) -> World {
    let (corp, upstream) = (TestIssuer::start(), TestUpstream::start());
    let attributes = "attributes: {tenant: {claim: tenant, type: string}, level: {claim: level, type: long}}";
    let setup = Setup::of(CONFIG).put("CORP", corp.trust(&format!("{attributes}{trust}"))).put("MODE", mode);
    let setup = setup.put("CANDIDATE", candidate).put("DECISIONS", decisions).put("UPSTREAM", upstream.address());
    let gate = setup.file("policies/orders/a.cedar", ENFORCED).file("policies/next/a.cedar", CANDIDATE).start();
    World { corp, upstream, gate }
}

const WITH_CANDIDATE: &str = ", candidate: {directory: policies/next}";

fn id(answer: &Message) -> String {
    answer.header("x-request-id").unwrap().to_owned()
}

/// The line that says of this request what is tried out, waited for.
fn told(gate: &TestGateway, request_id: &str, words: &str) -> String {
    until(&format!("a line about {request_id}"), || {
        let stderr = gate.stderr();
        stderr.lines().find(|line| line.contains(request_id) && line.contains(words)).map(str::to_owned)
    })
}

#[test]
fn a_candidate_is_compared_and_changes_nothing() {
    let World { corp, upstream, gate } = world("enforce", WITH_CANDIDATE, "", "{}");
    let clerk = || corp.token().groups(&["sales"]).claim("tenant", "acme");
    let auditor = || corp.token().groups(&["auditors"]);
    let table: [(&str, &str, Token, u16, &str, &str); 6] = [
        ("GET", "/acme/orders/7", clerk(), 200, "other-policies", "clerk-reads-own-tenant"),
        ("GET", "/globex/orders/7", clerk(), 200, "would-deny", "clerk-reads"),
        ("PUT", "/globex/orders/7", auditor(), 403, "would-allow", "auditor-does-all"),
        (
            "GET",
            "/globex/orders/7",
            auditor().claim("level", i64::MAX),
            200,
            "would-err",
            "integer-overflow level-overflows",
        ),
        ("GET", "/globex/orders/7", auditor(), 200, "other-policies", "auditor-does-all"),
        ("PUT", "/globex/orders/7", clerk(), 403, "none", ""),
    ];
    for (method, target, token, status, difference, names) in table {
        let answer = gate.ask(&Request::new(method, target).bearer(&token.mint()));
        assert_eq!(answer.status(), status, "{method} {target} {difference}");
        if difference == "none" {
            continue;
        }
        let line = told(&gate, &id(&answer), "would decide otherwise");
        for said in [difference, names, "orders"] {
            assert!(line.contains(said), "{said}: {line}");
        }
    }
    assert_eq!(upstream.received().len(), 4, "what a candidate allows does not pass");
    for (difference, count) in
        [("other-policies", 2), ("would-deny", 1), ("would-allow", 1), ("would-err", 1), ("none", 1)]
    {
        let series = format!("lychgate_policy_shadow_total{{bundle=\"orders\",difference=\"{difference}\"}}");
        gate.counts(&series, count);
    }
    // What an error of the candidate would do is not an error of the bundle.
    gate.counts(r#"lychgate_policy_errors_total{bundle="orders"}"#, 0);
    assert!(!gate.stderr().contains("acme") && !gate.stderr().contains("globex"), "{}", gate.stderr());
}

#[test]
fn a_bundle_in_shadow_tells_what_it_would_refuse() {
    let World { corp, gate, upstream: _upstream } = world("shadow", "", "", "{}");
    let answer = gate.ask(&Request::new("PUT", "/acme/orders/7").bearer(&corp.token().mint()));
    assert_eq!(answer.status(), 200);
    assert!(told(&gate, &id(&answer), "would decide otherwise").contains("would-deny"));
    gate.counts(r#"lychgate_policy_shadow_total{bundle="orders",difference="would-deny"}"#, 1);
}

#[test]
fn stricter_rules_for_tokens_are_tried_on_every_token_and_refuse_none() {
    let shadow = ", shadow: {types: [at+jwt], max_age: 1h, require_claims: {token_use: access}}";
    let World { corp, gate, upstream: _upstream } = world("enforce", "", shadow, "{}");
    let plain = corp.token().groups(&["sales"]).mint();
    let strict = |token: Token| token.header("typ", "at+jwt").claim("token_use", "access");
    let good = strict(corp.token().groups(&["sales"])).mint();
    let old = strict(corp.token().groups(&["sales"])).claim("iat", crate::support::now() - 7200).mint();
    let no_use = corp.token().groups(&["sales"]).header("typ", "at+jwt").mint();
    for (token, difference) in
        [(&plain, "wrong-token-type"), (&no_use, "missing-claim"), (&old, "token-too-old"), (&good, "none")]
    {
        // Three times: proved anew, and from the cache.
        for count in 1..=3 {
            let answer = gate.ask(&Request::get("/acme/orders/7").bearer(token));
            assert_eq!(answer.status(), 200, "{difference}");
            let series = format!("lychgate_token_shadow_total{{difference=\"{difference}\",issuer=\"corp\"}}");
            gate.counts(&series, count);
            if difference != "none" {
                assert!(told(&gate, &id(&answer), "would refuse").contains(difference));
            }
        }
    }
    // What counts still counts.
    assert_eq!(gate.ask(&Request::get("/acme/orders/7").bearer(&corp.token().expired().mint())).status(), 401);
    assert!(gate.metric(r#"lychgate_token_cache_total{result="hit"}"#) >= 4.0);
}

/// The decision log's line of a request, if there is one by the time that its access log line is there.
fn decision(gate: &TestGateway, answer: &Message) -> Value {
    let id = id(answer);
    until("a line in the decision log", || {
        let stdout = gate.stdout();
        let line = stdout.lines().find(|line| line.contains("\"log\":\"decision\"") && line.contains(&id))?;
        Some(serde_json::from_str(line).unwrap())
    })
}

#[test]
fn the_decision_log_says_who_what_and_by_which_policies_of_which_revision() {
    let World { corp, gate, upstream: _upstream } = world("enforce", WITH_CANDIDATE, "", "{log: all}");
    let token = corp.token().sub("alice-in-person").groups(&["sales"]).mint();
    let answer = gate.ask(&Request::get("/acme/orders/7?access_token=secret-in-query").bearer(&token));
    let line = decision(&gate, &answer);
    let status = gate.admin("/status").json();
    for (member, value) in [
        ("decision", "allow"),
        ("issuer", "corp"),
        ("route", "orders"),
        ("method", "GET"),
        ("path", "/acme/orders/7"),
        ("action", "GET /{tenant}/orders/{id}"),
    ] {
        assert_eq!(line[member], value, "{line}");
    }
    assert_eq!(line["policy"]["revision"], status["policies"]["orders"]["revision"], "{line}");
    assert_eq!((&line["policy"]["bundle"], &line["policy"]["policies"][0]), (&"orders".into(), &"clerk-reads".into()));
    assert_eq!(line["shadow"]["difference"], "would-deny", "{line}");
    assert_eq!(line["shadow"]["revision"], status["policies"]["orders"]["candidate"]["revision"], "{line}");
    let revision = line["policy"]["revision"].as_str().unwrap();
    gate.counts(&format!("lychgate_policy_bundle_info{{bundle=\"orders\",revision=\"{revision}\"}}"), 1);
    assert_eq!(line["subject"].as_str().unwrap().len(), 16);
    assert!(line["duration_us"].is_u64() && line["code"].is_null(), "{line}");
    let denied = decision(&gate, &gate.ask(&Request::new("PUT", "/acme/orders/7").bearer(&token)));
    assert_eq!((&denied["decision"], &denied["code"]), (&"deny".into(), &"denied-by-policy".into()));
    let unproved = decision(&gate, &gate.ask(&Request::get("/acme/orders/7").bearer("a.b.c")));
    assert_eq!((&unproved["decision"], &unproved["code"]), (&"deny".into(), &"malformed-token".into()));
    assert_eq!(unproved["policy"], Value::Null);
    for secret in [&token, "alice-in-person", "secret-in-query", token.rsplit('.').next().unwrap()] {
        assert!(!gate.stdout().contains(secret), "{secret}");
    }
}

#[test]
fn denials_alone_go_to_a_file_where_that_is_asked_for() {
    let World { corp, gate, upstream: _upstream } = world("enforce", "", "", "{log: denied, file: decisions.log}");
    let token = corp.token().groups(&["sales"]).mint();
    assert_eq!(gate.ask(&Request::get("/acme/orders/7").bearer(&token)).status(), 200);
    assert_eq!(gate.ask(&Request::get("/public/a")).status(), 200);
    let denied = gate.ask(&Request::new("PUT", "/acme/orders/7").bearer(&token));
    let lines = until("the file", || {
        let text = fs::read_to_string(gate.path("decisions.log")).ok()?;
        (!text.is_empty()).then_some(text)
    });
    let line: Value = serde_json::from_str(lines.trim_end()).unwrap_or_else(|error| panic!("{error}: {lines}"));
    assert_eq!(line["request_id"], id(&denied));
    assert!(!gate.stdout().contains("\"log\":\"decision\""));
}
