//! What attributes a pool has, and which values they take: the standard ones as Cognito describes them, and its own.

use serde_json::{Map, Value, json};

/// The kind of an attribute's values; all are kept as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttributeKind {
    String,
    Number,
    DateTime,
    Boolean,
}

/// What an attribute is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttributeDefinition {
    /// With `custom:`, or `dev:custom:`.
    pub name: String,
    pub kind: AttributeKind,
    pub mutable: bool,
    pub required: bool,
    /// Only administrators write it.
    pub developer_only: bool,
    /// Least and most, as text: of the length, or of the number.
    pub bounds: (Option<String>, Option<String>),
}

type Standard = (&'static str, AttributeKind, Option<&'static str>, Option<&'static str>);

const TEXT: (Option<&str>, Option<&str>) = (Some("0"), Some("2048"));

const fn text(name: &'static str) -> Standard {
    (name, AttributeKind::String, TEXT.0, TEXT.1)
}

/// As `DescribeUserPool` lists them where nobody has changed them.
const STANDARD: [Standard; 21] = [
    ("sub", AttributeKind::String, Some("1"), Some("2048")),
    text("name"),
    text("given_name"),
    text("family_name"),
    text("middle_name"),
    text("nickname"),
    text("preferred_username"),
    text("profile"),
    text("picture"),
    text("website"),
    text("email"),
    ("email_verified", AttributeKind::Boolean, None, None),
    text("gender"),
    ("birthdate", AttributeKind::String, Some("10"), Some("10")),
    text("zoneinfo"),
    text("locale"),
    text("phone_number"),
    ("phone_number_verified", AttributeKind::Boolean, None, None),
    text("address"),
    ("updated_at", AttributeKind::Number, Some("0"), None),
    ("identities", AttributeKind::String, None, None),
];

pub(super) fn standard_names() -> impl Iterator<Item = &'static str> {
    STANDARD.iter().map(|(name, ..)| *name)
}

/// The standard attribute of that name.
pub(super) fn standard_definition(name: &str) -> Option<AttributeDefinition> {
    let (name, kind, least, most) = *STANDARD.iter().find(|(standard, ..)| *standard == name)?;
    let is_sub = name == "sub";
    let bounds = (least.map(str::to_owned), most.map(str::to_owned));
    let name = name.to_owned();
    Some(AttributeDefinition { name, kind, mutable: !is_sub, required: is_sub, developer_only: false, bounds })
}

/// The attribute that an entry of `Schema` or `CustomAttributes` makes.
pub(super) fn custom_definition(entry: &Map<String, Value>) -> Option<AttributeDefinition> {
    let name = entry.get("Name")?.as_str()?;
    let flag = |name: &str, default| entry.get(name).and_then(Value::as_bool).unwrap_or(default);
    let developer_only = flag("DeveloperOnlyAttribute", false);
    let prefix = if developer_only { "dev:custom" } else { "custom" };
    let kind = match entry.get("AttributeDataType").and_then(Value::as_str) {
        Some("Number") => AttributeKind::Number,
        Some("DateTime") => AttributeKind::DateTime,
        Some("Boolean") => AttributeKind::Boolean,
        _ => AttributeKind::String,
    };
    Some(AttributeDefinition {
        name: format!("{prefix}:{name}"),
        bounds: bounds(entry, kind),
        kind,
        // An attribute that is added is mutable unless it says otherwise; it can never be required.
        mutable: flag("Mutable", true),
        required: false,
        developer_only,
    })
}

fn bounds(entry: &Map<String, Value>, kind: AttributeKind) -> (Option<String>, Option<String>) {
    let (constraints, least, most) = match kind {
        AttributeKind::Number => ("NumberAttributeConstraints", "MinValue", "MaxValue"),
        _ => ("StringAttributeConstraints", "MinLength", "MaxLength"),
    };
    let bound = |name| entry.get(constraints).and_then(|bounds| bounds.get(name)).and_then(Value::as_str);
    (bound(least).map(str::to_owned), bound(most).map(str::to_owned))
}

impl AttributeDefinition {
    /// A standard attribute as the entry of `Schema` that names it has it.
    pub(super) fn changed_by(mut self, entry: Option<&Map<String, Value>>) -> Self {
        let Some(entry) = entry else { return self };
        let flag = |name: &str, default| entry.get(name).and_then(Value::as_bool).unwrap_or(default);
        self.required = flag("Required", self.required);
        self.mutable = flag("Mutable", self.mutable);
        let (least, most) = bounds(entry, self.kind);
        self.bounds = (least.or(self.bounds.0), most.or(self.bounds.1));
        self
    }

    /// Why the attribute cannot have this value, in Cognito's words.
    pub(crate) fn objection(&self, value: &str) -> Option<String> {
        let name = &self.name;
        let fits = match (self.kind, name.as_str()) {
            (_, "email") => is_email(value),
            (_, "phone_number") => is_phone_number(value),
            (AttributeKind::Boolean, _) => ["true", "false"].contains(&value.to_ascii_lowercase().as_str()),
            (AttributeKind::Number, _) => return self.number_objection(value),
            (AttributeKind::DateTime, _) => !value.is_empty(),
            (AttributeKind::String, _) => true,
        };
        match name.as_str() {
            "email" if !fits => Some("Invalid email address format.".to_owned()),
            "phone_number" if !fits => Some("Invalid phone number format.".to_owned()),
            _ if !fits => {
                Some(format!("Attributes did not conform to the schema: {name}: Attribute value is not valid"))
            }
            _ => self.length_objection(value),
        }
    }

