//! Pools: their life, their settings, their second factors, their attributes, their tags.

use serde_json::{Map, Value, json};

use super::super::answers::put;
use super::super::door::Call;
use super::super::error::CognitoError;
use super::super::input::page_token;
use super::describe;
use super::settings::{judge_pool, judge_schema};
use crate::issuer::flow::Refusal;
use crate::issuer::pool::{PoolSettings, UserPool};

/// Members that are not settings.
const NOT_SETTINGS: [&str; 3] = ["PoolName", "UserPoolId", "UserPoolName"];

pub(in super::super) async fn create_user_pool(call: &Call<'_>) -> Result<Value, CognitoError> {
    judge_pool(call.input)?;
    let settings = PoolSettings::of(call.input.without(&NOT_SETTINGS));
    let pool = call.engine.create_pool(call.region, call.input.needed("PoolName"), settings).await?;
    Ok(json!({"UserPool": describe::pool(&pool, call.administration, 0)}))
}

pub(in super::super) async fn describe_user_pool(call: &Call<'_>) -> Result<Value, CognitoError> {
    let pool = call.engine.known_pool(call.input.needed("UserPoolId")).await?;
    let users = call.engine.count_users(&pool.id).await?;
    Ok(json!({"UserPool": describe::pool(&pool, call.administration, users)}))
}

pub(in super::super) async fn update_user_pool(call: &Call<'_>) -> Result<Value, CognitoError> {
    judge_pool(call.input)?;
    let said = call.input.without(&NOT_SETTINGS);
    let name = call.input.text("PoolName").map(str::to_owned);
    let change = move |pool: &mut UserPool| {
        pool.settings = pool.settings.updated(&said);
        pool.name = name.unwrap_or_else(|| pool.name.clone());
        Ok(())
    };
    call.engine.change_pool(call.input.needed("UserPoolId"), change).await?;
    Ok(json!({}))
}

pub(in super::super) async fn delete_user_pool(call: &Call<'_>) -> Result<Value, CognitoError> {
    call.engine.delete_pool(call.input.needed("UserPoolId")).await?;
    Ok(json!({}))
}

pub(in super::super) async fn list_user_pools(call: &Call<'_>) -> Result<Value, CognitoError> {
    let size = call.input.page_size("MaxResults");
    let pools = call.engine.page_of_pools(&call.input.page_start("NextToken")?, size).await?;
    let mut answer = Map::new();
    put(&mut answer, "UserPools", Some(pools.entries.iter().map(describe::listed_pool).collect()));
    put(&mut answer, "NextToken", pools.next.map(|next| json!(page_token(&next))));
    Ok(Value::Object(answer))
}

pub(in super::super) async fn get_user_pool_mfa_config(call: &Call<'_>) -> Result<Value, CognitoError> {
    let pool = call.engine.known_pool(call.input.needed("UserPoolId")).await?;
    Ok(mfa_config(&pool))
}

/// What is not said is turned off.
pub(in super::super) async fn set_user_pool_mfa_config(call: &Call<'_>) -> Result<Value, CognitoError> {
    let input = call.input;
    let names =
        ["SmsMfaConfiguration", "SoftwareTokenMfaConfiguration", "EmailMfaConfiguration", "WebAuthnConfiguration"];
    if input.get("WebAuthnConfiguration").is_some() {
        return Err(CognitoError::invalid_parameter("WebAuthnConfiguration: passkeys are not built in this issuer"));
    }
    let said = names.map(|name| (name, input.get(name).cloned().unwrap_or(Value::Null)));
    let is_off = input.text("MfaConfiguration") == Some("OFF");
    let sets_a_factor = input.get("SmsMfaConfiguration").is_some()
        || input.get("EmailMfaConfiguration").is_some()
        || input.within("SoftwareTokenMfaConfiguration").is_some_and(|settings| settings.flag("Enabled"));
    let level = input.text("MfaConfiguration").map(|level| json!(level));
    let change = move |pool: &mut UserPool| {
        for (name, value) in said {
            pool.settings.set(name, value);
        }
        if let Some(level) = level {
            pool.settings.set("MfaConfiguration", level);
        }
        let factors = crate::issuer::pool::proof::Factor::ALL;
        let is_on = pool.settings.text("MfaConfiguration").is_some_and(|level| level != "OFF");
        if is_off && sets_a_factor {
            let message = "Invalid MFA configuration given, can't turn off MFA and configure an MFA together.";
            return Err(Refusal::Invalid(message.to_owned()));
        }
        if is_on && !factors.iter().any(|factor| pool.settings.has_factor(*factor)) {
            let message = "Invalid MFA configuration given, at least one MFA method must be enabled";
            return Err(Refusal::Invalid(message.to_owned()));
        }
        Ok(())
    };
    let pool = call.engine.change_pool(call.input.needed("UserPoolId"), change).await?;
    Ok(mfa_config(&pool))
}

