//! What bundles answer: heads, attributes, context, errors.

use super::fixture::{Question, bundle, by, codes, orders_bundle, text, user};
use crate::policy::{AttributeValue, Principal, User};

const OWN_TENANT: &str = r#"
@id("clerk-reads-own-tenant")
permit (principal in Group::"corp|sales", action in Action::"read", resource == Service::"orders")
when { principal has tenant && context.path.tenant == principal.tenant };
"#;

#[test]
fn a_clerk_reads_an_order_of_her_own_tenant_and_no_other() {
    let bundle = orders_bundle(OWN_TENANT);
    let alice = user("alice", &["sales"], &[("tenant", text("acme"))]);
    let own = Question::order(&alice, "acme", "7").ask(&bundle);
    assert!(own.allowed());
    assert_eq!(by(&own), ["clerk-reads-own-tenant"]);
    let other = Question::order(&alice, "globex", "7").ask(&bundle);
    assert!(!other.allowed());
    assert!(by(&other).is_empty() && codes(&other).is_empty());
}

#[test]
fn a_user_without_the_attribute_is_denied_without_an_error() {
    let verdict = Question::order(&user("bob", &["sales"], &[]), "acme", "7").ask(&orders_bundle(OWN_TENANT));
    assert!(!verdict.allowed() && codes(&verdict).is_empty());
}

