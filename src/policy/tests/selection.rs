//! Selection against full evaluation on generated policies and requests: the same answer, policies and errors.
//!
//! By default a few thousand pairs; `LYCHGATE_SELECTION_PAIRS=100000 cargo test --lib selection` runs as many as asked for.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

use super::fixture::{MONDAY_MORNING, outline, text, user};
use crate::policy::bundle::Folder;
use crate::policy::flaws::Source;
use crate::policy::{AttributeValue, Bundle, Link, Principal, Query, TokenFacts};

const REQUESTS_PER_BUNDLE: usize = 50;

const PRINCIPALS: [&str; 14] = [
    "principal",
    "principal is User",
    "principal is Anonymous",
    r#"principal == User::"corp|u0""#,
    r#"principal == User::"corp|u1""#,
    r#"principal == User::"partner|u0""#,
    r#"principal == Anonymous::"anonymous""#,
    r#"principal in Group::"corp|g0""#,
    r#"principal in Group::"corp|g1""#,
    r#"principal in Group::"corp|g2""#,
    r#"principal in Group::"partner|g0""#,
    r#"principal in User::"corp|u0""#,
    r#"principal is User in Group::"corp|g1""#,
    r#"principal is Anonymous in Group::"corp|g0""#,
];

const ACTIONS: [&str; 12] = [
    "action",
    r#"action in Action::"read""#,
    r#"action in Action::"write""#,
    r#"action in Action::"read-orders""#,
    r#"action in Action::"reports""#,
    r#"action == Action::"GET /{tenant}/orders/{order_id}""#,
    r#"action == Action::"POST /reports/{*rest}""#,
    r#"action == Action::"read""#,
    r#"action in [Action::"write-orders", Action::"reports"]"#,
    r#"action in [Action::"GET /reports/{*rest}", Action::"read"]"#,
    "action in []",
    r#"action in Action::"DELETE /{tenant}/orders/{order_id}""#,
];

const RESOURCES: [&str; 7] = [
    "resource",
    r#"resource == Service::"orders""#,
    r#"resource == Service::"reports""#,
    r#"resource in Service::"orders""#,
    "resource is Service",
    r#"resource is Service in Service::"reports""#,
    "resource is Group",
];

const CONDITIONS: [&str; 16] = [
    "",
    "",
    "when { principal has level && principal.level > 3 }",
    "when { principal has level && principal.level * 9223372036854775807 > 3 }",
    "when { principal.level > 3 }",
    "unless { principal.staff }",
    r#"when { action in Action::"read" }"#,
    r#"when { Action::"POST /reports/{*rest}" in Action::"write" }"#,
    r#"when { Action::"GET /reports/{*rest}" in [Action::"write", Action::"reports"] } unless { action == Action::"GET /reports/{*rest}" }"#,
    r#"when { principal in [Group::"corp|g0", Group::"corp|g2"] }"#,
    r#"when { resource in Service::"orders" }"#,
    r#"when { context.path has tenant && context.path.tenant == "t1" }"#,
    r#"unless { context.path.tenant == "t1" }"#,
    r#"when { context.ip.isInRange(ip("10.0.0.0/8")) }"#,
    r#"when { context has token && context.token.scopes.contains("orders/read") }"#,
    r#"when { context.now > datetime("2026-01-01") && context.host == "api.example.com" }"#,
];

/// A request, as small numbers that proptest can shrink.
#[derive(Debug, Clone)]
struct Asked {
    principal: Principal,
    method: (&'static str, &'static str),
    tenant: &'static str,
    ip: u8,
    token: bool,
}

fn policies() -> impl Strategy<Value = String> {
    let effect = select(&["permit", "permit", "forbid"][..]);
    let policy =
        (effect, select(&PRINCIPALS[..]), select(&ACTIONS[..]), select(&RESOURCES[..]), select(&CONDITIONS[..]));
    let policy = policy.prop_map(|(effect, principal, action, resource, condition)| {
        format!("{effect} ({principal}, {action}, {resource}) {condition};\n")
    });
    prop::collection::vec(policy, 1..40).prop_map(|policies| policies.concat())
}

