//! An answer of an introspection endpoint (RFC 7662 section 2.2), read as strictly as a token.

use serde_json::Value;

use super::config::IntrospectionConfig;
use crate::jose::strict_object;
use crate::token::claims::Claims;
use crate::token::error::TokenError;

/// The words for an access token in each member that says what kind of token it is. Servers answer for refresh tokens too.
const KINDS: [(&str, &[&str]); 3] = [
    ("token_type", &["bearer", "dpop"]),
    ("typ", &["bearer", "dpop", "jwt", "at+jwt", "application/at+jwt"]),
    ("token_use", &["access", "access_token"]),
];

/// Reads an answer: the claims of an active token, nothing for one that is not.
///
/// # Errors
/// What is wrong with an answer that says neither, in words that name no value.
pub(super) fn read(body: &[u8], max_depth: usize) -> Result<Option<Claims>, &'static str> {
    let mut members = strict_object(body, max_depth)?;
    match members.remove("active") {
        Some(Value::Bool(true)) => Ok(Some(members)),
        Some(Value::Bool(false)) => Ok(None),
        _ => Err("no boolean `active`"),
    }
}

/// The claims as those of a token of this issuer.
///
/// # Errors
/// [`TokenError::UnknownIssuer`] where they are said to be another's, [`TokenError::WrongType`] where they are of no access
/// token.
pub(super) fn as_claims(answer: &Claims, iss: &str, config: &IntrospectionConfig) -> Result<Claims, TokenError> {
    let mut claims = answer.clone();
    check_kind(&claims, config.untyped)?;
    // The endpoint speaks for its own issuer, and need not say so; who says another is believed that much.
    match claims.get("iss") {
        None => drop(claims.insert("iss".to_owned(), iss.into())),
        Some(Value::String(said)) if said == iss => {}
        Some(_) => return Err(TokenError::UnknownIssuer),
    }
    if config.client_as_subject
        && !claims.contains_key("sub")
        && let Some(client) = claims.get("client_id").cloned()
    {
        claims.insert("sub".to_owned(), client);
    }
    Ok(claims)
}

fn check_kind(claims: &Claims, untyped: bool) -> Result<(), TokenError> {
    if !untyped && !claims.contains_key("token_type") {
        return Err(TokenError::WrongType);
    }
    for (member, words) in KINDS {
        match claims.get(member) {
            None => {}
            Some(Value::String(said)) if words.contains(&said.to_ascii_lowercase().as_str()) => {}
            Some(_) => return Err(TokenError::WrongType),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(rest: &str) -> IntrospectionConfig {
        let text = format!("{{endpoint: 'https://i.example', client_id: a, client_secret: b{rest}}}");
        serde_saphyr::from_str(&text).unwrap()
    }

    fn judged(answer: &Value, rest: &str) -> &'static str {
        let claims = as_claims(answer.as_object().unwrap(), "https://idp.example", &config(rest));
        claims.map_or_else(|error| error.code(), |_| "ok")
    }

    #[test]
    fn only_true_is_active_and_only_false_is_not() {
        assert!(read(br#"{"active":true,"sub":"a"}"#, 16).unwrap().unwrap().contains_key("sub"));
        assert!(read(br#"{"active":false,"sub":"a"}"#, 16).unwrap().is_none());
        for body in [
            &b""[..],
            b"{}",
            b"true",
            br#"{"active":"true"}"#,
            br#"{"active":1}"#,
            br#"{"active":null}"#,
            br#"{"active":false,"active":true}"#,
            br#"{"active":true}{"active":true}"#,
            br#"{"active":true,"a":[[[[]]]]}"#,
        ] {
            assert!(read(body, 3).is_err(), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn what_is_no_access_token_is_refused() {
        let refused = [
            json!({}),
            json!({"token_type": "refresh_token"}),
            json!({"token_type": null}),
            json!({"token_type": "N_A"}),
            json!({"token_type": "Bearer", "typ": "Refresh"}),
            json!({"token_type": "Bearer", "typ": "ID"}),
            json!({"token_type": "Bearer", "token_use": "refresh_token"}),
            json!({"token_type": "Bearer", "token_use": ["access"]}),
        ];
        for answer in &refused {
            assert_eq!(judged(answer, ""), "wrong-token-type", "{answer}");
        }
        for answer in [
            json!({"token_type": "bearer"}),
            json!({"token_type": "DPoP", "typ": "at+jwt"}),
            json!({"token_type": "Bearer", "typ": "Bearer", "token_use": "access_token"}),
        ] {
            assert_eq!(judged(&answer, ""), "ok", "{answer}");
        }
        assert_eq!(judged(&json!({}), ", untyped: true"), "ok");
        assert_eq!(judged(&json!({"typ": "Refresh"}), ", untyped: true"), "wrong-token-type");
    }

    #[test]
    fn an_answer_about_another_issuers_token_is_refused() {
        let with = |iss: Value| judged(&json!({"token_type": "Bearer", "iss": iss}), "");
        assert_eq!(with(json!("https://idp.example")), "ok");
        for iss in
            [json!("https://idp.example/"), json!("https://evil.example"), json!(null), json!(["https://idp.example"])]
        {
            assert_eq!(with(iss.clone()), "unknown-issuer", "{iss}");
        }
        let silent = json!({"token_type": "Bearer"});
        let claims = as_claims(silent.as_object().unwrap(), "https://idp.example", &config("")).unwrap();
        assert_eq!(claims["iss"], "https://idp.example");
    }

    #[test]
    fn a_client_is_a_subject_only_where_the_config_says_so() {
        let subject = |answer: &Value, rest: &str| {
            let claims = as_claims(answer.as_object().unwrap(), "https://idp.example", &config(rest)).unwrap();
            claims.get("sub").cloned()
        };
        let of_client = json!({"token_type": "Bearer", "client_id": "cron"});
        assert_eq!(subject(&of_client, ""), None);
        assert_eq!(subject(&of_client, ", client_as_subject: true"), Some(json!("cron")));
        let of_user = json!({"token_type": "Bearer", "client_id": "web", "sub": "alice"});
        assert_eq!(subject(&of_user, ", client_as_subject: true"), Some(json!("alice")));
    }
}
