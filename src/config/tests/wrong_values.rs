//! Values of the right type that cannot be.

use super::support::{assert_mistakes, load};

#[test]
fn a_trusted_issuer_that_would_be_trusted_wrongly_is_refused() {
    for (rest, fragment) in [
        ("issuer: ▸http://idp.example, audience: [a]", "`http://idp.example` must be https"),
        ("issuer: ▸idp.example, audience: [a]", "must be an https URL"),
        ("issuer: ▸'https://u:p@idp.example', audience: [a]", "must not carry a user name"),
        ("issuer: ▸'', audience: [a], keys: {file: jwks.json}", "must not be empty"),
        ("issuer: x, audience: [a], keys: {jwks_uri: ▸'http://idp.example/keys'}", "must be https"),
        ("issuer: x, audience: [a], keys: {▸inline: {kty: RSA}}", "must be a key set"),
        ("issuer: 'https://i.example', audience: [a, ▸'']", "must not be empty"),
        ("issuer: 'https://i.example', client_ids: [▸' ']", "must not be empty"),
        ("issuer: 'https://i.example', audience: [a], algorithms: [RS256, ▸none]", "nobody signed"),
        ("issuer: 'https://i.example', audience: [a], algorithms: [▸HS256]", "symmetric algorithms are never accepted"),
        (
            "issuer: 'https://i.example', audience: [a], algorithms: [▸RS265]",
            "unknown algorithm `RS265`; did you mean `RS256`?",
        ),
        ("issuer: 'https://i.example', audience: [a], algorithms: [▸rs256]", "did you mean `RS256`?"),
        ("issuer: 'https://i.example', audience: [a], ▸algorithms: []", "an empty list"),
        ("issuer: 'https://i.example', audience: [a], ▸types: []", "an empty list"),
        ("issuer: 'https://i.example', audience: [a], types: [JWT, ▸'']", "must not be empty"),
        ("issuer: 'https://i.example', audience: [a], attributes: {▸'': {claim: a, type: long}}", "needs a name"),
        ("issuer: 'https://i.example', audience: [a], leeway: ▸61s", "at most `60s`"),
        ("issuer: 'https://i.example', audience: [a], max_age: ▸0s", "at least `1s`"),
        ("issuer: 'https://i.example', audience: [a], refresh: {every: ▸10ms}", "at least `1s`"),
        ("issuer: 'https://i.example', audience: [a], refresh: {unknown_kid_at_most_every: ▸0s}", "at least `1s`"),
        ("issuer: 'https://i.example', audience: [a], refresh: {timeout: ▸0s}", "at least `1ms`"),
        (
            "issuer: 'https://i.example', audience: [a], fetch: {proxy: ▸'socks5://p.example:1'}",
            "not the URL of a proxy",
        ),
        (
            "issuer: 'https://i.example', audience: [a], fetch: {proxy: ▸'http://u:p@p.example'}",
            "user name or password",
        ),
        ("issuer: a, audience: [a], keys: {file: jwks.json}, ▸cache_directory: cache", "these keys are not fetched"),
        ("issuer: a, audience: [a], keys: {inline: {keys: []}}, fetch: {▸ca: ca.pem}", "these keys are not fetched"),
        ("issuer: a, audience: [a], keys: {file: jwks.json}, fetch: {▸proxy: 'http://p.example'}", "are not fetched"),
        ("issuer: 'https://i.example', audience: [a], cache_directory: ▸ca.pem", "ca.pem` is not a folder"),
        ("issuer: 'https://i.example', audience: [a], group_claims: [▸{path: []}]", "must name a claim"),
        ("issuer: 'https://i.example', audience: [a], scope_claims: [scope, ▸'']", "must name a claim"),
        ("issuer: 'https://i.example', audience: [a], require_claims: {▸'': x}", "a claim needs a name"),
        ("issuer: 'https://i.example', audience: [a], attributes: {▸sub: {claim: sub, type: string}}", "by itself"),
        (
            "issuer: 'https://i.example', audience: [a], attributes: {a: {▸claim: {path: ['']}, type: string}}",
            "must name a claim",
        ),
    ] {
        assert_mistakes(&format!("trusted_issuers: {{corp: {{{rest}}}}}"), "wrong-value", &[fragment]);
    }
    for name in ["'a|b'", "''", "\"a\\u0007\""] {
        let marked = format!("trusted_issuers: {{▸{name}: {{issuer: 'https://i.example', audience: [a]}}}}");
        assert_mistakes(&marked, "wrong-value", &["must not be empty, nor hold `|`"]);
    }
    let marked = "trusted_issuers:\n  a: {issuer: 'https://a.example', audience: [x], attributes: {n: {claim: n, type: long}}}\n  \
                  b: {issuer: 'https://b.example', audience: [x], attributes: {n: {claim: n, type: ▸string}}}";
    assert_mistakes(marked, "wrong-value", &["`a` declares `n` with another type"]);
}