/// Templates with their links; heads with slots, so that what a link fills in is all that selects it.
fn templates() -> impl Strategy<Value = (String, Vec<Link>)> {
    let group = prop_oneof![
        (0..3_u8).prop_map(|number| (Some(format!("corp|g{number}")), None)),
        (0..3_u8).prop_map(|number| (None, Some(format!("corp|u{number}")))),
    ];
    let links = prop::collection::vec((group, select(&["orders", "reports"][..])), 1..4);
    let principals = ["principal == ?principal", "principal in ?principal", "principal is User in ?principal"];
    let resources = ["resource == ?resource", "resource in ?resource"];
    let effect = select(&["permit", "permit", "forbid"][..]);
    let template = (
        effect,
        select(principals.to_vec()),
        select(&ACTIONS[..]),
        select(resources.to_vec()),
        select(&CONDITIONS[..]),
        links,
    );
    prop::collection::vec(template, 0..4).prop_map(|templates| {
        let mut text = String::new();
        let mut all = Vec::new();
        for (number, (effect, principal, action, resource, condition, links)) in templates.into_iter().enumerate() {
            let head = format!("({principal}, {action}, {resource})");
            text.extend(["@id(\"t", &number.to_string(), "\") ", effect, &head, condition, ";\n"]);
            all.extend(links.into_iter().enumerate().map(|(link, ((group, user), service))| Link {
                id: format!("t{number}-{link}"),
                template: format!("t{number}"),
                group,
                user,
                service: Some(service.to_owned()),
            }));
        }
        (text, all)
    })
}

fn principal() -> impl Strategy<Value = Principal> {
    let groups = prop::sample::subsequence(vec!["g0", "g1", "g2", "g3"], 0..=4);
    let user = (0..3_u8, groups, prop::option::of(0..9_i64), any::<bool>()).prop_map(|(sub, groups, level, staff)| {
        let level = level.map(|level| ("level", AttributeValue::Long(level)));
        let attributes: Vec<_> =
            [("staff", AttributeValue::Bool(staff)), ("tenant", text("t1"))].into_iter().chain(level).collect();
        user(&format!("u{sub}"), &groups, &attributes)
    });
    prop_oneof![9 => user, 1 => Just(Principal::anonymous())]
}

fn asked() -> impl Strategy<Value = Asked> {
    let methods = [
        ("read-orders", "GET"),
        ("read-orders", "HEAD"),
        ("write-orders", "PUT"),
        ("write-orders", "DELETE"),
        ("reports", "GET"),
        ("reports", "POST"),
    ];
    (principal(), select(methods.to_vec()), select(vec!["t1", "t2"]), 9..=10_u8, any::<bool>())
        .prop_map(|(principal, method, tenant, ip, token)| Asked { principal, method, tenant, ip, token })
}

impl Asked {
    fn compare(&self, bundle: &Bundle) -> Result<bool, TestCaseError> {
        let scopes = vec!["orders/read".to_owned()];
        let orders = [("tenant", self.tenant), ("order_id", "7")];
        let reports = [("rest", self.tenant)];
        let query = Query {
            principal: &self.principal,
            route: self.method.0,
            method: self.method.1,
            path: if self.method.0 == "reports" { &reports } else { &orders },
            host: "api.example.com",
            query: None,
            ip: IpAddr::V4(Ipv4Addr::new(self.ip, 0, 0, 1)),
            now_millis: MONDAY_MORNING,
            token: self.token.then_some(TokenFacts { age_seconds: 60, scopes: &scopes }),
            certificate: None,
        };
        let whole = bundle.decide_all(&query);
        prop_assert_eq!(&bundle.decide(&query), &whole, "the first request");
        prop_assert_eq!(&bundle.decide(&query), &whole, "the second request, by what the first left");
        Ok(whole.allowed())
    }
}

#[test]
fn selection_answers_as_full_evaluation_does() {
    let pairs: usize = std::env::var("LYCHGATE_SELECTION_PAIRS").map_or(1_000, |pairs| pairs.parse().unwrap());
    let cases = u32::try_from(pairs.div_ceil(REQUESTS_PER_BUNDLE)).unwrap();
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let requests = prop::collection::vec(asked(), REQUESTS_PER_BUNDLE);
    let (allowed, compared) = (Cell::new(0_usize), Cell::new(0_usize));
    let outcome = runner.run(&(policies(), templates(), requests), |(policies, (templates, links), requests)| {
        let folder = Folder {
            policies: vec![Source::new("p.cedar", policies + &templates)],
            extension: None,
            cases: Vec::new(),
        };
        let bundle = Bundle::assemble("generated", &folder, None, &links, &outline()).unwrap();
        for request in &requests {
            allowed.set(allowed.get() + usize::from(request.compare(&bundle)?));
            compared.set(compared.get() + 1);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let (allowed, compared) = (allowed.get(), compared.get());
    assert!(
        allowed * 20 > compared,
        "the generated policies allow too little to tell anything: {allowed} of {compared}"
    );
}
