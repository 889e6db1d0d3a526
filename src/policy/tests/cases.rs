//! Bundles' own cases: how they are read, and how they come out.

use std::net::IpAddr;
use std::time::Duration;

use super::fixture::{MONDAY_MORNING, Question, load, text, user};
use crate::policy::{
    Bundle, Case, CaseAnswer, CaseCaller, CaseCertificate, CaseRefusal, CaseReport, CaseRequest, Expectation, Principal,
};

const POLICIES: &str = r#"
@id("own") permit (principal is User, action in Action::"read-orders", resource)
when { principal has tenant && context.path.tenant == principal.tenant };
@id("closed") @message("closed") forbid (principal, action, resource)
when { context.now < datetime("2026-01-01") };
@id("never-asked") forbid (principal in Group::"corp|banned", action, resource);
"#;

const CASES: &str = r#"
- name: a clerk reads an order of her own tenant
  token: {issuer: corp, sub: alice, groups: [sales], scopes: [orders/read], claims: {"custom:tenant": acme}, age: 5m}
  request: GET https://api.example.com/acme/orders/7?page=2
  expect: allow
  by: own
- name: nobody reads before the year begins
  anonymous: true
  request: GET /acme/orders/7
  expect: deny
  by: [closed]
  now: 2025-12-31T23:59:59Z
  ip: 10.0.0.1
  client_certificate: {subject: CN=scraper, names: [dns:scraper.svc], sha256: "@SHA256@"}
"#;

fn bundle(cases: &str) -> Bundle {
    load(&[("a.cedar", POLICIES), ("a.cases.yaml", cases)]).unwrap_or_else(|error| panic!("{error}"))
}

/// What the authorizer does, as far as these cases need it.
fn ask(bundle: &Bundle, case: &Case) -> Result<CaseAnswer, String> {
    let principal = match &case.caller {
        CaseCaller::Anonymous => Principal::anonymous(),
        CaseCaller::Token(token) => user(&token.sub, &[], &[("tenant", text("acme"))]),
    };
    let segments: Vec<&str> = case.request.path.split('/').collect();
    if let ["", "closed", ..] = segments[..] {
        return Ok(CaseAnswer::Refused(CaseRefusal { code: "missing-group", says: None }));
    }
    let ["", tenant, "orders", order] = segments[..] else { return Err("no route matches".to_owned()) };
    let question =
        Question { now: case.now_millis.unwrap_or(MONDAY_MORNING), ..Question::order(&principal, tenant, order) };
    Ok(CaseAnswer::Decided(question.ask(bundle)))
}

fn run(cases: &str) -> CaseReport {
    let bundle = bundle(cases);
    bundle.run_cases(|_| true, |case| ask(&bundle, case))
}

#[test]
fn cases_are_read_with_all_that_they_say() {
    let bundle = bundle(&CASES.replace("@SHA256@", &"0a".repeat(32)));
    let [first, second] = bundle.cases() else { panic!("{:?}", bundle.cases()) };
    let CaseCaller::Token(token) = &first.caller else { panic!("{first:?}") };
    assert_eq!((token.issuer.as_str(), token.sub.as_str(), token.age), ("corp", "alice", Duration::from_mins(5)));
    let [groups, scopes] = [&token.groups, &token.scopes].map(|said| said.as_deref().map(<[String]>::len));
    assert_eq!((groups, scopes, &token.claims["custom:tenant"]), (Some(1), Some(1), &"acme".into()));
    let request = CaseRequest {
        method: "GET".to_owned(),
        host: Some("api.example.com".to_owned()),
        path: "/acme/orders/7".to_owned(),
        query: Some("page=2".to_owned()),
    };
    assert_eq!(
        (&first.request, first.expect, first.by.as_slice()),
        (&request, Expectation::Allow, ["own".to_owned()].as_slice())
    );
    assert_eq!((&second.caller, second.place.line), (&CaseCaller::Anonymous, 7));
    assert_eq!((second.now_millis, second.ip), (Some(1_767_225_599_000), Some(IpAddr::from([10, 0, 0, 1]))));
    let Some(CaseCertificate { subject, names, sha256 }) = &second.certificate else { panic!("{second:?}") };
    assert_eq!((subject.as_str(), names.as_slice()), ("CN=scraper", ["dns:scraper.svc".to_owned()].as_slice()));
    assert_eq!(sha256.0, [10; 32]);
}

#[test]
fn what_a_case_leaves_out_of_a_token_is_not_an_empty_list() {
    let said = |token: &str| {
        let case = format!("- {{name: it, token: {token}, request: GET /acme/orders/7, expect: deny}}");
        let CaseCaller::Token(token) = bundle(&case).cases()[0].caller.clone() else { panic!("{case}") };
        (token.groups, token.scopes)
    };
    assert_eq!(said("{issuer: corp, sub: a}"), (None, None));
    assert_eq!(said("{issuer: corp, sub: a, groups: [], scopes: []}"), (Some(Vec::new()), Some(Vec::new())));
}