#[test]
fn a_route_that_could_not_match_or_would_mislead_policies_is_refused() {
    for (name, matches, fragment) in [
        ("▸''", "path: /", "1 to 128 letters"),
        ("▸a b", "path: /", "1 to 128 letters"),
        ("▸read", "path: /", "a group of actions"),
        ("▸write", "path: /", "a group of actions"),
        ("r", "path: ▸orders", "`orders` must begin with `/`"),
        ("r", "path: ▸'/a/{*rest}/b'", "only be the end"),
        ("r", "path: ▸'/a%2Fb'", "without `%`"),
        ("r", "path: /, hosts: [▸'API.example.com']", "lower case"),
        ("r", "path: /, hosts: [▸'api.example.com:8443']", "leave the port out"),
        ("r", "path: /, hosts: [▸'https://api.example.com']", "without scheme"),
        ("r", "path: /, hosts: [▸'api.*.com']", "only at the front"),
        ("r", "path: /, hosts: [▸'*']", "only at the front"),
        ("r", "path: /, hosts: [▸'*.']", "not a host name"),
        ("r", "path: /, hosts: [▸'']", "not a host name"),
        ("r", "path: /, methods: [▸get]", "upper case"),
        ("r", "path: /, methods: [▸TRACE]", "never let through"),
        ("r", "path: /, methods: [▸connect]", "never let through"),
        ("r", "path: /, methods: [▸'GE T']", "is not a method"),
    ] {
        let marked = format!("routes: [{{name: {name}, match: {{{matches}}}, upstream: app}}]");
        assert_mistakes(&marked, "wrong-value", &[fragment]);
    }
}

#[test]
fn scopes_and_groups_that_no_token_could_carry_are_refused() {
    for (rule, fragment) in [
        ("scopes: {any: [▸'']}", "a scope is"),
        ("scopes: {all: [▸'a b']}", "a scope is"),
        ("groups: {any: [▸'']}", "must name a group"),
        ("groups: {any: [▸'corp|']}", "must name a group"),
    ] {
        let marked = format!("routes: [{{name: r, match: {{path: /}}, upstream: app, access: {{{rule}}}}}]");
        assert_mistakes(&marked, "wrong-value", &[fragment]);
    }
}

#[test]
fn headers_that_are_not_ours_to_set_or_read_are_refused() {
    for prefix in ["''", "'-'", "x-auth", "X-Auth-", "x_auth-", "'x auth-'", "content-", "proxy-", "x-forwarded-"] {
        assert_mistakes(&format!("identity: {{prefix: ▸{prefix}}}"), "wrong-value", &["`identity.prefix`"]);
    }
    for name in
        ["host", "Content-Length", "transfer_encoding", "connection", "authorization", "cookie", "'x auth'", "''"]
    {
        let marked = format!("identity: {{headers: {{▸{name}: sub}}}}");
        assert_mistakes(&marked, "wrong-value", &["identity.headers"]);
        let marked = format!(
            "routes: [{{name: r, match: {{path: /}}, upstream: app, identity: {{headers: {{▸{name}: sub}}}}}}]"
        );
        assert_mistakes(&marked, "wrong-value", &["routes[0].identity.headers"]);
    }
    assert_mistakes("identity: {headers: {x-auth-a: ▸''}}", "wrong-value", &["must name a claim"]);
    for (credential, fragment) in [
        ("{header: ▸host}", "cannot carry a token"),
        ("{header: ▸cookie}", "cannot carry a token"),
        ("{header: ▸'a b'}", "not the name of a header"),
        ("{header: a, scheme: ▸'a b'}", "one word"),
        ("{cookie: ▸'a=b'}", "not the name of a cookie"),
        ("{query: ▸'a&b'}", "must be letters"),
        ("{query: ▸''}", "must be letters"),
    ] {
        assert_mistakes(&format!("credentials: [{credential}]"), "wrong-value", &[fragment]);
    }
}

