//! `test` and `schema`, and the cases that `check` runs: what they say, and their exit codes.

use std::fs;

use serde_json::Value;

use crate::support::{Setup, Written, lychgate};

const CONFIG: &str = r#"
trusted_issuers:
  corp:
    issuer: https://idp.example
    audience: [orders-api]
    client_ids: [web]
    keys: {inline: {keys: []}}
    require_claims: {token_use: access}
    scope_claims: [{path: [access, scopes]}]
    group_claims: [{path: [access, roles]}]
    attributes: {tenant: {claim: "custom:tenant", type: string}}
  saas:
    issuer: https://login.example/{org}
    parameters: {org: {pattern: "[a-z]+"}}
    audience: [orders-api]
    keys: {jwks_uri: "https://login.example/{org}/keys"}
policies:
  orders: {directory: policies/orders, links: @LINKS@@CANDIDATE@}
  reports: {directory: policies/reports}
upstreams:
  orders: {endpoints: ["127.0.0.1:9"]}
routes:
  - name: orders
    match: {hosts: [api.example.com], path: "/{tenant}/orders/{id}", methods: [GET, PUT]}
    access: {policy: orders, issuers: [corp], groups: {any: [everyone]}}
    upstream: orders
  - {name: reports, match: {path: "/reports/{*rest}"}, access: {policy: reports, optional: true}, upstream: orders}
"#;

const ORDERS: &str = r#"
@id("own-tenant")
permit (principal is User, action, resource)
when { principal has tenant && context.path.tenant == principal.tenant };

@id("group-reads")
permit (principal in ?principal, action in Action::"read", resource == ?resource);

@id("not-at-night")
forbid (principal, action, resource)
unless { context.now.toTime() >= duration("6h") };

@id("never-decides")
forbid (principal, action, resource)
when { context.ip.isInRange(ip("203.0.113.0/24")) };
"#;

const CASES: &str = r#"
- name: a clerk reads an order of her own tenant
  token: {issuer: corp, sub: alice, scopes: [orders/read], claims: {"custom:tenant": acme}}
  request: GET https://api.example.com/acme/orders/7
  now: 2026-03-02T10:00:00Z
  expect: allow
  by: own-tenant
- name: sales reads every tenant
  token: {issuer: corp, sub: sam, scopes: [orders/read], groups: [everyone, sales]}
  request: GET https://api.example.com/acme/orders/7
  now: 2026-03-02T10:00:00Z
  expect: allow
  by: sales-reads
- name: nobody reads at night
  token: {issuer: corp, sub: sam, scopes: [orders/read], groups: [everyone, sales]}
  request: GET https://api.example.com/acme/orders/7
  now: 2026-03-02T03:00:00Z
  expect: deny
  by: not-at-night
- name: a tenant of the other issuer is not taken by the route
  token: {issuer: saas, sub: tom, scopes: [orders/read], claims: {iss: "https://login.example/globex"}}
  request: GET https://api.example.com/acme/orders/7
  now: 2026-03-02T10:00:00Z
  expect: deny
"#;

const LINK: &str = "[{id: sales-reads, template: group-reads, group: corp|sales, service: orders}]";

const REPORTS: (&str, &str) = (
    r#"
@id("open-reports") permit (principal, action in Action::"read", resource) when { context.path.rest == "open" };
"#,
    r"
- {name: anyone reads what is open, anonymous: true, request: GET /reports/open, expect: allow, by: open-reports}
- {name: nobody reads what is not, anonymous: true, request: GET /reports/closed, expect: deny}
",
);

fn setup(links: &str, candidate: &str) -> Setup {
    Setup::of(CONFIG)
        .put("LINKS", links)
        .put("CANDIDATE", candidate)
        .file("policies/orders/orders.cedar", ORDERS)
        .file("policies/orders/orders.cases.yaml", CASES)
        .file("policies/reports/reports.cedar", REPORTS.0)
        .file("policies/reports/reports.cases.yaml", REPORTS.1)
}

fn test(written: &Written, more: &[&str]) -> crate::support::Finished {
    let config = written.config();
    lychgate(&[&["test", "--config", config.to_str().unwrap()], more].concat())
}

