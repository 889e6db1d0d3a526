//! Names that must meet and do not, and names that must differ and do not.

use super::support::assert_mistakes;

#[test]
fn a_name_that_nothing_bears_is_refused_with_the_nearest() {
    for (marked, fragments) in [
        (
            "routes: [{name: a, match: {path: /}, upstream: ▸ap}]",
            &["`routes[0].upstream`: no upstream is called `ap`; did you mean `app`?", "known: `app`"][..],
        ),
        (
            "routes: [{name: a, match: {path: /}, upstream: app, access: {issuers: [corp, ▸crop]}}]",
            &["no trusted issuer is called `crop`; did you mean `corp`?"],
        ),
        (
            "routes: [{name: a, match: {path: /}, upstream: app, access: {policy: ▸orders}}]",
            &["no policy bundle is called `orders`", "there is none"],
        ),
        (
            "trusted_issuers: {corp: {issuer: 'https://i.example', audience: [a], keys: {pool: ▸demo}}}",
            &["no pool of the embedded issuer is called `demo`", "there is none"],
        ),
        (
            "issuer: {address: '127.0.0.1:1', pools: {demo: {}}}\ntrusted_issuers: {corp: {issuer: 'x', audience: [a], keys: {pool: ▸dmeo}}}",
            &["did you mean `demo`?"],
        ),
        (
            "issuer: {address: '127.0.0.1:1', pools: {p: {groups: {sales: {}}, users: {u: {password: 'long enough', groups: [sales, ▸sale]}}}}}",
            &["no group of this pool is called `sale`; did you mean `sales`?"],
        ),
        (
            "routes: [{name: a, match: {path: /}, upstream: app, access: {groups: {any: ['corp|sales', ▸'crop|sales']}}}]",
            &["`crop|sales` is no issuer", "`corp|…`"],
        ),
    ] {
        assert_mistakes(marked, "unknown-name", fragments);
    }
}

#[test]
fn a_name_that_is_taken_is_refused() {
    for (marked, fragment) in [
        (
            "routes:\n- {name: a, match: {path: /}, upstream: app}\n- {name: ▸a, match: {path: /b}, upstream: app}",
            "`a` is already the name of `routes[0]`",
        ),
        ("listeners: [{address: '127.0.0.1:80'}, {address: ▸'127.0.0.1:80'}]", "taken by `listeners[0].address`"),
        ("listeners: [{address: '127.0.0.1:80'}, {address: ▸'0.0.0.0:80'}]", "taken by `listeners[0].address`"),
        ("listeners: [{address: ▸'127.0.0.1:9901'}]", "taken by `admin.address`"),
        (
            "listeners: [{address: '127.0.0.1:80'}]\nadmin: {address: ▸'127.0.0.1:80'}",
            "taken by `listeners[0].address`",
        ),
        (
            "listeners: [{address: '127.0.0.1:80'}]\nissuer: {address: ▸'127.0.0.1:80'}",
            "taken by `listeners[0].address`",
        ),
        ("issuer: {address: '127.0.0.1:81'}\nadmin: {address: ▸'127.0.0.1:81'}", "taken by `issuer.address`"),
        (
            "trusted_issuers:\n  a: {issuer: 'https://i.example', audience: [a]}\n  b: {issuer: ▸'https://i.example', audience: [b]}",
            "`a` has the same issuer",
        ),
        (
            "credentials: [{header: Authorization, scheme: Bearer}, ▸{header: authorization, scheme: bearer}]",
            "already listed",
        ),
        ("credentials: [{cookie: a}, ▸{cookie: a}]", "already listed"),
        (
            "identity: {headers: {X-Auth-Sub: sub, ▸x_auth_sub: sub}}",
            "upstreams cannot tell this header from `X-Auth-Sub`",
        ),
        (
            "issuer: {address: '127.0.0.1:1', pools: {a: {id: local_1}, b: {id: ▸local_1}}}",
            "`issuer.pools.a.id` is the same id",
        ),
        (
            "issuer: {address: '127.0.0.1:1', pools: {a: {clients: {x: {id: c1}}}, b: {clients: {y: {id: ▸c1}}}}}",
            "`issuer.pools.a.clients.x.id` is the same id",
        ),
        (
            "issuer: {address: '127.0.0.1:1', pools: {p: {users: {Al: {password: 'long enough'}, ▸al: {password: 'long enough'}}}}}",
            "differs from `Al` by case alone",
        ),
    ] {
        assert_mistakes(marked, "duplicate-name", &[fragment]);
    }
}

