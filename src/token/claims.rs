//! Claims, read by type: what is of the wrong type refuses the token, it never counts as absent.

use serde_json::{Map, Value};

use super::config::ClaimPathConfig;
use super::error::TokenError;

/// The claims of one token, as its payload gave them.
pub type Claims = Map<String, Value>;

/// The last second of the year 9999: a `NumericDate` beyond it is no date.
const LAST_DATE: f64 = 253_402_300_799.0;

/// A claim that is a string, if it is there.
pub(super) fn text<'a>(claims: &'a Claims, name: &str) -> Result<Option<&'a str>, TokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(TokenError::ClaimType(name.to_owned())),
    }
}

/// A `NumericDate` (RFC 7519 section 2), which may have a fraction, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NumericDate(f64);

impl NumericDate {
    /// Whole seconds, the fraction dropped.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the year 9999 by construction"
    )]
    pub(super) fn floor(self) -> u64 {
        self.0 as u64
    }

    /// Whole seconds, a fraction counted as a whole one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the year 9999 by construction"
    )]
    pub(super) fn ceil(self) -> u64 {
        self.0.ceil() as u64
    }
}

/// A claim that is a date, if it is there: a finite number between 1970 and 9999.
pub(super) fn date(claims: &Claims, name: &str) -> Result<Option<NumericDate>, TokenError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    value
        .as_f64()
        .filter(|seconds| (0.0..=LAST_DATE).contains(seconds))
        .map(|seconds| Some(NumericDate(seconds)))
        .ok_or_else(|| TokenError::ClaimType(name.to_owned()))
}

/// A claim that is one string or an array of strings (`aud`, groups); absent gives none, and nothing is one of another type.
pub(super) fn strings(value: Option<&Value>) -> Option<Vec<&str>> {
    match value {
        None => Some(Vec::new()),
        Some(Value::String(text)) => Some(vec![text]),
        Some(Value::Array(values)) => values.iter().map(Value::as_str).collect(),
        Some(_) => None,
    }
}

/// Scopes: a string separated by blanks (RFC 8693 section 4.2) or an array of strings.
pub(super) fn scopes(value: Option<&Value>) -> Option<Vec<&str>> {
    match value {
        Some(Value::String(text)) => Some(text.split(' ').filter(|scope| !scope.is_empty()).collect()),
        other => strings(other),
    }
}

impl ClaimPathConfig {
    /// Follows the path from the top; a name is one step, whatever characters it has.
    pub(super) fn find<'a>(&self, claims: &'a Claims) -> Result<Option<&'a Value>, TokenError> {
        let Some((first, rest)) = self.0.split_first() else { return Ok(None) };
        let mut value = claims.get(first);
        for step in rest {
            value = match value {
                None => return Ok(None),
                Some(Value::Object(members)) => members.get(step),
                Some(_) => return Err(TokenError::ClaimType(self.name())),
            };
        }
        Ok(value)
    }

    /// How the path is named in messages: its steps joined by ` → `.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.join(" → ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: &Value) -> Claims {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_date_is_a_number_in_range_and_nothing_else() {
        let dates = claims(&json!({"a": 12, "b": 12.5, "c": 0, "d": 253_402_300_799_u64}));
        assert_eq!(date(&dates, "a").unwrap().unwrap().floor(), 12);
        assert_eq!(date(&dates, "b").unwrap().unwrap().floor(), 12);
        assert_eq!(date(&dates, "b").unwrap().unwrap().ceil(), 13);
        assert_eq!(date(&dates, "c").unwrap().unwrap().ceil(), 0);
        assert!(date(&dates, "d").unwrap().is_some());
        assert_eq!(date(&dates, "none").unwrap(), None);
        for wrong in [json!("12"), json!(null), json!(true), json!([12]), json!({}), json!(-1), json!(1e300)] {
            let wrong = claims(&json!({"a": wrong}));
            assert_eq!(date(&wrong, "a").unwrap_err().code(), "claim-type", "{wrong:?}");
        }
    }

    #[test]
    fn a_name_with_dots_is_a_name_and_only_a_path_goes_inside() {
        let claims = claims(&json!({"a.b": "dotted", "a": {"b": "inside"}, "https://x/roles": ["r"], "s": "text"}));
        let find = |path: &[&str]| {
            let path = ClaimPathConfig(path.iter().map(|step| (*step).to_owned()).collect());
            path.find(&claims).map(Option::<&Value>::cloned)
        };
        assert_eq!(find(&["a.b"]).unwrap(), Some(json!("dotted")));
        assert_eq!(find(&["a", "b"]).unwrap(), Some(json!("inside")));
        assert_eq!(find(&["https://x/roles"]).unwrap(), Some(json!(["r"])));
        assert_eq!(find(&["a", "c"]).unwrap(), None);
        assert_eq!(find(&["x", "y"]).unwrap(), None);
        assert_eq!(find(&["s", "y"]).unwrap_err().code(), "claim-type");
    }

    #[test]
    fn scopes_and_groups_come_as_text_or_array_of_texts() {
        assert_eq!(scopes(Some(&json!("a  b/c "))).unwrap(), ["a", "b/c"]);
        assert_eq!(scopes(Some(&json!(["a b"]))).unwrap(), ["a b"]);
        assert_eq!(strings(Some(&json!("a b"))).unwrap(), ["a b"]);
        assert!(strings(None).unwrap().is_empty());
        for wrong in [json!(1), json!(null), json!({}), json!(["a", 1]), json!([["a"]]), json!(true)] {
            assert!(strings(Some(&wrong)).is_none(), "{wrong}");
            assert!(scopes(Some(&wrong)).is_none(), "{wrong}");
        }
    }
}
