//! Holds a request to the facts of its operation, and says every violation in the service's own words.

use serde_json::{Map, Value};

use super::super::error::CognitoError;
use super::table::{Bounds, Member, Operation, Shape, shape};

/// How much of a value is told back, in characters.
const LONGEST_ECHO: usize = 128;
/// How many violations are told; a request of a thousand bad members is refused as surely as one of ten.
const MOST_VIOLATIONS: usize = 10;

/// Refuses the request where any member violates the model. Members that the model does not know are let be, `null` is absent.
pub(in crate::issuer::cognito) fn judge(operation: &Operation, input: &Map<String, Value>) -> Result<(), CognitoError> {
    let mut violations = Violations(Vec::new());
    violations.structure("", &operation.members, input);
    violations.told()
}

/// A value with where it stands.
struct Place<'a> {
    path: &'a str,
    value: &'a Value,
    /// Within a map everything may be a secret: parameters of a sign-in are.
    secret: bool,
}

struct Violations(Vec<String>);

impl Violations {
    fn told(self) -> Result<(), CognitoError> {
        let count = self.0.len();
        if count == 0 {
            return Ok(());
        }
        let errors = if count == 1 { "error" } else { "errors" };
        Err(CognitoError::invalid_parameter(format!("{count} validation {errors} detected: {}", self.0.join("; "))))
    }

    fn structure(&mut self, path: &str, members: &[Member], object: &Map<String, Value>) {
        for member in members {
            let place =
                if path.is_empty() { lower_first(member.name) } else { format!("{path}.{}", lower_first(member.name)) };
            match object.get(member.name).filter(|value| !value.is_null()) {
                Some(value) => self.value(&Place { path: &place, value, secret: false }, member.shape),
                None if member.required => self.add(&format!("Value null at '{place}'"), "Member must not be null"),
                None => {}
            }
        }
    }

    fn value(&mut self, place: &Place<'_>, shape_name: &str) {
        let Some(shape) = shape(shape_name) else { return };
        match (shape, place.value) {
            (Shape::Text { .. } | Shape::Enumeration(_), Value::String(text)) => self.text(place, shape, text),
            (Shape::Number(bounds), Value::Number(number)) => self.number(place, *bounds, number.as_i64()),
            (Shape::Boolean, Value::Bool(_)) | (Shape::Time, Value::Number(_)) => {}
            (Shape::List { length, member }, Value::Array(values)) => self.list(place, *length, member, values),
            (Shape::Map { length, value }, Value::Object(values)) => self.map(place, *length, value, values),
            (Shape::Structure(members), Value::Object(object)) => self.structure(place.path, members, object),
            _ => self.add(&format!("Value at '{}'", place.path), wanted(shape)),
        }
    }

    fn text(&mut self, place: &Place<'_>, shape: &Shape, text: &str) {
        match shape {
            Shape::Enumeration(values) if !values.contains(&text) => {
                let constraint = format!("Member must satisfy enum value set: [{}]", values.join(", "));
                self.add(&echo(place, text, false), &constraint);
            }
            Shape::Text { length, pattern, secret } => {
                let echo = echo(place, text, *secret);
                self.length(&echo, *length, text.chars().count());
                // PostgreSQL keeps and compares no text with one.
                if text.contains('\0') {
                    self.add(&echo, "Member must not contain a NUL character");
                }
                if let Some(pattern) = pattern.as_ref().filter(|pattern| !pattern.fits(text)) {
                    let constraint = format!("Member must satisfy regular expression pattern: {}", pattern.text);
                    self.add(&echo, &constraint);
                }
            }
            _ => {}
        }
    }

    fn number(&mut self, place: &Place<'_>, bounds: Bounds, number: Option<i64>) {
        let Some(number) = number else {
            return self.add(&format!("Value at '{}'", place.path), "Member must be a whole number");
        };
        let (least, most) = (i64::try_from(bounds.least), i64::try_from(bounds.most).unwrap_or(i64::MAX));
        let least = least.unwrap_or(0);
        if number < least {
            let constraint = format!("Member must have value greater than or equal to {least}");
            self.add(&format!("Value '{number}' at '{}'", place.path), &constraint);
        }
        if number > most {
            let constraint = format!("Member must have value less than or equal to {most}");
            self.add(&format!("Value '{number}' at '{}'", place.path), &constraint);
        }
    }

    fn list(&mut self, place: &Place<'_>, length: Bounds, member: &str, values: &[Value]) {
        self.length(&format!("Value at '{}'", place.path), length, values.len());
        for (index, value) in values.iter().enumerate() {
            let path = format!("{}.{}.member", place.path, index + 1);
            self.value(&Place { path: &path, value, secret: place.secret }, member);
        }
    }

    fn map(&mut self, place: &Place<'_>, length: Bounds, member: &str, values: &Map<String, Value>) {
        self.length(&format!("Value at '{}'", place.path), length, values.len());
        for value in values.values().filter(|value| !value.is_null()) {
            self.value(&Place { path: place.path, value, secret: true }, member);
        }
    }

