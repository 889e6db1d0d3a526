//! Identity headers: what a client claims about itself is dropped, what was proved is written.

use std::collections::BTreeSet;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::config::{IdentityConfig, IdentitySourceConfig, Notation, RouteConfig};
use super::denial::Denial;
use super::route::Route;
use crate::token::{AssertionMinter, VerifiedToken};

/// The header names that are ours alone, whatever a client sends under them.
#[derive(Debug)]
pub(super) struct IdentitySpace {
    prefix: String,
    /// Few, so that comparing is cheaper than hashing; each once.
    names: Vec<String>,
    /// What may be written under them, for whatever route.
    written: Vec<HeaderName>,
}

impl IdentitySpace {
    /// The prefix, and every identity header of any route.
    #[must_use]
    pub(super) fn new(identity: &IdentityConfig, routes: &[RouteConfig]) -> Self {
        let of_routes = routes.iter().filter_map(|route| route.identity.as_ref()).flat_map(|own| own.headers.keys());
        let assertion = identity.assertion.as_ref().map(|assertion| &assertion.header);
        let written: BTreeSet<_> =
            identity.headers.keys().chain(of_routes).chain(assertion).map(|name| name.to_ascii_lowercase()).collect();
        let prefix = fold(&identity.prefix);
        // What the prefix owns needs no name of its own.
        let names: BTreeSet<_> =
            written.iter().map(|name| fold(name)).filter(|name| !name.starts_with(&prefix)).collect();
        let written = written.iter().filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok()).collect();
        Self { prefix, names: names.into_iter().collect(), written }
    }

    /// The headers that say who calls, to whatever upstream.
    pub(super) fn written(&self) -> &[HeaderName] {
        &self.written
    }

    /// Whether an upstream could take this header for one of ours.
    ///
    /// CGI and its heirs read every character that is not a letter or digit as `_`, so all of them count as one.
    #[must_use]
    pub(super) fn owns(&self, name: &str) -> bool {
        let folded = || name.bytes().map(fold_byte);
        let under_prefix = name.len() >= self.prefix.len() && self.prefix.bytes().eq(folded().take(self.prefix.len()));
        under_prefix || self.names.iter().any(|own| own.len() == name.len() && own.bytes().eq(folded()))
    }

    /// The names of the client's headers that are ours.
    pub(super) fn claimed<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a HeaderName> {
        headers.keys().filter(|name| self.owns(name.as_str()))
    }
}

fn fold(name: &str) -> String {
    name.bytes().map(|byte| char::from(fold_byte(byte))).collect()
}

fn fold_byte(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

/// The headers that tell an upstream of one route who calls.
#[derive(Debug, Clone)]
pub(super) struct IdentityHeaders {
    headers: Vec<(HeaderName, IdentitySourceConfig)>,
}

impl IdentityHeaders {
    /// Takes the names and claims from the config; a name that is no header name is left out, the config's check has refused it.
    #[must_use]
    pub(super) fn new<'a>(headers: impl IntoIterator<Item = (&'a String, &'a IdentitySourceConfig)>) -> Self {
        let named = |(name, source): (&String, &IdentitySourceConfig)| {
            HeaderName::from_bytes(name.as_bytes()).ok().map(|name| (name, source.clone()))
        };
        Self { headers: headers.into_iter().filter_map(named).collect() }
    }

    /// Writes what the token proves; a claim that is not there gives no header.
    ///
    /// # Errors
    /// [`Denial::ClaimNotForwardable`] where a claim cannot be written without another meaning.
    pub(super) fn write(&self, token: &VerifiedToken) -> Result<Vec<(HeaderName, HeaderValue)>, Denial> {
        let mut written = Vec::with_capacity(self.headers.len());
        for (name, source) in &self.headers {
            let refused = || Denial::ClaimNotForwardable { claim: source.claim.clone() };
            if let Some(text) = value_of(token, source).map_err(|NotForwardable| refused())? {
                written.push((name.clone(), HeaderValue::try_from(text).map_err(|_| refused())?));
            }
        }
        Ok(written)
    }
}

/// Says in a JWT of the gate's own who calls.
#[derive(Debug)]
pub(super) struct Assertions {
    pub(super) header: HeaderName,
    pub(super) minter: AssertionMinter,
}

impl Assertions {
    /// The header of this route's upstream about the bearer of this token.
    pub(super) fn write(&self, token: &VerifiedToken, route: &Route) -> Result<(HeaderName, HeaderValue), Denial> {
        // That the key does not sign is the gate's own fault, and an upstream that trusts assertions must not go without.
        let made = self.minter.assertion(token, &route.name, &route.upstream).map_err(|_| Denial::Internal)?;
        Ok((self.header.clone(), made))
    }
}

struct NotForwardable;