#[test]
fn the_anonymous_principal_passes_only_where_a_policy_names_it() {
    let anonymous = Principal::anonymous();
    let open = bundle(r#"permit (principal is Anonymous, action == Action::"GET /reports/{*rest}", resource);"#);
    let question =
        Question { route: "reports", path: vec![("rest", "")], age: None, ..Question::order(&anonymous, "", "") };
    assert!(question.ask(&open).allowed());
    let closed = bundle(r#"permit (principal is User, action == Action::"GET /reports/{*rest}", resource);"#);
    assert!(!question.ask(&closed).allowed());
}

#[test]
fn a_forbid_that_errs_is_a_deny_and_is_named() {
    let bundle = bundle(
        r#"
        @id("all") permit (principal, action, resource);
        @id("odd") forbid (principal is User, action, resource) when { context has token && context.token.age * 9223372036854775807 > 5 };
        "#,
    );
    let verdict = Question::order(&user("alice", &[], &[]), "acme", "7").ask(&bundle);
    assert!(!verdict.allowed());
    assert_eq!(codes(&verdict), ["integer-overflow"]);
    assert_eq!(verdict.errors()[0].policy(), Some("odd"));
    assert!(by(&verdict).is_empty());
}

/// Policies, who asks for the order of `acme`, and the policies by which it is allowed; none: denied.
type Row = (&'static str, fn() -> Principal, &'static [&'static str]);

fn alice() -> Principal {
    let regions = AttributeValue::StringSet(vec!["eu".to_owned(), "us".to_owned()]);
    let attributes = [
        ("tenant", text("acme")),
        ("level", AttributeValue::Long(3)),
        ("staff", AttributeValue::Bool(true)),
        ("regions", regions),
    ];
    user("alice", &["sales", "admin"], &attributes)
}

fn bob() -> Principal {
    user("bob", &[], &[])
}

fn partner_alice() -> Principal {
    let groups = ["sales".to_owned()];
    Principal::user(User { issuer: "partner", sub: "alice", groups: &groups, ..User::default() }).unwrap()
}

const ROWS: &[Row] = &[
    ("permit (principal, action, resource);", bob, &["test.cedar:1"]),
    ("@id(\"x\") permit (principal, action, resource);", Principal::anonymous, &["x"]),
    ("forbid (principal, action, resource);", alice, &[]),
    ("permit (principal, action, resource);\nforbid (principal, action, resource);", alice, &[]),
    (
        "permit (principal, action, resource);\npermit (principal is User, action, resource);",
        bob,
        &["test.cedar:1", "test.cedar:2"],
    ),
    ("permit (principal == User::\"corp|alice\", action, resource);", alice, &["test.cedar:1"]),
    ("permit (principal == User::\"corp|alice\", action, resource);", partner_alice, &[]),
    ("permit (principal in Group::\"corp|sales\", action, resource);", alice, &["test.cedar:1"]),
    ("permit (principal in Group::\"corp|sales\", action, resource);", partner_alice, &[]),
    ("permit (principal in Group::\"corp|Sales\", action, resource);", alice, &[]),
    ("permit (principal is User in Group::\"partner|sales\", action, resource);", partner_alice, &["test.cedar:1"]),
    ("permit (principal is User, action, resource);", Principal::anonymous, &[]),
    ("permit (principal, action in Action::\"read\", resource);", bob, &["test.cedar:1"]),
    ("permit (principal, action in Action::\"write\", resource);", bob, &[]),
    ("permit (principal, action in Action::\"read-orders\", resource);", bob, &["test.cedar:1"]),
    ("permit (principal, action in Action::\"write-orders\", resource);", bob, &[]),
    ("permit (principal, action == Action::\"GET /{tenant}/orders/{order_id}\", resource);", bob, &["test.cedar:1"]),
    ("permit (principal, action == Action::\"HEAD /{tenant}/orders/{order_id}\", resource);", bob, &[]),
    ("permit (principal, action, resource == Service::\"orders\");", bob, &["test.cedar:1"]),
    ("permit (principal, action, resource == Service::\"reports\");", bob, &[]),
    (
        "permit (principal is User, action, resource) when { principal has tenant && principal.tenant == \"acme\" };",
        alice,
        &["test.cedar:1"],
    ),
    (
        "permit (principal is User, action, resource) when { principal has level && principal.level >= 3 };",
        alice,
        &["test.cedar:1"],
    ),
    ("permit (principal is User, action, resource) when { principal has level && principal.level >= 3 };", bob, &[]),
    (
        "permit (principal is User, action, resource) when { principal has staff && principal.staff };",
        alice,
        &["test.cedar:1"],
    ),
    (
        "permit (principal is User, action, resource) when { principal has regions && principal.regions.contains(\"eu\") };",
        alice,
        &["test.cedar:1"],
    ),
    (
        "permit (principal is User, action, resource) when { principal.sub == \"alice\" && principal.issuer == \"corp\" };",
        alice,
        &["test.cedar:1"],
    ),
    ("permit (principal is User, action, resource) when { principal.issuer == \"corp\" };", partner_alice, &[]),
    (
        "permit (principal is User, action, resource) when { principal.scopes.contains(\"orders/read\") };",
        alice,
        &["test.cedar:1"],
    ),
    (
        "permit (principal is User, action, resource) when { principal.scopes.contains(\"orders/read\") };",
        partner_alice,
        &[],
    ),
    (
        "permit (principal is User, action, resource) when { principal has email_verified && principal.email_verified };",
        alice,
        &[],
    ),
    (
        "permit (principal, action, resource) when { context.method == \"GET\" && context.host == \"api.example.com\" };",
        bob,
        &["test.cedar:1"],
    ),
    ("permit (principal, action, resource) when { context.ip.isInRange(ip(\"10.0.0.0/8\")) };", bob, &["test.cedar:1"]),
    ("permit (principal, action, resource) when { context.ip.isInRange(ip(\"192.168.0.0/16\")) };", bob, &[]),
    (
        "permit (principal, action, resource) when { context.now >= datetime(\"2026-03-02T10:00:00Z\") };",
        bob,
        &["test.cedar:1"],
    ),
    ("permit (principal, action, resource) when { context.now < datetime(\"2026-03-02T10:00:00Z\") };", bob, &[]),
    ("permit (principal, action, resource) when { context.now.toTime() < duration(\"9h\") };", bob, &[]),
    (
        "permit (principal, action, resource) when { context has token && context.token.age <= 60 };",
        bob,
        &["test.cedar:1"],
    ),
    ("permit (principal, action, resource) when { context has token && context.token.age < 60 };", bob, &[]),
    (
        "permit (principal, action, resource) when { Action::\"POST /reports/{*rest}\" in Action::\"write\" };",
        bob,
        &["test.cedar:1"],
    ),
    ("permit (principal, action, resource) unless { action in Action::\"write\" };", bob, &["test.cedar:1"]),
];

#[test]
fn what_policies_say_is_what_is_answered() {
    for (policies, principal, expected) in ROWS {
        let verdict = Question::order(&principal(), "acme", "7").ask(&bundle(policies));
        assert!(codes(&verdict).is_empty(), "{policies}");
        assert_eq!(verdict.allowed(), !expected.is_empty(), "{policies}");
        if verdict.allowed() {
            assert_eq!(by(&verdict), *expected, "{policies}");
        }
    }
}

#[test]
fn the_message_of_a_forbid_is_what_the_client_may_read() {
    let policies = "
        @id(\"open\") @message(\"never shown\") permit (principal, action, resource);
        @id(\"b\") @message(\"  orders are closed \u{7}today\u{2014}call us  \") forbid (principal, action, resource);
        @id(\"a\") @message(\"second\") forbid (principal, action, resource);";
    let verdict = Question::order(&bob(), "acme", "7").ask(&bundle(policies));
    assert_eq!(by(&verdict), ["b", "a"]);
    assert_eq!(verdict.message(), Some("orders are closed ?today?call us"));
    let long = format!("@message(\"{}\") forbid (principal, action, resource);", "x".repeat(500));
    let verdict = Question::order(&bob(), "acme", "7").ask(&bundle(&long));
    assert_eq!(verdict.message().map(str::len), Some(200));
    let allowed =
        Question::order(&bob(), "acme", "7").ask(&bundle("@message(\"x\") permit (principal, action, resource);"));
    assert_eq!(allowed.message(), None);
}

#[test]
fn an_error_in_a_permit_is_a_deny_though_another_permit_holds() {
    let bundle = bundle(
        r#"
        @id("all") permit (principal, action, resource);
        @id("odd") permit (principal, action, resource) when { context has token && context.token.age * 9223372036854775807 > 5 };
        "#,
    );
    let verdict = Question::order(&bob(), "acme", "7").ask(&bundle);
    assert!(!verdict.allowed());
    assert_eq!((codes(&verdict), verdict.errors()[0].policy()), (vec!["integer-overflow"], Some("odd")));
}

#[test]
fn a_forbid_still_determines_a_deny_beside_an_error() {
    let bundle = bundle(
        r#"
        @id("no") @message("closed") forbid (principal, action, resource);
        @id("odd") forbid (principal, action, resource) when { context has token && context.token.age * 9223372036854775807 > 5 };
        "#,
    );
    let verdict = Question::order(&bob(), "acme", "7").ask(&bundle);
    assert_eq!(
        (by(&verdict), verdict.message(), codes(&verdict)),
        (vec!["no"], Some("closed"), vec!["integer-overflow"])
    );
}

#[test]
fn an_attribute_of_another_type_than_the_schema_has_is_a_deny() {
    let bundle = bundle("permit (principal, action, resource);");
    let wrong = [("tenant", AttributeValue::Long(3)), ("level", text("3")), ("unheard_of", text("x"))];
    for (name, value) in wrong {
        let verdict = Question::order(&user("eve", &[], &[(name, value)]), "acme", "7").ask(&bundle);
        assert!(!verdict.allowed());
        assert_eq!((codes(&verdict), verdict.errors()[0].name()), (vec!["attribute-type"], Some(name)));
    }
}

#[test]
fn a_user_whose_attribute_or_issuer_would_pass_for_another_is_refused() {
    let attributes = [("sub".to_owned(), text("root"))].into();
    let error = Principal::user(User { issuer: "corp", sub: "eve", attributes, ..User::default() }).unwrap_err();
    assert_eq!(error.code(), "user-attribute-unfit");
    for issuer in ["corp|a", ""] {
        let error = Principal::user(User { issuer, sub: "b", ..User::default() }).unwrap_err();
        assert_eq!(error.code(), "issuer-name-unfit");
    }
}

#[test]
fn a_subject_with_a_bar_or_a_quote_is_only_itself() {
    let bundle = bundle(r#"permit (principal == User::"corp|a\"|b", action, resource);"#);
    assert!(Question::order(&user("a\"|b", &[], &[]), "acme", "7").ask(&bundle).allowed());
    assert!(!Question::order(&user("a", &[], &[]), "acme", "7").ask(&bundle).allowed());
}

#[test]
fn a_principal_that_met_one_bundle_is_judged_anew_by_the_next() {
    let open = bundle("permit (principal, action, resource);");
    let closed = bundle("forbid (principal, action, resource);");
    for principal in [alice(), Principal::anonymous()] {
        for _ in 0..3 {
            assert!(Question::order(&principal, "acme", "7").ask(&open).allowed());
            assert!(!Question::order(&principal, "acme", "7").ask(&closed).allowed());
        }
    }
}

#[test]
fn a_principal_stands_differently_to_each_target() {
    let bundle = bundle("permit (principal, action in Action::\"read-orders\", resource);");
    let alice = alice();
    for _ in 0..2 {
        for (route, method, allowed) in
            [("read-orders", "GET", true), ("read-orders", "HEAD", true), ("write-orders", "PUT", false)]
        {
            let question = Question { route, method, ..Question::order(&alice, "acme", "7") };
            assert_eq!(question.ask(&bundle).allowed(), allowed, "{route} {method}");
        }
    }
}
