//! What a verified token proves, in JSON: for doors whose askers may log it or decide further by it.

use serde_json::{Map, Value, json};

use super::authorize::Findings;
use crate::token::{Attribute, VerifiedToken};

impl Findings {
    /// What the token proves, where there is one: `issuer` (its name in the config), `sub`, `exp`, `scopes` and `groups`,
    /// what else is known of the caller, the configured attributes, and under `claims` those that identity headers name.
    #[must_use]
    pub fn proved(&self) -> Option<Map<String, Value>> {
        self.token.as_deref().map(proved_by)
    }
}

fn proved_by(token: &VerifiedToken) -> Map<String, Value> {
    let attributes = token.attributes().iter().map(|(name, value)| (name.clone(), attribute(value)));
    let mut proved = Map::from_iter([
        ("claims".to_owned(), Value::Object(token.claims().clone())),
        ("attributes".to_owned(), attributes.collect()),
    ]);
    let texts = [("username", token.username()), ("email", token.email()), ("client_id", token.client_id())];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, json!(text?))));
    let verified = token.email_verified().map(|verified| ("email_verified", json!(verified)));
    let always = [
        ("issuer", json!(token.issuer_name())),
        ("sub", json!(token.subject())),
        ("exp", json!(token.expires_at())),
        ("scopes", json!(token.scopes())),
        ("groups", json!(token.groups())),
    ];
    proved.extend(texts.chain(verified).chain(always).map(|(name, value)| (name.to_owned(), value)));
    proved
}

fn attribute(value: &Attribute) -> Value {
    match value {
        Attribute::String(text) => json!(text),
        Attribute::Long(number) => json!(number),
        Attribute::Bool(truth) => json!(truth),
        Attribute::StringSet(members) => json!(members),
    }
}
