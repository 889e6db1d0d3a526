//! The worked bundles under `policies/`: each loads, each of its cases passes, and its cases touch each of its policies.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use serde_json::Value;

use super::fixture::{MONDAY_MORNING, route};
use crate::policy::{
    AttributeType, AttributeValue, Bundle, Case, CaseAnswer, CaseCaller, CaseToken, Outline, Principal, Query,
    RouteOutline, TokenFacts, User,
};

fn outline(routes: Vec<RouteOutline>, issuers: &[&str]) -> Outline {
    let issuers = issuers.iter().map(|issuer| (*issuer).to_owned()).collect::<BTreeSet<_>>();
    Outline { routes, attributes: BTreeMap::from([("tenant".to_owned(), AttributeType::String)]), issuers }
}

fn check(name: &str, outline: &Outline) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies").join(name);
    let bundle = Bundle::load(name, &directory, outline).unwrap_or_else(|error| panic!("{error}"));
    let report = bundle.run_cases(|_| true, |case| ask(&bundle, case, outline));
    let failed: Vec<String> = report
        .outcomes
        .iter()
        .filter_map(|outcome| Some(format!("{}: {}", outcome.name, outcome.mismatch.as_ref()?)))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(report.undecided.is_empty(), "no case decided {:?}", report.undecided);
    assert!(report.outcomes.len() > bundle.policy_count(), "fewer cases than one a policy and one more");
}

#[test]
fn the_roles_bundle_holds() {
    let routes = vec![
        route("list", "orders", "/orders", &["GET"]),
        route("order", "orders", "/orders/{order_id}", &["GET", "PUT", "DELETE"]),
    ];
    check("roles", &outline(routes, &["corp", "partner"]));
}

#[test]
fn the_tenants_bundle_holds() {
    let routes = vec![
        route("orders", "orders", "/{tenant}/orders/{order_id}", &["GET", "PUT"]),
        route("reports", "orders", "/{tenant}/reports/{*rest}", &["GET"]),
    ];
    check("tenants", &outline(routes, &["corp"]));
}

#[test]
fn the_metrics_sidecar_bundle_holds() {
    check("metrics-sidecar", &outline(vec![route("metrics", "app", "/metrics", &["GET"])], &["cluster", "corp"]));
}

/// A plain stand-in for routing and claims, which are the authorizer's.
fn ask(bundle: &Bundle, case: &Case, outline: &Outline) -> Result<CaseAnswer, String> {
    let request = &case.request;
    let found = outline.routes.iter().find_map(|route| Some((route, parameters(&route.path, &request.path)?)));
    let (route, path) = found.ok_or_else(|| format!("no route matches `{}`", request.path))?;
    let (principal, token) = match &case.caller {
        CaseCaller::Anonymous => (Principal::anonymous(), None),
        CaseCaller::Token(token) => {
            let scopes = token.scopes.as_deref().unwrap_or_default();
            let facts = TokenFacts { age_seconds: token.age.as_secs(), scopes };
            (principal(token).map_err(|error| error.to_string())?, Some(facts))
        }
    };
    let query = Query {
        principal: &principal,
        route: &route.name,
        method: &request.method,
        path: &path,
        host: request.host.as_deref().unwrap_or_default(),
        query: request.query.as_deref(),
        ip: case.ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        now_millis: case.now_millis.unwrap_or(MONDAY_MORNING),
        token,
        certificate: None,
    };
    let verdict = bundle.decide(&query);
    assert_eq!(verdict, bundle.decide_all(&query), "{}", case.name);
    Ok(CaseAnswer::Decided(verdict))
}

fn principal(token: &CaseToken) -> Result<Principal, crate::policy::PolicyError> {
    let tenant = token.claims.get("custom:tenant").and_then(Value::as_str);
    let tenant = tenant.map(|tenant| ("tenant".to_owned(), AttributeValue::String(tenant.to_owned())));
    Principal::user(User {
        issuer: &token.issuer,
        sub: &token.sub,
        groups: token.groups.as_deref().unwrap_or_default(),
        scopes: token.scopes.as_deref().unwrap_or_default(),
        email_verified: token.claims.get("email_verified").and_then(Value::as_bool),
        attributes: tenant.into_iter().collect(),
        ..User::default()
    })
}

fn parameters<'a>(pattern: &'a str, path: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let (mut pattern, mut path) = (pattern.split('/'), path.splitn(pattern.split('/').count(), '/'));
    let mut found = Vec::new();
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return Some(found),
            (Some(pattern), Some(segment)) => match pattern.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(name) if name.starts_with('*') || !segment.contains('/') => {
                    found.push((name.trim_start_matches('*'), segment));
                }
                None if pattern == segment => {}
                _ => return None,
            },
            _ => return None,
        }
    }
}
