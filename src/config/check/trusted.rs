//! Trusted issuers: what must be said of each, and what no two may share.

use std::collections::HashMap;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::findings::Findings;
use super::url::{objection, proxy_objection};
use crate::config::mistake::Reason;
use crate::config::nearest::did_you_mean;
use crate::config::places::ConfigPath;
use crate::config::sections::Config;
use crate::token::{
    AttributeKind, ClaimPathConfig, FetchConfig, IntrospectionConfig, KeysConfig, RefreshConfig, ShadowRulesConfig,
    TrustedIssuerConfig,
};

/// Signature algorithms of RFC 7518 section 3.1, RFC 8037 and RFC 9864 that public keys verify.
const ALGORITHMS: [&str; 11] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];

/// Attributes that every principal has by itself.
const OWN_ATTRIBUTES: [&str; 7] = ["issuer", "sub", "scopes", "username", "email", "email_verified", "client_id"];

/// Each tenant has a background task and keys in memory.
const MOST_TENANTS: u64 = 10_000;

const LONGEST_LEEWAY: Duration = Duration::from_mins(1);

pub(crate) fn check_trusted_issuers(config: &Config, findings: &mut Findings<'_>) {
    let mut seen = Seen::default();
    for (name, trusted) in &config.trusted_issuers {
        let at = ConfigPath::new("trusted_issuers").key(name);
        check_name(&at, name, findings);
        check_issuer(&at, name, trusted, &mut seen, findings);
        check_template(&at, name, trusted, &mut seen, findings);
        // A URL with parameters is as good as one with any values.
        if trusted.template().is_ok() {
            check_keys(&at, &trusted.of_some_tenant(), config, findings);
        }
        check_fetch(&at, trusted, findings);
        check_audience(&at, trusted, findings);
        check_algorithms(&at.key("algorithms"), &trusted.algorithms, findings);
        check_times(&at, trusted, findings);
        check_shadow(&at.key("shadow"), trusted, findings);
        check_claims(&at, trusted, findings);
        check_attributes(&at.key("attributes"), name, trusted, &mut seen, findings);
    }
    check_overlaps(config, findings);
}

/// What issuers before this one have said.
#[derive(Default)]
struct Seen<'c> {
    /// `iss` → the name of the issuer.
    issuers: HashMap<&'c str, &'c str>,
    /// Attribute → its type, and the name of the issuer.
    attributes: HashMap<&'c str, (AttributeKind, &'c str)>,
}

/// Policies write `corp|sales`: what stands before the bar must be the whole name.
fn check_name(at: &ConfigPath, name: &str, findings: &mut Findings<'_>) {
    if name.trim().is_empty() || name.contains('|') || name.chars().any(char::is_control) {
        findings.wrong_key(at, "the name of a trusted issuer must not be empty, nor hold `|` or control characters");
    }
}

fn check_issuer<'c>(
    at: &ConfigPath,
    name: &'c str,
    trusted: &'c TrustedIssuerConfig,
    seen: &mut Seen<'c>,
    findings: &mut Findings<'_>,
) {
    let path = at.key("issuer");
    findings.not_empty(&path, &trusted.issuer);
    // Those with parameters are compared by what they stand for, in `check_overlaps`.
    let is_one = trusted.parameters.is_empty();
    if let Some(first) = seen.issuers.insert(&trusted.issuer, name).filter(|_| is_one) {
        let message = format!("`{first}` has the same issuer: a token would not tell whose it is");
        findings.add(&path, Reason::DuplicateName, message);
    }
}

