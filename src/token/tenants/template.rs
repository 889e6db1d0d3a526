//! An issuer with parameters, `https://login.example/{tenant}/v2.0`, and which concrete issuers it stands for.

use std::collections::BTreeMap;

use thiserror::Error;

use super::value::is_value;
use crate::token::config::{KeysConfig, ParameterConfig, TrustedIssuerConfig};

/// Longest `iss` that is compared, in bytes.
const MOST_BYTES: usize = 2048;
/// `https:`, nothing, and the host: what stands before the path.
const BEFORE_PATH: usize = 3;

/// The value of each parameter, in the order of the issuer.
pub type TenantValues = Vec<(String, String)>;

/// An issuer with parameters, each a whole path segment.
#[derive(Debug, Clone)]
pub struct IssuerTemplate(Vec<Segment>);

#[derive(Debug, Clone)]
enum Segment {
    Literal(String),
    Parameter(String, ParameterConfig),
}

/// Why an issuer's parameters cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// A brace outside of `/{name}/`, or a name that is none.
    #[error("a parameter is a whole path segment, `{{name}}`, with a name of lower-case letters, digits and `_`")]
    Malformed,
    /// A parameter in the scheme or host, or no URL at all.
    #[error(
        "an issuer with parameters is an http or https URL that has them in its path alone, and no query or fragment"
    )]
    OutsideOfPath,
    /// A parameter without a rule.
    #[error("`{{{0}}}` has no rule in `parameters`: which values may it have?")]
    NoRule(String),
    /// A parameter that is there twice.
    #[error("`{{{0}}}` is there twice")]
    Twice(String),
    /// A rule without a parameter.
    #[error("there is no `{{{0}}}` that this rule would be for")]
    NoParameter(String),
    /// A list without values, or with one that can be no value.
    #[error("the values of `{0}` are a list of path segments that are not empty, of letters, digits and `-._~@:+=,`")]
    Values(String),
    /// Keys that do not come from each concrete issuer.
    #[error("the keys of an issuer with parameters come from `discovery` or a `jwks_uri`")]
    Keys,
}

impl TemplateError {
    /// The key of the trusted issuer that has to be changed.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Malformed | Self::OutsideOfPath | Self::NoRule(_) | Self::Twice(_) => "issuer",
            Self::NoParameter(_) | Self::Values(_) => "parameters",
            Self::Keys => "keys",
        }
    }
}

