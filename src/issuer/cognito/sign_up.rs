//! Sign-up and recovery: what a user calls who has no token.

use serde_json::{Map, Value, json};

use super::answers::{delivery, put};
use super::door::Call;
use super::error::CognitoError;
use crate::issuer::flow::{Confirmation, Recovery, SignUp};

pub(super) async fn sign_up(call: &Call<'_>) -> Result<Value, CognitoError> {
    let input = &call.input;
    let ask = SignUp {
        client_id: input.needed("ClientId"),
        secret_hash: input.text("SecretHash"),
        user_name: input.needed("Username"),
        password: input.secret("Password"),
        attributes: input.attributes("UserAttributes"),
    };
    let made = call.engine.sign_up(ask).await?;
    let mut answer = Map::new();
    put(&mut answer, "UserConfirmed", Some(json!(false)));
    put(&mut answer, "UserSub", Some(json!(made.sub)));
    put(&mut answer, "CodeDeliveryDetails", made.delivery.as_ref().map(delivery));
    put(&mut answer, "Session", made.session.map(|session| json!(session)));
    Ok(Value::Object(answer))
}

pub(super) async fn confirm_sign_up(call: &Call<'_>) -> Result<Value, CognitoError> {
    let input = &call.input;
    let ask = Confirmation {
        client_id: input.needed("ClientId"),
        secret_hash: input.text("SecretHash"),
        user_name: input.needed("Username"),
        code: input.needed("ConfirmationCode"),
        by_force: input.flag("ForceAliasCreation"),
        session: input.text("Session"),
    };
    let session = call.engine.confirm_sign_up(ask).await?;
    let mut answer = Map::new();
    put(&mut answer, "Session", session.map(|session| json!(session)));
    Ok(Value::Object(answer))
}

pub(super) async fn resend_confirmation_code(call: &Call<'_>) -> Result<Value, CognitoError> {
    let input = &call.input;
    let (client_id, secret_hash) = (input.needed("ClientId"), input.text("SecretHash"));
    let sent = call.engine.resend_code(client_id, secret_hash, input.needed("Username")).await?;
    Ok(json!({"CodeDeliveryDetails": delivery(&sent)}))
}

pub(super) async fn forgot_password(call: &Call<'_>) -> Result<Value, CognitoError> {
    let input = &call.input;
    let (client_id, secret_hash) = (input.needed("ClientId"), input.text("SecretHash"));
    let sent = call.engine.forgot_password(client_id, secret_hash, input.needed("Username")).await?;
    Ok(json!({"CodeDeliveryDetails": delivery(&sent)}))
}

pub(super) async fn confirm_forgot_password(call: &Call<'_>) -> Result<Value, CognitoError> {
    let input = &call.input;
    let ask = Recovery {
        client_id: input.needed("ClientId"),
        secret_hash: input.text("SecretHash"),
        user_name: input.needed("Username"),
        code: input.needed("ConfirmationCode"),
        password: input.needed("Password").into(),
    };
    call.engine.recover(ask).await?;
    Ok(json!({}))
}