    fn length(&mut self, echo: &str, bounds: Bounds, length: usize) {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        if length < bounds.least {
            let constraint = format!("Member must have length greater than or equal to {}", bounds.least);
            self.add(echo, &constraint);
        }
        if length > bounds.most {
            let constraint = format!("Member must have length less than or equal to {}", bounds.most);
            self.add(echo, &constraint);
        }
    }

    fn add(&mut self, echo: &str, constraint: &str) {
        if self.0.len() < MOST_VIOLATIONS {
            self.0.push(format!("{echo} failed to satisfy constraint: {constraint}"));
        }
    }
}

fn wanted(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text { .. } | Shape::Enumeration(_) => "Member must be a string",
        Shape::Number(_) => "Member must be a whole number",
        Shape::Boolean => "Member must be true or false",
        Shape::Time => "Member must be a timestamp",
        Shape::List { .. } => "Member must be a list",
        Shape::Map { .. } => "Member must be a map of strings",
        Shape::Structure(_) => "Member must be a structure",
    }
}

fn echo(place: &Place<'_>, text: &str, secret: bool) -> String {
    if secret || place.secret {
        return format!("Value at '{}'", place.path);
    }
    format!("Value '{}' at '{}'", text.chars().take(LONGEST_ECHO).collect::<String>(), place.path)
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::table::operation;
    use super::*;

    fn refusal(name: &str, input: &Value) -> String {
        let judged = judge(operation(name).unwrap(), input.as_object().unwrap());
        judged.err().map(|error| error.message).unwrap_or_default()
    }

    #[test]
    fn violations_are_said_in_the_words_of_the_service() {
        let said = [
            (
                "DescribeUserPool",
                json!({}),
                "1 validation error detected: Value null at 'userPoolId' failed to satisfy constraint: Member must not be null",
            ),
            (
                "DescribeUserPool",
                json!({"UserPoolId": "x"}),
                r"1 validation error detected: Value 'x' at 'userPoolId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w-]+_[0-9a-zA-Z]+",
            ),
            (
                "ListUserPools",
                json!({"MaxResults": 61}),
                "1 validation error detected: Value '61' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 60",
            ),
            (
                "CreateGroup",
                json!({"UserPoolId": "a_b", "GroupName": "g", "Precedence": -1}),
                "1 validation error detected: Value '-1' at 'precedence' failed to satisfy constraint: Member must have value greater than or equal to 0",
            ),
            (
                "CreateGroup",
                json!({"UserPoolId": "a_b", "GroupName": "g", "Precedence": 4_294_967_296_u64}),
                "1 validation error detected: Value '4294967296' at 'precedence' failed to satisfy constraint: Member must have value less than or equal to 2147483647",
            ),
            (
                "SignUp",
                json!({"ClientId": "c", "Username": "u", "UserAttributes": [{"Value": "x"}]}),
                "1 validation error detected: Value null at 'userAttributes.1.member.name' failed to satisfy constraint: Member must not be null",
            ),
        ];
        for (operation, input, message) in said {
            assert_eq!(refusal(operation, &input), message);
        }
    }

    #[test]
    fn what_fits_passes_and_unknown_members_are_let_be() {
        let input =
            json!({"ClientId": "c", "Username": "u", "Password": null, "Newer": [], "ClientMetadata": {"a": "b"}});
        assert_eq!(refusal("SignUp", &input), "");
    }

    #[test]
    fn a_value_of_another_type_is_refused_wherever_it_stands() {
        for input in [
            json!({"ClientId": 1, "Username": "u"}),
            json!({"ClientId": "c", "Username": "u", "ClientMetadata": []}),
            json!({"ClientId": "c", "Username": "u", "ClientMetadata": {"a": 1}}),
            json!({"ClientId": "c", "Username": "u", "UserAttributes": {}}),
            json!({"ClientId": "c", "Username": "u", "UserAttributes": ["a"]}),
        ] {
            assert!(refusal("SignUp", &input).starts_with("1 validation error detected: "), "{input}");
        }
        assert!(
            refusal("CreateGroup", &json!({"UserPoolId": "a_b", "GroupName": "g", "Precedence": 1.5}))
                .contains("whole")
        );
    }

    #[test]
    fn a_nul_is_refused_wherever_it_stands() {
        let parameters =
            json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "c", "AuthParameters": {"USERNAME": "a\u{0}"}});
        assert!(refusal("InitiateAuth", &parameters).contains("NUL"));
        let filter = json!({"UserPoolId": "a_b", "Filter": "name = \"\u{0}\""});
        assert!(refusal("ListUsers", &filter).contains("NUL"));
    }

    #[test]
    fn a_secret_is_never_told_back_and_nothing_is_at_any_length() {
        let input = json!({"ClientId": "c", "Username": "u", "Password": "s3 cr3t"});
        assert!(!refusal("SignUp", &input).contains("s3 cr3t"));
        let many = vec![json!({"Name": ""}); 5_000];
        assert!(refusal("SignUp", &json!({"ClientId": "c", "Username": "u", "UserAttributes": many})).len() < 4_000);
        assert!(refusal("DescribeUserPool", &json!({"UserPoolId": "x".repeat(100_000)})).len() < 1_000);
    }
}
