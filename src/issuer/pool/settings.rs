//! The settings of a user pool, kept as the API states them and read as what they mean.

use serde_json::{Map, Value, json};

use super::proof::{Factor, FirstFactor, MfaLevel, PasswordPolicy};
use super::schema::{AttributeDefinition, custom_definition, standard_definition};

/// What `CreateUserPool`, `UpdateUserPool` and `SetUserPoolMfaConfig` have said, in their own form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PoolSettings(Map<String, Value>);

/// What an update leaves as it is where it does not say it: most of these it cannot say.
const FIXED: [&str; 11] = [
    "Schema",
    "AliasAttributes",
    "UsernameAttributes",
    "UsernameConfiguration",
    "SoftwareTokenMfaConfiguration",
    "SmsMfaConfiguration",
    "EmailMfaConfiguration",
    "WebAuthnConfiguration",
    "IssuerConfiguration",
    "UserPoolTags",
    SESSIONS,
];

/// Where `SetUserPoolSessionConfiguration` is kept.
const SESSIONS: &str = "SessionConfiguration";
/// Most sessions of one user where nothing else was said.
const MOST_SESSIONS: u32 = 20;

impl PoolSettings {
    pub(crate) fn of(settings: Map<String, Value>) -> Self {
        Self(settings)
    }

    pub(crate) fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// What the file says wins, what it does not say stays.
    pub(crate) fn overlaid_with(&self, declared: &Self) -> Self {
        let mut settings = self.0.clone();
        settings.extend(declared.0.clone());
        Self(settings)
    }

    /// As `UpdateUserPool` leaves them: what it does not say goes back to its default.
    pub(crate) fn updated(&self, input: &Map<String, Value>) -> Self {
        let kept = FIXED.iter().filter_map(|name| Some(((*name).to_owned(), self.0.get(*name)?.clone())));
        let mut settings: Map<String, Value> = kept.collect();
        settings.extend(input.iter().map(|(name, value)| (name.clone(), value.clone())));
        Self(settings)
    }

    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The texts of a list.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let values = self.get(name).and_then(Value::as_array);
        values.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    fn within(&self, name: &str, member: &str) -> Option<&Value> {
        self.get(name)?.get(member)
    }

    pub(crate) fn password_policy(&self) -> PasswordPolicy {
        let policy = self.within("Policies", "PasswordPolicy").and_then(Value::as_object);
        policy.map(PasswordPolicy::of).unwrap_or_default()
    }

    pub(crate) fn mfa(&self) -> MfaLevel {
        MfaLevel::read(self.text("MfaConfiguration").unwrap_or("OFF"))
    }

    /// Whether users of the pool may have this second factor.
    pub(crate) fn has_factor(&self, factor: Factor) -> bool {
        match factor {
            Factor::Totp => self.within("SoftwareTokenMfaConfiguration", "Enabled") == Some(&json!(true)),
            Factor::Sms => self.get("SmsMfaConfiguration").is_some() || self.get("SmsConfiguration").is_some(),
            Factor::Email => self.get("EmailMfaConfiguration").is_some(),
        }
    }

    /// The first factors of `USER_AUTH`. A password can always be given by SRP too.
    pub(crate) fn first_factors(&self) -> Vec<FirstFactor> {
        let allowed = self.within("Policies", "SignInPolicy").and_then(|policy| policy.get("AllowedFirstAuthFactors"));
        let Some(allowed) = allowed.and_then(Value::as_array) else {
            return vec![FirstFactor::Password, FirstFactor::PasswordSrp];
        };
        let allows = |name: &str| allowed.iter().any(|allowed| allowed == name);
        let is_allowed = |factor: &FirstFactor| match factor {
            FirstFactor::Password | FirstFactor::PasswordSrp => allows("PASSWORD"),
            FirstFactor::EmailOtp => allows("EMAIL_OTP"),
            FirstFactor::SmsOtp => allows("SMS_OTP"),
        };
        FirstFactor::ALL.into_iter().filter(is_allowed).collect()
    }

    /// Whether only administrators make users.
    pub(crate) fn admin_only(&self) -> bool {
        self.within("AdminCreateUserConfig", "AllowAdminCreateUserOnly") == Some(&json!(true))
    }

    /// Attributes that are the user name themselves: `email`, `phone_number`.
    pub(crate) fn username_attributes(&self) -> Vec<&str> {
        self.list("UsernameAttributes")
    }

    /// Attributes that a user can sign in by besides the name.
    pub(crate) fn alias_attributes(&self) -> Vec<&str> {
        self.list("AliasAttributes")
    }

    /// Attributes that a code is sent to at sign-up.
    pub(crate) fn auto_verified(&self) -> Vec<&str> {
        self.list("AutoVerifiedAttributes")
    }

