//! An outline, folders of policies, and questions, for the tests of the room.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use tempfile::TempDir;

use crate::policy::{
    AttributeType, AttributeValue, Bundle, Outline, PolicyError, PolicyExplanation, Principal, Query, RouteOutline,
    TokenFacts, User, Verdict,
};

/// 2026-03-02T10:00:00Z, a Monday.
pub(super) const MONDAY_MORNING: u64 = 1_772_445_600_000;

/// A route that lets through who comes without a token.
pub(super) fn route(name: &str, service: &str, path: &str, methods: &[&str]) -> RouteOutline {
    let parameters = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let parameters = parameters.map(|name| name.trim_start_matches('*').to_owned()).collect();
    let methods = methods.iter().map(|method| (*method).to_owned()).collect();
    RouteOutline {
        name: name.to_owned(),
        service: service.to_owned(),
        path: path.to_owned(),
        methods,
        parameters,
        optional: true,
    }
}

/// Orders by tenant alone: the routes that one bundle guards.
pub(super) fn orders_outline() -> Outline {
    let mut outline = outline();
    outline.routes.retain(|route| route.service == "orders");
    outline
}

/// Orders by tenant, and reports; two issuers; an attribute of each type.
pub(super) fn outline() -> Outline {
    let kinds = [
        ("tenant", AttributeType::String),
        ("level", AttributeType::Long),
        ("staff", AttributeType::Bool),
        ("regions", AttributeType::StringSet),
    ];
    Outline {
        routes: vec![
            route("read-orders", "orders", "/{tenant}/orders/{order_id}", &["GET", "HEAD"]),
            route("write-orders", "orders", "/{tenant}/orders/{order_id}", &["PUT", "DELETE"]),
            route("reports", "reports", "/reports/{*rest}", &["GET", "POST"]),
        ],
        attributes: kinds.map(|(name, kind)| (name.to_owned(), kind)).into(),
        issuers: BTreeSet::from(["corp".to_owned(), "partner".to_owned()]),
    }
}

/// A folder with these files.
pub(super) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

pub(super) fn load(files: &[(&str, &str)]) -> Result<Bundle, PolicyError> {
    Bundle::load("test", folder(files).path(), &outline())
}

/// A bundle of one file; panics with the flaws if there are any.
pub(super) fn bundle(policies: &str) -> Bundle {
    load(&[("test.cedar", policies)]).unwrap_or_else(|error| panic!("{error}"))
}

/// The same, of a config that has orders alone.
pub(super) fn orders_bundle(policies: &str) -> Bundle {
    let folder = folder(&[("test.cedar", policies)]);
    Bundle::load("test", folder.path(), &orders_outline()).unwrap_or_else(|error| panic!("{error}"))
}

/// A question, with what most tests do not care about filled in.
#[derive(Clone)]
pub(super) struct Question<'a> {
    pub(super) principal: Principal,
    pub(super) route: &'a str,
    pub(super) method: &'a str,
    pub(super) path: Vec<(&'a str, &'a str)>,
    pub(super) query: Option<&'a str>,
    pub(super) ip: IpAddr,
    pub(super) now: u64,
    pub(super) age: Option<u64>,
}

impl<'a> Question<'a> {
    /// `GET /{tenant}/orders/{order_id}`.
    pub(super) fn order(principal: &Principal, tenant: &'a str, order: &'a str) -> Self {
        Self {
            principal: principal.clone(),
            route: "read-orders",
            method: "GET",
            path: vec![("tenant", tenant), ("order_id", order)],
            query: None,
            ip: IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)),
            now: MONDAY_MORNING,
            age: Some(60),
        }
    }

    pub(super) fn ask(&self, bundle: &Bundle) -> Verdict {
        self.with_query(|query| {
            let verdict = bundle.decide(query);
            assert_eq!(verdict, bundle.decide_all(query), "selection changed the answer");
            verdict
        })
    }

    pub(super) fn explain(&self, bundle: &Bundle) -> PolicyExplanation {
        self.with_query(|query| bundle.explain(query))
    }

    fn with_query<R>(&self, ask: impl FnOnce(&Query<'_>) -> R) -> R {
        let scopes = vec!["orders/read".to_owned()];
        let query = Query {
            principal: &self.principal,
            route: self.route,
            method: self.method,
            path: &self.path,
            host: "api.example.com",
            query: self.query,
            ip: self.ip,
            now_millis: self.now,
            token: self.age.map(|age_seconds| TokenFacts { age_seconds, scopes: &scopes }),
            certificate: None,
        };
        ask(&query)
    }
}

/// A user of `corp` with groups and attributes.
pub(super) fn user(sub: &str, groups: &[&str], attributes: &[(&str, AttributeValue)]) -> Principal {
    let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
    let attributes: BTreeMap<_, _> =
        attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let scopes = ["orders/read".to_owned()];
    let user = User { issuer: "corp", sub, groups: &groups, scopes: &scopes, attributes, ..User::default() };
    Principal::user(user).unwrap()
}

pub(super) fn text(value: &str) -> AttributeValue {
    AttributeValue::String(value.to_owned())
}

/// The codes of a verdict's errors.
pub(super) fn codes(verdict: &Verdict) -> Vec<&'static str> {
    verdict.errors().iter().map(crate::policy::Fault::code).collect()
}

/// The ids of the policies that made a verdict.
pub(super) fn by(verdict: &Verdict) -> Vec<&str> {
    verdict.determining().iter().map(|id| &**id).collect()
}