#[test]
fn cases_run_as_requests_and_what_no_case_decided_is_named() {
    let written = setup(LINK, "").write();
    let ran = test(&written, &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for said in [
        "✓ a clerk reads an order of her own tenant",
        "sales-reads",
        "before any policy: issuer-not-accepted",
        "no case decided: never-decides",
        "6 cases: 6 passed, 0 failed; 4 of 5 policies decided",
    ] {
        assert!(ran.stdout.contains(said), "{said}: {}", ran.stdout);
    }
    let ran = test(&written, &["--json", "--evaluate-all"]);
    let told = ran.json();
    assert_eq!((ran.code, &told["good"]), (Some(0), &Value::Bool(true)));
    assert_eq!(told["bundles"][0]["bundle"], "orders");
    assert_eq!(told["bundles"][0]["undecided"][0], "never-decides");
    assert_eq!(told["bundles"][0]["cases"][0]["by"][0], "own-tenant");
    assert_eq!(told["bundles"][0]["cases"][0]["refused"], Value::Null);
    assert_eq!(told["bundles"][0]["cases"][3]["refused"], "issuer-not-accepted");
    assert_eq!(told["bundles"][0]["revision"].as_str().unwrap().len(), 16);
}

#[test]
fn a_case_that_does_not_come_out_is_told_with_its_place_by_test_and_check() {
    let wrong = CASES.replace("2026-03-02T03:00:00Z", "2026-03-02T13:00:00Z");
    let written = setup(LINK, "").file("policies/orders/orders.cases.yaml", wrong).write();
    let (ran, junit) = (test(&written, &[]), written.path("junit.xml"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("✗ nobody reads at night"), "{}", ran.stdout);
    assert!(ran.stdout.contains("orders.cases.yaml:14: allowed by `sales-reads`"), "{}", ran.stdout);
    let ran = test(&written, &["--junit", junit.to_str().unwrap(), "--json"]);
    assert_eq!((ran.code, &ran.json()["good"]), (Some(1), &Value::Bool(false)));
    let report = fs::read_to_string(&junit).unwrap();
    for said in
        ["<testsuite name=\"orders\" tests=\"4\"", "failures=\"1\"", "allowed by `sales-reads`", "orders.cases.yaml:14"]
    {
        assert!(report.contains(said), "{said}: {report}");
    }
    let checked = lychgate(&["check", "--config", written.config().to_str().unwrap()]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(checked.stderr.contains("orders.cases.yaml:14: case `nobody reads at night` expects deny"), "{checked:?}");
    let checked = lychgate(&["check", "--json", "--config", written.config().to_str().unwrap()]).json();
    assert_eq!((&checked["good"], &checked["mistakes"][0]["code"]), (&Value::Bool(false), &"case-failed".into()));
    assert_eq!(checked["mistakes"][0]["line"], 14);
}

#[test]
fn a_case_that_no_policy_is_asked_about_does_not_pass() {
    let table = [
        ("GET https://api.example.com/acme/orders/7", "GET https://other.example/acme/orders/7", "no-route"),
        (
            "GET https://api.example.com/acme/orders/7",
            "DELETE https://api.example.com/acme/orders/7",
            "method-not-allowed",
        ),
        (
            "GET https://api.example.com/acme/orders/7",
            "GET https://api.example.com/reports/7",
            "does not ask this bundle",
        ),
        (
            "token: {issuer: corp, sub: alice,",
            "token: {issuer: crop, sub: alice,",
            "no trusted issuer is called `crop`",
        ),
        ("\"custom:tenant\": acme", "\"custom:tenant\": 7", "claim-type"),
        ("\"custom:tenant\": acme", "\"custom:tenant\": acme, aud: other", "wrong-audience"),
        ("\"custom:tenant\": acme", "\"custom:tenant\": acme, exp: 7", "token-expired"),
        ("iss: \"https://login.example/globex\"", "x: 1", "of an issuer with a pattern"),
    ];
    for (good, wrong, says) in table {
        let cases = CASES.replacen(good, wrong, 1);
        assert_ne!(cases, CASES, "{good}");
        let ran = test(&setup(LINK, "").file("policies/orders/orders.cases.yaml", cases).write(), &[]);
        assert_eq!(ran.code, Some(1), "{wrong}: {ran:?}");
        assert!(ran.stdout.contains(says), "{wrong}: {}", ran.stdout);
    }
}

/// Routes that ask for something themselves, each before the same bundle.
const GUARDED: &str = r#"
trusted_issuers:
  corp: {issuer: "https://idp.example", audience: [api], keys: {inline: {keys: []}}}
  partner: {issuer: "https://partner.example", audience: [api], keys: {inline: {keys: []}}}
policies:
  all: {directory: policies/all, candidate: {directory: policies/next}}
upstreams:
  up: {endpoints: ["127.0.0.1:9"]}
routes:
  - {name: corp, match: {path: /corp}, access: {policy: all, issuers: [corp]}, upstream: up}
  - {name: both, match: {path: /both}, access: {policy: all, issuers: [corp], scopes: {all: [a, b]}, groups: {any: [x, y]}}, upstream: up}
  - {name: known, match: {path: /known}, access: {policy: all}, upstream: up}
  - {name: open, match: {path: /open}, access: {policy: all, optional: true}, upstream: up}
"#;

const ALL: &str = r#"@id("all") permit (principal, action, resource);
@id("scraper") forbid (principal, action in Action::"known", resource)
unless { context has client_certificate && context.client_certificate.subject == "CN=scraper,O=Example"
  && context.client_certificate.names.contains("dns:scraper.svc")
  && context.client_certificate.sha256 like "00ff*" };"#;

#[test]
fn a_case_is_asked_what_its_route_asks_as_far_as_it_says() {
    let certificate = format!(
        "client_certificate: {{subject: \"CN=scraper,O=Example\", names: [\"dns:scraper.svc\"], sha256: \"00ff{}\"}}",
        "0".repeat(60)
    );
    let shown = |certificate: &str| format!("GET /known, {certificate}");
    let (whole, other) = (shown(&certificate), shown(&certificate.replace("scraper.svc", "other.svc")));
    let table = [
        ("{issuer: corp, sub: a}", "GET /corp", "allow", "by: all", ""),
        ("{issuer: partner, sub: a}", "GET /corp", "allow", "", "issuer-not-accepted"),
        ("{issuer: partner, sub: a}", "GET /corp", "deny", "error: issuer-not-accepted", "pass"),
        ("{issuer: partner, sub: a}", "GET /corp", "deny", "error: missing-group", "issuer-not-accepted"),
        ("{issuer: partner, sub: a}", "GET /corp", "deny", "by: scraper", "issuer-not-accepted"),
        // of what a token does not say nothing is asked
        ("{issuer: corp, sub: a}", "GET /both", "allow", "", ""),
        ("{issuer: corp, sub: a, scopes: [a, b], groups: [y]}", "GET /both", "allow", "", ""),
        ("{issuer: corp, sub: a, scopes: [a]}", "GET /both", "allow", "", "insufficient-scope"),
        ("{issuer: corp, sub: a, scopes: []}", "GET /both", "allow", "", "insufficient-scope"),
        ("{issuer: corp, sub: a, claims: {scope: a}}", "GET /both", "allow", "", "insufficient-scope"),
        ("{issuer: corp, sub: a, groups: [z]}", "GET /both", "allow", "", "missing-group"),
        ("{issuer: corp, sub: a, groups: []}", "GET /both", "deny", "", "pass"),
        // a token that would be refused opens no route
        ("{issuer: corp, sub: a, claims: {aud: other}}", "GET /corp", "allow", "", "wrong-audience"),
        ("{issuer: corp, sub: a, claims: {aud: other}}", "GET /corp", "deny", "", "pass"),
        ("{issuer: corp, sub: a, claims: {aud: other}}", "GET /corp", "deny", "by: scraper", "wrong-audience"),
        ("{issuer: corp, sub: a, claims: {sub: 7}}", "GET /corp", "deny", "", "pass"),
        ("anonymous", "GET /corp", "allow", "", "missing-credential"),
        ("anonymous", "GET /corp", "deny", "", "pass"),
        ("anonymous", "GET /open", "allow", "by: all", ""),
        // what the connection proves
        ("{issuer: corp, sub: a}", "GET /known", "deny", "by: scraper", ""),
        ("{issuer: corp, sub: a}", whole.as_str(), "allow", "by: all", ""),
        ("{issuer: corp, sub: a}", other.as_str(), "deny", "by: scraper", ""),
    ];
    for (caller, request, expect, more, refused) in table {
        let caller = if caller == "anonymous" { "anonymous: true".to_owned() } else { format!("token: {caller}") };
        let more = if more.is_empty() { String::new() } else { format!(", {more}") };
        let case = format!("- {{name: it, {caller}, request: {request}, expect: {expect}{more}}}\n");
        let setup = Setup::of(GUARDED).file("policies/all/all.cedar", ALL).file("policies/next/all.cedar", ALL);
        let setup =
            setup.file("policies/all/a.cases.yaml", case.as_str()).file("policies/next/a.cases.yaml", case.as_str());
        let ran = test(&setup.write(), &[]);
        let passes = matches!(refused, "" | "pass");
        assert_eq!(ran.code, Some(i32::from(!passes)), "{case}: {ran:?}");
        let told = format!("refused before any policy is asked: `{refused}`");
        // the candidate's cases are judged by the same routes
        assert_eq!(ran.stdout.matches(&told).count(), if passes { 0 } else { 2 }, "{case}: {}", ran.stdout);
        assert_eq!(ran.stdout.matches("before any policy: ").count(), if refused == "pass" { 2 } else { 0 }, "{case}");
    }
}

#[test]
fn bundles_and_cases_can_be_chosen_and_a_choice_of_nothing_is_wrong_usage() {
    let written = setup(LINK, "").write();
    assert!(test(&written, &["--bundle", "reports"]).stdout.contains("2 cases: 2 passed"));
    assert!(test(&written, &["--case", "reads"]).stdout.contains("5 cases: 5 passed"));
    for (arguments, says) in [(["--bundle", "order"], "`orders`"), (["--case", "no such"], "no case")] {
        let ran = test(&written, &arguments);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(says), "{ran:?}");
    }
    let missing = lychgate(&["test", "--config", written.path("missing.yaml").to_str().unwrap()]);
    assert_eq!(missing.code, Some(3), "{missing:?}");
    assert_eq!(lychgate(&["test"]).code, Some(2));
}

#[test]
fn a_candidate_runs_the_cases_of_its_own_folder() {
    let open = "@id(\"all\") permit (principal, action, resource);";
    let case = "- {name: all, token: {issuer: corp, sub: a, scopes: [orders/read]}, \
                request: 'GET https://api.example.com/x/orders/1', expect: allow, by: all}";
    let setup = setup(LINK, ", candidate: {directory: policies/next, links: []}");
    let written = setup.file("policies/next/a.cedar", open).file("policies/next/a.cases.yaml", case).write();
    let ran = test(&written, &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("orders (candidate)\n  ✓ all"), "{}", ran.stdout);
}

#[test]
fn a_link_that_cannot_be_is_told_where_the_config_has_it() {
    let table = [
        (
            "[{id: a, template: group-read, group: corp|sales, service: orders}]",
            "there is no template `group-read`",
            "`group-reads`",
        ),
        (
            "[{id: a, template: group-reads, group: crop|sales, service: orders}]",
            "names no trusted issuer",
            "did you mean `corp`",
        ),
        ("[{id: a, template: group-reads, group: sales, service: orders}]", "does not say whose it is", "`corp|sales`"),
        (
            "[{id: a, template: group-reads, group: corp|, service: orders}]",
            "does not say whose it is",
            "trusted issuer",
        ),
        ("[{id: a, template: group-reads, group: corp|a, service: order}]", "there is no service `order`", "`orders`"),
        (
            "[{id: own-tenant, template: group-reads, group: corp|a, service: orders}]",
            "already taken",
            "`id` of its own",
        ),
        ("[{id: a, template: group-reads, group: corp|a}]", "has the slots ?principal and ?resource", "`service`"),
        ("[]", "template `group-reads` has `?principal` or `?resource`", "links: [{id"),
    ];
    for (links, says, help) in table {
        let written = setup(links, "").write();
        let checked = lychgate(&["check", "--config", written.config().to_str().unwrap()]);
        assert_eq!(checked.code, Some(1), "{links}: {checked:?}");
        let place = if links == "[]" { "orders.cedar:6:1" } else { "lychgate.yaml:18:" };
        for said in [says, help, place] {
            assert!(checked.stderr.contains(said), "{said}: {}", checked.stderr);
        }
        assert_eq!(lychgate(&["serve", "--config", written.config().to_str().unwrap()]).code, Some(3), "{links}");
    }
    let unknown = setup("[{id: a, template: group-reads, grup: corp|a, service: orders}]", "").write();
    let checked = lychgate(&["check", "--config", unknown.config().to_str().unwrap()]);
    assert!(checked.stderr.contains("unknown-key") && checked.stderr.contains("`group`"), "{checked:?}");
}

#[test]
fn schemas_are_printed_in_the_forms_of_their_tools() {
    let written = setup(LINK, "").file("policies/orders/schema.cedarschema", "type Query = { page?: String };").write();
    let config = written.config();
    let policy =
        |more: &[&str]| lychgate(&[&["schema", "policy", "--config", config.to_str().unwrap()], more].concat());
    let orders = policy(&["--bundle", "orders"]);
    assert_eq!(orders.code, Some(0), "{orders:?}");
    assert!(orders.stdout.contains(r#"action "GET /{tenant}/orders/{id}""#) && orders.stdout.contains("page?: String"));
    assert!(!orders.stdout.contains("/reports/"), "{}", orders.stdout);
    let all = policy(&[]).stdout;
    assert!(all.contains("/reports/") && all.contains("/orders/") && !all.contains("page?"), "{all}");
    assert_eq!(policy(&["--bundle", "order"]).code, Some(2));
    let schema = lychgate(&["schema", "config"]).json();
    assert_eq!(schema["properties"]["routes"]["type"], "array");
    assert!(schema["properties"]["routes"]["description"].as_str().unwrap().contains("who may pass"));
}