#[test]
fn upstreams_bounds_and_threads_that_cannot_be_are_refused() {
    for (marked, fragment) in [
        ("upstreams: {app: {endpoints: [▸'http://a:1']}}", "for HTTPS the upstream has the key `tls`"),
        (
            "upstreams: {app: {endpoints: [{address: ▸a}]}}",
            "`upstreams.app.endpoints[0].address`: `a` must be `host:port`",
        ),
        ("upstreams: {app: {endpoints: [{address: 'a:1', weight: ▸0}]}}", "at least 1"),
        ("upstreams: {app: {endpoints: ['a:1'], tls: {server_name: ▸'a:1'}}}", "is not a host name"),
        ("upstreams: {app: {endpoints: ['a:1'], timeouts: {read: ▸0s}}}", "at least `1ms`"),
        ("upstreams: {app: {endpoints: ['a:1'], retries: {attempts: ▸11}}}", "from 0 to 10"),
        ("upstreams: {app: {endpoints: ['127.0.0.1:1']}, ▸'': {endpoints: ['a:1']}}", "an upstream needs a name"),
        ("policies: {▸'': {directory: policies/orders}}", "a bundle needs a name"),
        ("threads: ▸0", "from 1 to 1024"),
        ("limits: {token: ▸0}", "from 1 to"),
        ("limits: {header: ▸2MiB}", "from 1 to 1048576"),
        ("limits: {headers: ▸257}", "from 1 to 256"),
        ("limits: {target: ▸64KiB}", "from 1 to 65534"),
        ("limits: {body: ▸0}", "from 1 to"),
        ("limits: {claims_depth: ▸0}", "from 1 to 127"),
        ("upstreams: {app: {endpoints: ['a:1'], timeouts: {idle: ▸11years}}}", "at most `3650d`"),
        ("limits: {header_timeout: ▸0s}", "at least `1ms`"),
        ("limits: {write_timeout: ▸0s}", "at least `1ms`"),
        ("upstreams: {app: {endpoints: ['a:1'], timeouts: {stream_idle: ▸0s}}}", "at least `1ms`"),
        ("limits: {connections_per_ip: ▸0}", "from 1 to"),
    ] {
        assert_mistakes(marked, "wrong-value", &[fragment]);
    }
}

#[test]
fn pools_that_cognito_would_not_take_are_refused() {
    for (pool, fragment) in [
        ("id: ▸demo", "<region>_"),
        ("id: ▸'a/b_1'", "<region>_"),
        ("clients: {▸'a/b': {}}", "the name of a client"),
        ("clients: {c: {id: ▸'a-b'}}", "1 to 128 letters"),
        ("clients: {c: {secret: ▸'a secret with some blanks'}}", "24 to 64 letters"),
        ("clients: {c: {secret: ▸just+too+short+a+secret}}", "24 to 64 letters"),
        ("clients: {c: {access_token_attributes: [email, ▸emial]}}", "did you mean `email`?"),
        ("clients: {c: {access_token_scopes: [▸'a b']}}", "a scope is"),
        ("clients: {c: {secret: ▸''}}", "24 to 64 letters"),
        ("clients: {c: {access_token_validity: ▸1m}}", "from `5m` to `1d`"),
        ("clients: {c: {id_token_validity: ▸2d}}", "from `5m` to `1d`"),
        ("clients: {c: {refresh_token_validity: ▸3651d}}", "from `1h` to `3650d`"),
        ("clients: {c: {rotate_refresh_tokens: ▸61s}}", "from `0s` to `60s`"),
        ("password_policy: {minimum_length: ▸5}", "from 6 to 99"),
        ("password_policy: {history: ▸25}", "from 0 to 24"),
        ("password_policy: {temporary_days: ▸0}", "from 1 to 365"),
        ("custom_attributes: {▸'custom:x': string}", "without `custom:`"),
        ("groups: {▸'a b': {}}", "the name of a group"),
        ("users: {▸'a b': {password: 'long enough'}}", "the name of a user"),
        ("users: {u: {password: ▸hunter2}}", "8 to 256 characters"),
        ("users: {u: {password: 'long enough', attributes: {▸emial: x}}}", "did you mean `email`?"),
        ("users: {u: {password: 'long enough', attributes: {▸sub: x}}}", "neither a standard attribute"),
        ("users: {u: {password: 'long enough', attributes: {▸'custom:': x}}}", "neither a standard attribute"),
        ("users: {u: {password: 'long enough', attributes: {email_verified: ▸maybe}}}", "`true` or `false`"),
    ] {
        let marked = format!("issuer: {{address: '127.0.0.1:1', pools: {{p: {{{pool}}}}}}}");
        assert_mistakes(&marked, "wrong-value", &[fragment]);
    }
    let long = format!("users: {{u: {{password: 'long enough', attributes: {{name: ▸{}}}}}}}", "x".repeat(2049));
    let marked = format!("issuer: {{address: '127.0.0.1:1', pools: {{p: {{{long}}}}}}}");
    assert_mistakes(&marked, "wrong-value", &["at most 2048 bytes"]);
    assert_mistakes("issuer: {address: '127.0.0.1:1', pools: {▸'a/b': {}}}", "wrong-value", &["the name of a pool"]);
    for url in ["'http://a/'", "'a'", "'http://a?b'", "'ftp://a'"] {
        assert_mistakes(
            &format!("issuer: {{address: '127.0.0.1:1', public_url: ▸{url}}}"),
            "wrong-value",
            &["public_url"],
        );
    }
}

