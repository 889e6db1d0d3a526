//! The embedded issuer and its declared pools: ids, names and lifetimes as Cognito has them.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::findings::Findings;
use super::messages::check_messages;
use super::routes::check_scope;
use super::url::objection;
use crate::config::mistake::Reason;
use crate::config::nearest::did_you_mean;
use crate::config::places::ConfigPath;
use crate::issuer::{
    ClientConfig, DatabaseConfig, IssuerConfig, PasswordPolicyConfig, PoolConfig, SignatureConfig, SigningKeysConfig,
    UserConfig,
};

const A_MASTER_KEY: &str = "must be 32 bytes in base64, or 64 hexadecimal digits; `openssl rand -base64 32` makes one";
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Ids that pools and clients before this one have taken. Both are known by their id alone, so none may come twice.
#[derive(Default)]
struct Ids<'c>(HashMap<&'c str, ConfigPath>);

pub(crate) fn check_issuer(issuer: Option<&IssuerConfig>, findings: &mut Findings<'_>) {
    let Some(issuer) = issuer else { return };
    let at = ConfigPath::new("issuer");
    if let Some(url) = &issuer.public_url {
        check_public_url(&at.key("public_url"), url, findings);
    }
    check_database(&at, issuer, findings);
    check_keys(&at.key("keys"), issuer.keys, findings);
    check_messages(&at.key("messages"), &issuer.messages, findings);
    check_administration(&at, issuer, findings);
    let mut ids = Ids::default();
    for (name, pool) in &issuer.pools {
        check_pool(&at.key("pools").key(name), name, pool, &mut ids, findings);
    }
}

fn check_database(at: &ConfigPath, issuer: &IssuerConfig, findings: &mut Findings<'_>) {
    match &issuer.database {
        DatabaseConfig::Sqlite(file) => {
            if let Some(folder) = file.parent().filter(|folder| *folder != Path::new("")) {
                findings.directory(&at.key("database"), folder);
            }
        }
        DatabaseConfig::Postgres(_) if issuer.master_key.is_none() => {
            let message = "needs `issuer.master_key`: several nodes cannot share one that the first of them makes";
            findings.add(&at.key("database"), Reason::Contradiction, message);
        }
        DatabaseConfig::Postgres(_) => {}
    }
    if !(2..=1000).contains(&issuer.database_connections) {
        findings.wrong(&at.key("database_connections"), "must be from 2 to 1000");
    }
    if issuer.master_key.as_ref().is_some_and(|key| !is_master_key(key)) {
        findings.wrong(&at.key("master_key"), A_MASTER_KEY);
    }
    for (index, _) in issuer.previous_master_keys.iter().enumerate().filter(|(_, key)| !is_master_key(key)) {
        findings.wrong(&at.key("previous_master_keys").item(index), A_MASTER_KEY);
    }
}

fn check_keys(at: &ConfigPath, keys: SigningKeysConfig, findings: &mut Findings<'_>) {
    if keys.rotate_every.is_some_and(|every| every < DAY) {
        findings.wrong(&at.key("rotate_every"), "must be at least `1d`");
    }
    within(&at.key("publish_ahead"), keys.publish_ahead, 5 * MINUTE..=DAY, "from `5m` to `1d`", findings);
}