#[test]
fn a_certificate_that_no_policy_could_see_is_told() {
    for (certificate, says) in [
        ("{subjct: a}", "subject"),
        ("{names: [a.example]}", "`a.example`"),
        ("{sha256: \"00\"}", "64 hexadecimal digits"),
        (&format!("{{sha256: {}}}", "AB".repeat(32)), "64 hexadecimal digits"),
    ] {
        let case = format!(
            "- {{name: it, anonymous: true, request: GET /a/orders/7, expect: deny, client_certificate: {certificate}}}"
        );
        let error = load(&[("a.cedar", POLICIES), ("a.cases.yaml", &case)]).unwrap_err();
        let told: String = error.flaws().iter().map(|flaw| format!("{} {:?}", flaw.message, flaw.help)).collect();
        assert!(told.contains(says), "{certificate}: {told}");
    }
}

#[test]
fn cases_that_come_out_as_expected_pass_and_name_the_policies_that_none_decided() {
    let report = run(&CASES.replace("@SHA256@", &"00".repeat(32)));
    assert!(report.passed(), "{report:?}");
    assert_eq!(report.undecided.iter().map(|id| &**id).collect::<Vec<_>>(), ["never-asked"]);
}

#[test]
fn a_case_that_comes_out_otherwise_says_how() {
    let case = |request: &str, rest: &str| {
        format!("- name: it\n  token: {{issuer: corp, sub: alice}}\n  request: {request}\n  {rest}\n")
    };
    let table = [
        (case("GET /acme/orders/7", "expect: deny"), "allowed by `own`"),
        (case("GET /globex/orders/7", "expect: allow"), "denied: no `permit` held"),
        (case("GET /acme/orders/7", "expect: allow\n  now: 2025-01-01T00:00:00Z"), "denied by `closed`"),
        (case("GET /globex/orders/7", "expect: deny\n  by: closed"), "decided by no policy, not by `closed`"),
        (case("GET /elsewhere", "expect: deny"), "no route matches"),
        (case("GET /acme/orders/%FF", "expect: allow"), "denied by an error: path-parameter-encoding order_id"),
        (
            case("GET /acme/orders/%FF", "expect: deny\n  by: closed"),
            "denied by an error: path-parameter-encoding order_id",
        ),
        (
            case("GET /acme/orders/%FF", "expect: deny\n  error: query-parameter-repeated"),
            "denied by an error: path-parameter-encoding order_id",
        ),
        (
            case("GET /globex/orders/7", "expect: deny\n  error: path-parameter-encoding"),
            "the error `path-parameter-encoding` did not happen",
        ),
    ];
    for (cases, expected) in table {
        let report = run(&cases);
        assert!(!report.passed(), "{cases}");
        assert_eq!(report.outcomes[0].mismatch.as_ref().unwrap().to_string(), expected, "{cases}");
    }
    for expected in ["expect: deny", "expect: deny\n  error: path-parameter-encoding"] {
        let report = run(&case("GET /acme/orders/%FF", expected));
        assert!(report.passed(), "{expected}: {report:?}");
        // seen, so that nobody takes it for the deny of a policy
        assert_eq!(report.outcomes[0].errors, ["path-parameter-encoding order_id"]);
    }
    let refused = |rest: &str| {
        let outcome = run(&case("GET /closed", rest)).outcomes.remove(0);
        (outcome.refused, outcome.mismatch.map(|mismatch| mismatch.to_string()))
    };
    let told = "refused before any policy is asked: `missing-group`".to_owned();
    for (rest, mismatch) in [
        ("expect: deny", None),
        ("expect: deny\n  error: missing-group", None),
        ("expect: deny\n  error: missing-scope", Some(told.clone())),
        ("expect: deny\n  by: closed", Some(told.clone())),
        ("expect: allow", Some(told)),
    ] {
        assert_eq!(refused(rest), (Some("missing-group"), mismatch), "{rest}");
    }
}

#[test]
fn a_request_line_is_a_method_and_a_url() {
    let good = [
        ("GET https://a.example", Some("a.example"), "/", None),
        ("GET http://a.example:8080?x=1", Some("a.example:8080"), "/", Some("x=1")),
        ("POST /a/b?", None, "/a/b", Some("")),
        ("M-SEARCH /", None, "/", None),
    ];
    for (text, host, path, query) in good {
        let request: CaseRequest = text.parse().unwrap();
        assert_eq!(
            (request.host.as_deref(), request.path.as_str(), request.query.as_deref()),
            (host, path, query),
            "{text}"
        );
    }
    let bad = [
        "",
        "GET",
        "get /",
        "GET",
        "GET a.example/",
        "GET  /",
        "GET /a b",
        "GET /#a",
        "GET https:///a",
        "GET https://u@a/",
        " /",
        "GET https://",
        "GET ?a",
    ];
    for text in bad {
        assert!(text.parse::<CaseRequest>().is_err(), "{text}");
    }
}
