//! One table of decisions, run through the proxy: a request and a token, and what becomes of them.

use serde_json::json;

use crate::support::{Key, Request, Setup, TestIssuer, TestUpstream, Token, now};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
  partner: @PARTNER@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - {name: any, match: {path: "/any"}, upstream: echo}
  - {name: corp-alone, match: {path: "/corp"}, access: {issuers: [corp]}, upstream: echo}
  - {name: scope-any, match: {path: "/scope/any"}, access: {scopes: {any: [orders/read, orders/admin]}}, upstream: echo}
  - {name: scope-all, match: {path: "/scope/all"}, access: {scopes: {all: [orders/read, orders/write]}}, upstream: echo}
  - {name: group-any, match: {path: "/group/any"}, access: {groups: {any: ["corp|sales", "partner|admin"]}}, upstream: echo}
  - {name: group-all, match: {path: "/group/all"}, access: {issuers: [corp], groups: {all: [sales, staff]}}, upstream: echo}
"#;

const CORP: &str = r#"client_ids: [web], leeway: 5s, max_age: 1h, require_claims: {token_use: access}, types: [JWT, at+jwt],
    group_claims: [groups, "cognito:groups", {path: [realm_access, roles]}], attributes: {level: {claim: level, type: long}}"#;

/// Target, token, status and code.
type Row = (&'static str, Option<Token>, u16, &'static str);

fn corp_token(corp: &TestIssuer) -> Token {
    corp.token().claim("client_id", "web").claim("token_use", "access")
}

/// Everything about a token that is not its rights.
fn genuineness(corp: &TestIssuer, partner: &TestIssuer) -> Vec<Row> {
    let good = || corp_token(corp);
    let bad = |token: Token, code| ("/any", Some(token), 401, code);
    let well = |token: Token| ("/any", Some(token), 200, "");
    vec![
        ("/public/a", None, 200, ""),
        ("/any", None, 401, "missing-credential"),
        well(good()),
        well(partner.token()),
        well(good().header("typ", "at+jwt")),
        well(good().header("typ", "application/AT+JWT")),
        well(good().header("typ", ())),
        bad(good().header("typ", "logout+jwt"), "wrong-token-type"),
        bad(good().header("typ", "dpop+jwt"), "wrong-token-type"),
        bad(good().claim("iss", "https://other.example"), "unknown-issuer"),
        bad(good().claim("iss", format!("{}/", corp.url())), "unknown-issuer"),
        bad(good().claim("iss", json!([corp.url()])), "unknown-issuer"),
        bad(good().claim("iss", ()), "unknown-issuer"),
        well(good().claim("aud", json!(["other", "api"]))),
        bad(good().claim("aud", "other"), "wrong-audience"),
        bad(good().claim("aud", "API"), "wrong-audience"),
        bad(good().claim("aud", "api/"), "wrong-audience"),
        bad(good().claim("aud", json!([])), "wrong-audience"),
        bad(good().claim("aud", json!({"api": true})), "claim-type"),
        bad(good().claim("aud", json!(["api", 7])), "claim-type"),
        bad(good().claim("client_id", "other"), "wrong-client"),
        bad(good().claim("client_id", 7), "claim-type"),
        bad(good().claim("exp", ()), "missing-claim"),
        bad(good().claim("exp", (now() + 60).to_string()), "claim-type"),
        bad(good().claim("exp", -1), "claim-type"),
        bad(good().claim("exp", 1e300), "claim-type"),
        bad(good().claim("exp", json!([now() + 60])), "claim-type"),
        bad(good().claim("exp", true), "claim-type"),
        bad(good().claim("exp", now() - 6), "token-expired"),
        well(good().claim("exp", now() - 1)),
        bad(good().claim("exp", 0), "token-expired"),
        bad(good().claim("nbf", now() + 60), "token-not-yet-valid"),
        well(good().claim("nbf", now() + 2)),
        bad(good().claim("nbf", "0"), "claim-type"),
        bad(good().claim("iat", now() + 60), "token-issued-in-the-future"),
        bad(good().claim("iat", now() - 3700), "token-too-old"),
        bad(good().claim("iat", ()), "missing-claim"),
        bad(good().claim("token_use", "id"), "required-claim"),
        bad(good().claim("token_use", ()), "missing-claim"),
        bad(good().claim("sub", ()), "missing-claim"),
        bad(good().sub(""), "invalid-subject"),
        bad(good().claim("sub", 7), "claim-type"),
        bad(good().claim("cnf", json!({"jkt": "x"})), "sender-constraint"),
        bad(good().claim("groups", json!({"a": 1})), "claim-type"),
        bad(good().claim("groups", json!(["a", 7])), "claim-type"),
        bad(good().claim("scope", 7), "claim-type"),
        bad(good().claim("scp", json!([7])), "claim-type"),
        bad(good().claim("level", "3"), "claim-type"),
        bad(good().claim("level", 1.5), "claim-type"),
        bad(good().claim("realm_access", "x"), "claim-type"),
        bad(good().header("kid", "other"), "unknown-key"),
        bad(good().header("kid", 7), "malformed-token"),
        bad(good().header("alg", "none"), "unsupported-algorithm"),
        bad(good().header("alg", "HS256"), "unsupported-algorithm"),
        bad(good().header("alg", "ES384"), "unsupported-algorithm"),
        bad(good().header("crit", json!(["exp"])), "critical-header"),
        bad(good().header("crit", json!([])), "critical-header"),
        bad(good().header("b64", false), "malformed-token"),
        bad(good().signed_by(&Key::es256("first")), "bad-signature"),
        well(good().header("jku", "https://other.example").header("x5u", "https://other.example")),
        ("/public/a", Some(good().expired()), 200, ""),
    ]
}

