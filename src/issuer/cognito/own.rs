//! What users do with their own accounts, by an access token.

use serde_json::{Map, Value, json};

use super::answers::{attributes, delivery, put, put_factors};
use super::door::Call;
use super::error::CognitoError;
use super::input::Input;
use crate::issuer::flow::{Preference, Refusal, TotpBearer};
use crate::issuer::pool::StoredUser;
use crate::issuer::pool::proof::{Factor, FirstFactor};

pub(super) async fn get_user(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (stored, client) = call.engine.own(call.input.needed("AccessToken")).await?;
    let mut answer = Map::new();
    put(&mut answer, "Username", Some(json!(stored.user.name)));
    put(&mut answer, "UserAttributes", Some(attributes(&stored.user, |name| client.settings.may_read(name))));
    put_factors(&mut answer, &stored.credentials);
    Ok(Value::Object(answer))
}

pub(super) async fn get_user_auth_factors(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (stored, _) = call.engine.own(call.input.needed("AccessToken")).await?;
    Ok(auth_factors(&stored))
}

/// The factors that a user has, first and second.
pub(super) fn auth_factors(stored: &StoredUser) -> Value {
    let mut configured = Vec::new();
    configured.extend(stored.password.as_ref().map(|_| FirstFactor::Password.name()));
    let proved = |attribute| stored.user.attributes.is_verified(attribute);
    configured.extend(proved("email").then(|| FirstFactor::EmailOtp.name()));
    configured.extend(proved("phone_number").then(|| FirstFactor::SmsOtp.name()));
    let mut answer = Map::new();
    put(&mut answer, "Username", Some(json!(stored.user.name)));
    put(&mut answer, "ConfiguredUserAuthFactors", Some(json!(configured)));
    put_factors(&mut answer, &stored.credentials);
    Value::Object(answer)
}

pub(super) async fn update_user_attributes(call: &Call<'_>) -> Result<Value, CognitoError> {
    let given = call.input.attributes("UserAttributes");
    let sent = call.engine.update_own(call.input.needed("AccessToken"), given).await?;
    Ok(json!({"CodeDeliveryDetailsList": sent.iter().map(delivery).collect::<Vec<_>>()}))
}

pub(super) async fn delete_user_attributes(call: &Call<'_>) -> Result<Value, CognitoError> {
    let names = call.input.list("UserAttributeNames");
    call.engine.delete_own_attributes(call.input.needed("AccessToken"), &names).await?;
    Ok(json!({}))
}

pub(super) async fn get_user_attribute_verification_code(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (token, attribute) = (call.input.needed("AccessToken"), call.input.needed("AttributeName"));
    let sent = call.engine.send_verification(token, attribute).await?;
    Ok(json!({"CodeDeliveryDetails": delivery(&sent)}))
}

pub(super) async fn verify_user_attribute(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (token, attribute) = (call.input.needed("AccessToken"), call.input.needed("AttributeName"));
    call.engine.verify_attribute(token, attribute, call.input.needed("Code")).await?;
    Ok(json!({}))
}

pub(super) async fn delete_user(call: &Call<'_>) -> Result<Value, CognitoError> {
    call.engine.delete_own(call.input.needed("AccessToken")).await?;
    Ok(json!({}))
}

pub(super) async fn change_password(call: &Call<'_>) -> Result<Value, CognitoError> {
    let passwords = (call.input.secret("PreviousPassword"), call.input.needed("ProposedPassword").into());
    call.engine.change_password(call.input.needed("AccessToken"), passwords).await?;
    Ok(json!({}))
}

pub(super) async fn associate_software_token(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (secret, session) = call.engine.associate_totp(totp_bearer(call)?).await?;
    let mut answer = Map::new();
    put(&mut answer, "SecretCode", Some(json!(secret)));
    put(&mut answer, "Session", session.map(|session| json!(session)));
    Ok(Value::Object(answer))
}

pub(super) async fn verify_software_token(call: &Call<'_>) -> Result<Value, CognitoError> {
    let session = call.engine.verify_totp(totp_bearer(call)?, call.input.needed("UserCode")).await?;
    let mut answer = Map::new();
    put(&mut answer, "Status", Some(json!("SUCCESS")));
    put(&mut answer, "Session", session.map(|session| json!(session)));
    Ok(Value::Object(answer))
}

fn totp_bearer<'a>(call: &Call<'a>) -> Result<TotpBearer<'a>, CognitoError> {
    match (call.input.text("AccessToken"), call.input.text("Session")) {
        (Some(token), None) => Ok(TotpBearer::AccessToken(token)),
        (None, Some(session)) => Ok(TotpBearer::Session(session)),
        _ => Err(CognitoError::invalid_parameter("Exactly one of AccessToken and Session must be given")),
    }
}

pub(super) async fn set_user_mfa_preference(call: &Call<'_>) -> Result<Value, CognitoError> {
    call.engine.prefer_own(call.input.needed("AccessToken"), &preferences(call.input)?).await?;
    Ok(json!({}))
}

/// The older way to turn SMS on and off.
pub(super) async fn set_user_settings(call: &Call<'_>) -> Result<Value, CognitoError> {
    call.engine.prefer_own(call.input.needed("AccessToken"), &[sms_option(call.input)]).await?;
    Ok(json!({}))
}

pub(super) fn sms_option(input: Input<'_>) -> Preference {
    let enabled = input.get("MFAOptions").and_then(Value::as_array).is_some_and(|options| !options.is_empty());
    Preference { factor: Factor::Sms, enabled, preferred: false }
}

/// What `SetUserMFAPreference` says of each factor.
pub(super) fn preferences(input: Input<'_>) -> Result<Vec<Preference>, CognitoError> {
    let named = [
        ("SMSMfaSettings", Factor::Sms),
        ("SoftwareTokenMfaSettings", Factor::Totp),
        ("EmailMfaSettings", Factor::Email),
    ];
    if input.within("WebAuthnMfaSettings").is_some_and(|settings| settings.flag("Enabled")) {
        return Err(Refusal::Invalid("Passkeys are not built in this issuer.".to_owned()).into());
    }
    let preference = |(name, factor): (&str, Factor)| {
        let settings = input.within(name)?;
        let (enabled, preferred) = (settings.flag("Enabled"), settings.flag("PreferredMfa"));
        Some(Preference { factor, enabled: enabled || preferred, preferred })
    };
    Ok(named.into_iter().filter_map(preference).collect())
}
