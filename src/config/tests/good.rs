//! Configs that are taken, and what they say.

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::support::{folder, load, load_in};
use crate::admin::AdminConfig;
use crate::authorizer::{AccessConfig, Notation, Requirement};
use crate::config::{Config, ConfigPath};
use crate::issuer::DatabaseConfig;
use crate::proxy::{BalanceConfig, HashConfig};
use crate::telemetry::AccessLogFormat;
use crate::token::{ClaimPathConfig, CredentialConfig, KeysConfig};

/// Every key of version 1, and so the ones that are refused for now too.
pub(super) const EVERY_KEY: &str = include_str!("every_key.yaml");

fn every_key() -> Config {
    Config::parse(EVERY_KEY, Path::new("/etc/lychgate/lychgate.yaml"), &|_| None).unwrap().config
}

#[test]
fn every_key_of_version_1_is_read() {
    let config = every_key();
    assert_eq!(config.listeners.len(), 2);
    assert_eq!(config.threads, Some(2));
    assert!(
        matches!(config.admin, AdminConfig::At { address, revocations: Some(_), explain: true } if address.port() == 9901)
    );
    assert_eq!(config.credentials[0], CredentialConfig::bearer());
    assert_eq!(config.credentials[2], CredentialConfig::Query("access_token".to_owned()));
    assert_eq!(config.upstreams["orders"].endpoints[1].weight, 2);
    assert_eq!(config.upstreams["hashed"].balance, BalanceConfig::ConsistentHash(HashConfig::Sub));
    assert_eq!(config.identity.headers["x-auth-tenant"].claim, "custom:tenant");
    assert_eq!(config.identity.headers["x-auth-realm"].notation, Some(Notation::Json));
    assert_eq!(config.telemetry.access_log, AccessLogFormat::Json);
    assert!(
        config.telemetry.traces.is_some_and(|traces| traces.headers["authorization"].expose_secret() == "Bearer hush")
    );
    assert_eq!(config.limits.token.as_u64(), 16 * 1024);
    let AccessConfig::Rules(rules) = &config.routes[0].access else { panic!("rules") };
    assert_eq!(rules.groups, Some(Requirement::Any(vec!["corp|sales".to_owned(), "corp|admin".to_owned()])));
    assert!(matches!(config.routes[1].access, AccessConfig::Public));
    let corp = &config.trusted_issuers["corp"];
    assert_eq!(corp.leeway, Duration::from_secs(30));
    assert_eq!(corp.group_claims[3], ClaimPathConfig(vec!["realm_access".to_owned(), "roles".to_owned()]));
    assert_eq!(corp.require_claims["level"], serde_json::json!(3));
    assert_eq!(corp.require_claims["digits"], serde_json::json!("3"));
    assert!(
        matches!(&config.trusted_issuers["inline"].keys, KeysConfig::Inline(set) if set["keys"][0]["kty"] == "RSA")
    );
    assert!(matches!(&config.trusted_issuers["pool"].keys, KeysConfig::Pool(pool) if pool == "demo"));
    let user = &config.issuer.unwrap().pools["demo"].users["alice"];
    assert_eq!(user.password.expose_secret(), "correct horse");
    assert_eq!(user.attributes["email_verified"], "true");
}

#[test]
fn every_path_is_relative_to_the_folder_of_the_config_file() {
    let config = every_key();
    let at = |path: &str| Path::new("/etc/lychgate").join(path);
    let tls = config.listeners[1].tls.as_ref().unwrap();
    assert_eq!(tls.certificate, at("tls/tls.crt"));
    assert_eq!(tls.key, at("tls/tls.key"));
    assert_eq!(tls.client_ca, Some(at("tls/clients.pem")));
    assert!(matches!(&config.trusted_issuers["file"].keys, KeysConfig::File(file) if *file == at("jwks.json")));
    assert_eq!(config.trusted_issuers["corp"].cache_directory, Some(at("cache")));
    assert_eq!(config.identity.assertion.as_ref().unwrap().state_directory, Some(at("state")));
    assert_eq!(config.policies["orders"].directory, at("policies/orders"));
    let tls = config.upstreams["orders"].tls.as_ref().unwrap();
    assert_eq!([&tls.ca, &tls.certificate, &tls.key], [&Some(at("ca.pem")), &Some(at("c.pem")), &Some(at("k.pem"))]);
    let DatabaseConfig::Sqlite(database) = &config.issuer.as_ref().unwrap().database else { panic!("not a file") };
    assert_eq!(database, Path::new("/var/lib/lychgate/lychgate.db"));
    let shown = format!("{:?}", every_key());
    for file in ["tls.crt", "tls.key", "clients.pem", "jwks.json", "policies/orders", "ca.pem", "c.pem", "k.pem"] {
        assert!(!shown.contains(&format!("\"{file}")), "`{file}` is still relative");
    }
}