    /// Attributes that keep their value until the new one is verified.
    pub(crate) fn verified_before_update(&self) -> Vec<&str> {
        let names = self.within("UserAttributeUpdateSettings", "AttributesRequireVerificationBeforeUpdate");
        names.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Where a forgotten password's code goes, the best way first; none where only an administrator helps.
    pub(crate) fn recovery(&self) -> Vec<&'static str> {
        let mechanisms = self.within("AccountRecoverySetting", "RecoveryMechanisms").and_then(Value::as_array);
        let Some(mechanisms) = mechanisms else { return vec!["email", "phone_number"] };
        let mut mechanisms: Vec<&Value> = mechanisms.iter().collect();
        mechanisms.sort_by_key(|mechanism| mechanism.get("Priority").and_then(Value::as_u64));
        let attribute = |mechanism: &&Value| match mechanism.get("Name").and_then(Value::as_str) {
            Some("verified_email") => Some("email"),
            Some("verified_phone_number") => Some("phone_number"),
            _ => None,
        };
        mechanisms.iter().filter_map(attribute).collect()
    }

    /// What is kept of sessions: whether they are tracked, and how many of one user there may be.
    pub(crate) fn sessions(&self) -> (bool, u32) {
        let tracks = self.within(SESSIONS, "UserSessionTracking") == Some(&json!("ENABLED"));
        let most = self.within(SESSIONS, "TokenSession").and_then(|sessions| sessions.get("MaxPerUser")?.as_u64());
        (tracks, most.and_then(|most| u32::try_from(most).ok()).unwrap_or(MOST_SESSIONS))
    }

    pub(crate) fn set_sessions(&mut self, tracks: bool, most: u32) {
        let tracking = if tracks { "ENABLED" } else { "DISABLED" };
        self.set(SESSIONS, json!({"UserSessionTracking": tracking, "TokenSession": {"MaxPerUser": most}}));
    }

    pub(crate) fn is_protected(&self) -> bool {
        self.text("DeletionProtection") == Some("ACTIVE")
    }

    /// What an attribute of that name is in this pool, where there is one.
    pub(crate) fn definition(&self, name: &str) -> Option<AttributeDefinition> {
        let schema = || self.get("Schema").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
        let named = |short: &str| schema().find(|entry| entry.get("Name").and_then(Value::as_str) == Some(short));
        if let Some(standard) = standard_definition(name) {
            return Some(standard.changed_by(named(name)));
        }
        let (prefix, short) = name.rsplit_once(':')?;
        let definition = custom_definition(named(short)?)?;
        (definition.name == format!("{prefix}:{short}")).then_some(definition)
    }

    /// All attributes, standard ones first.
    pub(crate) fn definitions(&self) -> Vec<AttributeDefinition> {
        let schema = self.get("Schema").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
        let names = schema.filter_map(|entry| entry.get("Name").and_then(Value::as_str));
        let custom = names.filter(|name| standard_definition(name).is_none());
        let custom = custom.flat_map(|name| [format!("custom:{name}"), format!("dev:custom:{name}")]);
        let standard = super::schema::standard_names().map(str::to_owned);
        standard.chain(custom).filter_map(|name| self.definition(&name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(value: &Value) -> PoolSettings {
        PoolSettings::of(value.as_object().unwrap().clone())
    }

    #[test]
    fn what_is_not_said_has_cognitos_defaults() {
        let nothing = PoolSettings::default();
        assert_eq!(nothing.mfa(), MfaLevel::Off);
        assert!(!nothing.admin_only() && !nothing.is_protected() && nothing.auto_verified().is_empty());
        assert_eq!(nothing.recovery(), ["email", "phone_number"]);
        assert_eq!(nothing.first_factors(), [FirstFactor::Password, FirstFactor::PasswordSrp]);
        assert_eq!(nothing.password_policy().shortest, 8);
        assert_eq!(nothing.definitions().len(), 21);
    }

    #[test]
    fn an_update_takes_back_what_it_does_not_say_but_never_the_schema() {
        let before = settings(
            &json!({"Schema": [{"Name": "tenant"}], "MfaConfiguration": "ON", "DeletionProtection": "ACTIVE"}),
        );
        let after = before.updated(json!({"MfaConfiguration": "OPTIONAL"}).as_object().unwrap());
        assert_eq!(after.mfa(), MfaLevel::Optional);
        assert!(!after.is_protected());
        assert!(after.definition("custom:tenant").is_some() && after.definition("custom:other").is_none());
    }

    #[test]
    fn recovery_follows_the_priorities() {
        let both =
            [json!({"Name": "verified_email", "Priority": 2}), json!({"Name": "verified_phone_number", "Priority": 1})];
        let pool = settings(&json!({"AccountRecoverySetting": {"RecoveryMechanisms": both}}));
        assert_eq!(pool.recovery(), ["phone_number", "email"]);
        let admin = settings(
            &json!({"AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": "admin_only", "Priority": 1}]}}),
        );
        assert!(admin.recovery().is_empty());
    }
}
