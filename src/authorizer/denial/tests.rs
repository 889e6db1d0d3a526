//! Denials as their clients read them.

use super::*;
use crate::jose::JoseError;

#[test]
fn a_missing_credential_is_asked_for_without_an_error() {
    let answer = Denial::MissingCredential.answer("r1");
    assert_eq!(answer.status, 401);
    assert_eq!(answer.headers, [("www-authenticate", "Bearer realm=\"lychgate\"".to_owned())]);
}

#[test]
fn a_bad_token_is_told_what_is_wrong_but_nothing_about_keys() {
    let expired = Denial::Token(TokenError::Expired).answer("r1");
    assert_eq!(expired.status, 401);
    let challenge = "Bearer realm=\"lychgate\", error=\"invalid_token\", error_description=\"the token has expired\"";
    assert_eq!(expired.headers, [("www-authenticate", challenge.to_owned())]);
    let of_keys = [TokenError::UnknownKey, JoseError::BadSignature.into(), TokenError::UnknownIssuer];
    let details: Vec<_> = of_keys.into_iter().map(|error| Denial::Token(error).detail()).collect();
    assert_eq!(details, ["the token could not be verified"; 3]);
}

#[test]
fn a_missing_scope_names_the_scope() {
    let answer = Denial::InsufficientScope { scope: vec!["a/b".to_owned(), "c".to_owned()] }.answer("r1");
    assert_eq!(answer.status, 403);
    assert!(
        answer.headers[0]
            .1
            .ends_with("error=\"insufficient_scope\", error_description=\"the token lacks a scope\", scope=\"a/b c\"")
    );
}

#[test]
fn a_policys_message_cannot_break_out_of_json_or_the_challenge() {
    let message = Some("say \"hi\\\"".to_owned());
    let answer = Denial::Policy { bundle: "orders".to_owned(), message }.answer("r1");
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["detail"], "say 'hi''");
    assert_eq!(body["code"], "denied-by-policy");
    assert_eq!(body["request_id"], "r1");
    assert!(!answer.body.contains("orders"));
}