/// Everything about the rights that a genuine token gives.
fn rights(corp: &TestIssuer, partner: &TestIssuer) -> Vec<Row> {
    let good = || corp_token(corp);
    let row = |target, token: Token, status, code| (target, Some(token), status, code);
    vec![
        row("/corp", good(), 200, ""),
        row("/corp", partner.token(), 401, "issuer-not-accepted"),
        row("/scope/any", good(), 403, "insufficient-scope"),
        row("/scope/any", good().scopes("orders/read"), 200, ""),
        row("/scope/any", good().scopes("other orders/admin"), 200, ""),
        row("/scope/any", good().claim("scp", json!(["orders/read"])), 200, ""),
        row("/scope/any", good().scopes("orders/reads orders"), 403, "insufficient-scope"),
        row("/scope/any", good().scopes("ORDERS/READ"), 403, "insufficient-scope"),
        row("/scope/any", good().scopes("orders/read,orders/admin"), 403, "insufficient-scope"),
        row("/scope/all", good().scopes("orders/read"), 403, "insufficient-scope"),
        row("/scope/all", good().scopes("orders/write orders/read"), 200, ""),
        row("/scope/all", good().scopes("orders/write").claim("scp", json!(["orders/read"])), 200, ""),
        row("/group/any", good(), 403, "missing-group"),
        row("/group/any", good().groups(&["sales"]), 200, ""),
        row("/group/any", good().claim("cognito:groups", json!(["sales"])), 200, ""),
        row("/group/any", good().claim("realm_access", json!({"roles": ["sales"]})), 200, ""),
        row("/group/any", good().groups(&["admin"]), 403, "missing-group"),
        row("/group/any", good().groups(&["Sales"]), 403, "missing-group"),
        row("/group/any", good().groups(&["corp|sales"]), 403, "missing-group"),
        row("/group/any", partner.token().groups(&["sales"]), 403, "missing-group"),
        row("/group/any", partner.token().groups(&["admin"]), 200, ""),
        row("/group/all", good().groups(&["sales"]), 403, "missing-group"),
        row("/group/all", good().groups(&["staff", "sales"]), 200, ""),
        row("/group/all", partner.token().groups(&["staff", "sales"]), 401, "issuer-not-accepted"),
        // Rights are never asked of a token that is not genuine.
        row("/scope/any", good().scopes("orders/read").expired(), 401, "token-expired"),
    ]
}

#[test]
fn the_table_of_decisions_holds_at_the_proxy() {
    let (corp, partner, upstream) = (TestIssuer::start(), TestIssuer::start(), TestUpstream::start());
    let setup = Setup::of(CONFIG).put("CORP", corp.trust(CORP)).put("PARTNER", partner.trust(""));
    let gate = setup.put("UPSTREAM", upstream.address()).start();
    let table = [genuineness(&corp, &partner), rights(&corp, &partner)].concat();
    let (mut wrong, mut passed) = (Vec::new(), 0);
    for (number, (target, token, status, code)) in table.into_iter().enumerate() {
        let request = Request::get(target);
        let request = token.iter().fold(request, |request, token| request.bearer(&token.mint()));
        let answer = gate.ask(&request);
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        let expected_challenge = match (status, code) {
            (401, "missing-credential") => "Bearer realm=\"lychgate\"".to_owned(),
            (401, _) => "Bearer realm=\"lychgate\", error=\"invalid_token\", error_description=\"".to_owned(),
            (403, "insufficient-scope") => "Bearer realm=\"lychgate\", error=\"insufficient_scope\"".to_owned(),
            _ => String::new(),
        };
        let challenged = challenge.starts_with(&expected_challenge)
            && challenge.is_empty() == expected_challenge.is_empty()
            && (code != "missing-credential" || challenge == expected_challenge);
        if (answer.status(), answer.code().as_str()) != (status, code) || !challenged {
            let became = format!("{} {} {challenge}", answer.status(), answer.code());
            wrong.push(format!("row {number}, {target}: {became}, not {status} {code}"));
        }
        passed += usize::from(status == 200);
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert_eq!(upstream.received().len(), passed, "what is refused never reaches the upstream");
}

#[test]
fn a_missing_scope_is_named_in_the_challenge() {
    let (corp, partner, upstream) = (TestIssuer::start(), TestIssuer::start(), TestUpstream::start());
    let setup = Setup::of(CONFIG).put("CORP", corp.trust(CORP)).put("PARTNER", partner.trust(""));
    let gate = setup.put("UPSTREAM", upstream.address()).start();
    let answer = gate.ask(&Request::get("/scope/any").bearer(&corp_token(&corp).mint()));
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.ends_with(", scope=\"orders/read orders/admin\""), "{challenge}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}
