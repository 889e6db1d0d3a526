//! What one decision costs with 10, 100, 1,000 and 10,000 policies of which few can matter: it should not grow.
//!
//! `cargo bench --bench decide`. `known` is a caller who was asked about before, `new` one whose token was just verified
//! (the principal's making included), `all` evaluates every policy for comparison; `load` reads, validates and indexes.

#![expect(clippy::expect_used, reason = "a bench stops at what it cannot set up")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use lychgate::policy::{
    AttributeType, AttributeValue, Bundle, Outline, Principal, Query, RouteOutline, TokenFacts, User,
};
use tempfile::TempDir;

const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];

fn outline() -> Outline {
    let route = |name: &str, methods: [&str; 2]| RouteOutline {
        name: name.to_owned(),
        service: "orders".to_owned(),
        path: "/{tenant}/orders/{order_id}".to_owned(),
        methods: methods.map(str::to_owned).to_vec(),
        parameters: vec!["tenant".to_owned(), "order_id".to_owned()],
    };
    Outline {
        routes: vec![route("read-orders", ["GET", "HEAD"]), route("write-orders", ["PUT", "DELETE"])],
        attributes: BTreeMap::from([("tenant".to_owned(), AttributeType::String)]),
        issuers: BTreeSet::from(["corp".to_owned()]),
    }
}

/// A folder with many policies for many groups and users; the caller's groups meet three of them.
fn folder(count: usize) -> TempDir {
    let mut text = String::new();
    for number in 0..count {
        let policy = match number % 4 {
            0 => format!(
                r#"permit (principal in Group::"corp|g{number}", action in Action::"read", resource == Service::"orders");"#
            ),
            1 => format!(
                r#"permit (principal in Group::"corp|g{number}", action in Action::"read-orders", resource) when {{ principal has tenant && context.path.tenant == principal.tenant }};"#
            ),
            2 => format!(
                r#"permit (principal == User::"corp|u{number}", action, resource) when {{ context.host like "*.example.com" }};"#
            ),
            _ => format!(
                r#"forbid (principal in Group::"corp|g{number}", action in Action::"write", resource) unless {{ context.ip.isInRange(ip("10.0.0.0/8")) }};"#
            ),
        };
        writeln!(text, "@id(\"p{number}\")\n{policy}").expect("a string takes it");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("many.cedar"), text).expect("a file in it");
    folder
}

struct Caller {
    groups: Vec<String>,
    scopes: Vec<String>,
}

impl Caller {
    fn new() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self { groups: owned(&["g1", "g5", "g8"]), scopes: owned(&["orders/read", "orders/write", "openid", "email"]) }
    }

    fn principal(&self) -> Principal {
        let attributes = BTreeMap::from([("tenant".to_owned(), AttributeValue::String("acme".to_owned()))]);
        let user = User {
            issuer: "corp",
            sub: "0f8fad5b-d9cb-469f-a165-70867728950e",
            groups: &self.groups,
            scopes: &self.scopes,
            attributes,
            ..User::default()
        };
        Principal::user(user).expect("a user")
    }

    fn query<'a>(&'a self, principal: &'a Principal) -> Query<'a> {
        Query {
            principal,
            route: "read-orders",
            method: "GET",
            path: &[("tenant", "acme"), ("order_id", "7")],
            host: "api.example.com",
            query: None,
            ip: IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)),
            now_millis: 1_772_445_600_000,
            token: Some(TokenFacts { age_seconds: 60, scopes: &self.scopes }),
            certificate: None,
        }
    }
}

fn decide(criterion: &mut Criterion) {
    let caller = Caller::new();
    let known = caller.principal();
    let mut group = criterion.benchmark_group("decide");
    for size in SIZES {
        let bundle = Bundle::load("many", folder(size).path(), &outline()).expect("a bundle");
        assert!(bundle.decide(&caller.query(&known)).allowed(), "the bench is of an allow");
        group.bench_function(BenchmarkId::new("known", size), |bench| {
            bench.iter(|| bundle.decide(black_box(&caller.query(&known))));
        });
        group.bench_function(BenchmarkId::new("new", size), |bench| {
            bench.iter(|| bundle.decide(black_box(&caller.query(&caller.principal()))));
        });
        if size <= 1_000 {
            group.bench_function(BenchmarkId::new("all", size), |bench| {
                bench.iter(|| bundle.decide_all(black_box(&caller.query(&known))));
            });
        }
    }
}

fn load(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    for size in SIZES {
        let folder = folder(size);
        group.bench_function(BenchmarkId::from_parameter(size), |bench| {
            bench.iter(|| Bundle::load("many", folder.path(), &outline()).expect("a bundle"));
        });
    }
}

criterion_group!(benches, decide, load);
criterion_main!(benches);
