//! Values from outside the file: the environment, and mounted secrets. None is ever repeated.

use secrecy::ExposeSecret;

use super::support::{assert_mistakes, folder, load, load_in, whole};
use crate::config::ConfigError;

fn with_password(password: &str) -> String {
    format!("issuer: {{address: '127.0.0.1:1', pools: {{p: {{users: {{u: {{password: {password}}}}}}}}}}}")
}

fn password(written: &str) -> Result<String, ConfigError> {
    let loaded = load(&with_password(written))?;
    Ok(loaded.config.issuer.unwrap().pools["p"].users["u"].password.expose_secret().to_owned())
}

#[test]
fn a_variable_of_the_environment_stands_for_its_value() {
    assert_eq!(password("'${SET}'").unwrap(), "from-the-environment");
    assert_eq!(password("\"a-${SET}-${SET}-b\"").unwrap(), "a-from-the-environment-from-the-environment-b");
    assert_eq!(load("threads: ${NUMBER}").unwrap().config.threads, Some(4));
    assert_eq!(load("threads: '${NUMBER}'").unwrap().config.threads, Some(4));
}

#[test]
fn a_variable_that_would_have_to_be_quoted_is_said_so() {
    assert_mistakes("limits: {headers: $▸{NUMBER}}", "syntax", &["must be quoted"]);
}

#[test]
fn an_escaped_variable_stands_for_itself() {
    assert_eq!(password("'$${SET} costs $5'").unwrap(), "${SET} costs $5");
    assert_eq!(password("'$$$ {SET}'").unwrap(), "$$$ {SET}");
}

#[test]
fn a_variable_that_is_not_set_is_an_error_that_names_it() {
    for (password, fragment) in [
        ("▸'${UNSET}'", "the environment variable `UNSET` is not set"),
        ("▸'${SET'", "without the `}`"),
        ("▸'${}'", "cannot be the name"),
        ("▸'${a b}'", "cannot be the name"),
        ("▸'${1A}'", "cannot be the name"),
    ] {
        assert_mistakes(&with_password(password), "unset-variable", &[fragment, "`$${`"]);
    }
}

#[test]
fn a_variable_that_is_set_to_nothing_is_no_key_left_out() {
    let access = |rule: &str| format!("routes: [{{name: r, match: {{path: /}}, upstream: app, access: {{{rule}}}}}]");
    assert_mistakes(&access("policy: ▸'${EMPTY}'"), "unknown-name", &["no policy bundle is called `${EMPTY}`"]);
    assert_mistakes(&access("scopes: {any: [▸'${EMPTY}']}"), "wrong-value", &["a scope is"]);
    assert_mistakes(
        "routes:\n- name: r\n  match: {path: /}\n  upstream: app\n  access:\n    policy: ▸${EMPTY}",
        "unknown-name",
        &["`${EMPTY}`"],
    );
    assert_mistakes(
        "routes:\n- name: r\n  match: {path: /}\n  upstream: app\n  access: ▸${EMPTY}",
        "wrong-value",
        &["`routes[0].access`: `${EMPTY}` holds no value"],
    );
    let required = "trusted_issuers:\n  corp:\n    issuer: https://i.example\n    audience: [a]\n    require_claims:\n      a: ${NULL}\n      b: null";
    let loaded = load(required).unwrap();
    let claims = &loaded.config.trusted_issuers["corp"].require_claims;
    assert_eq!(claims["a"], "null");
    assert!(claims["b"].is_null());
}

#[test]
fn a_secret_file_stands_for_what_it_says_without_its_last_line_break() {
    assert_eq!(password("{file: secrets/password}").unwrap(), "correct horse");
    let folder = folder();
    for (content, secret) in
        [("correct horse", "correct horse"), ("a long secret\r\n", "a long secret"), ("two\nlines\n\n", "two\nlines\n")]
    {
        std::fs::write(folder.path().join("secret"), content).unwrap();
        let loaded = load_in(folder.path(), &whole(&with_password("{file: secret}"))).unwrap();
        assert_eq!(loaded.config.issuer.unwrap().pools["p"].users["u"].password.expose_secret(), secret);
    }
}