fn check_template<'c>(
    at: &ConfigPath,
    name: &'c str,
    trusted: &'c TrustedIssuerConfig,
    seen: &mut Seen<'c>,
    findings: &mut Findings<'_>,
) {
    let (parameters, most) = (at.key("parameters"), at.key("most_issuers"));
    let template = match trusted.template() {
        Ok(None) if findings.places.is_written(&most) => {
            return findings.wrong_key(&most, "an issuer without parameters is only one");
        }
        Ok(None) => return,
        Err(wrong) => return findings.wrong(&at.key(wrong.key()), wrong.to_string()),
        Ok(Some(template)) => template,
    };
    findings.between(&most, trusted.most_issuers as u64, 1, MOST_TENANTS);
    if template.count().is_some_and(|count| count > trusted.most_issuers) {
        findings.wrong(&parameters, "the lists stand for more issuers than `most_issuers`");
    }
    for parameter in trusted.parameters.keys() {
        let at = parameters.key(parameter);
        if trusted.attributes.contains_key(parameter) {
            findings
                .wrong_key(&at, "is an attribute of the principal by itself; `attributes` has another of this name");
        }
        check_attribute_name(&at, name, parameter, AttributeKind::String, seen, findings);
    }
}

/// A token must tell whose it is: no concrete issuer may be of two of them.
fn check_overlaps(config: &Config, findings: &mut Findings<'_>) {
    let templates = config.trusted_issuers.iter();
    let templates = templates.filter_map(|(name, trusted)| Some((name, trusted.template().ok()??)));
    let templates: Vec<_> = templates.collect();
    for (index, (name, template)) in templates.iter().enumerate() {
        let path = ConfigPath::new("trusted_issuers").key(name).key("issuer");
        let earlier =
            templates.iter().take(index).find(|(_, earlier)| earlier.overlaps(template)).map(|(name, _)| *name);
        let named = config.trusted_issuers.iter().find(|(_, other)| template.stands_for(&other.issuer));
        if let Some(other) = earlier.or(named.map(|(name, _)| name)) {
            findings.add(&path, Reason::DuplicateName, format!("an issuer of this could also be one of `{other}`"));
        }
    }
}

fn check_keys(at: &ConfigPath, trusted: &TrustedIssuerConfig, config: &Config, findings: &mut Findings<'_>) {
    let keys = at.key("keys");
    match &trusted.keys {
        KeysConfig::Discovery => check_url(&at.key("issuer"), &trusted.issuer, trusted.allow_insecure, findings),
        KeysConfig::JwksUri(url) => check_url(&keys.key("jwks_uri"), url, trusted.allow_insecure, findings),
        KeysConfig::File(file) => findings.file(&keys.key("file"), file),
        KeysConfig::Inline(set) => {
            if !set.get("keys").is_some_and(serde_json::Value::is_array) {
                findings.wrong(&keys.key("inline"), "must be a key set: `{keys: […]}` (RFC 7517 section 5)");
            }
        }
        KeysConfig::Introspection(introspection) => {
            check_introspection(at, introspection, trusted, findings);
        }
        KeysConfig::Pool(pool) => {
            let pools = config.issuer.iter().flat_map(|issuer| issuer.pools.keys());
            if !pools.clone().any(|name| name == pool) {
                findings.unknown_name(&keys.key("pool"), "pool of the embedded issuer", pool, pools);
            }
        }
    }
}

/// An opaque token has no header whose algorithm or type could be judged, and no keys that could be kept.
fn check_introspection(
    at: &ConfigPath,
    introspection: &IntrospectionConfig,
    trusted: &TrustedIssuerConfig,
    findings: &mut Findings<'_>,
) {
    let IntrospectionConfig { endpoint, client_id, client_secret, cache, timeout, untyped: _, client_as_subject: _ } =
        introspection;
    for path in
        [at.key("algorithms"), at.key("types"), at.key("shadow").key("algorithms"), at.key("shadow").key("types")]
    {
        if findings.places.is_written(&path) {
            findings.wrong_key(&path, "an introspected token has neither algorithm nor type that could be judged");
        }
    }
    let at = at.key("keys").key("introspection");
    check_url(&at.key("endpoint"), endpoint, trusted.allow_insecure, findings);
    findings.not_empty(&at.key("client_id"), client_id);
    findings.not_empty(&at.key("client_secret"), client_secret.expose_secret());
    if *cache > Duration::from_hours(1) {
        findings.wrong(&at.key("cache"), "must be at most `1h`: so long a revoked token may pass");
    }
    if !(Duration::from_millis(1)..=Duration::from_secs(30)).contains(timeout) {
        findings.wrong(&at.key("timeout"), "must be from `1ms` to `30s`: requests wait for it");
    }
}