#[test]
fn a_file_without_a_folder_in_its_name_is_in_the_working_folder() {
    let text = "policies: {orders: {directory: policies/orders}}\nlisteners: []\nupstreams: {}\nroutes: []";
    let loaded = Config::parse(text, Path::new("lychgate.yaml"), &|_| None).unwrap();
    assert_eq!(loaded.config.policies["orders"].directory, Path::new("./policies/orders"));
}

#[test]
fn defaults_fill_what_is_left_out() {
    let loaded = load("").unwrap();
    assert_eq!(loaded.config.credentials, [CredentialConfig::bearer()]);
    assert_eq!(loaded.config.identity.prefix, "x-auth-");
    assert!(matches!(loaded.config.trusted_issuers["corp"].keys, KeysConfig::Discovery));
    assert!(loaded.config.issuer.is_none());
    assert!(loaded.warnings().is_empty());
}

#[test]
fn what_yaml_1_2_calls_text_is_text() {
    let loaded = load("admin: off\ntelemetry: {access_log: off}").unwrap();
    assert!(matches!(loaded.config.admin, AdminConfig::Off));
    assert_eq!(loaded.config.telemetry.access_log, AccessLogFormat::Off);
}

#[test]
fn a_number_asked_for_as_text_is_taken_as_it_is_written() {
    let loaded =
        load("trusted_issuers: {corp: {issuer: 'https://i.example', audience: [0x10, 1.50, true], types: [007]}}")
            .unwrap();
    let corp = &loaded.config.trusted_issuers["corp"];
    assert_eq!(corp.audience, ["0x10", "1.50", "true"]);
    assert_eq!(corp.types, ["007"]);
}

#[test]
fn keys_may_come_from_a_file_which_is_no_secret_file() {
    let loaded = load("trusted_issuers: {corp: {issuer: x, audience: [a], keys: {file: jwks.json}}}").unwrap();
    assert!(
        matches!(&loaded.config.trusted_issuers["corp"].keys, KeysConfig::File(file) if file.ends_with("jwks.json"))
    );
}

#[test]
fn an_alias_stands_for_its_whole_value() {
    let loaded = load("upstreams:\n  app: &app {endpoints: ['a:1']}\n  other: *app").unwrap();
    assert_eq!(loaded.config.upstreams["other"].endpoints, loaded.config.upstreams["app"].endpoints);
}

#[test]
fn groups_may_be_named_bare_where_one_issuer_reaches_the_route() {
    for access in [
        "{groups: {any: [sales]}}",
        "{groups: {any: ['corp|sales']}}",
        "{issuers: [corp, corp], groups: {all: [a, b]}}",
    ] {
        let text = format!("routes: [{{name: r, match: {{path: /}}, upstream: app, access: {access}}}]");
        assert!(load(&text).is_ok(), "{access}");
    }
}

#[test]
fn plain_http_is_taken_on_loopback_and_where_it_is_allowed() {
    for rest in [
        "issuer: 'http://127.0.0.1:1/a', audience: [a]",
        "issuer: 'http://localhost', audience: [a]",
        "issuer: 'http://i.example', audience: [a], allow_insecure: true",
        "issuer: anything at all, audience: [a], keys: {inline: {keys: []}}",
        "issuer: anything at all, audience: [a], keys: {jwks_uri: 'https://i.example/keys'}",
    ] {
        assert!(load(&format!("trusted_issuers: {{corp: {{{rest}}}}}")).is_ok(), "{rest}");
    }
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_taken() {
    assert!(load("\u{feff}threads: 2\r\nadmin: off\r\n").is_ok());
}

#[test]
fn places_lead_from_a_path_to_the_file() {
    let text = "listeners: [{address: '127.0.0.1:1'}]\ntrusted_issuers:\n  corp.eu:\n    issuer: https://i.example\n    audience: [a]\n\
                upstreams: {app: {endpoints: ['a:1']}}\nroutes:\n  - name: r\n    match: {path: /}\n    upstream: app\n";
    let folder = folder();
    let places = load_in(folder.path(), text).unwrap().places;
    let corp = ConfigPath::new("trusted_issuers").key("corp.eu");
    let at = |path: &ConfigPath| (places.of(path).line, places.of(path).column);
    assert_eq!(corp.key("issuer").to_string(), "trusted_issuers[\"corp.eu\"].issuer");
    assert_eq!(at(&corp.key("issuer")), (4, 13));
    assert_eq!(at(&corp), (3, 3));
    assert_eq!(at(&corp.key("leeway")), (3, 3), "a default is shown where it would stand");
    assert_eq!(at(&ConfigPath::new("routes").item(0).key("match").key("path")), (9, 19));
    assert_eq!(at(&ConfigPath::new("nothing").item(7)), (1, 1));
    assert_eq!(&text[places.of(&corp.key("issuer")).bytes], "https://i.example");
    assert_eq!(places.of(&corp).file.as_ref(), folder.path().join("lychgate.yaml"));
}
