//! Pools, clients and groups as answers describe them, with Cognito's defaults where nothing was said.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::super::administration::Administration;
use super::super::answers::{put, time};
use crate::issuer::pool::{AttributeDefinition, Client, Group, UserPool};

/// A pool, whole.
pub(super) fn pool(pool: &UserPool, administration: &Administration, users: i64) -> Value {
    let settings = &pool.settings;
    let mut answer = settings.as_map().clone();
    for name in [
        "Schema",
        "SoftwareTokenMfaConfiguration",
        "SmsMfaConfiguration",
        "EmailMfaConfiguration",
        "WebAuthnConfiguration",
        "SessionConfiguration",
    ] {
        answer.remove(name);
    }
    answer.retain(|_, value| !value.is_null());
    let schema: Vec<Value> = settings.definitions().iter().map(AttributeDefinition::describe).collect();
    let always = [
        ("Id", json!(pool.id)),
        ("Name", json!(pool.name)),
        ("Arn", json!(administration.arn(&pool.id))),
        ("CreationDate", time(pool.created_at)),
        ("LastModifiedDate", time(pool.updated_at)),
        ("SchemaAttributes", json!(schema)),
        ("Policies", policies(pool)),
        ("AdminCreateUserConfig", admin_create_user(pool)),
        ("VerificationMessageTemplate", verification_template(pool)),
        ("EstimatedNumberOfUsers", json!(users)),
    ];
    answer.extend(always.map(|(name, value)| (name.to_owned(), value)));
    let recovery = json!({"RecoveryMechanisms": [{"Priority": 1, "Name": "verified_email"}, {"Priority": 2, "Name": "verified_phone_number"}]});
    let defaults = [
        ("DeletionProtection", json!("INACTIVE")),
        ("LambdaConfig", json!({})),
        ("MfaConfiguration", json!("OFF")),
        ("EmailConfiguration", json!({"EmailSendingAccount": "COGNITO_DEFAULT"})),
        ("AccountRecoverySetting", recovery),
        ("UserPoolTags", json!({})),
        ("UserPoolTier", json!("ESSENTIALS")),
    ];
    for (name, value) in defaults {
        answer.entry(name).or_insert(value);
    }
    Value::Object(answer)
}

fn policies(pool: &UserPool) -> Value {
    let policy = pool.settings.password_policy();
    let mut password = json!({
        "MinimumLength": policy.shortest,
        "RequireUppercase": policy.upper,
        "RequireLowercase": policy.lower,
        "RequireNumbers": policy.digits,
        "RequireSymbols": policy.symbols,
        "TemporaryPasswordValidityDays": policy.temporary_days,
    });
    if let (true, Some(password)) = (policy.history > 0, password.as_object_mut()) {
        password.insert("PasswordHistorySize".to_owned(), json!(policy.history));
    }
    let sign_in = pool.settings.get("Policies").and_then(|policies| policies.get("SignInPolicy"));
    let sign_in = sign_in.cloned().unwrap_or_else(|| json!({"AllowedFirstAuthFactors": ["PASSWORD"]}));
    json!({"PasswordPolicy": password, "SignInPolicy": sign_in})
}

fn admin_create_user(pool: &UserPool) -> Value {
    let said = pool.settings.get("AdminCreateUserConfig").and_then(Value::as_object).cloned();
    let mut said = said.unwrap_or_default();
    said.entry("AllowAdminCreateUserOnly").or_insert(json!(false));
    said.entry("UnusedAccountValidityDays").or_insert(json!(pool.settings.password_policy().temporary_days));
    Value::Object(said)
}

fn verification_template(pool: &UserPool) -> Value {
    let said = pool.settings.get("VerificationMessageTemplate").and_then(Value::as_object).cloned();
    let mut said = said.unwrap_or_default();
    said.entry("DefaultEmailOption").or_insert(json!("CONFIRM_WITH_CODE"));
    Value::Object(said)
}

/// A pool as lists have it.
pub(super) fn listed_pool(pool: &UserPool) -> Value {
    json!({
        "Id": pool.id,
        "Name": pool.name,
        "LambdaConfig": {},
        "CreationDate": time(pool.created_at),
        "LastModifiedDate": time(pool.updated_at),
    })
}

/// A client, whole; with the secret where it is to be told.
pub(super) fn client(client: &Client, secret: Option<&SecretString>) -> Value {
    let mut answer = client.settings.as_map().clone();
    answer.retain(|_, value| !value.is_null());
    let always = [
        ("UserPoolId", json!(client.pool_id)),
        ("ClientName", json!(client.name)),
        ("ClientId", json!(client.id)),
        ("CreationDate", time(client.created_at)),
        ("LastModifiedDate", time(client.updated_at)),
    ];
    answer.extend(always.map(|(name, value)| (name.to_owned(), value)));
    let defaults = [
        ("RefreshTokenValidity", json!(30)),
        ("TokenValidityUnits", json!({})),
        ("AllowedOAuthFlowsUserPoolClient", json!(false)),
        ("EnableTokenRevocation", json!(true)),
        ("EnablePropagateAdditionalUserContextData", json!(false)),
        ("AuthSessionValidity", json!(3)),
        ("PreventUserExistenceErrors", json!("ENABLED")),
    ];
    for (name, value) in defaults {
        answer.entry(name).or_insert(value);
    }
    put(&mut answer, "ClientSecret", secret.map(|secret| json!(secret.expose_secret())));
    Value::Object(answer)
}

/// A group.
pub(super) fn group(group: &Group, pool_id: &str) -> Value {
    let mut answer = Map::new();
    put(&mut answer, "GroupName", Some(json!(group.name)));
    put(&mut answer, "UserPoolId", Some(json!(pool_id)));
    put(&mut answer, "Description", group.description.as_ref().map(|description| json!(description)));
    put(&mut answer, "RoleArn", group.role_arn.as_ref().map(|role| json!(role)));
    put(&mut answer, "Precedence", group.precedence.map(|precedence| json!(precedence)));
    put(&mut answer, "CreationDate", Some(time(group.created_at)));
    put(&mut answer, "LastModifiedDate", Some(time(group.updated_at)));
    Value::Object(answer)
}