/// What is said of the way to the keys must have an effect.
fn check_fetch(at: &ConfigPath, trusted: &TrustedIssuerConfig, findings: &mut Findings<'_>) {
    let (ca, proxy) = (at.key("fetch").key("ca"), at.key("fetch").key("proxy"));
    let cache = at.key("cache_directory");
    let FetchConfig { ca: authorities, proxy: through } = &trusted.fetch;
    let asks = trusted.fetches_keys() || trusted.introspection().is_some();
    let said = [
        (&ca, authorities.is_some() && !asks),
        (&proxy, through.is_some() && !asks),
        (&cache, trusted.cache_directory.is_some() && !trusted.fetches_keys()),
    ];
    for (path, _) in said.iter().filter(|(_, has_no_effect)| *has_no_effect) {
        findings.wrong_key(path, "these keys are not fetched: only `discovery` and `jwks_uri` have a use for it");
    }
    if let Some(file) = authorities {
        findings.file(&ca, file);
    }
    if let Some(url) = through {
        let objection = proxy_objection(url);
        findings.object(&proxy, url, objection);
    }
    if let Some(directory) = trusted.cache_directory.as_ref().filter(|path| path.exists() && !path.is_dir()) {
        let quoted = findings.quote(&cache, &directory.display().to_string());
        findings.wrong(&cache, format!("{quoted} is not a folder"));
    }
}

fn check_url(path: &ConfigPath, url: &str, allow_insecure: bool, findings: &mut Findings<'_>) {
    findings.object(path, url, objection(url, allow_insecure));
}

fn check_audience(at: &ConfigPath, trusted: &TrustedIssuerConfig, findings: &mut Findings<'_>) {
    if trusted.audience.is_empty() && trusted.client_ids.is_empty() {
        let message = "needs `audience` or `client_ids`: without one, tokens made for others would be taken";
        findings.add(at, Reason::MissingKey, message);
    }
    findings.none_empty(&at.key("audience"), &trusted.audience);
    findings.none_empty(&at.key("client_ids"), &trusted.client_ids);
    findings.none_empty(&at.key("types"), &trusted.types);
    findings.not_written_empty(&at.key("types"), &trusted.types, "`JWT` and `at+jwt`");
}

fn check_algorithms(path: &ConfigPath, algorithms: &[String], findings: &mut Findings<'_>) {
    findings.not_written_empty(path, algorithms, "the usual ones");
    for (index, algorithm) in algorithms.iter().enumerate() {
        let at = path.item(index);
        let quoted = findings.quote(&at, algorithm);
        if algorithm.eq_ignore_ascii_case("none") {
            findings.wrong(&at, format!("{quoted} would take tokens that nobody signed; it is never accepted"));
        } else if algorithm.to_ascii_uppercase().starts_with("HS") {
            let why = "whoever can check such a token can also make one; symmetric algorithms are never accepted";
            findings.wrong(&at, format!("{quoted}: {why}"));
        } else if !ALGORITHMS.contains(&algorithm.as_str()) {
            findings.wrong(&at, format!("unknown algorithm {quoted}{}", did_you_mean(algorithm, &ALGORITHMS)));
        }
    }
}

fn check_times(at: &ConfigPath, trusted: &TrustedIssuerConfig, findings: &mut Findings<'_>) {
    let second = Duration::from_secs(1);
    if trusted.leeway > LONGEST_LEEWAY {
        findings.wrong(&at.key("leeway"), "must be at most `60s`");
    }
    if let Some(max_age) = trusted.max_age {
        findings.duration(&at.key("max_age"), max_age, second);
    }
    let RefreshConfig { every, stale_for, unknown_kid_at_most_every, timeout } = trusted.refresh;
    for (key, value, least) in [
        ("every", every, second),
        // With `0s` old keys never serve.
        ("stale_for", stale_for, Duration::ZERO),
        ("unknown_kid_at_most_every", unknown_kid_at_most_every, second),
        ("timeout", timeout, Duration::from_millis(1)),
    ] {
        findings.duration(&at.key("refresh").key(key), value, least);
    }
}

