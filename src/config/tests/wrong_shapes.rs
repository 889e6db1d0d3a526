//! Files that do not fit the config's types: every kind of misfit, at every level.

use super::good::EVERY_KEY;
use super::support::{assert_mistakes, load};

const UNKNOWN_KEYS: &[(&str, &[&str])] = &[
    (
        "▸lisseners: []",
        &[
            "unknown key `lisseners` in the file",
            "did you mean `listeners`?",
            "known keys here: `listeners`, `threads`",
        ],
    ),
    ("listeners: [{address: '127.0.0.1:1', ▸adress: x}]", &["`listeners[0]`; did you mean `address`?"]),
    (
        "listeners:\n  - address: 127.0.0.1:1\n    tls: {certificate: tls/tls.crt, key: tls/tls.key, ▸keys: x}",
        &["in `listeners[0].tls`; did you mean `key`?"],
    ),
    ("admin: {address: '127.0.0.1:1', ▸port: 1}", &["`port` in `admin`", "known keys here: `address`"]),
    (
        "trusted_issuers:\n  corp:\n    issuer: https://idp.example\n    audience: [a]\n    ▸algorithm: [RS256]",
        &["`trusted_issuers.corp`", "`algorithms`?"],
    ),
    (
        "trusted_issuers:\n  corp: {issuer: 'https://i.example', audience: [a], refresh: {▸evry: 1m}}",
        &["`trusted_issuers.corp.refresh`", "`every`?"],
    ),
    (
        "trusted_issuers:\n  corp: {issuer: 'https://i.example', audience: [a], keys: {▸jwks_url: x}}",
        &["`trusted_issuers.corp.keys`", "`jwks_uri`?"],
    ),
    (
        "trusted_issuers:\n  corp: {issuer: 'https://i.example', audience: [a], group_claims: [{▸paths: [a]}]}",
        &["`trusted_issuers.corp.group_claims[0]`", "`path`?"],
    ),
    (
        "trusted_issuers:\n  corp: {issuer: 'https://i.example', audience: [a], attributes: {t: {claim: t, type: long, ▸kind: x}}}",
        &["`trusted_issuers.corp.attributes.t`"],
    ),
    ("credentials:\n  - {header: authorization, ▸schema: Bearer}", &["`credentials[0]`", "`scheme`?"]),
    ("policies:\n  orders: {directory: policies/orders, ▸moed: shadow}", &["`policies.orders`", "`mode`?"]),
    ("upstreams:\n  app: {endpoints: ['a:1'], ▸balanse: random}", &["`upstreams.app`", "`balance`?"]),
    (
        "upstreams:\n  app:\n    endpoints:\n      - {address: 'a:1', ▸wieght: 2}",
        &["`upstreams.app.endpoints[0]`", "`weight`?"],
    ),
    ("upstreams:\n  app: {endpoints: ['a:1'], tls: {▸servername: x}}", &["`upstreams.app.tls`", "`server_name`?"]),
    (
        "upstreams:\n  app: {endpoints: ['a:1'], health: {path: /, ▸interval: 5s}}",
        &["`upstreams.app.health`", "known keys here: `path`"],
    ),
    ("upstreams:\n  app: {endpoints: ['a:1'], timeouts: {▸conect: 1s}}", &["`upstreams.app.timeouts`", "`connect`?"]),
    ("upstreams:\n  app: {endpoints: ['a:1'], retries: {▸attempt: 1}}", &["`upstreams.app.retries`", "`attempts`?"]),
    (
        "upstreams:\n  app: {endpoints: ['a:1'], balance: {▸consistent_hsah: sub}}",
        &["`upstreams.app.balance`", "`consistent_hash`?"],
    ),
    ("routes:\n  - {name: a, match: {path: /}, upstream: app, ▸acess: public}", &["`routes[0]`", "`access`?"]),
    ("routes:\n  - {name: a, match: {path: /, ▸host: [a]}, upstream: app}", &["`routes[0].match`", "`hosts`?"]),
    (
        "routes:\n  - {name: a, match: {path: /}, upstream: app, access: {▸isuers: [corp]}}",
        &["`routes[0].access`", "`issuers`?"],
    ),
    (
        "routes:\n  - {name: a, match: {path: /}, upstream: app, access: {scopes: {▸anny: [a]}}}",
        &["`routes[0].access.scopes`", "`any`?"],
    ),
    (
        "routes:\n  - {name: a, match: {path: /}, upstream: app, cors: {origins: [], ▸orgins: []}}",
        &["`routes[0].cors`", "`origins`?"],
    ),
    (
        "routes:\n  - {name: a, match: {path: /}, upstream: app, identity: {▸prefix: x-}}",
        &["`routes[0].identity`", "known keys here: `headers`"],
    ),
    ("identity: {▸prefx: x-auth-}", &["`identity`", "`prefix`?"]),
    ("identity:\n  headers:\n    x-auth-t: {claim: t, ▸ass: json}", &["`identity.headers.x-auth-t`", "`as`?"]),
    ("telemetry: {▸accesslog: json}", &["`telemetry`", "`access_log`?"]),
    ("telemetry: {traces: {▸oltp: x}}", &["`telemetry.traces`", "`otlp`?"]),
    ("limits: {▸tokens: 1KiB}", &["`limits`", "`token`?"]),
    ("issuer: {address: '127.0.0.1:1', ▸databse: x}", &["`issuer`", "`database`?"]),
    ("issuer:\n  address: 127.0.0.1:1\n  pools: {demo: {▸user: {}}}", &["`issuer.pools.demo`", "`users`?"]),
    (
        "issuer:\n  address: 127.0.0.1:1\n  pools: {demo: {clients: {web: {▸flow: []}}}}",
        &["`issuer.pools.demo.clients.web`", "`flows`?"],
    ),
    (
        "issuer:\n  address: 127.0.0.1:1\n  pools: {demo: {groups: {a: {▸precedense: 1}}}}",
        &["`issuer.pools.demo.groups.a`", "`precedence`?"],
    ),
    (
        "issuer:\n  address: 127.0.0.1:1\n  pools: {demo: {users: {al: {password: 'long enough', ▸enable: true}}}}",
        &["`issuer.pools.demo.users.al`", "`enabled`?"],
    ),
];

