//! Answers that the gate gives in an upstream's place.

use std::sync::Arc;

use super::fields::AnswerFields;

/// Where the metadata of a protected resource stands (RFC 9728 section 3.1); the resource's path may follow.
pub(super) const PROTECTED_RESOURCE: &str = "/.well-known/oauth-protected-resource";

/// Where upstreams find the keys of assertions.
const ASSERTION_KEYS: &str = "/.well-known/lychgate/jwks.json";

/// An answer of the gate itself: to a preflight request, or with a document about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnAnswer {
    fields: AnswerFields,
    body: Option<Arc<str>>,
}

impl OwnAnswer {
    /// Says all that it has to say in its fields.
    pub(super) fn empty(fields: AnswerFields) -> Self {
        Self { fields, body: None }
    }

    /// A JSON document that anyone may read, pages of other origins too, and keep for this many seconds.
    pub(crate) fn document(body: Arc<str>, max_age: u32) -> Self {
        let set = vec![
            ("content-type", "application/json".to_owned()),
            ("cache-control", if max_age == 0 { "no-store".to_owned() } else { format!("public, max-age={max_age}") }),
            ("access-control-allow-origin", "*".to_owned()),
        ];
        Self { fields: AnswerFields { set, ..AnswerFields::default() }, body: Some(body) }
    }

    /// The status: 200 with a body, 204 without.
    #[must_use]
    pub fn status(&self) -> u16 {
        if self.body.is_some() { 200 } else { 204 }
    }

    /// Its fields.
    #[must_use]
    pub fn fields(&self) -> &AnswerFields {
        &self.fields
    }

    /// Its body.
    #[must_use]
    pub fn body(&self) -> Option<&Arc<str>> {
        self.body.as_ref()
    }
}

/// A path of the gate's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WellKnown<'a> {
    /// RFC 9728: the path of the protected resource that is asked about, empty for the whole origin.
    ProtectedResource(&'a str),
    /// The keys with which the gate signs assertions.
    AssertionKeys,
}

impl<'a> WellKnown<'a> {
    pub(crate) fn read(path: &'a str) -> Option<Self> {
        if !path.starts_with("/.well-known/") {
            return None;
        }
        if path == ASSERTION_KEYS {
            return Some(Self::AssertionKeys);
        }
        let resource = path.strip_prefix(PROTECTED_RESOURCE)?;
        match resource {
            "" | "/" => Some(Self::ProtectedResource("")),
            path if path.starts_with('/') => Some(Self::ProtectedResource(path)),
            _ => None,
        }
    }
}
