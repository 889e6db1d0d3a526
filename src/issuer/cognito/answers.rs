//! Shapes that several answers share: users, deliveries, sign-ins. No member is ever `null`.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use crate::issuer::flow::{Challenge, Delivery, SignedIn, Step};
use crate::issuer::pool::{Credentials, User};

/// A time as AWS has it in JSON: seconds, with a fraction.
pub(super) fn time(unix_millis: u64) -> Value {
    json!(Duration::from_millis(unix_millis).as_secs_f64())
}

/// Puts a member in where there is one.
pub(super) fn put(answer: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    answer.extend(value.map(|value| (name.to_owned(), value)));
}

pub(super) fn delivery(delivery: &Delivery) -> Value {
    json!({
        "Destination": delivery.destination,
        "DeliveryMedium": delivery.medium.name(),
        "AttributeName": delivery.attribute,
    })
}

/// Attributes as a list, `sub` first, of those that `wanted` lets stand. Flags are text here too.
pub(super) fn attributes(user: &User, wanted: impl Fn(&str) -> bool) -> Value {
    let sub = [("sub", user.sub.as_str())];
    let all = sub.into_iter().chain(user.attributes.iter()).filter(|(name, _)| wanted(name));
    all.map(|(name, value)| json!({"Name": name, "Value": value})).collect()
}

/// A user as lists have it.
pub(super) fn listed_user(user: &User, wanted: impl Fn(&str) -> bool) -> Value {
    json!({
        "Username": user.name,
        "Attributes": attributes(user, wanted),
        "UserCreateDate": time(user.created_at),
        "UserLastModifiedDate": time(user.updated_at),
        "Enabled": user.enabled,
        "UserStatus": user.status.name(),
    })
}

/// The user's second factors, where there are any.
pub(super) fn put_factors(answer: &mut Map<String, Value>, credentials: &Credentials) {
    let names: Vec<&str> = credentials.factors.iter().map(|factor| factor.name()).collect();
    put(answer, "UserMFASettingList", (!names.is_empty()).then(|| json!(names)));
    put(answer, "PreferredMfaSetting", credentials.preferred.map(|factor| json!(factor.name())));
}

/// What a step of a sign-in led to.
pub(super) fn step(step: &Step) -> Value {
    match step {
        Step::SignedIn(signed_in) => json!({"AuthenticationResult": tokens(signed_in), "ChallengeParameters": {}}),
        Step::Challenge(asked) => challenge(asked),
    }
}

pub(super) fn tokens(signed_in: &SignedIn) -> Value {
    let mut result = Map::new();
    let members = [
        ("AccessToken", json!(signed_in.access_token)),
        ("ExpiresIn", json!(signed_in.expires_in)),
        ("IdToken", json!(signed_in.id_token)),
        ("TokenType", json!("Bearer")),
    ];
    result.extend(members.map(|(name, value)| (name.to_owned(), value)));
    put(&mut result, "RefreshToken", signed_in.refresh_token.as_ref().map(|token| json!(token.expose())));
    Value::Object(result)
}

fn challenge(asked: &Challenge) -> Value {
    let parameters: Map<String, Value> =
        asked.parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let mut answer = Map::new();
    put(&mut answer, "ChallengeName", Some(json!(asked.name)));
    put(&mut answer, "Session", Some(json!(asked.session.expose_secret())));
    put(&mut answer, "ChallengeParameters", Some(Value::Object(parameters)));
    put(&mut answer, "AvailableChallenges", (!asked.available.is_empty()).then(|| json!(asked.available)));
    Value::Object(answer)
}
