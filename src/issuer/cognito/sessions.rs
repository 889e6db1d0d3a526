//! Sessions of a user, one by one: `ListUserSessions`, `RevokeUserSession`, and the same by administrators; and whether they are tracked.

use serde_json::{Map, Value, json};

use super::answers::time;
use super::door::Call;
use super::error::CognitoError;
use crate::issuer::pool::{Session, UserPool};

pub(super) async fn list_own(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (sessions, current) = call.engine.own_sessions(call.input.needed("AccessToken")).await?;
    Ok(told(&sessions, &current))
}

pub(super) async fn list_by_admin(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, user_name) = (call.input.needed("UserPoolId"), call.input.needed("Username"));
    Ok(told(&call.engine.sessions_by_admin(pool_id, user_name).await?, ""))
}

fn told(sessions: &[Session], current: &str) -> Value {
    let session = |session: &Session| {
        json!({
            "SessionId": session.public_id(),
            "SessionType": "TOKEN",
            "ClientId": session.client_id,
            "CreateDate": time(session.signed_in_at),
            "LastActiveDate": time(session.active_at),
            "IsCurrentSession": session.id == current,
        })
    };
    json!({"Sessions": sessions.iter().map(session).collect::<Vec<_>>()})
}

pub(super) async fn revoke_own(call: &Call<'_>) -> Result<Value, CognitoError> {
    call.engine.end_own_session(call.input.needed("AccessToken"), call.input.needed("SessionId")).await?;
    Ok(json!({}))
}

pub(super) async fn revoke_by_admin(call: &Call<'_>) -> Result<Value, CognitoError> {
    let who = (call.input.needed("UserPoolId"), call.input.needed("Username"));
    call.engine.end_session_by_admin(who, call.input.needed("SessionId")).await?;
    Ok(json!({}))
}

pub(super) async fn get_configuration(call: &Call<'_>) -> Result<Value, CognitoError> {
    Ok(configuration(&call.engine.known_pool(call.input.needed("UserPoolId")).await?))
}

pub(super) async fn set_configuration(call: &Call<'_>) -> Result<Value, CognitoError> {
    let tracks = call.input.text("UserSessionTracking") == Some("ENABLED");
    let most = call.input.within("TokenSession").and_then(|sessions| sessions.number("MaxPerUser"));
    let change = move |pool: &mut UserPool| {
        let most = most.unwrap_or(pool.settings.sessions().1);
        pool.settings.set_sessions(tracks, most);
        Ok(())
    };
    Ok(configuration(&call.engine.change_pool(call.input.needed("UserPoolId"), change).await?))
}

fn configuration(pool: &UserPool) -> Value {
    let (tracks, most) = pool.settings.sessions();
    let members = [
        ("UserPoolId", json!(pool.id)),
        ("UserSessionTracking", json!(if tracks { "ENABLED" } else { "DISABLED" })),
        ("TokenSession", json!({"MaxPerUser": most})),
    ];
    Value::Object(members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect::<Map<_, _>>())
}