#[test]
fn an_unknown_key_is_refused_at_every_level_with_the_nearest_known() {
    for (marked, fragments) in UNKNOWN_KEYS {
        assert_mistakes(marked, "unknown-key", fragments);
    }
}

#[test]
fn every_known_key_stands_in_the_config_with_every_key() {
    for (marked, _) in UNKNOWN_KEYS {
        let error = load(&marked.replace('▸', "")).unwrap_err();
        let known = error.mistakes()[0].help().unwrap().split('`').skip(1).step_by(2);
        for key in known {
            let stands = [format!("{key}:"), format!(": {key}")].iter().any(|written| EVERY_KEY.contains(written));
            assert!(stands, "`{key}` is missing, known where {marked} is wrong");
        }
    }
}

#[test]
fn a_missing_key_is_shown_at_what_lacks_it() {
    for (marked, fragment) in [
        (
            "listeners:\n  - ▸{tls: {certificate: tls/tls.crt, key: tls/tls.key}}",
            "missing key `address` in `listeners[0]`",
        ),
        ("trusted_issuers:\n  ▸corp:\n    audience: [a]", "missing key `issuer` in `trusted_issuers.corp`"),
        ("upstreams:\n  app: {endpoints: [▸{weight: 2}]}", "missing key `address` in `upstreams.app.endpoints[0]`"),
        ("routes:\n  - ▸name: a\n    upstream: app", "missing key `match` in `routes[0]`"),
        ("routes:\n  - {name: a, upstream: app, ▸match: {}}", "missing key `path` in `routes[0].match`"),
        ("policies: {▸orders: {mode: shadow}}", "missing key `directory` in `policies.orders`"),
        (
            "issuer: {address: '127.0.0.1:1', pools: {demo: {users: {▸alice: {}}}}}",
            "missing key `password` in `issuer.pools.demo.users.alice`",
        ),
    ] {
        assert_mistakes(marked, "missing-key", &[fragment]);
    }
}