impl IssuerTemplate {
    /// Reads the issuer of a config; none where it has no parameters.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn of(config: &TrustedIssuerConfig) -> Result<Option<Self>, TemplateError> {
        if !config.issuer.contains(['{', '}']) {
            let unused = config.parameters.keys().next();
            return unused.map_or(Ok(None), |name| Err(TemplateError::NoParameter(name.clone())));
        }
        let segments = read_segments(&config.issuer, &config.parameters)?;
        for (name, rule) in &config.parameters {
            if !segments.iter().any(|segment| segment.is_parameter(name)) {
                return Err(TemplateError::NoParameter(name.clone()));
            }
            if let ParameterConfig::OneOf(values) = rule
                && (values.is_empty() || !values.iter().all(|value| is_value(value)))
            {
                return Err(TemplateError::Values(name.clone()));
            }
        }
        match &config.keys {
            KeysConfig::Discovery => {}
            KeysConfig::JwksUri(uri) => drop(read_segments_of_keys(uri, &config.parameters)?),
            KeysConfig::File(_) | KeysConfig::Inline(_) | KeysConfig::Pool(_) | KeysConfig::Introspection(_) => {
                return Err(TemplateError::Keys);
            }
        }
        Ok(Some(Self(segments)))
    }

    /// The value of each parameter in this `iss`, where it is one that this stands for.
    pub(crate) fn values(&self, iss: &str) -> Option<TenantValues> {
        if iss.len() > MOST_BYTES || iss.split('/').count() != self.0.len() {
            return None;
        }
        let mut values = TenantValues::new();
        for (segment, text) in self.0.iter().zip(iss.split('/')) {
            match segment {
                Segment::Literal(literal) if literal == text => {}
                Segment::Parameter(name, rule) if rule.allows(text) => values.push((name.clone(), text.to_owned())),
                Segment::Literal(_) | Segment::Parameter(..) => return None,
            }
        }
        Some(values)
    }

    /// All that this stands for, where every parameter has a list; none where one has a pattern.
    #[must_use]
    pub(crate) fn all_values(&self) -> Option<Vec<TenantValues>> {
        let mut all = vec![TenantValues::new()];
        for segment in &self.0 {
            let Segment::Parameter(name, rule) = segment else { continue };
            let ParameterConfig::OneOf(listed) = rule else { return None };
            let with = |before: &TenantValues, value: &String| {
                before.iter().cloned().chain([(name.clone(), value.clone())]).collect::<TenantValues>()
            };
            all = all.iter().flat_map(|before| listed.iter().map(move |value| with(before, value))).collect();
        }
        Some(all)
    }

    /// What the config says of each of those, where every parameter has a list; nothing where one has a pattern.
    pub fn tenants_of(
        &self,
        config: &TrustedIssuerConfig,
    ) -> impl Iterator<Item = (TrustedIssuerConfig, TenantValues)> {
        self.all_values().unwrap_or_default().into_iter().map(|values| (config.of_tenant(&values), values))
    }

    /// How many concrete issuers this stands for, where every parameter has a list.
    #[must_use]
    pub fn count(&self) -> Option<usize> {
        self.0.iter().try_fold(1_usize, |count, segment| match segment {
            Segment::Literal(_) => Some(count),
            Segment::Parameter(_, ParameterConfig::OneOf(listed)) => Some(count.saturating_mul(listed.len())),
            Segment::Parameter(_, ParameterConfig::Matching(_)) => None,
        })
    }

    /// Whether this may stand for `iss`.
    #[must_use]
    pub fn stands_for(&self, iss: &str) -> bool {
        self.values(iss).is_some()
    }

    /// Whether some `iss` may be of both. Where nobody can tell, it may.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(one, other)| one.overlaps(other))
    }
}

impl Segment {
    fn is_parameter(&self, name: &str) -> bool {
        matches!(self, Self::Parameter(own, _) if own == name)
    }

    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(one), Self::Literal(other)) => one == other,
            (Self::Literal(text), Self::Parameter(_, rule)) | (Self::Parameter(_, rule), Self::Literal(text)) => {
                rule.allows(text)
            }
            (Self::Parameter(_, one), Self::Parameter(_, other)) => one.overlaps(other),
        }
    }
}

impl TrustedIssuerConfig {
    /// The issuer's parameters, if it has any.
    ///
    /// # Errors
    /// Why they cannot be.
    pub fn template(&self) -> Result<Option<IssuerTemplate>, TemplateError> {
        IssuerTemplate::of(self)
    }

    /// What this config says of the concrete issuer with these values.
    pub(crate) fn of_tenant(&self, values: &TenantValues) -> Self {
        let keys = match &self.keys {
            KeysConfig::JwksUri(uri) => KeysConfig::JwksUri(fill(uri, values)),
            other => other.clone(),
        };
        Self { issuer: fill(&self.issuer, values), keys, parameters: BTreeMap::new(), ..self.clone() }
    }

    /// What this config says of some concrete issuer; for checks that need a URL without parameters.
    #[must_use]
    pub fn of_some_tenant(&self) -> Self {
        self.of_tenant(&self.parameters.keys().map(|name| (name.clone(), "tenant".to_owned())).collect())
    }
}

fn fill(text: &str, values: &TenantValues) -> String {
    let segment = |text: &str| {
        let value = values
            .iter()
            .find(|(name, _)| text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) == Some(name));
        value.map_or_else(|| text.to_owned(), |(_, value)| value.clone())
    };
    text.split('/').map(segment).collect::<Vec<_>>().join("/")
}

