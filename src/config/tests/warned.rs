//! What is taken with a warning.

use super::support::load;

#[test]
fn what_is_more_open_than_it_looks_is_warned_of() {
    for (text, warnings) in [
        ("listeners: [{address: '0.0.0.0:8080'}]", &["`listeners[0].address`: without `tls`"][..]),
        ("listeners: [{address: '0.0.0.0:8443', tls: {certificate: tls/tls.crt, key: tls/tls.key}}]", &[]),
        ("admin: {address: '[::]:9901'}", &["`admin.address`: metrics"]),
        ("admin: off", &[]),
        (
            "telemetry: {traces: {otlp: 'http://collector.example:4318', headers: {a: b}}}",
            &["`telemetry.traces.otlp`: over plain http"],
        ),
        ("telemetry: {traces: {otlp: 'http://collector.example:4318'}}", &[]),
        ("telemetry: {traces: {otlp: 'http://127.0.0.1:4318', headers: {a: b}}}", &[]),
        ("telemetry: {traces: {otlp: 'https://collector.example', headers: {a: b}}}", &[]),
        (
            "credentials: [{header: authorization, scheme: Bearer}, {query: t}]",
            &["`credentials[1]`: a token in the URL"],
        ),
        ("issuer: {address: '0.0.0.0:1'}", &["`issuer.address`: passwords"]),
        ("issuer: {address: '0.0.0.0:1', public_url: 'https://login.example'}", &[]),
        ("policies: {orders: {directory: policies/orders}}", &["`policies.orders`: no route names this bundle"]),
        (
            "policies: {o: {directory: policies/orders}}\nroutes: [{name: r, match: {path: /}, upstream: app, access: {policy: o}}]",
            &[],
        ),
        (
            "trusted_issuers: {a: {issuer: 'http://i.example', audience: [a], allow_insecure: true}}",
            &["`trusted_issuers.a.allow_insecure`"],
        ),
        (
            "trusted_issuers: {a: {issuer: a, audience: [a], allow_insecure: true, keys: {introspection: {endpoint: 'http://i.example', client_id: a, client_secret: b}}}}",
            &["tokens go over plain http"],
        ),
        ("rate_limits: {shared: 'redis://redis.internal'}", &["`rate_limits.shared`: without TLS"]),
        ("rate_limits: {shared: {url: 'valkey://:p@redis.internal'}}", &["`rate_limits.shared`: without TLS"]),
        ("rate_limits: {shared: 'redis://127.0.0.1'}", &[]),
        ("rate_limits: {shared: 'rediss://redis.internal'}", &[]),
        ("trusted_issuers: {a: {issuer: 'http://127.0.0.1', audience: [a], allow_insecure: true}}", &[]),
        ("trusted_issuers: {a: {issuer: 'http://i.example', audience: [a], keys: {file: jwks.json}}}", &[]),
    ] {
        let shown: Vec<_> = load(text).unwrap().warnings().iter().map(|warning| warning.message().to_owned()).collect();
        assert_eq!(shown.len(), warnings.len(), "{text}: {shown:?}");
        for (shown, expected) in shown.iter().zip(warnings) {
            assert!(shown.contains(expected), "{text}: {shown}");
        }
    }
}