#[test]
fn an_unknown_word_is_refused_with_the_nearest_known() {
    for (marked, fragments) in [
        (
            "telemetry: {log: ▸inof}",
            &["`telemetry.log`: unknown word `inof`; did you mean `info`?", "known words here: `error`, `warn`"][..],
        ),
        ("telemetry: {access_log: ▸no}", &["unknown word `no`", "`json`, `text`, `off`"]),
        ("policies: {orders: {directory: policies/orders, mode: ▸shadwo}}", &["did you mean `shadow`?"]),
        ("upstreams: {app: {endpoints: ['a:1'], balance: ▸roundrobin}}", &["did you mean `round_robin`?"]),
        (
            "trusted_issuers: {corp: {issuer: 'https://i.example', audience: [a], keys: ▸discover}}",
            &["did you mean `discovery`?"],
        ),
        (
            "trusted_issuers: {corp: {issuer: 'https://i.example', audience: [a], attributes: {a: {claim: a, type: ▸integer}}}}",
            &["`string`, `long`, `bool`"],
        ),
        ("identity: {headers: {x-auth-a: {claim: a, as: ▸jsn}}}", &["did you mean `json`?"]),
        (
            "issuer: {address: '127.0.0.1:1', pools: {p: {clients: {c: {flows: [▸USER_SRP_ATUH]}}}}}",
            &["did you mean `USER_SRP_AUTH`?"],
        ),
        (
            "routes: [{name: a, match: {path: /}, upstream: app, upgrade: [▸websockets]}]",
            &["did you mean `websocket`?"],
        ),
    ] {
        assert_mistakes(marked, "unknown-word", fragments);
    }
}

