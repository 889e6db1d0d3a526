//! What one decision costs with 10, 100, 1,000 and 10,000 policies of which few can matter: it should not grow.
//!
//! `cargo bench --bench decide`. `known` is a caller who was asked about before, by policies of which two read the request;
//! `by groups` the same by policies that read nothing of it, whose answer is settled at the first request; `new` is a caller
//! whose token was just verified (the principal's making included); `all` evaluates every policy for comparison; `load` reads,
//! validates and indexes. The sizes take turns, so that a slow second hits all of them alike; told is the median of the turns.
//! `known` is to be at most 12 µs at 10 policies and at most 1.5 of that at 10,000, which are to be loaded in less than a
//! second.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a bench stops at what it cannot set up")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use lychgate::policy::{
    AttributeType, AttributeValue, Bundle, Outline, Principal, Query, RouteOutline, TokenFacts, User,
};
use tempfile::TempDir;

/// As the binary has it: a decision is for a good part allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIZES: [u32; 4] = [10, 100, 1_000, 10_000];
const TURNS: usize = 200;
/// Decisions of a turn.
const DECISIONS: u32 = 100;
/// Policies up to which evaluating every one of them is tried: it is slow.
const ALL_UP_TO: u32 = 1_000;
const LOADS: usize = 5;

fn outline() -> Outline {
    let route = |name: &str, methods: [&str; 2]| RouteOutline {
        name: name.to_owned(),
        service: "orders".to_owned(),
        path: "/{tenant}/orders/{order_id}".to_owned(),
        methods: methods.map(str::to_owned).to_vec(),
        parameters: vec!["tenant".to_owned(), "order_id".to_owned()],
        optional: false,
    };
    Outline {
        routes: vec![route("read-orders", ["GET", "HEAD"]), route("write-orders", ["PUT", "DELETE"])],
        attributes: BTreeMap::from([("tenant".to_owned(), AttributeType::String)]),
        issuers: BTreeSet::from(["corp".to_owned()]),
    }
}

/// A folder with many policies for many groups and users; the caller's groups meet three of them.
fn folder(count: u32) -> TempDir {
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
    /// With groups of these numbers.
    fn of(groups: [&str; 3]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self { groups: owned(&groups), scopes: owned(&["orders/read", "orders/write", "openid", "email"]) }
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

/// Microseconds a decision, of each turn, by size.
#[derive(Default)]
struct Turns {
    known: [Vec<f64>; SIZES.len()],
    by_groups: [Vec<f64>; SIZES.len()],
    new: [Vec<f64>; SIZES.len()],
    all: [Vec<f64>; SIZES.len()],
}

fn main() {
    let folders = SIZES.map(folder);
    let bundles = [0, 1, 2, 3].map(|size| load(&folders[size]));
    let turns = measured(&bundles);
    println!("| policies | known µs | against 10 | by groups µs | new µs | all µs | load ms |");
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    for (size, policies) in SIZES.into_iter().enumerate() {
        let loads: Vec<f64> = (0..LOADS).map(|_| micros(1, || drop(load(&folders[size]))) / 1000.0).collect();
        let against: Vec<f64> = turns.known[size].iter().zip(&turns.known[0]).map(|(many, few)| many / few).collect();
        println!(
            "| {policies} | {:.2} | {:.2} | {:.2} | {:.2} | {} | {:.0} |",
            median(&turns.known[size]),
            median(&against),
            median(&turns.by_groups[size]),
            median(&turns.new[size]),
            if turns.all[size].is_empty() { "–".to_owned() } else { format!("{:.1}", median(&turns.all[size])) },
            median(&loads),
        );
    }
}

fn load(folder: &TempDir) -> Bundle {
    Bundle::load("many", folder.path(), &outline()).expect("a bundle")
}

fn measured(bundles: &[Bundle; SIZES.len()]) -> Turns {
    let (caller, by_groups) = (Caller::of(["g1", "g5", "g8"]), Caller::of(["g0", "g4", "g8"]));
    // each size has its own, as each gate would
    let [known, known_by_groups] = [&caller, &by_groups].map(|caller| SIZES.map(|_| caller.principal()));
    let mut turns = Turns::default();
    for turn in 0..TURNS {
        for (size, bundle) in bundles.iter().enumerate() {
            let query = caller.query(&known[size]);
            assert!(bundle.decide(&query).allowed(), "the bench is of an allow");
            turns.known[size].push(micros(DECISIONS, || drop(bundle.decide(black_box(&query)))));
            let query_by_groups = by_groups.query(&known_by_groups[size]);
            assert!(bundle.decide(&query_by_groups).allowed(), "the bench is of an allow");
            turns.by_groups[size].push(micros(DECISIONS, || drop(bundle.decide(black_box(&query_by_groups)))));
            let decide_new = || drop(bundle.decide(black_box(&caller.query(&caller.principal()))));
            turns.new[size].push(micros(DECISIONS, decide_new));
            if SIZES[size] <= ALL_UP_TO && turn % 20 == 0 {
                turns.all[size].push(micros(DECISIONS / 10, || drop(bundle.decide_all(black_box(&query)))));
            }
        }
    }
    turns
}

/// Microseconds that each of so many takes.
fn micros(times: u32, mut once: impl FnMut()) -> f64 {
    let begun = Instant::now();
    for _ in 0..times {
        once();
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(times)
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