/// Who may administer must not be guessed; who need not sign must be on this machine.
fn check_administration(at: &ConfigPath, issuer: &IssuerConfig, findings: &mut Findings<'_>) {
    let graphic = |text: &str, least| {
        text.len() >= least && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    for (id, secret) in &issuer.admin_keys {
        let path = at.key("admin_keys").key(id);
        if !(4..=128).contains(&id.len())
            || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        {
            findings.wrong_key(&path, "an access key id is 4 to 128 letters, digits, `_` and `-`");
        }
        if !graphic(secret.expose_secret(), 16) {
            findings.wrong(&path, "must be 16 to 128 visible ASCII characters, without blanks");
        }
    }
    if issuer.signature == SignatureConfig::Off && !issuer.address.ip().is_loopback() {
        let message = "is for development: the issuer's `address` must be a loopback one then";
        findings.add(&at.key("signature"), Reason::Contradiction, message);
    }
    let is_region = |region: &String| {
        (2..=32).contains(&region.len())
            && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if !issuer.region.as_ref().is_none_or(is_region) {
        findings.wrong(&at.key("region"), "must be 2 to 32 lower-case letters, digits and `-`");
    }
    if issuer.account_id.len() != 12 || !issuer.account_id.bytes().all(|byte| byte.is_ascii_digit()) {
        findings.wrong(&at.key("account_id"), "must be 12 digits");
    }
}

fn check_password_policy(at: &ConfigPath, policy: &PasswordPolicyConfig, findings: &mut Findings<'_>) {
    if !(6..=99).contains(&policy.minimum_length) {
        findings.wrong(&at.key("minimum_length"), "must be from 6 to 99");
    }
    if policy.history > 24 {
        findings.wrong(&at.key("history"), "must be from 0 to 24");
    }
    if !(1..=365).contains(&policy.temporary_days) {
        findings.wrong(&at.key("temporary_days"), "must be from 1 to 365");
    }
}

/// 32 bytes: 64 hexadecimal digits, or 43 characters of base64 and what fills them up to 44.
fn is_master_key(key: &SecretString) -> bool {
    let key = key.expose_secret().trim();
    let hexadecimal = key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = key.strip_suffix('=').unwrap_or(key);
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
    hexadecimal || digits.len() == 43 && digits.bytes().all(base64)
}

/// Plain HTTP is taken: what stands before the issuer may end TLS. Tokens carry the URL, so it must be in its one spelling.
fn check_public_url(path: &ConfigPath, url: &str, findings: &mut Findings<'_>) {
    if let Some(objection) = objection(url, true) {
        findings.wrong(path, objection);
    } else if url.ends_with('/') || url.contains('?') {
        findings.wrong(path, "must not end in `/`, nor carry a query: a pool's id is put after it");
    }
}

fn check_pool<'c>(at: &ConfigPath, name: &str, pool: &'c PoolConfig, ids: &mut Ids<'c>, findings: &mut Findings<'_>) {
    if !is_title(name) {
        findings.wrong_key(at, "the name of a pool is 1 to 128 letters, digits, blanks and `_+=,.@-`");
    }
    if let Some(id) = &pool.id {
        let path = at.key("id");
        if !is_pool_id(id) {
            findings.wrong(
                &path,
                "must be `<region>_<letters and digits>`, such as `local_Ab3dEf6h9`, at most 55 characters",
            );
        }
        check_id(path, id, ids, findings);
    }
    if let Some(issuer) = pool.issuer.as_deref().filter(|issuer| *issuer != "aws") {
        let path = at.key("issuer");
        if let Some(objection) = objection(issuer, true) {
            findings.wrong(&path, format!("{objection}, or `aws`"));
        } else if issuer.ends_with('/') || issuer.contains('?') {
            findings.wrong(&path, "must not end in `/`, nor carry a query");
        }
    }
    if let Some(policy) = &pool.password_policy {
        check_password_policy(&at.key("password_policy"), policy, findings);
    }
    for name in pool.custom_attributes.keys().filter(|name| !is_name(name, 20) || name.contains(':')) {
        let message = "the name of an attribute is 1 to 20 characters without blanks and `:`, and without `custom:`";
        findings.wrong_key(&at.key("custom_attributes").key(name), message);
    }
    for (name, client) in &pool.clients {
        check_client(&at.key("clients").key(name), name, client, ids, findings);
    }
    for name in pool.groups.keys().filter(|name| !is_name(name, 128)) {
        let message = "the name of a group is 1 to 128 characters without blanks and control characters";
        findings.wrong_key(&at.key("groups").key(name), message);
    }
    let mut folded = HashMap::new();
    for (name, user) in &pool.users {
        let path = at.key("users").key(name);
        if let Some(first) = folded.insert(name.to_lowercase(), name) {
            findings.add_key(&path, Reason::DuplicateName, format!("differs from `{first}` by case alone"));
        }
        check_user(&path, name, user, pool, findings);
    }
}

fn check_id<'c>(path: ConfigPath, id: &'c str, ids: &mut Ids<'c>, findings: &mut Findings<'_>) {
    if let Some(first) = ids.0.get(id) {
        findings.add(&path, Reason::DuplicateName, format!("`{first}` is the same id"));
    }
    ids.0.entry(id).or_insert(path);
}

fn check_client<'c>(
    at: &ConfigPath,
    name: &str,
    client: &'c ClientConfig,
    ids: &mut Ids<'c>,
    findings: &mut Findings<'_>,
) {
    if !is_title(name) {
        findings.wrong_key(at, "the name of a client is 1 to 128 letters, digits, blanks and `_+=,.@-`");
    }
    if let Some(id) = &client.id {
        if !is_word(id, 128) {
            findings.wrong(&at.key("id"), "must be 1 to 128 letters, digits, `_` and `+`");
        }
        check_id(at.key("id"), id, ids, findings);
    }
    if client.secret.as_ref().is_some_and(|secret| !is_client_secret(secret)) {
        findings.wrong(&at.key("secret"), "must be 24 to 64 letters, digits, `_` and `+`");
    }
    for (index, name) in client.access_token_attributes.iter().enumerate() {
        let path = at.key("access_token_attributes").item(index);
        if !is_attribute_name(name) {
            let near = did_you_mean(name, &UserConfig::STANDARD_ATTRIBUTES);
            findings.wrong(&path, format!("is neither a standard attribute nor `custom:` and a name{near}"));
        }
    }
    for (index, scope) in client.access_token_scopes.iter().enumerate() {
        check_scope(&at.key("access_token_scopes").item(index), scope, findings);
    }
    check_lifetimes(at, client, findings);
}

