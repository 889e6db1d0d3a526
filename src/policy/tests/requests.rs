//! The facts of a request on their way into the context: paths, queries, addresses, moments.

use std::net::IpAddr;

use super::fixture::{Question, bundle, by, codes, load, user};
use crate::policy::{Bundle, Principal};

fn anyone() -> Principal {
    user("bob", &[], &[])
}

/// The value that policies are given for the path parameter `order_id`, or the code of the refusal.
#[test]
fn path_parameters_are_given_percent_decoded_or_not_at_all() {
    let table = [
        ("7", Ok("7")),
        ("%37", Ok("7")),
        ("a%20b", Ok("a b")),
        ("a+b", Ok("a+b")),
        ("%C3%A9", Ok("é")),
        ("%c3%a9", Ok("é")),
        ("%2537", Ok("%37")),
        ("%FF", Err("path-parameter-encoding")),
        ("%C3", Err("path-parameter-encoding")),
        ("%C0%AF", Err("path-parameter-encoding")),
        ("%", Err("path-parameter-encoding")),
        ("%7", Err("path-parameter-encoding")),
        ("%zz", Err("path-parameter-encoding")),
        ("%+7", Err("path-parameter-encoding")),
    ];
    for (raw, expected) in table {
        let wanted = expected.unwrap_or("whatever");
        let policy = format!(
            "permit (principal, action in Action::\"read-orders\", resource) when {{ context.path.order_id == \"{wanted}\" }};"
        );
        let verdict = Question::order(&anyone(), "acme", raw).ask(&bundle(&policy));
        assert_eq!(
            (verdict.allowed(), codes(&verdict)),
            (expected.is_ok(), expected.err().into_iter().collect()),
            "{raw}"
        );
    }
}

#[test]
fn a_broken_path_is_a_deny_even_where_no_policy_reads_it() {
    let open = bundle("permit (principal, action, resource);");
    assert_eq!(codes(&Question::order(&anyone(), "acme", "%FF").ask(&open)), ["path-parameter-encoding"]);
}

#[test]
fn the_paths_parameters_must_be_those_of_the_action() {
    let open = bundle("permit (principal, action, resource);");
    let table = [
        (vec![("tenant", "acme")], "path-parameter-missing", "order_id"),
        (vec![], "path-parameter-missing", "order_id"),
        (vec![("tenant", "acme"), ("order_id", "7"), ("extra", "1")], "path-parameter-unknown", "extra"),
        (vec![("tenant", "acme"), ("order_id", "7"), ("tenant", "globex")], "path-parameter-unknown", "tenant"),
    ];
    for (path, code, name) in table {
        let verdict = Question { path, ..Question::order(&anyone(), "", "") }.ask(&open);
        assert!(!verdict.allowed());
        assert_eq!((verdict.errors()[0].code(), verdict.errors()[0].name()), (code, Some(name)));
    }
}

#[test]
fn a_route_or_method_that_the_outline_does_not_have_is_a_deny() {
    let open = bundle("permit (principal, action, resource);");
    for (route, method) in [("read-orders", "PUT"), ("nowhere", "GET"), ("read-orders", "get")] {
        let verdict = Question { route, method, ..Question::order(&anyone(), "acme", "7") }.ask(&open);
        assert!(!verdict.allowed());
        assert_eq!(codes(&verdict), ["action-unknown"]);
    }
}

