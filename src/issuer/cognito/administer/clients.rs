//! App clients and their secrets.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::super::answers::{put, time};
use super::super::door::Call;
use super::super::error::CognitoError;
use super::super::input::page_token;
use super::describe;
use super::settings::judge_client;
use crate::issuer::pool::new_client_secret;

/// Members that are not settings.
const NOT_SETTINGS: [&str; 5] = ["UserPoolId", "ClientId", "ClientName", "GenerateSecret", "ClientSecret"];

pub(in super::super) async fn create_user_pool_client(call: &Call<'_>) -> Result<Value, CognitoError> {
    let input = call.input;
    judge_client(input)?;
    let secret = match input.secret("ClientSecret") {
        None if input.flag("GenerateSecret") => Some(SecretString::from(new_client_secret()?)),
        given => given,
    };
    let settings = (input.needed("ClientName"), input.without(&NOT_SETTINGS));
    let (client, secret) = call.engine.create_client(input.needed("UserPoolId"), settings, secret).await?;
    Ok(json!({"UserPoolClient": describe::client(&client, secret.as_ref())}))
}

pub(in super::super) async fn describe_user_pool_client(call: &Call<'_>) -> Result<Value, CognitoError> {
    let client = call.engine.client_in(call.input.needed("UserPoolId"), call.input.needed("ClientId")).await?;
    let secrets = call.engine.secrets_of(&client).await?;
    Ok(json!({"UserPoolClient": describe::client(&client, secrets.first())}))
}

pub(in super::super) async fn update_user_pool_client(call: &Call<'_>) -> Result<Value, CognitoError> {
    let input = call.input;
    judge_client(input)?;
    let (pool_id, id) = (input.needed("UserPoolId"), input.needed("ClientId"));
    let settings = (input.text("ClientName"), input.without(&NOT_SETTINGS));
    let client = call.engine.update_client(pool_id, id, settings).await?;
    let secrets = call.engine.secrets_of(&client).await?;
    Ok(json!({"UserPoolClient": describe::client(&client, secrets.first())}))
}

pub(in super::super) async fn delete_user_pool_client(call: &Call<'_>) -> Result<Value, CognitoError> {
    call.engine.delete_client(call.input.needed("UserPoolId"), call.input.needed("ClientId")).await?;
    Ok(json!({}))
}

pub(in super::super) async fn list_user_pool_clients(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, size) = (call.input.needed("UserPoolId"), call.input.page_size("MaxResults"));
    let clients = call.engine.page_of_clients(pool_id, &call.input.page_start("NextToken")?, size).await?;
    let listed = clients
        .entries
        .iter()
        .map(|client| json!({"ClientId": client.id, "UserPoolId": client.pool_id, "ClientName": client.name}));
    let mut answer = Map::new();
    put(&mut answer, "UserPoolClients", Some(listed.collect()));
    put(&mut answer, "NextToken", clients.next.map(|next| json!(page_token(&next))));
    Ok(Value::Object(answer))
}

pub(in super::super) async fn add_user_pool_client_secret(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, id) = (call.input.needed("UserPoolId"), call.input.needed("ClientId"));
    let given = call.input.secret("ClientSecret");
    let is_given = given.is_some();
    let made = call.engine.add_secret(pool_id, id, given).await?;
    let mut described = Map::new();
    put(&mut described, "ClientSecretId", Some(json!(made.id)));
    put(&mut described, "ClientSecretCreateDate", Some(time(made.created_at)));
    // The caller knows one that it gave.
    put(&mut described, "ClientSecretValue", (!is_given).then(|| json!(made.secret.expose_secret())));
    Ok(json!({"ClientSecretDescriptor": described}))
}

pub(in super::super) async fn list_user_pool_client_secrets(call: &Call<'_>) -> Result<Value, CognitoError> {
    let client = call.engine.client_in(call.input.needed("UserPoolId"), call.input.needed("ClientId")).await?;
    let kept = call.engine.kept_secrets(&client).await?;
    let listed =
        kept.iter().map(|kept| json!({"ClientSecretId": kept.id, "ClientSecretCreateDate": time(kept.created_at)}));
    Ok(json!({"ClientSecrets": listed.collect::<Vec<_>>()}))
}

pub(in super::super) async fn delete_user_pool_client_secret(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, id) = (call.input.needed("UserPoolId"), call.input.needed("ClientId"));
    call.engine.delete_secret(pool_id, id, call.input.needed("ClientSecretId")).await?;
    Ok(json!({}))
}