/// What is tried out must be what could count.
fn check_shadow(at: &ConfigPath, trusted: &TrustedIssuerConfig, findings: &mut Findings<'_>) {
    let Some(shadow) = &trusted.shadow else { return };
    if *shadow == ShadowRulesConfig::default() {
        findings.wrong(at, "tries nothing; name a rule that is to be tried, or leave it out");
    }
    check_algorithms(&at.key("algorithms"), shadow.algorithms.as_deref().unwrap_or_default(), findings);
    for (key, texts) in [("types", &shadow.types), ("audience", &shadow.audience), ("client_ids", &shadow.client_ids)] {
        let (at, texts) = (at.key(key), texts.as_deref().unwrap_or_default());
        findings.none_empty(&at, texts);
        findings.not_written_empty(&at, texts, "what counts now");
    }
    if shadow.leeway.is_some_and(|leeway| leeway > LONGEST_LEEWAY) {
        findings.wrong(&at.key("leeway"), "must be at most `60s`");
    }
    if let Some(max_age) = shadow.max_age {
        findings.duration(&at.key("max_age"), max_age, Duration::from_secs(1));
    }
    for claim in shadow.require_claims.iter().flat_map(|claims| claims.keys()).filter(|claim| claim.is_empty()) {
        findings.wrong_key(&at.key("require_claims").key(claim), "a claim needs a name");
    }
}

fn check_claims(at: &ConfigPath, trusted: &TrustedIssuerConfig, findings: &mut Findings<'_>) {
    for (key, claims) in [("scope_claims", &trusted.scope_claims), ("group_claims", &trusted.group_claims)] {
        for (index, claim) in claims.iter().enumerate() {
            check_claim(&at.key(key).item(index), claim, findings);
        }
    }
    for claim in trusted.require_claims.keys().filter(|claim| claim.is_empty()) {
        findings.wrong_key(&at.key("require_claims").key(claim), "a claim needs a name");
    }
}

fn check_claim(at: &ConfigPath, claim: &ClaimPathConfig, findings: &mut Findings<'_>) {
    let ClaimPathConfig(steps) = claim;
    if steps.is_empty() || steps.iter().any(String::is_empty) {
        findings.wrong(at, "must name a claim, or every step of the path to one");
    }
}

fn check_attributes<'c>(
    path: &ConfigPath,
    issuer: &'c str,
    trusted: &'c TrustedIssuerConfig,
    seen: &mut Seen<'c>,
    findings: &mut Findings<'_>,
) {
    for (name, attribute) in &trusted.attributes {
        let at = path.key(name);
        check_claim(&at.key("claim"), &attribute.claim, findings);
        if name.is_empty() || name.chars().any(char::is_control) {
            findings.wrong_key(&at, "an attribute needs a name without control characters");
        }
        check_attribute_name(&at, issuer, name, attribute.kind, seen, findings);
    }
}

fn check_attribute_name<'c>(
    at: &ConfigPath,
    issuer: &'c str,
    name: &'c str,
    kind: AttributeKind,
    seen: &mut Seen<'c>,
    findings: &mut Findings<'_>,
) {
    if OWN_ATTRIBUTES.contains(&name) {
        findings.wrong_key(at, "every principal has this attribute by itself; take another name");
    }
    let (known, first) = *seen.attributes.entry(name).or_insert((kind, issuer));
    if known != kind {
        // Policies know one type of principal, whichever issuer vouches for it.
        findings.wrong(&at.key("type"), format!("`{first}` declares `{name}` with another type"));
    }
}