#[test]
fn who_administers_must_sign_with_what_cannot_be_guessed_or_be_on_the_machine() {
    for (rest, kind, fragment) in [
        ("admin_keys: {AKID: ▸short}", "wrong-value", "16 to 128 visible ASCII characters"),
        ("admin_keys: {AKID: ▸'with some blanks in it'}", "wrong-value", "16 to 128 visible ASCII characters"),
        ("admin_keys: {▸'a/b': sixteen-characters}", "wrong-value", "an access key id"),
        ("region: ▸EU_West", "wrong-value", "lower-case letters"),
        ("account_id: ▸'123'", "wrong-value", "12 digits"),
    ] {
        assert_mistakes(&format!("issuer: {{address: '127.0.0.1:1', {rest}}}"), kind, &[fragment]);
    }
    let beyond = "issuer: {address: '0.0.0.0:1', signature: ▸off}";
    assert_mistakes(beyond, "contradiction", &["must be a loopback one"]);
}

#[test]
fn a_secret_of_the_operators_door_that_could_be_guessed_or_not_be_sent_is_refused() {
    for token in ["short", "'with some blanks in it'", "'nötig-sind-nur-ascii'", "''"] {
        let marked = format!("admin: {{address: '127.0.0.1:9901', revocations: {{token: ▸{token}}}}}");
        assert_mistakes(&marked, "wrong-value", &["at least 16 visible ASCII characters"]);
    }
}

#[test]
fn an_issuer_with_parameters_that_says_too_little_or_too_much_is_refused() {
    let pattern = "{tenant: {pattern: '[a-z]+'}}";
    for (rest, fragment) in [
        ("issuer: ▸'https://i.example/{tenant}'".to_owned(), "`{tenant}` has no rule"),
        ("issuer: 'https://i.example/{tenant}', ▸parameters: {tenant: []}".to_owned(), "the values of `tenant`"),
        ("issuer: 'https://i.example/{tenant}', ▸parameters: {tenant: [a, ..]}".to_owned(), "the values of `tenant`"),
        ("issuer: 'https://i.example/{tenant}', ▸parameters: {tenant: [a], b: [c]}".to_owned(), "no `{b}`"),
        (format!("issuer: 'https://i.example/', ▸parameters: {pattern}"), "no `{tenant}`"),
        (format!("issuer: ▸'https://{{tenant}}.example', parameters: {pattern}"), "in its path alone"),
        (format!("issuer: ▸'https://i.example/x{{tenant}}', parameters: {pattern}"), "a whole path segment"),
        (format!("issuer: ▸'http://i.example/{{tenant}}', parameters: {pattern}"), "must be https"),
        (
            format!("issuer: 'https://i.example/{{tenant}}', parameters: {pattern}, ▸keys: {{file: jwks.json}}"),
            "come from `discovery` or a `jwks_uri`",
        ),
        (
            format!(
                "issuer: ▸'https://i.example/{{tenant}}', parameters: {pattern}, keys: {{jwks_uri: 'https://k/{{realm}}'}}"
            ),
            "`{realm}` has no rule",
        ),
        (format!("issuer: 'https://i.example/{{tenant}}', parameters: {pattern}, most_issuers: ▸0"), "from 1 to 10000"),
        (
            "issuer: 'https://i.example/{tenant}', ▸parameters: {tenant: [a, b, c]}, most_issuers: 2".to_owned(),
            "more issuers than `most_issuers`",
        ),
        ("issuer: 'https://i.example', ▸most_issuers: 2".to_owned(), "without parameters is only one"),
        ("issuer: 'https://i.example/{sub}', parameters: {▸sub: [a]}".to_owned(), "by itself"),
        (
            "issuer: 'https://i.example/{tenant}', parameters: {▸tenant: [a]}, attributes: {tenant: {claim: t, type: string}}"
                .to_owned(),
            "another of this name",
        ),
    ] {
        assert_mistakes(&format!("trusted_issuers: {{corp: {{audience: [a], {rest}}}}}"), "wrong-value", &[fragment]);
    }
}

