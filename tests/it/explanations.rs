//! What `explain` says of denials: which policy, in which line, and what would have let the request pass.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Authority, Finished, Setup, Written, lychgate};

const CONFIG: &str = r#"
trusted_issuers:
  corp:
    issuer: https://idp.example
    audience: [orders-api]
    keys: {inline: {keys: []}}
    attributes: {tenant: {claim: "custom:tenant", type: string}}
policies:
  roles: {directory: policies/roles}
  tenants: {directory: policies/tenants}
upstreams:
  orders: {endpoints: ["127.0.0.1:9"]}
routes:
  - {name: order, match: {path: "/orders/{order_id}"}, access: {policy: roles}, upstream: orders}
  - {name: orders, match: {path: "/{tenant}/orders/{order_id}", methods: [GET, PUT]}, access: {policy: tenants}, upstream: orders}
  - {name: reports, match: {path: "/{tenant}/reports/{*rest}", methods: [GET]}, access: {policy: tenants, optional: true}, upstream: orders}
  - {name: scoped, match: {path: "/scoped"}, access: {scopes: {all: [a/read, a/write]}}, upstream: orders}
  - {name: grouped, match: {path: "/grouped"}, access: {groups: {any: [admins]}}, upstream: orders}
"#;

fn write() -> Written {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut setup = Setup::of(CONFIG);
    for file in ["roles/roles.cedar", "tenants/tenants.cedar", "tenants/reports.cedar", "tenants/schema.cedarschema"] {
        setup = setup.file(&format!("policies/{file}"), fs::read(root.join(file)).unwrap());
    }
    setup.write()
}

fn explain(written: &Written, request: &str, claims: Option<&Value>, more: &[&str]) -> Finished {
    let (config, file) = (written.config(), written.path("claims.json"));
    let mut arguments = vec!["explain", "--config", config.to_str().unwrap(), "--request", request];
    if let Some(claims) = claims {
        fs::write(&file, claims.to_string()).unwrap();
        arguments.extend(["--claims", file.to_str().unwrap()]);
    }
    arguments.extend(more);
    lychgate(&arguments)
}

fn claims(more: Value) -> Value {
    let mut claims = json!({"iss": "https://idp.example", "aud": "orders-api", "sub": "alice"});
    let Value::Object(more) = more else { panic!("claims are an object") };
    claims.as_object_mut().unwrap().extend(more);
    claims
}

/// The code of a need, and what it must say.
type Wanted = (&'static str, &'static str);