fn read_segments(text: &str, rules: &BTreeMap<String, ParameterConfig>) -> Result<Vec<Segment>, TemplateError> {
    let segments = read_segments_of_keys(text, rules)?;
    for (index, segment) in segments.iter().enumerate() {
        if let Segment::Parameter(name, _) = segment
            && segments.iter().take(index).any(|earlier| earlier.is_parameter(name))
        {
            return Err(TemplateError::Twice(name.clone()));
        }
    }
    Ok(segments)
}

fn read_segments_of_keys(text: &str, rules: &BTreeMap<String, ParameterConfig>) -> Result<Vec<Segment>, TemplateError> {
    let is_url = text.starts_with("https://") || text.starts_with("http://");
    let before_path = text.split('/').take(BEFORE_PATH).any(|part| part.contains(['{', '}']));
    if !is_url || before_path || text.contains(['?', '#']) && text.contains('{') {
        return Err(TemplateError::OutsideOfPath);
    }
    text.split('/').map(|segment| read_segment(segment, rules)).collect()
}

fn read_segment(text: &str, rules: &BTreeMap<String, ParameterConfig>) -> Result<Segment, TemplateError> {
    if !text.contains(['{', '}']) {
        return Ok(Segment::Literal(text.to_owned()));
    }
    let name = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).filter(|name| is_name(name));
    let name = name.ok_or(TemplateError::Malformed)?;
    let rule = rules.get(name).ok_or_else(|| TemplateError::NoRule(name.to_owned()))?;
    Ok(Segment::Parameter(name.to_owned(), rule.clone()))
}

