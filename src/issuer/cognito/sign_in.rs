//! Sign-in, refresh and sign-out, by users and by administrators.

use serde_json::{Value, json};

use super::answers::{step, tokens};
use super::door::Call;
use super::error::CognitoError;
use crate::issuer::flow::{Ask, Reply, TokenRevocation};

/// `InitiateAuth` and `AdminInitiateAuth`. `ClientMetadata`, `AnalyticsMetadata` and `UserContextData` have nobody yet who reads them.
pub(super) async fn initiate_auth(call: &Call<'_>) -> Result<Value, CognitoError> {
    let parameters = call.input.map("AuthParameters");
    let ask = Ask {
        flow: call.input.needed("AuthFlow"),
        client_id: call.input.needed("ClientId"),
        admin_of: call.input.text("UserPoolId").filter(|_| call.is_administrative),
        parameters: &parameters,
        session: call.input.text("Session"),
        address: call.address,
    };
    Ok(step(&call.engine.initiate(&ask).await?))
}

/// `RespondToAuthChallenge` and `AdminRespondToAuthChallenge`.
pub(super) async fn respond_to_auth_challenge(call: &Call<'_>) -> Result<Value, CognitoError> {
    let responses = call.input.map("ChallengeResponses");
    let reply = Reply {
        challenge: call.input.needed("ChallengeName"),
        client_id: call.input.needed("ClientId"),
        admin_of: call.input.text("UserPoolId").filter(|_| call.is_administrative),
        session: call.input.text("Session"),
        responses: &responses,
        address: call.address,
    };
    Ok(step(&call.engine.answer(&reply).await?))
}

pub(super) async fn tokens_from_refresh_token(call: &Call<'_>) -> Result<Value, CognitoError> {
    let secret = call.input.secret("ClientSecret");
    let (client_id, token) = (call.input.needed("ClientId"), call.input.needed("RefreshToken"));
    let signed_in = call.engine.rotate(client_id, secret.as_ref(), token).await?;
    Ok(json!({"AuthenticationResult": tokens(&signed_in)}))
}

/// Ends the session of a refresh token.
pub(super) async fn revoke_token(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (client_id, token) = (call.input.needed("ClientId"), call.input.needed("Token"));
    let client_secret = call.input.secret("ClientSecret");
    call.engine.revoke_token(TokenRevocation { client_id, client_secret, token }).await?;
    Ok(json!({}))
}

/// Ends all sessions of the bearer.
pub(super) async fn global_sign_out(call: &Call<'_>) -> Result<Value, CognitoError> {
    call.engine.sign_out_everywhere(call.input.needed("AccessToken")).await?;
    Ok(json!({}))
}
