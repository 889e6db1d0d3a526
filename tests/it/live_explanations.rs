//! `POST /explain` on the operator's door: the same as the command says, of the gate as it runs.

use serde_json::{Value, json};

use crate::support::{Authority, Message, Request, Setup, TestGateway, TestIssuer};

const CONFIG: &str = r#"
admin: {address: 127.0.0.1:@ADMIN@@EXPLAIN@}
trusted_issuers:
  corp: @CORP@
policies:
  roles: {directory: policies/roles}
upstreams:
  orders: {endpoints: ["127.0.0.1:9"]}
routes:
  - {name: order, match: {path: "/orders/{order_id}"}, access: {policy: roles}, forward_token: true, upstream: orders}
"#;

const ROLES: &str = r#"
@id("editors") permit (principal in Group::"corp|editors", action, resource);

@id("scraper") permit (principal is User, action in Action::"read", resource)
when { context has client_certificate && context.client_certificate.names.contains("dns:scraper.svc") };

@id("admins-delete") @message("only admins delete")
forbid (principal, action == Action::"DELETE /orders/{order_id}", resource)
unless { principal in Group::"corp|admins" };
"#;

fn start(explain: &str) -> (TestIssuer, TestGateway) {
    let corp = TestIssuer::start();
    let setup = Setup::of(CONFIG).put("EXPLAIN", explain).put("CORP", corp.trust(""));
    let gate = setup.file("policies/roles/roles.cedar", ROLES).start();
    (corp, gate)
}

fn ask(gate: &TestGateway, body: &str, kind: &str) -> Message {
    let request = Request::new("POST", "/explain").header("Content-Type", kind).header("Connection", "close");
    gate.ask_admin(&request.body(body.as_bytes()))
}

fn explain(gate: &TestGateway, body: &Value) -> Message {
    ask(gate, &body.to_string(), "application/json")
}

#[test]
fn a_live_gate_explains_what_it_would_do_and_never_tells_the_token() {
    let (corp, gate) = start(", explain: true");
    let token = corp.token().sub("emil").groups(&["editors"]).mint();
    let told = explain(&gate, &json!({"request": "DELETE http://gate.example/orders/7", "token": token}));
    assert_eq!(told.status(), 200, "{}", told.text());
    let denied = told.json();
    assert_eq!((&denied["allowed"], &denied["code"]), (&json!(false), &json!("denied-by-policy")));
    assert_eq!(denied["to_pass"][0]["needs"][0]["code"], "missing-group", "{denied}");
    assert_eq!(denied["policies"]["fired"][0]["message"], "only admins delete");
    let allowed = explain(&gate, &json!({"request": "GET http://gate.example/orders/7", "token": token}));
    assert_eq!(allowed.json()["set"], json!([["x-auth-sub", "emil"]]), "{}", allowed.text());
    let by_header =
        json!({"request": "GET http://gate.example/orders/7", "headers": {"Authorization": format!("Bearer {token}")}});
    assert_eq!(explain(&gate, &by_header).json()["allowed"], true);
    let claims = json!({"iss": corp.url(), "aud": "api", "sub": "emil", "groups": ["editors", "admins"]});
    let said =
        explain(&gate, &json!({"request": "DELETE http://gate.example/orders/7", "claims": claims, "ip": "10.0.0.1"}));
    assert_eq!(said.json()["allowed"], true, "{}", said.text());
    let identity = Authority::new().identity("scraper.svc");
    let mut shown = json!({"request": "GET http://gate.example/orders/7", "token": corp.token().sub("sven").mint()});
    assert_eq!(explain(&gate, &shown).json()["code"], "denied-by-policy");
    shown["certificate"] = identity.certificate.into();
    assert_eq!(explain(&gate, &shown).json()["policies"]["fired"][0]["id"], "scraper");
    shown["certificate"] = "s3cret".into();
    let wrong = explain(&gate, &shown);
    assert_eq!(wrong.status(), 400, "{}", wrong.text());
    assert!(!wrong.text().contains("s3cret"), "{}", wrong.text());
    let nobody = explain(&gate, &json!({"request": "GET http://gate.example/orders/7"})).json();
    assert_eq!(nobody["code"], "missing-credential");
    let written = [told.text(), allowed.text(), gate.stdout(), gate.stderr()].concat();
    assert!(!written.contains(&token) && !written.contains(token.rsplit('.').next().unwrap()), "{written}");
}

#[test]
fn it_is_off_unless_asked_for_and_takes_nothing_but_json() {
    let (_corp, gate) = start("");
    assert_eq!(explain(&gate, &json!({"request": "GET http://gate.example/orders/7"})).status(), 404);
    let (_corp, gate) = start(", explain: true");
    let good = r#"{"request": "GET http://gate.example/orders/7"}"#;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        assert_eq!(ask(&gate, good, kind).status(), 400, "{kind}");
    }
    assert_eq!(ask(&gate, good, "application/json; charset=utf-8").status(), 200);
    for wrong in
        ["{}", "[]", r#"{"request": "GET"}"#, r#"{"request": "GET /a"}"#, r#"{"request": "GET http://h/", "x": 1}"#]
    {
        let answer = ask(&gate, wrong, "application/json");
        assert_eq!((answer.status(), answer.code().as_str()), (400, "malformed-request"), "{wrong}");
    }
    let long = format!(r#"{{"request": "GET http://h/{}"}}"#, "a".repeat(70_000));
    assert_eq!(ask(&gate, &long, "application/json").status(), 413);
    assert_eq!(gate.admin("/explain").status(), 405);
    // It is no way round the gate.
    assert_eq!(gate.ask(&Request::new("POST", "/explain")).status(), 404);
}