fn value_of(token: &VerifiedToken, source: &IdentitySourceConfig) -> Result<Option<String>, NotForwardable> {
    let claim = token.claims().get(&source.claim);
    match (source.notation, source.claim.as_str()) {
        (Some(notation), _) => Ok(claim.map(|claim| notate(claim, notation))),
        (None, "sub") => plain_text(token.subject()).map(Some),
        (None, "groups") => joined(token.groups().iter().map(String::as_str)),
        (None, "scopes") => joined(token.scopes().iter().map(String::as_str)),
        (None, _) => claim.map_or(Ok(None), plain),
    }
}

fn plain(claim: &Value) -> Result<Option<String>, NotForwardable> {
    match claim {
        Value::Array(members) => {
            let members = members.iter().map(scalar).collect::<Result<Vec<_>, _>>()?;
            joined(members.iter().map(String::as_str))
        }
        other => plain_text(&scalar(other)?).map(Some),
    }
}

fn scalar(claim: &Value) -> Result<String, NotForwardable> {
    match claim {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(NotForwardable),
    }
}

/// An array as one value: a member that is empty or has a comma would read as another array.
fn joined<'a>(members: impl Iterator<Item = &'a str>) -> Result<Option<String>, NotForwardable> {
    let mut text = String::new();
    for member in members {
        if member.is_empty() || member.contains(',') || member.trim() != member {
            return Err(NotForwardable);
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(member);
    }
    if text.is_empty() { Ok(None) } else { plain_text(&text).map(Some) }
}

/// Visible ASCII, with blanks inside only: all that every upstream reads alike in a header value.
fn plain_text(text: &str) -> Result<String, NotForwardable> {
    let forwardable = text.trim() == text && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if forwardable { Ok(text.to_owned()) } else { Err(NotForwardable) }
}

fn notate(claim: &Value, notation: Notation) -> String {
    let json = claim.to_string();
    match notation {
        Notation::Base64url => URL_SAFE_NO_PAD.encode(json),
        Notation::Json => ascii_json(&json),
    }
}

/// JSON stays the same JSON when characters outside visible ASCII are written as `\u` escapes (RFC 8259 section 7).
fn ascii_json(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for character in json.chars() {
        if character == ' ' || character.is_ascii_graphic() {
            ascii.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                // Writing to a string does not fail.
                let _infallible = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn space() -> IdentitySpace {
        let mut identity = IdentityConfig::default();
        let sub = identity.headers["x-auth-sub"].clone();
        identity.headers.insert("remote-user".to_owned(), sub);
        IdentitySpace::new(&identity, &[])
    }

    #[test]
    fn every_spelling_that_an_upstream_could_fold_to_ours_is_ours() {
        for name in [
            "x-auth-sub",
            "X-Auth-Sub",
            "x_auth_sub",
            "X_AUTH-anything",
            "x-auth-",
            "x.auth.sub",
            "x!auth'sub",
            "remote-user",
            "Remote_User",
            "x-auth_groups",
        ] {
            assert!(space().owns(name), "{name}");
        }
        for name in
            ["x-auth", "xauth-sub", "x-author", "authorization", "x-remote-user", "remote-users", "x-forwarded-for"]
        {
            assert!(!space().owns(name), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_written_without_another_meaning_is_refused() {
        let refused = [
            json!("a\nb"),
            json!("a\rb"),
            json!("a\u{0}b"),
            json!("a\tb"),
            json!("é"),
            json!(" a"),
            json!("a "),
            json!(null),
            json!({}),
            json!({"a": 1}),
            json!(["a,b"]),
            json!([""]),
            json!(["a", ""]),
            json!([["a"]]),
            json!([null]),
            json!(["a\n"]),
            json!(["é"]),
            json!([" a"]),
            json!("\u{7f}"),
            json!("\u{feff}a"),
        ];
        for claim in refused {
            assert!(plain(&claim).is_err(), "{claim}");
        }
    }

    #[test]
    fn scalars_are_written_as_they_are_and_arrays_joined_by_commas() {
        let written = |claim: serde_json::Value| plain(&claim).ok().flatten();
        assert_eq!(written(json!("Alice Smith")).as_deref(), Some("Alice Smith"));
        assert_eq!(written(json!("a,b")).as_deref(), Some("a,b"));
        assert_eq!(written(json!(7)).as_deref(), Some("7"));
        assert_eq!(written(json!(true)).as_deref(), Some("true"));
        assert_eq!(written(json!(["a", 1, false])).as_deref(), Some("a,1,false"));
        assert_eq!(written(json!([])), None);
    }

    #[test]
    fn notations_carry_anything_in_visible_ascii() {
        let claim = json!({"n": "é\n😀"});
        assert_eq!(notate(&claim, Notation::Json), r#"{"n":"\u00e9\n\ud83d\ude00"}"#);
        assert_eq!(notate(&claim, Notation::Base64url), URL_SAFE_NO_PAD.encode(claim.to_string()));
    }
}
