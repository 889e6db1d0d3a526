//! What bundles answer: heads, attributes, context, errors.

use super::fixture::{Question, bundle, by, codes, orders_bundle, text, user};
use crate::policy::Principal;

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
