//! Reads the members of a request by the constraints of the service model, and says all violations in its words.

use serde_json::{Map, Value};

use super::error::CognitoError;

/// The constraints of a text member, from the model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    /// The member's name on the wire.
    pub name: &'static str,
    /// Shortest and longest, in characters.
    pub length: (usize, usize),
    /// The model's pattern, and what it means for one character.
    pub pattern: Option<Pattern>,
    /// The values that there are, where the model lists them.
    pub values: &'static [&'static str],
    /// Whether the model calls it sensitive: then it is never told back.
    pub sensitive: bool,
}

/// The text of a pattern of the model, and which characters it lets stand. Those that are used here all end in `+`.
pub(super) type Pattern = (&'static str, fn(char) -> bool);

impl Text {
    pub(super) const fn sensitive(name: &'static str, length: (usize, usize)) -> Self {
        Self { name, length, pattern: None, values: &[], sensitive: true }
    }
}

/// The model's bound for texts without a bound of their own.
pub(super) const LONGEST_TEXT: usize = 131_072;
/// How much of a value is told back, in characters.
const LONGEST_ECHO: usize = 128;

/// The members of one request. Read all of them, then ask [`Members::judged`].
#[derive(Debug)]
pub(super) struct Members<'a> {
    object: &'a Map<String, Value>,
    violations: Vec<String>,
}

impl<'a> Members<'a> {
    pub(super) fn of(object: &'a Map<String, Value>) -> Self {
        Self { object, violations: Vec::new() }
    }

    /// A text that must be there. Empty where it is not, which [`Members::judged`] then refuses.
    pub(super) fn required(&mut self, text: &Text) -> &'a str {
        if present(self.object.get(text.name)).is_none() {
            self.violate(text, None, "Member must not be null");
        }
        self.optional(text).unwrap_or_default()
    }

    /// A text that may be absent; `null` is absent.
    pub(super) fn optional(&mut self, text: &Text) -> Option<&'a str> {
        let Value::String(value) = present(self.object.get(text.name))? else {
            self.violate(text, Some("…"), "Member must be a string");
            return None;
        };
        self.check(text, value);
        Some(value)
    }

    /// A map from text to text; absent is empty. `null` values are absent.
    pub(super) fn texts(&mut self, name: &'static str) -> Vec<(&'a str, &'a str)> {
        let member = Text::sensitive(name, (0, LONGEST_TEXT));
        let map = match present(self.object.get(name)) {
            None => return Vec::new(),
            Some(Value::Object(map)) => map,
            Some(_) => {
                self.violate(&member, Some("…"), "Member must be a map");
                return Vec::new();
            }
        };
        if map.values().any(|value| !value.is_null() && !value.is_string()) {
            self.violate(&member, Some("…"), "Map value must be a string");
        }
        map.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect()
    }

    /// Refuses the request where any member violates its constraints.
    pub(super) fn judged(self) -> Result<(), CognitoError> {
        let count = self.violations.len();
        if count == 0 {
            return Ok(());
        }
        let errors = if count == 1 { "error" } else { "errors" };
        let violations = self.violations.join("; ");
        Err(CognitoError::invalid_parameter(format!("{count} validation {errors} detected: {violations}")))
    }

    fn check(&mut self, text: &Text, value: &str) {
        let (least, most) = text.length;
        let length = value.chars().count();
        if length < least {
            let bound = format!("Member must have length greater than or equal to {least}");
            self.violate(text, Some(value), &bound);
        }
        if length > most {
            self.violate(text, Some(value), &format!("Member must have length less than or equal to {most}"));
        }
        if let Some((pattern, fits)) = text.pattern
            && (value.is_empty() || !value.chars().all(fits))
        {
            self.violate(text, Some(value), &format!("Member must satisfy regular expression pattern: {pattern}"));
        }
        if !text.values.is_empty() && !text.values.contains(&value) {
            let bound = format!("Member must satisfy enum value set: [{}]", text.values.join(", "));
            self.violate(text, Some(value), &bound);
        }
    }

    fn violate(&mut self, text: &Text, value: Option<&str>, constraint: &str) {
        let value = match value {
            None => "Value null".to_owned(),
            Some(_) if text.sensitive => "Value".to_owned(),
            Some(value) => format!("Value '{}'", value.chars().take(LONGEST_ECHO).collect::<String>()),
        };
        let place = lower_first(text.name);
        self.violations.push(format!("{value} at '{place}' failed to satisfy constraint: {constraint}"));
    }
}

fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KIND: Text = Text { name: "AuthFlow", length: (0, 10), pattern: None, values: &["A", "B"], sensitive: false };
    const ID: Text = Text {
        name: "ClientId",
        length: (2, 4),
        pattern: Some((r"[\w+]+", |character| character.is_ascii_alphanumeric())),
        values: &[],
        sensitive: true,
    };

    fn refusal(object: &Value) -> String {
        let mut members = Members::of(object.as_object().unwrap());
        members.required(&KIND);
        members.optional(&ID);
        members.texts("AuthParameters");
        members.judged().err().map(|error| error.message).unwrap_or_default()
    }

    #[test]
    fn members_that_fit_are_read() {
        let object = json!({"AuthFlow": "A", "ClientId": "abc", "AuthParameters": {"X": "y", "Z": null}});
        assert_eq!(refusal(&object), "");
        let mut members = Members::of(object.as_object().unwrap());
        assert_eq!(members.required(&KIND), "A");
        assert_eq!(members.optional(&ID), Some("abc"));
        assert_eq!(members.texts("AuthParameters"), [("X", "y")]);
        assert_eq!(refusal(&json!({"AuthFlow": "A", "ClientId": null, "AuthParameters": null, "More": []})), "");
    }

    #[test]
    fn violations_are_said_in_the_words_of_the_model() {
        let said = [
            (
                json!({}),
                "1 validation error detected: Value null at 'authFlow' failed to satisfy constraint: Member must not be null",
            ),
            (
                json!({"AuthFlow": "C"}),
                "1 validation error detected: Value 'C' at 'authFlow' failed to satisfy constraint: Member must satisfy enum value set: [A, B]",
            ),
            (
                json!({"AuthFlow": "A", "ClientId": "abcde"}),
                "1 validation error detected: Value at 'clientId' failed to satisfy constraint: Member must have length less than or equal to 4",
            ),
            (
                json!({"AuthFlow": "A", "ClientId": "a-b"}),
                r"1 validation error detected: Value at 'clientId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+]+",
            ),
        ];
        for (object, message) in said {
            assert_eq!(refusal(&object), message);
        }
        assert!(refusal(&json!({"AuthFlow": null, "ClientId": "a"})).starts_with("2 validation errors detected: "));
    }

    #[test]
    fn members_of_another_type_are_refused() {
        for object in [
            json!({"AuthFlow": 1}),
            json!({"AuthFlow": ["A"]}),
            json!({"AuthFlow": "A", "ClientId": {}}),
            json!({"AuthFlow": "A", "AuthParameters": []}),
            json!({"AuthFlow": "A", "AuthParameters": {"X": 1}}),
        ] {
            assert!(refusal(&object).starts_with("1 validation error detected: "), "{object}");
        }
    }

    #[test]
    fn a_sensitive_value_is_never_told_back_and_another_not_at_any_length() {
        assert!(!refusal(&json!({"AuthFlow": "A", "ClientId": "s3cr3t"})).contains("s3cr3t"));
        assert!(refusal(&json!({"AuthFlow": "x".repeat(100_000)})).len() < 1000);
    }
}