/// What must be said of a denial: the request, the claims, the denial's code, and for each way the policy and its needs.
struct Row {
    request: &'static str,
    claims: Option<Value>,
    code: &'static str,
    ways: Vec<(Option<&'static str>, Vec<Wanted>)>,
}

fn row(request: &'static str, claims: Option<Value>, code: &'static str, ways: &[(&'static str, &[Wanted])]) -> Row {
    let ways = ways.iter().map(|(policy, needs)| (Some(*policy).filter(|policy| !policy.is_empty()), needs.to_vec()));
    Row { request, claims, code, ways: ways.collect() }
}

fn denied_by_policy() -> Vec<Row> {
    let policy = "denied-by-policy";
    vec![
        row(
            "DELETE http://h/orders/7",
            Some(claims(json!({"groups": ["editors"]}))),
            policy,
            &[("only-admins-delete", &[("missing-group", "in group `corp|admins`")])],
        ),
        row(
            "DELETE http://h/orders/7",
            Some(claims(json!({}))),
            policy,
            &[
                ("only-admins-delete", &[("missing-group", "in group `corp|admins`")]),
                ("editors-read-and-write", &[("missing-group", "in group `corp|editors`")]),
                ("admins-do-everything", &[("missing-group", "in group `corp|admins`")]),
            ],
        ),
        row(
            "GET http://h/orders/7",
            Some(claims(json!({"groups": ["viewers", "suspended"]}))),
            policy,
            &[("suspended-do-nothing", &[])],
        ),
        row(
            "GET http://h/acme/orders/7",
            Some(claims(json!({"custom:tenant": "globex"}))),
            policy,
            &[
                (
                    "own-tenant",
                    &[("condition-failed", "`context.path.tenant` is \"acme\" and `principal.tenant` is \"globex\"")],
                ),
                ("support-reads-every-tenant", &[("missing-group", "`corp|support`")]),
            ],
        ),
        row(
            "GET http://h/acme/orders/7",
            Some(claims(json!({}))),
            policy,
            &[
                ("own-tenant", &[("missing-attribute", "a token that says `tenant`")]),
                ("support-reads-every-tenant", &[("missing-group", "`corp|support`")]),
            ],
        ),
        row(
            "PUT http://h/acme/orders/7",
            Some(claims(json!({"custom:tenant": "acme"}))),
            policy,
            &[("verified-address-to-write", &[("missing-attribute", "a token that says `email_verified`")])],
        ),
        row(
            "PUT http://h/acme/orders/7",
            Some(claims(json!({"custom:tenant": "acme", "email_verified": false}))),
            policy,
            &[("verified-address-to-write", &[("condition-failed", "`principal.email_verified`")])],
        ),
    ]
}

fn denied_otherwise() -> Vec<Row> {
    vec![
        row(
            "GET http://h/acme/reports/march?format=csv",
            Some(claims(json!({"custom:tenant": "acme"}))),
            "denied-by-policy",
            &[(
                "raw-data-for-analysts",
                &[
                    ("when-held", "`context.query has format && context.query.format == \"csv\"` not to hold"),
                    ("missing-group", "`corp|analysts`"),
                ],
            )],
        ),
        row(
            "GET http://h/acme/reports/march?format=pdf&format=csv",
            Some(claims(json!({"custom:tenant": "acme"}))),
            "policy-error",
            &[("", &[("no-error", "the query parameter `format` only once")])],
        ),
        row("GET http://h/orders/7", None, "missing-credential", &[("", &[("missing-token", "a token")])]),
        row(
            "GET http://h/scoped",
            Some(claims(json!({"scope": "a/read"}))),
            "insufficient-scope",
            &[("", &[("missing-scope", "`a/write`")])],
        ),
        row(
            "GET http://h/grouped",
            Some(claims(json!({}))),
            "missing-group",
            &[("", &[("missing-group", "`admins`")])],
        ),
        row(
            "GET http://h/grouped",
            Some(claims(json!({"aud": "other"}))),
            "wrong-audience",
            &[("", &[("other-audience", "`audience`")])],
        ),
        row("TEA http://h/scoped", None, "method-not-allowed", &[("", &[("other-method", "GET, ")])]),
        row("GET http://h/nowhere/at/all", None, "no-route", &[]),
    ]
}

#[test]
fn a_denial_says_what_would_have_let_it_pass() {
    let written = write();
    for row in denied_by_policy().into_iter().chain(denied_otherwise()) {
        // by day and from the office, so that the reports' other policies are content
        let explained = explain(&written, row.request, row.claims.as_ref(), &["--json", "--ip", "198.51.100.7"]);
        let told = explained.json();
        let shown = format!("{} {:?}: {told:#}", row.request, row.claims);
        assert_eq!((explained.code, &told["code"]), (Some(1), &json!(row.code)), "{shown}");
        let ways: Vec<&Value> = told["to_pass"].as_array().unwrap().iter().collect();
        let ways: Vec<_> = ways.into_iter().filter(|way| way["policy"]["id"] != "reports-in-business-hours").collect();
        assert_eq!(ways.len(), row.ways.len(), "{shown}");
        for (way, (policy, needs)) in ways.iter().zip(&row.ways) {
            assert_eq!(way["policy"]["id"].as_str(), *policy, "{shown}");
            assert_eq!(way["needs"].as_array().unwrap().len(), needs.len(), "{shown}");
            for (need, (code, says)) in way["needs"].as_array().unwrap().iter().zip(needs) {
                assert_eq!(need["code"], *code, "{shown}");
                assert!(need["says"].as_str().unwrap().contains(says), "{says}: {shown}");
            }
        }
        assert!(told["policies"].is_null() || told["policies"]["same_by_all"] == true, "{shown}");
    }
}

#[test]
fn an_anonymous_caller_is_told_that_a_token_would_help() {
    let written = write();
    let told = explain(&written, "GET http://h/acme/reports/march", None, &["--json", "--ip", "198.51.100.7"]).json();
    let own = told["to_pass"].as_array().unwrap().iter().find(|way| way["policy"]["id"] == "own-tenant");
    let denied_by_hours_alone =
        told["policies"]["fired"].as_array().unwrap().iter().all(|policy| policy["effect"] == "forbid");
    assert!(denied_by_hours_alone, "{told}");
    assert_eq!(own.unwrap()["needs"][0]["code"], "missing-token", "{told}");
}

#[test]
fn people_read_each_policy_with_file_line_and_message() {
    let written = write();
    let claims = claims(json!({"groups": ["editors"]}));
    let explained = explain(&written, "DELETE http://h/orders/7", Some(&claims), &["--evaluate-all"]);
    assert_eq!(explained.code, Some(1), "{explained:?}");
    let source = fs::read_to_string(written.path("policies/roles/roles.cedar")).unwrap();
    let line_of = |text: &str| source.lines().position(|line| line.contains(text)).unwrap() + 1;
    let expected = [
        "denied: 403 denied-by-policy".to_owned(),
        "the client reads: only admins delete orders".to_owned(),
        format!("roles.cedar:{}), saying \"only admins delete orders\"", line_of("@id(\"only-admins-delete\")")),
        format!("in group `corp|admins`  (line {})", line_of("unless { principal in Group::\"corp|admins\" }")),
        "evaluating every policy gives the same answer".to_owned(),
    ];
    for said in expected {
        assert!(explained.stdout.contains(&said), "{said}: {}", explained.stdout);
    }
    let allowed = explain(&written, "GET http://h/orders/7", Some(&claims), &[]);
    assert_eq!(allowed.code, Some(0), "{allowed:?}");
    assert!(allowed.stdout.contains("permitted by `editors-read-and-write`"), "{}", allowed.stdout);
}

const MESH: &str = r#"
trusted_issuers:
  corp: {issuer: "https://idp.example", audience: [orders-api], keys: {inline: {keys: []}}}
policies:
  mesh: {directory: policies/mesh}
upstreams:
  orders: {endpoints: ["127.0.0.1:9"]}
routes:
  - {name: mesh, match: {path: "/mesh"}, access: {policy: mesh, optional: true}, upstream: orders}
"#;

const BY_NAME: &str = r#"@id("by-name") permit (principal, action, resource)
when { context has client_certificate && context.client_certificate.names.contains("dns:scraper.svc") };"#;

#[test]
fn a_client_that_shows_a_certificate_is_explained_as_the_gate_would_see_it() {
    let authority = Authority::new();
    let setup = Setup::of(MESH).file("policies/mesh/mesh.cedar", BY_NAME).file("none.crt", "no certificate");
    let setup = setup.file("scraper.crt", authority.identity("scraper.svc").certificate);
    let written = setup.file("other.crt", authority.identity("other.svc").certificate).write();
    let with = |file: &str| {
        let file = written.path(file);
        explain(&written, "GET https://h/mesh", None, &["--json", "--certificate", file.to_str().unwrap()])
    };
    let (shown, other) = (with("scraper.crt"), with("other.crt"));
    assert_eq!((shown.code, &shown.json()["policies"]["fired"][0]["id"]), (Some(0), &json!("by-name")), "{shown:?}");
    assert_eq!((other.code, &other.json()["code"]), (Some(1), &json!("denied-by-policy")), "{other:?}");
    assert_eq!(explain(&written, "GET https://h/mesh", None, &[]).code, Some(1));
    let none = with("none.crt");
    assert_eq!(none.code, Some(2), "{none:?}");
    assert!(none.stderr.contains("is no certificate in PEM"), "{none:?}");
}

#[test]
fn claims_that_are_none_and_two_credentials_are_wrong_usage() {
    let written = write();
    for (claims, more) in [("[]", vec![]), ("{", vec![]), ("{}", vec!["--token", "-"])] {
        let file = written.path("claims.json");
        fs::write(&file, claims).unwrap();
        let ended = explain(
            &written,
            "GET http://h/scoped",
            None,
            &[&["--claims", file.to_str().unwrap()], &more[..]].concat(),
        );
        assert_eq!(ended.code, Some(2), "{claims}: {ended:?}");
    }
}
