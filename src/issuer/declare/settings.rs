//! What the config says of pools and clients, in the form in which the API would have said it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::issuer::config::{
    AliasConfig, AttributeConfig, ClientConfig, ClientFlow, FactorConfig, MfaConfig, PasswordPolicyConfig, PoolConfig,
    VerifiedConfig,
};
use crate::issuer::pool::{ClientSettings, Flow, PoolSettings};

/// The settings that the file says; those that it does not say are not among them, so that they stay as they are.
pub(super) fn pool_settings(config: &PoolConfig) -> PoolSettings {
    let mut said = Map::new();
    let mut say = |name: &str, value: Value| said.insert(name.to_owned(), value);
    say("AdminCreateUserConfig", json!({"AllowAdminCreateUserOnly": !config.sign_up}));
    if !config.aliases.is_empty() {
        say("AliasAttributes", config.aliases.iter().map(|alias| alias_name(*alias)).collect());
    }
    if !config.verify.is_empty() {
        say("AutoVerifiedAttributes", config.verify.iter().map(|verified| verified_name(*verified)).collect());
    }
    if let Some(policy) = &config.password_policy {
        say("Policies", json!({"PasswordPolicy": policy_of(policy)}));
    }
    if let Some(mfa) = config.mfa {
        let level = match mfa {
            MfaConfig::Off => "OFF",
            MfaConfig::Optional => "OPTIONAL",
            MfaConfig::On => "ON",
        };
        say("MfaConfiguration", json!(level));
        let has = |factor| config.factors.contains(&factor);
        let totp = has(FactorConfig::Totp) || config.factors.is_empty();
        say("SoftwareTokenMfaConfiguration", json!({"Enabled": totp}));
        say("SmsMfaConfiguration", if has(FactorConfig::Sms) { json!({}) } else { Value::Null });
        say("EmailMfaConfiguration", if has(FactorConfig::Email) { json!({}) } else { Value::Null });
    }
    let schema = schema(config);
    if !schema.is_empty() {
        say("Schema", Value::Array(schema));
    }
    PoolSettings::of(said)
}

fn alias_name(alias: AliasConfig) -> &'static str {
    match alias {
        AliasConfig::Email => "email",
        AliasConfig::PhoneNumber => "phone_number",
        AliasConfig::PreferredUsername => "preferred_username",
    }
}

fn verified_name(verified: VerifiedConfig) -> &'static str {
    match verified {
        VerifiedConfig::Email => "email",
        VerifiedConfig::PhoneNumber => "phone_number",
    }
}

fn policy_of(policy: &PasswordPolicyConfig) -> Value {
    json!({
        "MinimumLength": policy.minimum_length,
        "RequireUppercase": policy.uppercase,
        "RequireLowercase": policy.lowercase,
        "RequireNumbers": policy.numbers,
        "RequireSymbols": policy.symbols,
        "PasswordHistorySize": policy.history,
        "TemporaryPasswordValidityDays": policy.temporary_days,
    })
}

/// The pool's own attributes: those that are said, and those that users and clients of the file have.
fn schema(config: &PoolConfig) -> Vec<Value> {
    let of_users = config.users.values().flat_map(|user| user.attributes.keys());
    let of_clients = config.clients.values().flat_map(|client| &client.access_token_attributes);
    let named = of_users.chain(of_clients).filter_map(|name| name.strip_prefix("custom:"));
    let mut kinds: BTreeMap<&str, AttributeConfig> = named.map(|name| (name, AttributeConfig::String)).collect();
    kinds.extend(config.custom_attributes.iter().map(|(name, kind)| (name.as_str(), *kind)));
    let entry = |(name, kind): (&str, AttributeConfig)| {
        let kind = match kind {
            AttributeConfig::String => "String",
            AttributeConfig::Number => "Number",
            AttributeConfig::Boolean => "Boolean",
            AttributeConfig::DateTime => "DateTime",
        };
        json!({"Name": name, "AttributeDataType": kind, "Mutable": true})
    };
    kinds.into_iter().map(entry).collect()
}

/// The settings of a client that the file says.
pub(super) fn client_settings(config: &ClientConfig) -> ClientSettings {
    let flows: Vec<String> = flows(config).iter().map(|flow| format!("ALLOW_{}", flow.name())).collect();
    let mut said = Map::new();
    let mut say = |name: &str, value: Value| said.insert(name.to_owned(), value);
    say("ExplicitAuthFlows", json!(flows));
    let validities = [
        ("AccessTokenValidity", config.access_token_validity),
        ("IdTokenValidity", config.id_token_validity),
        ("RefreshTokenValidity", config.refresh_token_validity),
    ];
    for (name, validity) in validities {
        if let Some(validity) = validity {
            say(name, json!(validity.as_secs()));
        }
    }
    if validities.iter().any(|(_, validity)| validity.is_some()) {
        let unit =
            |validity: Option<std::time::Duration>, default| if validity.is_some() { "seconds" } else { default };
        let units = json!({
            "AccessToken": unit(config.access_token_validity, "hours"),
            "IdToken": unit(config.id_token_validity, "hours"),
            "RefreshToken": unit(config.refresh_token_validity, "days"),
        });
        say("TokenValidityUnits", units);
    }
    if let Some(hides) = config.prevent_user_existence_errors {
        say("PreventUserExistenceErrors", json!(if hides { "ENABLED" } else { "LEGACY" }));
    }
    if let Some(grace) = config.rotate_refresh_tokens {
        say("RefreshTokenRotation", json!({"Feature": "ENABLED", "RetryGracePeriodSeconds": grace.as_secs()}));
    }
    ClientSettings::of(said)
}

/// The flows that a client of the file may use.
pub(super) fn flows(config: &ClientConfig) -> Vec<Flow> {
    if config.flows.is_empty() {
        return Flow::DEFAULT.to_vec();
    }
    let flow = |flow: &ClientFlow| match flow {
        ClientFlow::UserPasswordAuth => Flow::UserPassword,
        ClientFlow::RefreshTokenAuth => Flow::RefreshToken,
        ClientFlow::UserSrpAuth => Flow::UserSrp,
        ClientFlow::UserAuth => Flow::UserAuth,
        ClientFlow::AdminUserPasswordAuth => Flow::AdminUserPassword,
    };
    config.flows.iter().map(flow).collect()
}
