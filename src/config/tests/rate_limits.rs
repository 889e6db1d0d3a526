//! Rate limits that cannot be told, kept or meant.

use super::support::{assert_mistakes, folder, load, load_in, whole};
use crate::authorizer::CountedBy;

fn route(access: &str, limit: &str) -> String {
    format!("routes: [{{name: r, match: {{path: /}}, upstream: app{access}, {limit}}}]")
}

#[test]
fn a_limit_that_cannot_be_kept_is_refused() {
    for (limit, fragment) in [
        ("rate_limit: {by: ▸'', rate: 1/s}", "the name of a claim"),
        ("rate_limit: {by: sub, rate: 1/s, burst: ▸0}", "from 1 to 1000000"),
        ("rate_limit: {by: sub, rate: 1/s, burst: ▸1000001}", "from 1 to 1000000"),
        ("rate_limit: {by: sub, rate: 1/d, burst: ▸400}", "more than a year"),
        ("rate_limit: {by: sub, rate: ▸100}", "`100` is no rate"),
        ("rate_limit: [{by: sub, rate: 1/s}, {by: sub, rate: ▸0/s}]", "`0/s` is no rate"),
        ("▸rate_limit: []", "an empty list"),
    ] {
        assert_mistakes(&route("", limit), "wrong-value", &[fragment]);
    }
    assert_mistakes(&route("", "rate_limit: {by: sub, rate: 1/s, ▸brust: 2}"), "unknown-key", &["`burst`"]);
}

#[test]
fn callers_of_a_public_route_cannot_be_told_apart() {
    for limit in [
        "rate_limit: {by: ▸sub, rate: 1/s}",
        "rate_limit: {by: ▸tenant, rate: 1/s}",
        "rate_limit: [{by: route, rate: 1/s}, {by: ▸sub, rate: 1/s}]",
    ] {
        assert_mistakes(&route(", access: public", limit), "contradiction", &["count by `address` or `route`"]);
    }
    for by in ["address", "route"] {
        assert!(load(&route(", access: public", &format!("rate_limit: {{by: {by}, rate: 1/s}}"))).is_ok(), "{by}");
    }
}

#[test]
fn a_word_is_a_claim_unless_it_is_another() {
    for (by, counted) in [
        ("sub", CountedBy::Sub),
        ("{claim: sub}", CountedBy::Sub),
        ("address", CountedBy::Address),
        ("{claim: address}", CountedBy::Claim("address".to_owned())),
        ("route", CountedBy::Route),
        ("'custom:tenant'", CountedBy::Claim("custom:tenant".to_owned())),
    ] {
        let loaded = load(&route("", &format!("rate_limit: {{by: {by}, rate: 1/s}}"))).unwrap();
        assert_eq!(loaded.config.routes[0].rate_limit[0].by, counted, "{by}");
    }
}

#[test]
fn a_place_to_count_together_that_cannot_be_asked_is_refused() {
    for (shared, fragment) in [
        ("▸redis.internal:6379", "is no URL such as"),
        ("▸'https://redis.internal'", "is no URL such as"),
        ("▸'rediss://h/#insecure'", "a query or a fragment"),
        ("{url: ▸'redis://h/orders'}", "by number"),
        ("{url: 'redis://h', timeout: ▸0s}", "from `1ms` to `1s`"),
        ("{url: 'redis://h', timeout: ▸2s}", "from `1ms` to `1s`"),
        ("{url: 'redis://h', ▸ca: ca.pem}", "show a certificate"),
        ("{url: 'redis://h', prefix: ▸'a b'}", "without blanks"),
    ] {
        assert_mistakes(&format!("rate_limits: {{shared: {shared}}}"), "wrong-value", &[fragment]);
    }
    assert_mistakes("rate_limits: {shared: {url: 'rediss://h', ca: ▸missing.pem}}", "missing-file", &["missing.pem"]);
}

#[test]
fn the_url_may_come_from_outside_and_is_never_shown() {
    let folder = folder();
    std::fs::write(folder.path().join("secrets/redis"), "redis://:hunter2@redis.internal:6379\n").unwrap();
    let text = whole("rate_limits: {shared: {url: {file: secrets/redis}}}");
    let shown = format!("{:?}", load_in(folder.path(), &text).unwrap().config);
    assert!(!shown.contains("hunter2"), "{shown}");
    let error = load("rate_limits: {shared: 'redis://:hunter2@h/#x'}").unwrap_err().to_string();
    assert!(error.contains("fragment") && !error.contains("hunter2"), "{error}");
}
