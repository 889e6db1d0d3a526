//! What is told of the values that a deny hangs on, so that people see them without the request at hand.

use super::fixture::{Question, orders_bundle, text, user};

/// What is needed of the only way past a deny that one policy's condition makes.
fn needed(condition: &str) -> String {
    let bundle = orders_bundle(&format!("permit (principal is User, action, resource) when {{ {condition} }};"));
    let alice = user("alice", &["sales"], &[("tenant", text("globex"))]);
    let explanation = Question::order(&alice, "acme", "7").explain(&bundle);
    assert!(explanation.fired.is_empty() && explanation.same_by_all, "{explanation:?}");
    let needs = explanation.ways.iter().flat_map(|way| &way.needs).map(|need| need.says.as_str());
    needs.collect::<Vec<_>>().join("; ")
}

#[test]
fn what_a_condition_read_is_told_as_people_write_it() {
    for (condition, told) in [
        ("context.now.toTime() >= duration(\"11h\")", "`context.now.toTime()` is duration(\"10h\")"),
        ("context.now < datetime(\"2026-01-01\")", "`context.now` is datetime(\"2026-03-02T10:00:00.000Z\")"),
        ("context.ip.isInRange(ip(\"192.0.2.0/24\")) || context.ip.isLoopback()", "`context.ip` is ip(\"10.1.2.3\")"),
        ("context.host like \"*.example.org\"", "`context.host` is \"api.example.com\""),
        (
            "principal has tenant && context.path.tenant == principal.tenant",
            "`context.path.tenant` is \"acme\" and `principal.tenant` is \"globex\"",
        ),
        ("context.token.scopes.containsAny([\"a\", \"b\"])", "`context.token.scopes` is [\"orders/read\"]"),
    ] {
        let condition = condition.replace("context.token", "context has token && context.token");
        let needed = needed(&condition);
        assert!(needed.ends_with(&format!(", where {told}")), "{condition}: {needed}");
        assert_eq!(needed.matches(" is ").count(), told.matches(" is ").count(), "{needed}");
    }
}
