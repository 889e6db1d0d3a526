//! What is in a token as the benches have it.

use serde_json::{Value, json};

/// As an access token of Cognito, of about 900 bytes, issued a minute before `now`.
pub(crate) fn claims(number: u64, now: u64) -> Value {
    json!({
        "sub": "6d1c1c9e-5f0a-4b52-9d4c-0c3b5c2f7a11", "iss": "https://idp.example/eu-central-1_abcdefghi", "aud": "orders-api",
        "cognito:groups": ["sales", "admin", "eu-central"], "token_use": "access", "version": 2,
        "client_id": "3n4b5urk1ft4fl3mg5e62d9ado", "origin_jti": "0f6f5d0c-6f3b-4b39-8d3f-5f6d3c1b2a10",
        "event_id": "a3a2c1d0-1b2c-4d3e-9f4a-5b6c7d8e9f00", "scope": "openid orders/read orders/write profile",
        "auth_time": now - 60, "iat": now - 60, "exp": now + 3600, "jti": number.to_string(), "username": "alice",
    })
}
