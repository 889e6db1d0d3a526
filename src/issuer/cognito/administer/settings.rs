//! Settings that are refused although the model lets them stand: what is asked for and cannot be done must not seem to be.

use serde_json::Value;

use super::super::error::CognitoError;
use super::super::input::Input;
use crate::issuer::flow::Refusal;
use crate::issuer::pool::PoolSettings;

/// Most custom attributes of a pool.
const MOST_CUSTOM: usize = 50;

/// Refuses settings of a pool that this issuer does not do.
pub(super) fn judge_pool(input: Input<'_>) -> Result<(), CognitoError> {
    let refused = |message: &str| Err(CognitoError::invalid_parameter(message));
    let is_case_sensitive =
        input.within("UsernameConfiguration").is_some_and(|configuration| configuration.flag("CaseSensitive"));
    if is_case_sensitive {
        return refused(
            "UsernameConfiguration: user names are compared without case here; CaseSensitive must be false",
        );
    }
    if !input.list("AliasAttributes").is_empty() && !input.list("UsernameAttributes").is_empty() {
        return refused("Only one of the aliasAttributes or usernameAttributes can be set in a user pool.");
    }
    if input.within("LambdaConfig").is_some_and(|triggers| triggers.0.values().any(|trigger| !trigger.is_null())) {
        return refused("LambdaConfig: triggers are not built in this issuer");
    }
    let security = input.within("UserPoolAddOns").and_then(|add_ons| add_ons.text("AdvancedSecurityMode"));
    if security.is_some_and(|mode| mode != "OFF") {
        return refused("UserPoolAddOns: advanced security is not built in this issuer");
    }
    if input.get("DeviceConfiguration").is_some() {
        return refused("DeviceConfiguration: devices are not remembered by this issuer");
    }
    let first = input.within("Policies").and_then(|policies| policies.within("SignInPolicy"));
    if first.is_some_and(|policy| policy.list("AllowedFirstAuthFactors").contains(&"WEB_AUTHN")) {
        return refused("SignInPolicy: passkeys are not built in this issuer");
    }
    if let Some(message) = not_done(input) {
        return refused(message);
    }
    let link = input.within("VerificationMessageTemplate").and_then(|template| template.text("DefaultEmailOption"));
    if link == Some("CONFIRM_WITH_LINK") {
        return refused("VerificationMessageTemplate: confirmation by link is not built in this issuer");
    }
    judge_schema(input.get("Schema"), &PoolSettings::default()).map_err(CognitoError::from)
}

/// What a pool is asked for that would be kept and never be.
fn not_done(input: Input<'_>) -> Option<&'static str> {
    let says = |name: &str, member: &str, value: &str| {
        input.within(name).and_then(|settings| settings.text(member)).is_some_and(|said| said == value)
    };
    let has_levels =
        input.within("AcrConfiguration").is_some_and(|levels| levels.0.values().any(|level| !level.is_null()));
    [
        (
            says("KeyConfiguration", "KeyType", "CUSTOMER_MANAGED_KEY"),
            "KeyConfiguration: what is kept is sealed under `issuer.master_key`; there are no keys of customers",
        ),
        (
            says("IssuerConfiguration", "Type", "UPDATED"),
            "IssuerConfiguration: the `iss` of a pool is set by `issuer` of its declaration, not by the API",
        ),
        (has_levels, "AcrConfiguration: authentication levels are not built in this issuer"),
        (
            says("DcrConfiguration", "EnableStatus", "Enabled"),
            "DcrConfiguration: clients cannot register themselves at this issuer",
        ),
    ]
    .into_iter()
    .find_map(|(asked, message)| asked.then_some(message))
}

/// Refuses attributes that cannot be added to those that there are.
pub(super) fn judge_schema(added: Option<&Value>, settings: &PoolSettings) -> Result<(), Refusal> {
    let refused = |message: String| Err(Refusal::Invalid(message));
    let entries: Vec<Input<'_>> =
        added.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object).map(Input).collect();
    let standard = PoolSettings::default();
    let mut names = Vec::new();
    for entry in &entries {
        let Some(name) = entry.text("Name") else { return refused("Schema: an attribute needs a Name".to_owned()) };
        if standard.definition(name).is_some() {
            continue;
        }
        if name.contains(':') || names.contains(&name) {
            return refused(format!("Schema: {name} is not a name, or comes twice"));
        }
        if entry.flag("Required") {
            return refused("Required custom attributes are not supported currently.".to_owned());
        }
        let exists = [format!("custom:{name}"), format!("dev:custom:{name}")];
        if exists.iter().any(|name| settings.definition(name).is_some()) {
            return refused(format!("custom:{name}: Existing attribute already has name custom:{name}."));
        }
        names.push(name);
    }
    let before = settings.definitions().len() - standard.definitions().len();
    if before + names.len() > MOST_CUSTOM {
        return refused("A pool may have at most 50 custom attributes".to_owned());
    }
    Ok(())
}

/// Refuses settings of a client that contradict one another.
pub(super) fn judge_client(input: Input<'_>) -> Result<(), CognitoError> {
    let rotates = input.within("RefreshTokenRotation").and_then(|rotation| rotation.text("Feature")) == Some("ENABLED");
    let refreshes = ["ALLOW_REFRESH_TOKEN_AUTH"];
    if rotates && input.list("ExplicitAuthFlows").iter().any(|flow| refreshes.contains(flow)) {
        let message = "Refresh token rotation cannot be enabled with ALLOW_REFRESH_TOKEN_AUTH";
        return Err(CognitoError::invalid_parameter(message));
    }
    if input.list("ExplicitAuthFlows").iter().any(|flow| flow.starts_with("ALLOW_TOKEN_EXCHANGE")) {
        return Err(CognitoError::invalid_parameter("ExplicitAuthFlows: tokens cannot be exchanged at this issuer"));
    }
    if input.get("EnableTokenRevocation") == Some(&Value::Bool(false)) {
        let message = "EnableTokenRevocation: tokens of this issuer can always be revoked";
        return Err(CognitoError::invalid_parameter(message));
    }
    Ok(())
}