fn mfa_config(pool: &UserPool) -> Value {
    let mut answer = Map::new();
    for name in
        ["SmsMfaConfiguration", "SoftwareTokenMfaConfiguration", "EmailMfaConfiguration", "WebAuthnConfiguration"]
    {
        put(&mut answer, name, pool.settings.get(name).cloned());
    }
    put(&mut answer, "MfaConfiguration", Some(json!(pool.settings.text("MfaConfiguration").unwrap_or("OFF"))));
    Value::Object(answer)
}

pub(in super::super) async fn add_custom_attributes(call: &Call<'_>) -> Result<Value, CognitoError> {
    let id = call.input.needed("UserPoolId");
    let added = call.input.get("CustomAttributes").cloned();
    let standard = PoolSettings::default();
    let is_standard = |entry: &Value| {
        entry.get("Name").and_then(Value::as_str).is_some_and(|name| standard.definition(name).is_some())
    };
    let added: Vec<Value> = added.and_then(|added| added.as_array().cloned()).unwrap_or_default();
    if added.iter().any(is_standard) {
        return Err(CognitoError::invalid_parameter("Schema update failed: a standard attribute cannot be added"));
    }
    let change = move |pool: &mut UserPool| {
        judge_schema(Some(&json!(added)), &pool.settings)?;
        let mut schema = pool.settings.get("Schema").and_then(Value::as_array).cloned().unwrap_or_default();
        schema.extend(added);
        pool.settings.set("Schema", Value::Array(schema));
        Ok(())
    };
    call.engine.change_pool(id, change).await?;
    Ok(json!({}))
}

/// The id at the end of a pool's ARN.
fn pool_of_arn<'a>(call: &Call<'a>) -> Result<&'a str, CognitoError> {
    let arn = call.input.needed("ResourceArn");
    let id = arn.rsplit_once(":userpool/").map(|(_, id)| id);
    id.ok_or_else(|| CognitoError::invalid_parameter("ResourceArn is not the ARN of a user pool"))
}

pub(in super::super) async fn tag_resource(call: &Call<'_>) -> Result<Value, CognitoError> {
    let added: Vec<(String, Value)> =
        call.input.map("Tags").into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let change = move |pool: &mut UserPool| {
        let mut tags = tags_of(pool);
        tags.extend(added);
        if tags.len() > 50 {
            return Err(Refusal::TooMany("A pool may have at most 50 tags"));
        }
        pool.settings.set("UserPoolTags", Value::Object(tags));
        Ok(())
    };
    call.engine.change_pool(pool_of_arn(call)?, change).await?;
    Ok(json!({}))
}

pub(in super::super) async fn untag_resource(call: &Call<'_>) -> Result<Value, CognitoError> {
    let keys: Vec<String> = call.input.list("TagKeys").into_iter().map(str::to_owned).collect();
    let change = move |pool: &mut UserPool| {
        let mut tags = tags_of(pool);
        tags.retain(|name, _| !keys.contains(name));
        pool.settings.set("UserPoolTags", Value::Object(tags));
        Ok(())
    };
    call.engine.change_pool(pool_of_arn(call)?, change).await?;
    Ok(json!({}))
}

pub(in super::super) async fn list_tags_for_resource(call: &Call<'_>) -> Result<Value, CognitoError> {
    let pool = call.engine.known_pool(pool_of_arn(call)?).await?;
    Ok(json!({"Tags": tags_of(&pool)}))
}

fn tags_of(pool: &UserPool) -> Map<String, Value> {
    pool.settings.get("UserPoolTags").and_then(Value::as_object).cloned().unwrap_or_default()
}
