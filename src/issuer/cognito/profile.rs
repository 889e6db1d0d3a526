//! `GetUser`.

use serde_json::{Map, Value, json};

use super::error::CognitoError;
use super::members::Members;
use super::tokens::ACCESS_TOKEN;
use crate::issuer::flow::Engine;

/// Tells the bearer who it is. Attributes are text here, flags too.
pub(super) async fn profile_of_bearer(engine: &Engine, input: &Map<String, Value>) -> Result<Value, CognitoError> {
    let mut members = Members::of(input);
    let access_token = members.required(&ACCESS_TOKEN);
    members.judged()?;
    let user = engine.bearer(access_token).await?;
    let sub = [("sub", user.sub.as_str())];
    let attributes = sub.into_iter().chain(user.attributes.iter());
    let attributes: Vec<Value> = attributes.map(|(name, value)| json!({"Name": name, "Value": value})).collect();
    Ok(json!({"Username": user.name, "UserAttributes": attributes}))
}