    fn length_objection(&self, value: &str) -> Option<String> {
        let length = value.chars().count();
        let bound = |bound: &Option<String>| bound.as_deref().and_then(|bound| bound.parse::<usize>().ok());
        let unfit = |what: &str| Some(format!("Attributes did not conform to the schema: {}: {what}", self.name));
        // An empty value takes the attribute away; only what is required cannot go.
        if bound(&self.bounds.0).is_some_and(|least| length < least && (length > 0 || self.required)) {
            return unfit("String must be no shorter than the schema's MinLength");
        }
        if bound(&self.bounds.1).unwrap_or(2048) < length || value.len() > 2048 {
            return unfit("String must be no longer than the schema's MaxLength");
        }
        None
    }

    fn number_objection(&self, value: &str) -> Option<String> {
        let bound = |bound: &Option<String>| bound.as_deref().and_then(|bound| bound.parse::<f64>().ok());
        let unfit = || format!("Attributes did not conform to the schema: {}: Attribute value is not valid", self.name);
        let Ok(number) = value.parse::<f64>() else { return Some(unfit()) };
        let low = bound(&self.bounds.0).is_some_and(|least| number < least);
        let high = bound(&self.bounds.1).is_some_and(|most| number > most);
        (!number.is_finite() || low || high || value.len() > 64).then(unfit)
    }

    /// As `DescribeUserPool` shows it.
    pub(crate) fn describe(&self) -> Value {
        let mut shown = json!({
            "Name": self.name,
            "AttributeDataType": self.kind.name(),
            "DeveloperOnlyAttribute": self.developer_only,
            "Mutable": self.mutable,
            "Required": self.required,
        });
        let constraints = match self.kind {
            AttributeKind::String => Some(("StringAttributeConstraints", "MinLength", "MaxLength")),
            AttributeKind::Number => Some(("NumberAttributeConstraints", "MinValue", "MaxValue")),
            AttributeKind::DateTime | AttributeKind::Boolean => None,
        };
        if let (Some((name, least, most)), Some(shown)) = (constraints, shown.as_object_mut()) {
            let bounds = [(least, &self.bounds.0), (most, &self.bounds.1)];
            let bounds = bounds.iter().filter_map(|(name, bound)| Some(((*name).to_owned(), json!(bound.as_ref()?))));
            shown.insert(name.to_owned(), Value::Object(bounds.collect()));
        }
        shown
    }
}

impl AttributeKind {
    fn name(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::Number => "Number",
            Self::DateTime => "DateTime",
            Self::Boolean => "Boolean",
        }
    }
}

/// As much as can be known of an address without sending to it: one `@`, something before it, a name with a dot or a host after it.
pub(crate) fn is_email(value: &str) -> bool {
    let graphic = |character: char| !character.is_control() && !character.is_whitespace() && character != ',';
    let parts = value.split_once('@');
    parts.is_some_and(|(local, host)| !local.is_empty() && !host.is_empty() && !host.contains('@'))
        && value.chars().all(graphic)
        && value.len() <= 320
}

/// E.164: `+` and up to fifteen digits.
pub(crate) fn is_phone_number(value: &str) -> bool {
    value
        .strip_prefix('+')
        .is_some_and(|digits| (3..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_held_to_the_definition() {
        let objects = |name: &str, value: &str| standard_definition(name).unwrap().objection(value);
        assert_eq!(objects("email", "a@example.com"), None);
        assert_eq!(objects("email", "example.com").unwrap(), "Invalid email address format.");
        assert_eq!(objects("phone_number", "0123").unwrap(), "Invalid phone number format.");
        assert_eq!(objects("phone_number", "+4912345678"), None);
        assert!(objects("birthdate", "1990").is_some() && objects("birthdate", "1990-01-02").is_none());
        assert!(objects("email_verified", "yes").is_some() && objects("email_verified", "true").is_none());
        assert!(objects("updated_at", "-1").is_some() && objects("updated_at", "1.5").is_none());
        assert!(objects("updated_at", "NaN").is_some());
        assert!(objects("name", &"x".repeat(2049)).is_some());
    }

    #[test]
    fn custom_attributes_have_their_own_bounds() {
        let entry = json!({"Name": "level", "AttributeDataType": "Number", "NumberAttributeConstraints": {"MinValue": "1", "MaxValue": "9"}});
        let level = custom_definition(entry.as_object().unwrap()).unwrap();
        assert_eq!((level.name.as_str(), level.mutable, level.required), ("custom:level", true, false));
        assert!(level.objection("0").is_some() && level.objection("10").is_some() && level.objection("5").is_none());
        let shown = level.describe();
        assert_eq!(shown["NumberAttributeConstraints"], json!({"MinValue": "1", "MaxValue": "9"}));
        let entry =
            json!({"Name": "x", "AttributeDataType": "String", "DeveloperOnlyAttribute": true, "Mutable": false});
        let hidden = custom_definition(entry.as_object().unwrap()).unwrap();
        assert_eq!((hidden.name.as_str(), hidden.mutable), ("dev:custom:x", false));
    }
}