fn check_lifetimes(at: &ConfigPath, client: &ClientConfig, findings: &mut Findings<'_>) {
    let access = client.access_token_validity.unwrap_or(HOUR);
    let id = client.id_token_validity.unwrap_or(HOUR);
    let refresh = client.refresh_token_validity.unwrap_or(30 * DAY);
    let grace = client.rotate_refresh_tokens.unwrap_or_default();
    within(&at.key("rotate_refresh_tokens"), grace, Duration::ZERO..=MINUTE, "from `0s` to `60s`", findings);
    within(&at.key("access_token_validity"), access, 5 * MINUTE..=DAY, "from `5m` to `1d`", findings);
    within(&at.key("id_token_validity"), id, 5 * MINUTE..=DAY, "from `5m` to `1d`", findings);
    within(&at.key("refresh_token_validity"), refresh, HOUR..=3650 * DAY, "from `1h` to `3650d`", findings);
    if access.max(id) > refresh {
        let message = "must not be shorter than what it refreshes: access and ID tokens";
        findings.add(&at.key("refresh_token_validity"), Reason::Contradiction, message);
    }
}

fn within(
    path: &ConfigPath,
    value: Duration,
    range: std::ops::RangeInclusive<Duration>,
    range_in_words: &str,
    findings: &mut Findings<'_>,
) {
    if !range.contains(&value) {
        findings.wrong(path, format!("must be {range_in_words}"));
    }
}

fn check_user(at: &ConfigPath, name: &str, user: &UserConfig, pool: &PoolConfig, findings: &mut Findings<'_>) {
    if !is_name(name, 128) {
        findings.wrong_key(at, "the name of a user is 1 to 128 characters without blanks and control characters");
    }
    check_password(&at.key("password"), &user.password, findings);
    for (index, group) in user.groups.iter().enumerate() {
        if !pool.groups.contains_key(group) {
            findings.unknown_name(&at.key("groups").item(index), "group of this pool", group, pool.groups.keys());
        }
    }
    for (name, value) in &user.attributes {
        check_attribute(&at.key("attributes").key(name), name, value, findings);
    }
}

fn check_password(path: &ConfigPath, password: &SecretString, findings: &mut Findings<'_>) {
    if !(8..=256).contains(&password.expose_secret().chars().count()) {
        findings.wrong(path, "must be 8 to 256 characters");
    }
}

fn check_attribute(path: &ConfigPath, name: &str, value: &str, findings: &mut Findings<'_>) {
    if !is_attribute_name(name) {
        let near = did_you_mean(name, &UserConfig::STANDARD_ATTRIBUTES);
        findings.wrong_key(path, format!("is neither a standard attribute nor `custom:` and a name{near}"));
    }
    if value.len() > 2048 {
        findings.wrong(path, "must be at most 2048 bytes");
    }
    if UserConfig::FLAGS.contains(&name) && !matches!(value, "true" | "false") {
        findings.wrong(path, "must be `true` or `false`");
    }
}

fn is_attribute_name(name: &str) -> bool {
    UserConfig::STANDARD_ATTRIBUTES.contains(&name)
        || name.strip_prefix("custom:").is_some_and(|custom| is_name(custom, 20))
}

fn is_client_secret(secret: &SecretString) -> bool {
    secret.expose_secret().len() >= 24 && is_word(secret.expose_secret(), 64)
}

/// `[\p{L}\p{M}\p{S}\p{N}\p{P}]{1,most}` of Cognito's model, which leaves out blanks and controls.
fn is_name(name: &str, most: usize) -> bool {
    (1..=most).contains(&name.chars().count()) && !name.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// `[\w\s+=,.@-]{1,128}` of Cognito's model.
fn is_title(title: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_ +=,.@-".contains(&byte);
    (1..=128).contains(&title.len()) && title.bytes().all(fits)
}

/// `[\w+]{1,most}` of Cognito's model.
fn is_word(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'+')
}

/// `[\w-]+_[0-9a-zA-Z]+` of Cognito's model, at most 55 characters.
fn is_pool_id(id: &str) -> bool {
    let Some((region, unique)) = id.rsplit_once('_') else {
        return false;
    };
    id.len() <= 55
        && !region.is_empty()
        && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        && !unique.is_empty()
        && unique.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