/// What can also be the name of an attribute in policies.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn config(value: &Value) -> TrustedIssuerConfig {
        serde_json::from_value(value.clone()).unwrap()
    }

    fn of(issuer: &str, parameters: &Value) -> Result<Option<IssuerTemplate>, TemplateError> {
        IssuerTemplate::of(&config(&json!({"issuer": issuer, "parameters": parameters})))
    }

    fn template(issuer: &str, parameters: &Value) -> IssuerTemplate {
        of(issuer, parameters).unwrap().unwrap()
    }

    const ISSUER: &str = "https://login.example/{tenant}/v2.0";

    #[test]
    fn only_listed_or_matching_values_are_its_issuers() {
        let listed = template(ISSUER, &json!({"tenant": ["a", "b-2"]}));
        let matching = template(ISSUER, &json!({"tenant": {"pattern": "[a-z](-[0-9])?"}}));
        for (iss, expected) in [
            ("https://login.example/a/v2.0", true),
            ("https://login.example/b-2/v2.0", true),
            ("https://login.example/A/v2.0", false),
            ("https://login.example/B-2/v2.0", false),
            ("https://LOGIN.example/a/v2.0", false),
            ("HTTPS://login.example/a/v2.0", false),
            ("http://login.example/a/v2.0", false),
            ("https://login.example/a/V2.0", false),
            ("https://login.example/a/v2.0/", false),
            ("https://login.example//v2.0", false),
            ("https://login.example/a/a/v2.0", false),
            ("https://login.example/a%2fb/v2.0", false),
            ("https://login.example/../v2.0", false),
            ("https://login.example/a/../a/v2.0", false),
            ("https://login.example/{tenant}/v2.0", false),
            ("https://login.example/zz/v2.0", false),
            ("https://login.example.evil/a/v2.0", false),
            ("https://login.example@evil/a/v2.0", false),
            ("https://login.example/a/v2.0?x", false),
            ("https://login.example/a/v2.0#x", false),
            (" https://login.example/a/v2.0", false),
            ("https://login.example/a /v2.0", false),
            ("", false),
        ] {
            assert_eq!(listed.stands_for(iss), expected, "{iss}");
            assert_eq!(matching.stands_for(iss), expected, "{iss}");
        }
    }

    #[test]
    fn a_template_that_says_too_little_or_too_much_is_refused() {
        let any = json!({"tenant": {"pattern": ".*"}});
        let with = |values: Value| json!({ "tenant": values });
        for (issuer, parameters, error) in [
            (ISSUER, json!({}), TemplateError::NoRule("tenant".into())),
            (ISSUER, json!({"tenant": ["a"], "more": ["b"]}), TemplateError::NoParameter("more".into())),
            ("https://login.example/v2.0", any.clone(), TemplateError::NoParameter("tenant".into())),
            ("https://login.example/{tenant}/{tenant}", any.clone(), TemplateError::Twice("tenant".into())),
            ("https://{tenant}.example/", any.clone(), TemplateError::OutsideOfPath),
            ("https://login.example:{tenant}/", any.clone(), TemplateError::OutsideOfPath),
            ("{tenant}", any.clone(), TemplateError::OutsideOfPath),
            ("https://login.example/?t={tenant}", any.clone(), TemplateError::OutsideOfPath),
            ("https://login.example/{tenant}#", any.clone(), TemplateError::OutsideOfPath),
            ("https://login.example/a{tenant}", any.clone(), TemplateError::Malformed),
            ("https://login.example/{tenant}}", any.clone(), TemplateError::Malformed),
            ("https://login.example/{}", any.clone(), TemplateError::Malformed),
            ("https://login.example/{Tenant}", any, TemplateError::Malformed),
            (ISSUER, with(json!([])), TemplateError::Values("tenant".into())),
            (ISSUER, with(json!(["a", ".."])), TemplateError::Values("tenant".into())),
            (ISSUER, with(json!(["a/b"])), TemplateError::Values("tenant".into())),
        ] {
            assert_eq!(of(issuer, &parameters).unwrap_err(), error, "{issuer}");
        }
        assert!(of("https://login.example", &json!({})).unwrap().is_none());
        let inline =
            config(&json!({"issuer": ISSUER, "parameters": {"tenant": ["a"]}, "keys": {"inline": {"keys": []}}}));
        assert_eq!(IssuerTemplate::of(&inline).unwrap_err(), TemplateError::Keys);
        let other = config(
            &json!({"issuer": ISSUER, "parameters": {"tenant": ["a"]}, "keys": {"jwks_uri": "https://x/{realm}"}}),
        );
        assert_eq!(IssuerTemplate::of(&other).unwrap_err(), TemplateError::NoRule("realm".into()));
    }

    #[test]
    fn the_config_of_a_tenant_is_filled_in() {
        let config = config(&json!({
            "issuer": "https://login.example/{realm}/{tenant}",
            "parameters": {"tenant": ["a", "b"], "realm": ["r"]},
            "keys": {"jwks_uri": "https://keys.example/{tenant}/of/{realm}"},
        }));
        let template = IssuerTemplate::of(&config).unwrap().unwrap();
        let all = template.all_values().unwrap();
        assert_eq!((all.len(), template.count()), (2, Some(2)));
        let tenant = config.of_tenant(&all[1]);
        assert_eq!(tenant.issuer, "https://login.example/r/b");
        assert!(matches!(&tenant.keys, KeysConfig::JwksUri(uri) if uri == "https://keys.example/b/of/r"));
        assert!(tenant.parameters.is_empty());
    }

    #[test]
    fn two_templates_overlap_where_one_issuer_may_be_of_both() {
        let list = |values: &[&str]| template(ISSUER, &json!({ "tenant": values }));
        let pattern = |pattern: &str| template(ISSUER, &json!({"tenant": {"pattern": pattern}}));
        assert!(list(&["a", "b"]).overlaps(&list(&["b", "c"])));
        assert!(!list(&["a"]).overlaps(&list(&["b"])));
        assert!(pattern("[a-c]").overlaps(&list(&["x", "c"])));
        assert!(!pattern("[a-c]").overlaps(&list(&["x"])));
        assert!(pattern("[a-c]").overlaps(&pattern("[x-z]")), "nobody can tell");
        let elsewhere = template("https://other.example/{tenant}/v2.0", &json!({"tenant": {"pattern": ".*"}}));
        assert!(!pattern("a").overlaps(&elsewhere));
    }
}
