//! `RevokeToken` and `GlobalSignOut`.

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::error::CognitoError;
use super::members::{LONGEST_TEXT, Members, Text};
use super::sign_in::{CLIENT_ID, is_word};
use crate::issuer::flow::{Engine, TokenRevocation};

pub(super) const ACCESS_TOKEN: Text = token("AccessToken");
const TOKEN: Text = token("Token");
const CLIENT_SECRET: Text = Text { pattern: Some((r"[\w+]+", is_word)), ..Text::sensitive("ClientSecret", (24, 64)) };

/// The model's `TokenModelType`.
const fn token(name: &'static str) -> Text {
    Text { pattern: Some(("[A-Za-z0-9-_=.]+", is_token)), ..Text::sensitive(name, (0, LONGEST_TEXT)) }
}

fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-_=.".contains(character)
}

/// Ends the session of a refresh token.
pub(super) async fn revoke_token(engine: &Arc<Engine>, input: &Map<String, Value>) -> Result<Value, CognitoError> {
    let mut members = Members::of(input);
    let token = members.required(&TOKEN);
    let client_id = members.required(&CLIENT_ID);
    let client_secret = members.optional(&CLIENT_SECRET).map(SecretString::from);
    members.judged()?;
    engine.revoke_token(TokenRevocation { client_id, client_secret, token }).await?;
    Ok(json!({}))
}

/// Ends all sessions of the bearer.
pub(super) async fn global_sign_out(engine: &Arc<Engine>, input: &Map<String, Value>) -> Result<Value, CognitoError> {
    let mut members = Members::of(input);
    let access_token = members.required(&ACCESS_TOKEN);
    members.judged()?;
    engine.sign_out_everywhere(access_token).await?;
    Ok(json!({}))
}