#[test]
fn a_secret_file_may_stand_wherever_text_is_asked_for() {
    let folder = folder();
    std::fs::write(folder.path().join("address"), "127.0.0.1:7\n").unwrap();
    let loaded = load_in(folder.path(), &whole("listeners: [{address: {file: address}}]")).unwrap();
    assert_eq!(loaded.config.listeners[0].address.port(), 7);
}

#[test]
fn a_secret_file_that_cannot_be_read_is_an_error_that_names_it() {
    for (password, fragment) in [
        ("{file: ▸secrets/none}", "could not read the secret file `secrets/none`: there is no such file"),
        ("{file: ▸secrets}", "it is not a file"),
        ("{file: ▸/dev/zero}", "it is not a file"),
    ] {
        assert_mistakes(&with_password(password), "secret-file", &[fragment]);
    }
    assert_mistakes(&with_password("{file: ▸[a]}"), "wrong-value", &["expected a path"]);
    assert_mistakes(&with_password("{file: ▸'${UNSET}'}"), "unset-variable", &[]);
    let folder = folder();
    for (content, fragment) in [(vec![b'a'; 70_000], "larger than 64KiB"), (vec![0xff, 0xfe], "not UTF-8")] {
        std::fs::write(folder.path().join("secret"), content).unwrap();
        let error = load_in(folder.path(), &whole(&with_password("{file: secret}"))).unwrap_err();
        assert!(error.to_string().contains(fragment), "{error}");
    }
}

#[test]
fn what_comes_from_outside_or_is_secret_is_never_repeated() {
    let folder = folder();
    std::fs::write(folder.path().join("secret"), "hunter2").unwrap();
    for text in [
        with_password("'${SHORT}'"),
        with_password("hunter2"),
        with_password("{file: secret}"),
        "issuer: {address: '127.0.0.1:1', pools: {p: {clients: {c: {secret: 'hunter2 hunter2'}}}}}".to_owned(),
        "listeners: [{address: '${SHORT}'}]".to_owned(),
        "listeners: [{address: {file: secret}}]".to_owned(),
        "threads: ${SHORT}".to_owned(),
        "admin: ${SHORT}".to_owned(),
        "telemetry: {log: '${SHORT}'}".to_owned(),
        "limits: {token: '${SHORT}', header_timeout: '${SHORT}'}".to_owned(),
        "routes: [{name: '${SHORT} ', match: {path: '${SHORT}', hosts: ['${SHORT}:1'], methods: ['${SHORT}']}, upstream: '${SHORT}'}]".to_owned(),
        "routes: [{name: r, match: {path: /}, upstream: app, access: {groups: {any: ['${SHORT}|']}, issuers: ['${SHORT}'], policy: '${SHORT}'}}]".to_owned(),
        "routes: [{name: r, match: {path: /}, upstream: app, access: '${SHORT}'}]".to_owned(),
        "trusted_issuers: {corp: {issuer: '${SHORT}', audience: [a], algorithms: ['${SHORT}'], keys: {pool: '${SHORT}'}}}".to_owned(),
        "upstreams: {app: {endpoints: ['${SHORT}', {file: secret}], tls: {ca: '${SHORT}', server_name: '${SHORT}:1'}}}".to_owned(),
        "policies: {orders: {directory: '${SHORT}'}}".to_owned(),
        "issuer: {address: '127.0.0.1:1', pools: {p: {users: {u: {password: 'hunter2 is long', groups: ['${SHORT}']}}}}}".to_owned(),
        "issuer: {address: '127.0.0.1:1', pools: {p: {users: {u: {password: hunter2}}}}}\nthreads: [".to_owned(),
    ] {
        let error = load_in(folder.path(), &whole(&text)).err().unwrap_or_else(|| panic!("taken: {text}"));
        for shown in [error.to_string(), format!("{error:?}"), error.text().to_owned()] {
            assert!(!shown.contains("hunter2"), "said of {text}:\n{shown}");
        }
    }
    let loaded = load_in(folder.path(), &whole(&with_password("hunter2-and-more"))).unwrap();
    assert!(!format!("{loaded:?}").contains("hunter2"));
}
