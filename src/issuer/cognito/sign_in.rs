//! `InitiateAuth`.

use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::error::CognitoError;
use super::members::{LONGEST_TEXT, Members, Text};
use crate::issuer::flow::{Engine, PasswordSignIn, Refresh, SignedIn};

pub(super) const CLIENT_ID: Text =
    Text { pattern: Some((r"[\w+]+", is_word)), ..Text::sensitive("ClientId", (1, 128)) };

const AUTH_FLOW: Text = Text {
    name: "AuthFlow",
    length: (0, LONGEST_TEXT),
    pattern: None,
    values: &[
        "USER_SRP_AUTH",
        "REFRESH_TOKEN_AUTH",
        "REFRESH_TOKEN",
        "CUSTOM_AUTH",
        "ADMIN_NO_SRP_AUTH",
        "USER_PASSWORD_AUTH",
        "ADMIN_USER_PASSWORD_AUTH",
        "USER_AUTH",
    ],
    sensitive: false,
};

pub(super) fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == '+'
}

/// Signs in or refreshes. `ClientMetadata`, `AnalyticsMetadata` and `UserContextData` have nobody yet who reads them.
pub(super) async fn initiate_auth(engine: &Engine, input: &Map<String, Value>) -> Result<Value, CognitoError> {
    let mut members = Members::of(input);
    let flow = members.required(&AUTH_FLOW);
    let client_id = members.required(&CLIENT_ID);
    let parameters = members.texts("AuthParameters");
    members.judged()?;

    let parameter = |name| parameters.iter().find(|(given, _)| *given == name).map(|(_, value)| *value);
    let secret_hash = parameter("SECRET_HASH");
    let signed_in = match flow {
        "USER_PASSWORD_AUTH" => {
            let password = parameter("PASSWORD").map(SecretString::from);
            let ask = PasswordSignIn { client_id, user_name: parameter("USERNAME"), password, secret_hash };
            engine.sign_in(ask).await?
        }
        "REFRESH_TOKEN_AUTH" | "REFRESH_TOKEN" => {
            let ask = Refresh { client_id, token: parameter("REFRESH_TOKEN"), secret_hash };
            engine.refresh(ask).await?
        }
        "ADMIN_NO_SRP_AUTH" | "ADMIN_USER_PASSWORD_AUTH" => {
            return Err(CognitoError::invalid_parameter("Initiate Auth method not supported"));
        }
        // No client can have any other flow yet.
        _ => return Err(engine.refuse_flow(client_id, flow).await.into()),
    };
    Ok(answer(&signed_in))
}

fn answer(signed_in: &SignedIn) -> Value {
    let mut result = json!({
        "AccessToken": signed_in.access_token,
        "ExpiresIn": signed_in.expires_in,
        "IdToken": signed_in.id_token,
        "TokenType": "Bearer",
    });
    if let (Some(result), Some(refresh_token)) = (result.as_object_mut(), &signed_in.refresh_token) {
        result.insert("RefreshToken".to_owned(), refresh_token.expose().into());
    }
    json!({"AuthenticationResult": result, "ChallengeParameters": {}})
}
