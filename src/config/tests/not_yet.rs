//! Keys whose behaviour is not built yet are refused by name; the same keys at rest are not.

use super::good::EVERY_KEY;
use super::support::{assert_mistakes, folder, load, load_in};

#[test]
fn each_key_that_is_not_built_yet_is_refused_by_name() {
    for (marked, path) in [
        ("listeners: [{address: '127.0.0.1:1', h2c: ▸true}]", "listeners[0].h2c"),
        (
            "listeners: [{address: '127.0.0.1:1', tls: {certificate: tls/tls.crt, key: tls/tls.key, client_ca: ▸ca.pem}}]",
            "listeners[0].tls.client_ca",
        ),
        ("routes: [{name: r, match: {path: /}, upstream: app, ▸cors: {origins: []}}]", "routes[0].cors"),
        ("routes: [{name: r, match: {path: /}, upstream: app, ▸upgrade: [websocket]}]", "routes[0].upgrade"),
        (
            "routes: [{name: r, match: {path: /}, upstream: app, access: {sender_constrained: ▸required}}]",
            "routes[0].access.sender_constrained",
        ),
        ("telemetry: {▸traces: {otlp: 'http://127.0.0.1:4318'}}", "telemetry.traces"),
    ] {
        assert_mistakes(marked, "not-supported-yet", &[&format!("`{path}`: is not supported yet")]);
    }
}

#[test]
fn what_asks_for_nothing_is_taken() {
    assert!(load("listeners: [{address: '127.0.0.1:1', h2c: false}]").is_ok());
    assert!(load("routes: [{name: r, match: {path: /}, upstream: app, upgrade: []}]").is_ok());
}

#[test]
fn of_the_config_with_every_key_nothing_else_is_refused() {
    let folder = folder();
    let text = EVERY_KEY.replace("/var/lib/lychgate/", "");
    let error = load_in(folder.path(), &text).unwrap_err();
    assert!(error.mistakes().iter().all(|mistake| mistake.code() == "not-supported-yet"), "{error}");
    assert_eq!(error.mistakes().len(), 6, "{error}");
}
