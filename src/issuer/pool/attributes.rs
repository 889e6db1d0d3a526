//! A user's attributes: standard ones of OpenID Connect and `custom:` ones, all kept as text.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::issuer::config::UserConfig;

const CUSTOM: &str = "custom:";
/// Longest name of a custom attribute after `custom:`, in characters.
const LONGEST_CUSTOM_NAME: usize = 20;
/// Longest value, in bytes.
const LONGEST_VALUE: usize = 2048;

/// Whether this names an attribute that a user may have.
pub(crate) fn is_attribute_name(name: &str) -> bool {
    UserConfig::STANDARD_ATTRIBUTES.contains(&name)
        || name.strip_prefix(CUSTOM).is_some_and(|name| {
            let graphic = |character: char| !character.is_control() && !character.is_whitespace();
            !name.is_empty() && name.chars().count() <= LONGEST_CUSTOM_NAME && name.chars().all(graphic)
        })
}

/// Attributes of one user by name. Only what [`is_attribute_name`] and [`Attributes::accepts`] allow is ever kept.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes(BTreeMap<String, String>);

impl Attributes {
    /// Whether the attribute may have this value.
    pub(crate) fn accepts(name: &str, value: &str) -> bool {
        let boolean_fits = !UserConfig::FLAGS.contains(&name) || ["true", "false"].contains(&value);
        is_attribute_name(name) && value.len() <= LONGEST_VALUE && !value.contains('\0') && boolean_fits
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether the address or number in this attribute was proved to be the user's.
    pub(crate) fn is_verified(&self, name: &str) -> bool {
        self.get(&format!("{name}_verified")) == Some("true")
    }

    /// Only those that `keep` lets stand.
    pub(crate) fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(name, _)| keep(name)).map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// All attributes as claims of an ID token: flags are booleans, `address` an object, everything else text, custom ones too.
    pub(crate) fn claims(&self) -> Map<String, Value> {
        self.0.iter().map(|(name, value)| (name.clone(), claim(name, value))).collect()
    }

    /// Only those attributes that `names` asks for, as claims.
    pub(crate) fn claims_named(&self, names: &[String]) -> Map<String, Value> {
        let wanted = self.0.iter().filter(|(name, _)| names.contains(name));
        wanted.map(|(name, value)| (name.clone(), claim(name, value))).collect()
    }
}

impl FromIterator<(String, String)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(attributes: I) -> Self {
        Self(attributes.into_iter().collect())
    }
}

/// Values are personal: only names show.
impl std::fmt::Debug for Attributes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

fn claim(name: &str, value: &str) -> Value {
    match name {
        _ if UserConfig::FLAGS.contains(&name) => Value::Bool(value == "true"),
        // OpenID Connect Core 1.0 section 5.1.1: `address` is an object.
        "address" => json!({ "formatted": value }),
        _ => Value::String(value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(pairs: &[(&str, &str)]) -> Attributes {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn flags_become_booleans_and_custom_attributes_stay_text() {
        let some = attributes(&[("email_verified", "true"), ("custom:level", "7"), ("address", "Main St 1")]);
        let expected = json!({"email_verified": true, "custom:level": "7", "address": {"formatted": "Main St 1"}});
        assert_eq!(Value::Object(some.claims()), expected);
        let named = some.claims_named(&["custom:level".to_owned(), "email".to_owned()]);
        assert_eq!(Value::Object(named), json!({"custom:level": "7"}));
    }

    #[test]
    fn names_outside_the_directory_are_refused() {
        for name in ["", "sub", "iss", "exp", "token_use", "cognito:groups", "custom:", "custom:a b", "Email", "tenant"]
        {
            assert!(!is_attribute_name(name), "{name}");
        }
        assert!(!is_attribute_name(&format!("custom:{}", "x".repeat(21))));
        assert!(is_attribute_name("custom:tenant") && is_attribute_name("email"));
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        assert!(!Attributes::accepts("email_verified", "yes"));
        assert!(Attributes::accepts("email_verified", "false"));
        assert!(!Attributes::accepts("name", &"x".repeat(2049)));
        assert!(!Attributes::accepts("sub", "x"));
    }

    #[test]
    fn debug_shows_names_and_no_value() {
        assert_eq!(format!("{:?}", attributes(&[("email", "alice@example.com")])), r#"{"email"}"#);
    }
}