#[test]
fn a_concrete_issuer_that_could_be_of_two_is_refused() {
    let one = "issuer: 'https://i.example/{tenant}', audience: [a]";
    for (first, second) in [
        (format!("{one}, parameters: {{tenant: [x, y]}}"), "▸'https://i.example/{tenant}', parameters: {tenant: [y]}"),
        (
            format!("{one}, parameters: {{tenant: {{pattern: '[a-c]'}}}}"),
            "▸'https://i.example/{realm}', parameters: {realm: {pattern: '[x-z]'}}",
        ),
        ("issuer: 'https://i.example/x', audience: [a]".to_owned(), "▸'https://i.example/{t}', parameters: {t: [x]}"),
    ] {
        let config = format!("trusted_issuers: {{a: {{{first}}}, b: {{audience: [a], issuer: {second}}}}}");
        assert_mistakes(&config, "duplicate-name", &["could also be one of `a`"]);
    }
    let apart = format!(
        "trusted_issuers: {{a: {{{one}, parameters: {{tenant: [x]}}}}, b: {{{one}, parameters: {{tenant: [y]}}}}, c: {{issuer: 'https://i.example/z', audience: [a]}}}}"
    );
    assert!(load(&apart).is_ok());
}

#[test]
fn an_issuer_that_could_not_keep_what_it_must_is_refused() {
    for (rest, code, fragment) in [
        ("database: ▸'postgres://u:p@h/d'", "contradiction", "needs `issuer.master_key`"),
        ("database_connections: ▸1", "wrong-value", "from 2 to 1000"),
        ("master_key: ▸hunter2", "wrong-value", "32 bytes in base64"),
        ("previous_master_keys: [▸hunter2]", "wrong-value", "32 bytes in base64"),
        ("keys: {rotate_every: ▸23h}", "wrong-value", "at least `1d`"),
        ("keys: {publish_ahead: ▸1m}", "wrong-value", "from `5m` to `1d`"),
        ("pools: {demo: {issuer: ▸'ftp://x'}}", "wrong-value", "or `aws`"),
        ("pools: {demo: {issuer: ▸'https://x.example/'}}", "wrong-value", "must not end in `/`"),
    ] {
        assert_mistakes(&format!("issuer: {{address: '127.0.0.1:1', {rest}}}"), code, &[fragment]);
    }
    let text = "issuer: {address: '127.0.0.1:1', database: 'postgres://u:hunter2@h/d'}";
    assert!(!format!("{:?}", load(text).unwrap_err()).contains("hunter2"));
}

#[test]
fn messages_that_could_not_be_sent_safely_are_refused() {
    let smtp = "email: {from: 'a@b.example', smtp: {host: smtp.example, ";
    for (rest, code, fragment) in [
        ("email: {from: ▸nobody, smtp: {host: smtp.example}}".to_owned(), "wrong-value", "must be an e-mail address"),
        (format!("{smtp}tls: ▸off}}}}"), "wrong-value", "loopback alone"),
        (format!("{smtp}timeout: ▸2m}}}}"), "wrong-value", "from `1s` to `60s`"),
        (format!("{smtp}ca: ▸nowhere.pem}}}}"), "missing-file", "there is no file"),
        ("email: {from: a@b, smtp: {host: ▸'smtp.example:25'}}".to_owned(), "wrong-value", "without port"),
        ("sms: {webhook: {url: ▸'http://sms.example', secret: 0123456789abcdef}}".to_owned(), "wrong-value", "https"),
        ("sms: {webhook: {url: 'https://sms.example', secret: ▸short}}".to_owned(), "wrong-value", "16 characters"),
    ] {
        let marked = format!("issuer: {{address: '127.0.0.1:1', messages: {{{rest}}}}}");
        assert_mistakes(&marked, code, &[fragment]);
    }
    let exposed = "admin: {address: '0.0.0.0:1'}\nissuer: {address: '127.0.0.1:2', development: ▸true}";
    assert_mistakes(exposed, "contradiction", &["must be on loopback"]);
    let alone =
        "issuer: {address: '127.0.0.1:1', messages: {email: {from: a@b, ▸smtp: {host: smtp.example, username: u}}}}";
    assert_mistakes(alone, "contradiction", &["come together"]);
}
