//! What the gate says itself: cross-origin rules and metadata that cannot be meant so.

use super::support::{assert_mistakes, load};

fn with_cors(cors: &str) -> String {
    format!("routes: [{{name: r, match: {{path: /}}, upstream: app, cors: {cors}}}]")
}

#[test]
fn cross_origin_rules_that_open_more_than_meant_are_refused() {
    for (cors, code, fragment) in [
        ("{▸origins: []}", "wrong-value", "must name at least one origin"),
        ("{origins: [▸'https://app.example/']}", "wrong-value", "an origin has no path"),
        ("{origins: [▸'https://*.com']}", "wrong-value", "everyone under that top-level domain"),
        ("{origins: [▸'*'], credentials: true}", "contradiction", "in the user's name"),
        ("{origins: [▸'null'], credentials: true}", "contradiction", "in the user's name"),
        ("{origins: ['https://a.example', ▸'*']}", "contradiction", "stands alone"),
        ("{origins: ['https://a.example', ▸'https://a.example']}", "duplicate-name", "already listed"),
        ("{origins: ['https://a.example'], methods: [▸get]}", "wrong-value", "upper case"),
        ("{origins: ['https://a.example'], headers: [▸'a b']}", "wrong-value", "is not the name of a header"),
        ("{origins: ['https://a.example'], headers: [▸'*'], credentials: true}", "contradiction", "as a name"),
        ("{origins: ['https://a.example'], expose: [▸'']}", "wrong-value", "is not the name of a header"),
        ("{origins: ['https://a.example'], max_age: ▸25h}", "wrong-value", "at most `24h`"),
    ] {
        assert_mistakes(&with_cors(cors), code, &[fragment]);
    }
    for cors in ["{origins: ['*'], headers: ['*']}", "{origins: ['null', 'https://*.example.com']}"] {
        assert!(load(&with_cors(cors)).is_ok(), "{cors}");
    }
}

#[test]
fn a_protected_resource_is_named_by_a_url_that_clients_can_reach() {
    for (marked, fragment) in [
        ("protected_resource: {resource: ▸'http://api.example'}", "must be https"),
        ("protected_resource: {resource: ▸'api.example'}", "must be an https URL"),
        ("protected_resource: {resource: ▸'https://api.example/?a'}", "must not carry a query"),
        ("protected_resource: {resource: ▸'https://api.example/#a'}", "must not carry a fragment"),
        ("protected_resource: {resource: 'https://api.example', documentation: ▸docs}", "must be an https URL"),
    ] {
        assert_mistakes(marked, "wrong-value", &[fragment]);
    }
    let route = "routes: [{name: r, match: {path: /}, access: public, upstream: app, protected_resource: ▸true}]";
    assert_mistakes(route, "contradiction", &["asks for no token"]);
    for taken in ["true", "false", "{resource: 'https://api.example/mcp'}"] {
        assert!(load(&format!("protected_resource: {taken}")).is_ok(), "{taken}");
    }
}

#[test]
fn an_assertion_that_nobody_could_rely_on_is_refused() {
    for (settings, code, fragment) in [
        ("{header: ▸authorization}", "wrong-value", "can carry an assertion"),
        ("{header: ▸x_auth_sub}", "duplicate-name", "an identity header has this name"),
        ("{issuer: ▸''}", "wrong-value", "must not be empty"),
        ("{lifetime: ▸1h}", "wrong-value", "`5s` to `15m`"),
        ("{lifetime: ▸1s}", "wrong-value", "`5s` to `15m`"),
        ("{rotate_every: ▸1m}", "wrong-value", "at least `1h`"),
        ("{state_directory: ▸ca.pem}", "wrong-value", "is not a folder"),
        ("▸yes", "wrong-value", "true, false or a map"),
    ] {
        assert_mistakes(&format!("identity: {{assertion: {settings}}}"), code, &[fragment]);
    }
    for taken in ["true", "false", "{}"] {
        assert!(load(&format!("identity: {{assertion: {taken}}}")).is_ok(), "{taken}");
    }
}

#[test]
fn proofs_that_would_pass_for_too_long_are_refused() {
    for (settings, fragment) in
        [("{max_age: ▸6m}", "at most `5m`"), ("{max_age: ▸0s}", "at least `1s`"), ("{leeway: ▸1h}", "at most `5m`")]
    {
        assert_mistakes(&format!("dpop: {settings}"), "wrong-value", &[fragment]);
    }
    let secret = "a".repeat(32);
    for secret in ["short", &format!("{secret}\u{e9}"), &format!("'{secret} a'")] {
        let marked = format!("dpop: {{nonce: true, nonce_secret: ▸{secret}}}");
        assert_mistakes(&marked, "wrong-value", &["at least 32 visible ASCII characters"]);
    }
    assert_mistakes(&format!("dpop: {{▸nonce_secret: {secret}}}"), "contradiction", &["say `nonce: true`"]);
    assert!(load(&format!("dpop: {{nonce: true, nonce_secret: {secret}}}")).is_ok());
}

#[test]
fn times_that_nobody_would_wait_for_are_refused() {
    for (settings, fragment) in [
        ("{delay: ▸11m}", "at most `10m`"),
        ("{drain: ▸25h}", "at most `1day`"),
        ("{hand_over: ▸11m}", "at most `10m`"),
        ("{hand_over: ▸10ms}", "at least `100ms`"),
    ] {
        assert_mistakes(&format!("shutdown: {settings}"), "wrong-value", &[fragment]);
    }
    assert!(load("shutdown: {delay: 0s, drain: 0s}").is_ok());
}
