//! Users as administrators make, change and delete them.

use serde_json::{Map, Value, json};

use super::super::answers::{attributes, listed_user, put, put_factors, time};
use super::super::door::Call;
use super::super::error::CognitoError;
use super::super::own::{auth_factors, preferences, sms_option};
use crate::issuer::flow::{Creation, Given, NewByAdmin};
use crate::issuer::messages::Medium;

/// The pool and the user that a call names.
fn named<'a>(call: &Call<'a>) -> (&'a str, &'a str) {
    (call.input.needed("UserPoolId"), call.input.needed("Username"))
}

pub(in super::super) async fn create_user(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, user_name) = named(call);
    let creation = match call.input.text("MessageAction") {
        Some("RESEND") => Creation::Resend,
        Some("SUPPRESS") => Creation::Suppress,
        _ => Creation::Tell,
    };
    let media = call.input.list("DesiredDeliveryMediums");
    let medium = |name: &&str| if *name == "EMAIL" { Medium::Email } else { Medium::Sms };
    let ask = NewByAdmin {
        pool_id,
        user_name,
        attributes: call.input.attributes("UserAttributes"),
        password: call.input.secret("TemporaryPassword"),
        creation,
        media: media.iter().map(medium).collect(),
        by_force: call.input.flag("ForceAliasCreation"),
    };
    let user = call.engine.create_user(ask).await?;
    Ok(json!({"User": listed_user(&user, |_| true)}))
}

pub(in super::super) async fn get_user(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, user_name) = named(call);
    let stored = call.engine.stored_user(pool_id, user_name).await?;
    let user = &stored.user;
    let mut answer = Map::new();
    put(&mut answer, "Username", Some(json!(user.name)));
    put(&mut answer, "UserAttributes", Some(attributes(user, |_| true)));
    put(&mut answer, "UserCreateDate", Some(time(user.created_at)));
    put(&mut answer, "UserLastModifiedDate", Some(time(user.updated_at)));
    put(&mut answer, "Enabled", Some(json!(user.enabled)));
    put(&mut answer, "UserStatus", Some(json!(user.status.name())));
    put_factors(&mut answer, &stored.credentials);
    Ok(Value::Object(answer))
}

pub(in super::super) async fn get_auth_factors(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, user_name) = named(call);
    Ok(auth_factors(&call.engine.stored_user(pool_id, user_name).await?))
}

pub(in super::super) async fn set_password(call: &Call<'_>) -> Result<Value, CognitoError> {
    let password = call.input.needed("Password").into();
    call.engine.set_user_password(named(call), password, call.input.flag("Permanent")).await?;
    Ok(json!({}))
}

pub(in super::super) async fn reset_password(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, user_name) = named(call);
    call.engine.reset_user_password(pool_id, user_name).await?;
    Ok(json!({}))
}

pub(in super::super) async fn set_enabled(call: &Call<'_>, enabled: bool) -> Result<Value, CognitoError> {
    let (pool_id, user_name) = named(call);
    call.engine.set_enabled(pool_id, user_name, enabled).await?;
    Ok(json!({}))
}

pub(in super::super) async fn delete_user(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, user_name) = named(call);
    let user = call.engine.stored_user(pool_id, user_name).await?.user;
    call.engine.delete_user(pool_id, &user.sub).await?;
    Ok(json!({}))
}

pub(in super::super) async fn confirm_sign_up(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, user_name) = named(call);
    call.engine.confirm_by_admin(pool_id, user_name).await?;
    Ok(json!({}))
}

pub(in super::super) async fn update_attributes(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, user_name) = named(call);
    call.engine.update_by_admin(pool_id, user_name, call.input.attributes("UserAttributes")).await?;
    Ok(json!({}))
}

pub(in super::super) async fn delete_attributes(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, user_name) = named(call);
    let names = call.input.list("UserAttributeNames").into_iter();
    let given: Given = names.map(|name| (name.to_owned(), String::new())).collect();
    call.engine.update_by_admin(pool_id, user_name, given).await?;
    Ok(json!({}))
}

pub(in super::super) async fn sign_out(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, user_name) = named(call);
    call.engine.sign_out_by_admin(pool_id, user_name).await?;
    Ok(json!({}))
}

pub(in super::super) async fn set_mfa_preference(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, user_name) = named(call);
    let stored = call.engine.stored_user(pool_id, user_name).await?;
    let pool = call.engine.known_pool(pool_id).await?;
    call.engine.prefer(&pool, &stored.user.sub, &preferences(call.input)?).await?;
    Ok(json!({}))
}

pub(in super::super) async fn set_settings(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, user_name) = named(call);
    let stored = call.engine.stored_user(pool_id, user_name).await?;
    let pool = call.engine.known_pool(pool_id).await?;
    call.engine.prefer(&pool, &stored.user.sub, &[sms_option(call.input)]).await?;
    Ok(json!({}))
}

pub(in super::super) async fn delete_software_token(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, user_name) = named(call);
    let stored = call.engine.stored_user(pool_id, user_name).await?;
    call.engine.remove_totp(pool_id, &stored.user.sub).await?;
    Ok(json!({}))
}
