//! Routes that nobody passes without a token: policies need not speak of the anonymous, and may.

use super::fixture::{Question, codes, folder, outline, route, user};
use crate::policy::{Bundle, Outline, PolicyError, Principal, RouteOutline};

/// The usual routes, none of them `optional`.
fn closed() -> Outline {
    let mut outline = outline();
    outline.routes.iter_mut().for_each(|route| route.optional = false);
    outline
}

fn load(policies: &str, outline: &Outline) -> Result<Bundle, PolicyError> {
    Bundle::load("test", folder(&[("a.cedar", policies)]).path(), outline)
}

#[test]
fn where_every_caller_has_a_token_policies_need_not_ask_for_one() {
    let alice = user("alice", &[], &[]);
    for (condition, code) in [
        ("context.token.age == 60", "attribute-not-checked"),
        ("context.token.scopes.contains(\"orders/read\")", "attribute-not-checked"),
        ("principal.scopes.contains(\"orders/read\") && principal.sub == \"alice\"", "unknown-attribute"),
        ("principal.issuer == \"corp\"", "unknown-attribute"),
    ] {
        let policy = format!("permit (principal, action, resource) when {{ {condition} }};");
        let bundle = load(&policy, &closed()).unwrap_or_else(|error| panic!("{error}"));
        assert!(Question::order(&alice, "acme", "7").ask(&bundle).allowed(), "{policy}");
        assert_eq!(load(&policy, &outline()).unwrap_err().code(), code, "{policy}");
    }
}

#[test]
fn what_is_said_of_the_anonymous_is_no_mistake_where_nobody_is() {
    for policy in [
        "permit (principal is Anonymous, action, resource);",
        "permit (principal == Anonymous::\"anonymous\", action in Action::\"read\", resource);",
        "forbid (principal, action, resource) unless { context has token };",
        "forbid (principal, action, resource) when { principal is Anonymous };",
    ] {
        assert!(load(policy, &closed()).is_ok(), "{policy}: {:?}", load(policy, &closed()));
        assert!(load(policy, &outline()).is_ok(), "{policy}");
    }
}

#[test]
fn what_could_hold_for_nobody_is_a_mistake_also_there() {
    for policy in [
        "forbid (principal is Anonymous, action, resource) when { principal has tenant };",
        "forbid (principal, action, resource) when { principal.sub == \"a\" && false };",
        // of the anonymous too, since they have no attributes
        "forbid (principal, action, resource) when { principal is Anonymous && principal.sub == \"a\" };",
        "forbid (principal is User, action, resource) unless { context has token || true };",
    ] {
        assert_eq!(load(policy, &closed()).unwrap_err().code(), "policy-never-holds", "{policy}");
    }
}

#[test]
fn who_comes_without_a_token_where_policies_count_on_one_is_denied() {
    let open = load("permit (principal, action, resource);", &closed()).unwrap();
    let alice = user("alice", &[], &[]);
    assert!(Question::order(&alice, "acme", "7").ask(&open).allowed());
    for question in [
        Question { age: None, ..Question::order(&alice, "acme", "7") },
        Question { age: None, ..Question::order(&Principal::anonymous(), "acme", "7") },
        Question::order(&Principal::anonymous(), "acme", "7"),
    ] {
        let verdict = question.ask(&open);
        assert_eq!((verdict.allowed(), codes(&verdict)), (false, vec!["token-missing"]));
    }
}

#[test]
fn an_action_is_open_where_one_of_its_routes_is() {
    let mut outline = closed();
    let twin = route("partner-orders", "orders", "/{tenant}/orders/{order_id}", &["GET"]);
    outline.routes.push(RouteOutline { optional: true, ..twin });
    let asks = |action: &str| {
        let policy =
            format!("permit (principal, action == Action::\"{action}\", resource) when {{ context.token.age < 9 }};");
        load(&policy, &outline).map_err(|error| error.code()).map(|_| ())
    };
    assert_eq!(asks("GET /{tenant}/orders/{order_id}"), Err("attribute-not-checked"));
    assert_eq!(asks("HEAD /{tenant}/orders/{order_id}"), Ok(()));
}
