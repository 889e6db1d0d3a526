//! Header names, for the identity that is told upstreams and for the places where a token may stand.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use http::HeaderName;

use super::findings::Findings;
use crate::authorizer::{AssertionConfig, IdentityConfig, IdentitySourceConfig};
use crate::config::mistake::Reason;
use crate::config::places::ConfigPath;
use crate::token::CredentialConfig;

/// Headers that frame the message, route it, or belong to one connection (RFC 9110 section 7.6.1): they are never ours to set or read.
const FRAMING: [&str; 13] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that say what the message is or who sent it by another authority; an identity header must not stand in their place.
const TAKEN: [&str; 13] = [
    "accept",
    "authorization",
    "content-encoding",
    "content-type",
    "cookie",
    "date",
    "forwarded",
    "range",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
];

/// Checks the general identity headers.
pub(crate) fn check_identity(identity: &IdentityConfig, findings: &mut Findings<'_>) {
    let at = ConfigPath::new("identity");
    check_prefix(&at.key("prefix"), &identity.prefix, findings);
    check_identity_headers(&at.key("headers"), &identity.headers, findings);
    if let Some(assertion) = &identity.assertion {
        check_assertion(&at.key("assertion"), assertion, &identity.headers, findings);
    }
}

fn check_assertion(
    at: &ConfigPath,
    assertion: &AssertionConfig,
    headers: &BTreeMap<String, IdentitySourceConfig>,
    findings: &mut Findings<'_>,
) {
    let AssertionConfig { header, issuer, lifetime, state_directory, rotate_every } = assertion;
    let name = folded(header);
    if !is_token(header) || FRAMING.iter().chain(&TAKEN).any(|taken| *taken == name) {
        findings.wrong(&at.key("header"), "is not a header that can carry an assertion");
    } else if headers.keys().any(|other| folded(other) == name) {
        findings.add(&at.key("header"), Reason::DuplicateName, "an identity header has this name");
    }
    findings.not_empty(&at.key("issuer"), issuer);
    if !(Duration::from_secs(5)..=Duration::from_mins(15)).contains(lifetime) {
        findings.wrong(&at.key("lifetime"), "must be from `5s` to `15m`: an assertion cannot be taken back");
    }
    findings.duration(&at.key("rotate_every"), *rotate_every, Duration::from_hours(1));
    if let Some(directory) = state_directory.as_ref().filter(|path| path.exists() && !path.is_dir()) {
        let path = at.key("state_directory");
        let quoted = findings.quote(&path, &directory.display().to_string());
        findings.wrong(&path, format!("{quoted} is not a folder"));
    }
}

fn check_prefix(path: &ConfigPath, prefix: &str, findings: &mut Findings<'_>) {
    let stem = prefix.strip_suffix('-').unwrap_or_default();
    if stem.is_empty() || !is_token(stem) || prefix.chars().any(|c| c.is_ascii_uppercase() || c == '_') {
        findings
            .wrong(path, "must be the beginning of a header name, in lower case, that ends in `-`, such as `x-auth-`");
    } else if let Some(swallowed) = FRAMING.iter().chain(&TAKEN).find(|name| name.starts_with(prefix)) {
        // Every header under the prefix is dropped from what a client sends.
        findings.wrong(path, format!("`{swallowed}` begins so too, and requests need it"));
    }
}

/// Checks identity headers, general ones or those of a route.
pub(crate) fn check_identity_headers(
    path: &ConfigPath,
    headers: &BTreeMap<String, IdentitySourceConfig>,
    findings: &mut Findings<'_>,
) {
    let mut seen = HashMap::new();
    for (name, source) in headers {
        let at = path.key(name);
        let folded = folded(name);
        if !is_token(name) {
            findings.wrong_key(&at, "is not the name of a header");
        } else if FRAMING.iter().chain(&TAKEN).any(|taken| *taken == folded) {
            findings.wrong_key(&at, "this header has a meaning of its own and cannot tell who the caller is");
        } else if let Some(first) = seen.insert(folded, name) {
            let message = format!("upstreams cannot tell this header from `{first}`");
            findings.add_key(&at, Reason::DuplicateName, message);
        }
        if source.claim.is_empty() {
            findings.wrong(&at, "must name a claim");
        }
    }
}

/// Checks the places where a token may stand.
pub(crate) fn check_credentials(credentials: &[CredentialConfig], findings: &mut Findings<'_>) {
    let path = ConfigPath::new("credentials");
    findings.not_written_empty(&path, credentials, "`Authorization: Bearer`");
    for (index, credential) in credentials.iter().enumerate() {
        let at = path.item(index);
        check_credential(&at, credential, findings);
        if credentials.iter().take(index).any(|earlier| is_same_place(earlier, credential)) {
            findings.add(&at, Reason::DuplicateName, "this place is already listed");
        }
    }
}

fn check_credential(at: &ConfigPath, credential: &CredentialConfig, findings: &mut Findings<'_>) {
    match credential {
        CredentialConfig::Header { name, scheme } => {
            if !is_token(name) {
                findings.wrong(&at.key("header"), "is not the name of a header");
            } else if FRAMING.contains(&name.as_str()) || name == "cookie" {
                findings.wrong(&at.key("header"), "this header cannot carry a token");
            }
            if scheme.as_ref().is_some_and(|scheme| !is_token(scheme)) {
                findings.wrong(&at.key("scheme"), "must be one word, such as `Bearer`");
            }
        }
        CredentialConfig::Cookie(name) => {
            if !is_token(name) {
                findings.wrong(&at.key("cookie"), "is not the name of a cookie");
            }
        }
        CredentialConfig::Query(name) => {
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) {
                findings.wrong(&at.key("query"), "must be letters, digits, `-`, `.`, `_` and `~`");
            }
        }
    }
}

fn is_same_place(one: &CredentialConfig, other: &CredentialConfig) -> bool {
    match (one, other) {
        // One header with two schemes is two places; the same scheme in another case is not.
        (CredentialConfig::Header { name: a, scheme: x }, CredentialConfig::Header { name: b, scheme: y }) => {
            a == b && x.as_deref().map(str::to_ascii_lowercase) == y.as_deref().map(str::to_ascii_lowercase)
        }
        (one, other) => one == other,
    }
}

/// A name as an upstream may fold it: CGI and WSGI cannot tell `_` from `-`, nor case.
fn folded(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// A token of RFC 9110 section 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    HeaderName::from_bytes(text.as_bytes()).is_ok()
}
