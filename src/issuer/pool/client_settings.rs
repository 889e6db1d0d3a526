//! The settings of an app client, kept as the API states them and read as what they mean.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::client::{Flow, Lifetimes};

/// What `CreateUserPoolClient` and `UpdateUserPoolClient` have said, in their own form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClientSettings(Map<String, Value>);

/// What is asked for and is not: told to the caller in Cognito's words.
pub(crate) type Objection = String;

impl ClientSettings {
    pub(crate) fn of(settings: Map<String, Value>) -> Self {
        Self(settings)
    }

    pub(crate) fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    pub(crate) fn overlaid_with(&self, declared: &Self) -> Self {
        let mut settings = self.0.clone();
        settings.extend(declared.0.clone());
        Self(settings)
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn list(&self, name: &str) -> Option<Vec<&str>> {
        Some(self.get(name)?.as_array()?.iter().filter_map(Value::as_str).collect())
    }

    /// Whether answers tell nothing about who exists. Cognito's word for not doing so is `LEGACY`; here that must be said.
    pub(crate) fn hides_users(&self) -> bool {
        self.get("PreventUserExistenceErrors") != Some(&json!("LEGACY"))
    }

    /// How long a sign-in may take from one step to the next, in milliseconds: 3 to 15 minutes.
    pub(crate) fn auth_session_millis(&self) -> u64 {
        self.get("AuthSessionValidity").and_then(Value::as_u64).unwrap_or(3).clamp(3, 15) * 60_000
    }

    /// Where refresh tokens rotate: how long a token that was used may be used again, in milliseconds.
    pub(crate) fn rotation_grace(&self) -> Option<u64> {
        let rotation = self.get("RefreshTokenRotation")?;
        let enabled = rotation.get("Feature") == Some(&json!("ENABLED"));
        let grace = rotation.get("RetryGracePeriodSeconds").and_then(Value::as_u64).unwrap_or(0);
        enabled.then(|| grace.min(60) * 1000)
    }

    /// The attributes that users shall see through the client, where it names any.
    pub(crate) fn read_attributes(&self) -> Vec<&str> {
        self.list("ReadAttributes").unwrap_or_default()
    }

    /// The attributes that users shall change through the client, where it names any.
    pub(crate) fn write_attributes(&self) -> Vec<&str> {
        self.list("WriteAttributes").unwrap_or_default()
    }

    /// Whether users see this attribute through the client; all, where the client names none.
    pub(crate) fn may_read(&self, attribute: &str) -> bool {
        self.list("ReadAttributes")
            .is_none_or(|names| names.is_empty() || names.contains(&attribute) || attribute == "sub")
    }

    /// Whether users change this attribute through the client; all, where the client names none.
    pub(crate) fn may_write(&self, attribute: &str) -> bool {
        self.list("WriteAttributes").is_none_or(|names| names.is_empty() || names.contains(&attribute))
    }

    /// The flows that `ExplicitAuthFlows` allows. The names without `ALLOW_` are Cognito's older ones, which let every client refresh
    /// and sign in by SRP.
    ///
    /// # Errors
    /// Older and newer names together.
    pub(crate) fn flows(&self) -> Result<Vec<Flow>, Objection> {
        let named = self.list("ExplicitAuthFlows").unwrap_or_default();
        if named.is_empty() {
            return Ok(vec![Flow::RefreshToken, Flow::UserSrp, Flow::Custom]);
        }
        let newer = named.iter().filter(|name| name.starts_with("ALLOW_")).count();
        if newer == named.len() {
            let flows = named.iter().filter_map(|name| Flow::read(name.strip_prefix("ALLOW_")?));
            return Ok(flows.collect());
        }
        if newer > 0 {
            return Err("ExplicitAuthFlows may not mix names with and without ALLOW_".to_owned());
        }
        let older = named.iter().filter_map(|name| match *name {
            "ADMIN_NO_SRP_AUTH" => Some(Flow::AdminUserPassword),
            "CUSTOM_AUTH_FLOW_ONLY" => Some(Flow::Custom),
            "USER_PASSWORD_AUTH" => Some(Flow::UserPassword),
            _ => None,
        });
        let mut flows: Vec<Flow> = older.collect();
        flows.push(Flow::RefreshToken);
        if !named.contains(&"CUSTOM_AUTH_FLOW_ONLY") {
            flows.push(Flow::UserSrp);
        }
        Ok(flows)
    }

    /// How long tokens live, in the units that the client chose: hours for ID and access tokens, days for refresh tokens.
    ///
    /// # Errors
    /// A lifetime out of Cognito's range.
    pub(crate) fn lifetimes(&self) -> Result<Lifetimes, Objection> {
        let validity = |name: &str, unit: &str, default: u64| {
            let value = self.get(name).and_then(Value::as_u64).filter(|value| *value > 0)?;
            let unit = self.get("TokenValidityUnits").and_then(|units| units.get(unit)).and_then(Value::as_str);
            let seconds = unit.map_or(default, seconds_in);
            Some(Duration::from_secs(value.saturating_mul(seconds)))
        };
        let access = validity("AccessTokenValidity", "AccessToken", 3600);
        let id = validity("IdTokenValidity", "IdToken", 3600);
        let refresh = validity("RefreshTokenValidity", "RefreshToken", 86_400);
        let lifetimes = Lifetimes::new(access, id, refresh);
        lifetimes.map_err(|(name, range)| match name {
            "refresh_token_validity" => "Invalid range for token validity.".to_owned(),
            name => format!("Invalid range for token validity: {name} {range}"),
        })
    }
}

fn seconds_in(unit: &str) -> u64 {
    match unit {
        "seconds" => 1,
        "minutes" => 60,
        "hours" => 3600,
        _ => 86_400,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(value: &Value) -> ClientSettings {
        ClientSettings::of(value.as_object().unwrap().clone())
    }

    #[test]
    fn what_is_not_said_is_the_careful_choice() {
        let nothing = ClientSettings::default();
        assert!(nothing.hides_users() && nothing.may_read("email") && nothing.may_write("email"));
        assert_eq!(nothing.auth_session_millis(), 180_000);
        assert_eq!(nothing.rotation_grace(), None);
        assert_eq!(nothing.flows().unwrap(), [Flow::RefreshToken, Flow::UserSrp, Flow::Custom]);
        assert_eq!(nothing.lifetimes().unwrap(), Lifetimes { access: 3600, id: 3600, refresh: 30 * 86_400 });
    }

    #[test]
    fn lifetimes_are_read_in_their_units() {
        let units = json!({"AccessToken": "minutes", "RefreshToken": "hours"});
        let client = settings(
            &json!({"AccessTokenValidity": 10, "IdTokenValidity": 2, "RefreshTokenValidity": 48, "TokenValidityUnits": units}),
        );
        assert_eq!(client.lifetimes().unwrap(), Lifetimes { access: 600, id: 7200, refresh: 48 * 3600 });
        assert!(settings(&json!({"AccessTokenValidity": 25})).lifetimes().is_err());
        let units = json!({"AccessToken": "minutes"});
        assert!(settings(&json!({"AccessTokenValidity": 4, "TokenValidityUnits": units})).lifetimes().is_err());
    }

    #[test]
    fn flows_are_read_by_their_newer_and_older_names_but_not_both() {
        let flows = |names: &[&str]| settings(&json!({"ExplicitAuthFlows": names})).flows();
        assert_eq!(flows(&["ALLOW_USER_PASSWORD_AUTH"]).unwrap(), [Flow::UserPassword]);
        assert_eq!(
            flows(&["ADMIN_NO_SRP_AUTH"]).unwrap(),
            [Flow::AdminUserPassword, Flow::RefreshToken, Flow::UserSrp]
        );
        assert!(flows(&["ADMIN_NO_SRP_AUTH", "ALLOW_USER_SRP_AUTH"]).is_err());
    }

    #[test]
    fn attributes_are_read_and_written_as_the_client_may() {
        let client = settings(&json!({"ReadAttributes": ["email"], "WriteAttributes": ["name"]}));
        assert!(client.may_read("email") && client.may_read("sub") && !client.may_read("name"));
        assert!(client.may_write("name") && !client.may_write("email"));
    }
}