#[test]
fn a_file_that_is_not_there_is_refused() {
    for (marked, fragment) in [
        (
            "listeners: [{address: '127.0.0.1:1', tls: {certificate: ▸no.crt, key: tls/tls.key}}]",
            "`listeners[0].tls.certificate`: there is no file",
        ),
        ("listeners: [{address: '127.0.0.1:1', tls: {certificate: tls/tls.crt, key: ▸tls}}]", "there is no file"),
        ("policies: {orders: {directory: ▸policies/order}}", "there is no folder"),
        ("policies: {orders: {directory: ▸jwks.json}}", "there is no folder"),
        ("trusted_issuers: {corp: {issuer: x, audience: [a], keys: {file: ▸no.json}}}", "there is no file"),
        ("upstreams: {app: {endpoints: ['a:1'], tls: {ca: ▸no.pem}}}", "there is no file"),
        ("issuer: {address: '127.0.0.1:1', database: ▸no/such/lychgate.db}", "there is no folder"),
    ] {
        assert_mistakes(marked, "missing-file", &[fragment]);
    }
}

#[test]
fn rules_that_nobody_could_fulfil_or_everybody_could_are_refused() {
    let two = "trusted_issuers:\n  a: {issuer: 'https://a.example', audience: [x]}\n  b: {issuer: 'https://b.example', audience: [x]}\n";
    for (marked, fragment) in [
        (format!("{two}routes: [{{name: r, match: {{path: /}}, upstream: app, access: {{groups: {{any: ['a|sales', ▸sales]}}}}}}]"), "several issuers reach this route, so `sales` must say whose group it is: `a|…` or `b|…`"),
        ("routes: [{name: r, match: {path: /}, upstream: app, access: {optional: ▸true, scopes: {any: [s]}}}]".to_owned(), "an anonymous caller holds no scope"),
        ("routes: [{name: r, match: {path: /}, upstream: app, access: {optional: ▸true, groups: {all: [s]}}}]".to_owned(), "an anonymous caller"),
        ("trusted_issuers: {}\nroutes: [{name: r, match: {path: /}, upstream: app, ▸access: {optional: true}}]".to_owned(), "there are no `trusted_issuers`"),
        ("upstreams: {app: {endpoints: ['a:1'], ▸tls: {certificate: c.pem}}}".to_owned(), "`certificate` and `key` go together"),
        ("issuer: {address: '127.0.0.1:1', pools: {p: {clients: {c: {access_token_validity: 1d, refresh_token_validity: ▸2h}}}}}".to_owned(), "must not be shorter"),
        ("listeners: [{address: '127.0.0.1:1', h2c: ▸true, tls: {certificate: tls/tls.crt, key: tls/tls.key}}]".to_owned(), "offers HTTP/2 by itself"),
        ("upstreams: {app: {endpoints: ['a:1'], http2: true}}\nroutes: [{name: r, match: {path: /}, upstream: app, ▸upgrade: [websocket]}]".to_owned(), "a WebSocket is opened over HTTP/1.1"),
    ] {
        assert_mistakes(&marked, "contradiction", &[fragment]);
    }
}

#[test]
fn what_leaves_the_gate_open_or_empty_is_refused() {
    for (marked, code, fragment) in [
        (
            "trusted_issuers:\n  ▸corp:\n    issuer: https://i.example",
            "missing-key",
            "needs `audience` or `client_ids`",
        ),
        ("upstreams:\n  ▸app: {}", "missing-key", "at least one endpoint"),
        ("upstreams:\n  app: {▸endpoints: []}", "missing-key", "at least one endpoint"),
        ("▸listeners: []", "wrong-value", "at least one listener"),
        ("▸routes: []", "wrong-value", "at least one route"),
        ("▸credentials: []", "wrong-value", "an empty list lets nothing through"),
        (
            "routes: [{name: r, match: {path: /}, upstream: app, access: {▸issuers: []}}]",
            "wrong-value",
            "leave the key out for every trusted issuer",
        ),
        (
            "routes: [{name: r, match: {path: /, ▸hosts: []}, upstream: app}]",
            "wrong-value",
            "leave the key out for any host",
        ),
        (
            "routes: [{name: r, match: {path: /, ▸methods: []}, upstream: app}]",
            "wrong-value",
            "leave the key out for the usual methods",
        ),
        (
            "routes: [{name: r, match: {path: /}, upstream: app, access: {scopes: {▸any: []}}}]",
            "wrong-value",
            "must name at least one",
        ),
    ] {
        assert_mistakes(marked, code, &[fragment]);
    }
}