fn paging() -> Bundle {
    let policies = "
        @id(\"second\") permit (principal, action, resource) when { context.query has page && context.query.page == \"2\" };
        @id(\"first\") permit (principal, action, resource) unless { context.query has page };
        @id(\"blank\") permit (principal, action, resource) when { context.query has page && context.query.page == \"\" };
        @id(\"odd\") permit (principal, action, resource) when { context.query has \"sort by\" && context.query[\"sort by\"] == \"é &\" };";
    let extension = "type Query = { page?: String, \"sort by\"?: __cedar::String };";
    load(&[("a.cedar", policies), ("schema.cedarschema", extension)]).unwrap_or_else(|error| panic!("{error}"))
}

/// A query string, and the policies that hold for it, or the code of the refusal.
type Asked = (Option<&'static str>, Result<&'static [&'static str], &'static str>);

#[test]
fn declared_query_parameters_are_given_decoded_and_never_twice() {
    let table: &[Asked] = &[
        (None, Ok(&["first"])),
        (Some(""), Ok(&["first"])),
        (Some("other=1&other=2&%FF=%zz"), Ok(&["first"])),
        (Some("page=2"), Ok(&["second"])),
        (Some("x=1&page=2&y=%zz"), Ok(&["second"])),
        (Some("p%61ge=%32"), Ok(&["second"])),
        (Some("page"), Ok(&["blank"])),
        (Some("page="), Ok(&["blank"])),
        (Some("page=3"), Ok(&[])),
        (Some("Page=2"), Err("query-parameter-ambiguous")),
        (Some("sort+by=%C3%A9+%26"), Ok(&["first", "odd"])),
        (Some("sort%20by=%C3%A9%20%26&page=2"), Ok(&["second", "odd"])),
        (Some("page=2&page=2"), Err("query-parameter-repeated")),
        (Some("page=2&x=1&p%61ge=3"), Err("query-parameter-repeated")),
        (Some("page=2&page"), Err("query-parameter-repeated")),
        (Some("page=%zz"), Err("query-parameter-encoding")),
        (Some("page=%FF"), Err("query-parameter-encoding")),
        (Some("page=2%"), Err("query-parameter-encoding")),
        (Some("x=1;page=2"), Err("query-parameter-ambiguous")),
        (Some("page=1;page=2"), Err("query-parameter-ambiguous")),
        (Some("page=2;x=1"), Err("query-parameter-ambiguous")),
        (Some("page=2%3Bx=1"), Ok(&[])),
        (Some("x=1;y=2"), Ok(&["first"])),
        (Some("PAGE=2"), Err("query-parameter-ambiguous")),
        (Some("page[]=2"), Err("query-parameter-ambiguous")),
        (Some("page%5B0%5D=2"), Err("query-parameter-ambiguous")),
        (Some("%20page=2"), Err("query-parameter-ambiguous")),
        (Some("page%00x=2"), Err("query-parameter-ambiguous")),
        (Some("x;Page"), Err("query-parameter-ambiguous")),
        (Some("pages=2&pag=2"), Ok(&["first"])),
    ];
    let bundle = paging();
    for (query, expected) in table {
        let verdict = Question { query: *query, ..Question::order(&anyone(), "acme", "7") }.ask(&bundle);
        match expected {
            Ok(policies) => assert_eq!((by(&verdict), codes(&verdict)), (policies.to_vec(), vec![]), "{query:?}"),
            Err(code) => assert_eq!((verdict.allowed(), codes(&verdict)), (false, vec![*code]), "{query:?}"),
        }
    }
}

#[test]
fn a_query_is_not_looked_at_where_nothing_is_declared() {
    let open = bundle("permit (principal, action, resource);");
    let question = Question { query: Some("a=%zz&a=1;b"), ..Question::order(&anyone(), "acme", "7") };
    assert!(question.ask(&open).allowed());
}

#[test]
fn an_address_is_the_same_in_both_of_its_spellings() {
    let inside = bundle(
        "permit (principal, action, resource) when { context.ip.isInRange(ip(\"10.0.0.0/8\")) || context.ip == ip(\"2001:db8::1\") };",
    );
    for (ip, allowed) in [
        ("10.9.8.7", true),
        ("::ffff:10.9.8.7", true),
        ("2001:db8::1", true),
        ("2001:DB8:0::1", true),
        ("11.0.0.1", false),
        ("::ffff:11.0.0.1", false),
        ("::1", false),
    ] {
        let question = Question { ip: ip.parse::<IpAddr>().unwrap(), ..Question::order(&anyone(), "acme", "7") };
        assert_eq!(question.ask(&inside).allowed(), allowed, "{ip}");
    }
}

#[test]
fn a_moment_is_told_to_the_millisecond_in_any_year() {
    let table = [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (951_868_800_000, "2000-03-01T00:00:00.000Z"),
        (1_709_164_800_001, "2024-02-29T00:00:00.001Z"),
        (1_772_445_600_000, "2026-03-02T10:00:00.000Z"),
        (1_798_761_599_999, "2026-12-31T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (u64::MAX, "9999-12-31T23:59:59.999Z"),
    ];
    for (now, text) in table {
        let policy = format!("permit (principal, action, resource) when {{ context.now == datetime(\"{text}\") }};");
        let verdict = Question { now, ..Question::order(&anyone(), "acme", "7") }.ask(&bundle(&policy));
        assert!(verdict.allowed(), "{now} is not {text}: {:?}", codes(&verdict));
    }
}

#[test]
fn a_request_without_a_token_has_none_in_its_context() {
    let aged = bundle("permit (principal, action, resource) unless { context has token };");
    for (age, allowed) in [(None, true), (Some(0), false)] {
        let verdict = Question { age, ..Question::order(&anyone(), "acme", "7") }.ask(&aged);
        assert_eq!(verdict.allowed(), allowed);
    }
    let old = bundle(
        "permit (principal, action, resource) when { context has token && context.token.age == 9223372036854775807 };",
    );
    assert!(Question { age: Some(u64::MAX), ..Question::order(&anyone(), "acme", "7") }.ask(&old).allowed());
}