const WRONG_TYPES: &[(&str, &str)] = &[
    ("threads: ▸many", "`threads`: expected a whole number, found `many`"),
    ("threads: ▸-1", "expected a whole number, found `-1`"),
    ("threads: ▸1.5", "expected a whole number, found `1.5`"),
    ("threads: ▸\"2\"", "expected a whole number, found the text `2`"),
    ("threads: ▸99999999999999999999", "a number that 64 bits cannot hold"),
    ("▸threads: ", "found nothing"),
    ("threads: ▸[2]", "found a list"),
    ("listeners: ▸{address: '127.0.0.1:1'}", "expected a list, found a map"),
    ("listeners: [▸address]\nupstreams: ▸[]", "`upstreams`: expected a map, found a list"),
    ("limits: ▸[16KiB, 32KiB, 100, 8KiB, 10MiB, 16, 10s, 1000]", "`limits`: expected a map, found a list"),
    ("limits: ▸16KiB", "`limits`: expected a map, found `16KiB`"),
    (
        "listeners: [{address: ▸localhost}]",
        "`listeners[0].address`: expected an address and port such as `127.0.0.1:8080`, found `localhost`",
    ),
    ("listeners: [{address: ▸[]}]", "found a list"),
    ("listeners: [{address: '127.0.0.1:1', h2c: ▸yes}]", "expected `true` or `false`, found `yes`"),
    ("admin: ▸on", "`admin` is `off` or `{address: …}`, not `on`"),
    (
        "trusted_issuers: {corp: {issuer: 'https://i.example', audience: ▸orders}}",
        "`trusted_issuers.corp.audience`: expected a list, found `orders`",
    ),
    (
        "trusted_issuers: {corp: {issuer: 'https://i.example', audience: [a], leeway: ▸30}}",
        "expected a duration such as `30s` or `5m`, found `30`",
    ),
    ("trusted_issuers: {corp: {issuer: 'https://i.example', audience: [a], max_age: ▸a day}}", "expected a duration"),
    (
        "trusted_issuers: {corp: {issuer: 'https://i.example', audience: [a], keys: ▸file}}",
        "expected `{file: …}`, found `file` without a value",
    ),
    (
        "trusted_issuers: {corp: {issuer: 'https://i.example', audience: [a], keys: {▸discovery: x}}}",
        "expected the word `discovery`, found `{discovery: …}`",
    ),
    (
        "trusted_issuers: {corp: {issuer: 'https://i.example', audience: [a], keys: ▸{file: a, pool: b}}}",
        "expected a map with one key",
    ),
    ("credentials: [▸{header: a, cookie: b}]", "a credential is one of {header, scheme}, {cookie} or {query}"),
    (
        "trusted_proxies: [10.0.0.0/8, ▸10.0.0.0/33]",
        "`trusted_proxies[1]`: `10.0.0.0/33` is not an address or a network",
    ),
    ("limits: {token: ▸lots}", "`limits.token`: expected a size such as `16KiB`, found `lots`"),
    ("limits: {headers: ▸1KiB}", "expected a whole number, found `1KiB`"),
    ("▸limits: ", "`limits`: expected a map, found nothing"),
    (
        "upstreams: {app: {endpoints: [{address: 'a:1', weight: ▸70000}]}}",
        "expected a whole number from 0 to 65535, found `70000`",
    ),
    ("upstreams: {app: {endpoints: [▸8080]}}", "expected a word or a map, found `8080`"),
    ("routes: [{name: ▸[a], match: {path: /}, upstream: app}]", "`routes[0].name`: expected text, found a list"),
    (
        "routes: [{name: a, match: {path: /}, upstream: app, access: ▸private}]",
        "`access` is `public` or a map of rules, not `private`",
    ),
    (
        "routes: [{name: a, match: {path: /}, upstream: app, access: {scopes: ▸[a]}}]",
        "expected a word or a map with one key, found a list",
    ),
    (
        "routes: [{name: a, match: {path: /}, upstream: app, access: {scopes: ▸{any: [a], all: [b]}}}]",
        "expected a map with one key",
    ),
    (
        "issuer: {address: '127.0.0.1:1', pools: {p: {users: {u: {password: ▸{a: b}}}}}}",
        "`issuer.pools.p.users.u.password`: expected text, found a map",
    ),
];

#[test]
fn a_value_of_another_type_is_refused_in_plain_words() {
    for (marked, fragment) in WRONG_TYPES {
        assert_mistakes(marked, "wrong-value", &[fragment]);
    }
}

#[test]
fn a_key_with_nothing_after_it_is_never_read_as_its_default() {
    for marked in [
        "routes: [{name: a, match: {path: /}, upstream: app, access: {▸policy: }}]",
        "routes: [{name: a, match: {path: /}, upstream: app, access: {scopes: ▸null}}]",
        "routes: [{name: a, match: {path: /}, upstream: app, access: {issuers: ▸~}}]",
        "routes: [{name: a, match: {path: /}, upstream: app, ▸access: }]",
        "trusted_issuers: {corp: {issuer: 'https://i.example', audience: [a], ▸max_age: }}",
        "trusted_issuers: {corp: {▸issuer: , audience: [a]}}",
    ] {
        assert_mistakes(marked, "wrong-value", &["found nothing"]);
    }
}

#[test]
fn several_mistakes_are_named_in_one_run_and_what_follows_from_one_is_not() {
    assert_mistakes(
        "listeners: [{▸adress: '127.0.0.1:1'}]\nlimits: {▸tokens: 1KiB, ▸heeder: 1KiB}\ncredentials: [{▸headr: x}]",
        "unknown-key",
        &["`adress`", "`tokens`", "`heeder`", "`headr`"],
    );
    assert_mistakes(
        "threads: ▸x\nlisteners: [{address: ▸a}, {address: ▸b}]\nroutes: [{name: a, match: {path: ▸[]}, upstream: app}]",
        "wrong-value",
        &["`listeners[1].address`"],
    );
}
