//! Reads the members of a request that the model has let stand.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::error::CognitoError;
use crate::issuer::config::UserConfig;
use crate::issuer::flow::Given;

/// The members of one request. What the model requires is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a>(pub(super) &'a Map<String, Value>);

/// How many entries a page has that states no number; also the most that it can.
const PAGE: u32 = 60;

impl<'a> Input<'a> {
    pub(super) fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text that may be absent.
    pub(super) fn text(self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str()
    }

    /// A text that the model requires.
    pub(super) fn needed(self, name: &str) -> &'a str {
        self.text(name).unwrap_or_default()
    }

    pub(super) fn secret(self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    /// A switch; absent is off.
    pub(super) fn flag(self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn number(self, name: &str) -> Option<u32> {
        self.get(name)?.as_u64().and_then(|number| u32::try_from(number).ok())
    }

    /// The texts of a list.
    pub(super) fn list(self, name: &str) -> Vec<&'a str> {
        self.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// A map from text to text.
    pub(super) fn map(self, name: &str) -> Vec<(&'a str, &'a str)> {
        let members = self.get(name).and_then(Value::as_object).into_iter().flatten();
        members.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect()
    }

    pub(super) fn within(self, name: &str) -> Option<Input<'a>> {
        self.get(name)?.as_object().map(Input)
    }

    /// A list of names and values; one without a value is empty.
    pub(super) fn attributes(self, name: &str) -> Given {
        let entries = self.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
        let pair = |entry: &'a Map<String, Value>| {
            let value = entry.get("Value").and_then(Value::as_str).unwrap_or_default();
            let name = entry.get("Name")?.as_str()?;
            Some((name.to_owned(), as_kept(name, value)))
        };
        entries.filter_map(pair).collect()
    }

    /// How many entries the page shall have.
    pub(super) fn page_size(self, name: &str) -> u32 {
        self.number(name).filter(|size| *size > 0).unwrap_or(PAGE).min(PAGE)
    }

    /// Where the page begins: after the entry that the token names.
    pub(super) fn page_start(self, name: &str) -> Result<String, CognitoError> {
        let Some(token) = self.text(name) else { return Ok(String::new()) };
        let start = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        start.ok_or_else(|| CognitoError::invalid_parameter("Invalid pagination token."))
    }

    /// Everything but the members of these names, as settings are kept.
    pub(super) fn without(self, names: &[&str]) -> Map<String, Value> {
        let kept = self.0.iter().filter(|(name, value)| !names.contains(&name.as_str()) && !value.is_null());
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// Flags come as `True` too, which is how Python writes them.
fn as_kept(name: &str, value: &str) -> String {
    if UserConfig::FLAGS.contains(&name) { value.to_ascii_lowercase() } else { value.to_owned() }
}

/// The token of the page after the entry with this name.
pub(super) fn page_token(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(last)
}
