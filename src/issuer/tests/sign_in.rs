//! `InitiateAuth` with `USER_PASSWORD_AUTH`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::support::{NOW, PASSWORD, SECRET, TestIssuer, at_once, claims, secret_hash};

const WRONG: (&str, &str) = ("NotAuthorizedException", "Incorrect username or password.");
const LOCKED: (&str, &str) = ("NotAuthorizedException", "Password attempts exceeded");

#[tokio::test]
async fn the_right_password_gives_tokens_that_the_published_keys_verify() {
    let issuer = TestIssuer::start().await;
    let answer = issuer.sign_in("web", "alice").await;
    let result = &answer.body["AuthenticationResult"];
    assert_eq!((&result["TokenType"], &result["ExpiresIn"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(answer.body["ChallengeParameters"], json!({}));

    let iss = format!("http://issuer.test/{}", issuer.pool_id("demo"));
    let access = issuer.verified(&answer.token("AccessToken"), "demo").await;
    for (name, value) in [
        ("iss", json!(iss)),
        ("client_id", json!("web")),
        ("token_use", json!("access")),
        ("scope", json!("aws.cognito.signin.user.admin")),
        ("username", json!("alice")),
        ("cognito:groups", json!(["admin", "sales", "a-none"])),
        ("auth_time", json!(NOW)),
        ("iat", json!(NOW)),
        ("exp", json!(NOW + 3600)),
    ] {
        assert_eq!(access[name], value, "{name}");
    }
    assert!(!access.contains_key("aud") && !access.contains_key("custom:tenant"));

    let id = issuer.verified(&answer.token("IdToken"), "demo").await;
    for (name, value) in [
        ("aud", json!("web")),
        ("token_use", json!("id")),
        ("cognito:username", json!("alice")),
        ("email", json!("alice@example.com")),
        ("email_verified", json!(true)),
        ("custom:tenant", json!("acme")),
    ] {
        assert_eq!(id[name], value, "{name}");
    }
    for name in ["sub", "origin_jti", "event_id", "iss"] {
        assert_eq!(id[name], access[name], "{name}");
    }
    assert_ne!(id["jti"], access["jti"]);
}

#[tokio::test]
async fn nobody_gets_in_with_another_password_than_the_right_one() {
    let issuer = TestIssuer::start().await;
    let near =
        [PASSWORD.to_uppercase(), format!("{PASSWORD} "), PASSWORD[1..].to_owned(), "another battery".to_owned()];
    for wrong in near {
        assert_eq!(issuer.try_password("web", "alice", &wrong).await.refusal(), WRONG);
    }
    for user in ["nobody", "", "alice ", "dora2", &"x".repeat(50_000)] {
        assert_eq!(issuer.try_password("web", user, PASSWORD).await.refusal(), WRONG);
    }
    assert_eq!(issuer.try_password("betaweb", "alice", PASSWORD).await.refusal(), WRONG);
    assert_eq!(issuer.try_password("betaweb", "alice", "another battery").await.status, 200);
    issuer.sign_in("web", "ALICE").await;
}

#[tokio::test]
async fn a_disabled_user_is_told_so_only_with_the_right_password() {
    let issuer = TestIssuer::start().await;
    assert_eq!(issuer.try_password("web", "dora", "wrong password").await.refusal(), WRONG);
    let disabled = ("NotAuthorizedException", "User is disabled.");
    assert_eq!(issuer.try_password("web", "dora", PASSWORD).await.refusal(), disabled);
}

#[tokio::test]
async fn five_wrong_passwords_lock_for_a_second_and_each_further_one_twice_as_long() {
    let issuer = TestIssuer::start().await;
    for user in ["alice", "nobody"] {
        for _ in 0..5 {
            assert_eq!(issuer.try_password("web", user, "wrong password").await.refusal(), WRONG);
        }
        assert_eq!(issuer.try_password("web", user, PASSWORD).await.refusal(), LOCKED, "{user}");
    }
    // Attempts during the lock did not make it longer.
    issuer.clock.advance(Duration::from_secs(1));
    assert_eq!(issuer.try_password("web", "Alice", "wrong password").await.refusal(), WRONG);
    issuer.clock.advance(Duration::from_millis(1999));
    assert_eq!(issuer.try_password("web", "alice", PASSWORD).await.refusal(), LOCKED);
    assert_eq!(issuer.try_password("web", "bob", PASSWORD).await.status, 200, "others are not locked");
    assert_eq!(issuer.try_password("betaweb", "alice", "another battery").await.status, 200, "nor the name elsewhere");
    issuer.clock.advance(Duration::from_millis(1));
    issuer.sign_in("web", "alice").await;
    // The right password forgot the wrong ones.
    for _ in 0..4 {
        assert_eq!(issuer.try_password("web", "alice", "wrong password").await.refusal(), WRONG);
    }
    issuer.sign_in("web", "alice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_guesses_at_once_are_not_answered_more_often_than_the_lock_lets_through() {
    let issuer = Arc::new(TestIssuer::start().await);
    let guess = || {
        let issuer = Arc::clone(&issuer);
        async move { issuer.try_password("web", "alice", "wrong password").await }
    };
    let answers = at_once(24, guess).await;
    let told = answers.iter().filter(|answer| answer.refusal() == WRONG).count();
    assert_eq!(told, 5);
    assert!(answers.iter().all(|answer| [WRONG, LOCKED].contains(&answer.refusal())));
    assert_eq!(issuer.try_password("web", "alice", PASSWORD).await.refusal(), LOCKED);
}

#[tokio::test]
async fn a_client_uses_only_its_own_flows() {
    let issuer = TestIssuer::start().await;
    let refused = |flow: &str| format!("{flow} flow not enabled for this client");
    let answer = issuer.try_password("onlyrefresh", "alice", PASSWORD).await;
    assert_eq!(answer.refusal(), ("InvalidParameterException", refused("USER_PASSWORD_AUTH").as_str()));
    let answer = issuer.refresh("short", "x").await;
    assert_eq!(answer.refusal(), ("InvalidParameterException", refused("REFRESH_TOKEN_AUTH").as_str()));
    for flow in ["CUSTOM_AUTH", "USER_AUTH"] {
        let answer = issuer.initiate("web", flow, &json!({"USERNAME": "alice", "PASSWORD": PASSWORD})).await;
        assert_eq!(answer.refusal(), ("InvalidParameterException", refused(flow).as_str()));
    }
    for flow in ["ADMIN_NO_SRP_AUTH", "ADMIN_USER_PASSWORD_AUTH"] {
        let answer = issuer.initiate("web", flow, &json!({"USERNAME": "alice", "PASSWORD": PASSWORD})).await;
        assert_eq!(answer.refusal(), ("InvalidParameterException", "Initiate Auth method not supported"));
    }
}

#[tokio::test]
async fn an_unknown_client_and_missing_parameters_are_named() {
    let issuer = TestIssuer::start().await;
    for flow in ["USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH", "USER_SRP_AUTH"] {
        let answer = issuer.initiate("nosuch", flow, &json!({})).await;
        assert_eq!(answer.refusal(), ("ResourceNotFoundException", "User pool client nosuch does not exist."));
    }
    for (parameters, missing) in
        [(json!({"PASSWORD": PASSWORD}), "USERNAME"), (json!({"USERNAME": "alice"}), "PASSWORD")]
    {
        let answer = issuer.initiate("web", "USER_PASSWORD_AUTH", &parameters).await;
        let message = format!("Missing required parameter {missing}");
        assert_eq!(answer.refusal(), ("InvalidParameterException", message.as_str()));
    }
    let answer = issuer.initiate("web", "REFRESH_TOKEN", &json!({})).await;
    assert_eq!(answer.refusal(), ("InvalidParameterException", "Missing required parameter REFRESH_TOKEN"));
}

#[tokio::test]
async fn a_confidential_client_must_prove_itself_and_a_public_one_cannot() {
    let issuer = TestIssuer::start().await;
    let attempt = async |client: &str, hash: Option<String>| {
        let mut parameters = json!({"USERNAME": "alice", "PASSWORD": PASSWORD});
        if let Some(hash) = hash {
            parameters["SECRET_HASH"] = hash.into();
        }
        issuer.initiate(client, "USER_PASSWORD_AUTH", &parameters).await
    };
    assert_eq!(attempt("server", Some(secret_hash("alice", "server", SECRET))).await.status, 200);
    let none = "Client server is configured with secret but SECRET_HASH was not received";
    assert_eq!(attempt("server", None).await.refusal(), ("NotAuthorizedException", none));
    let wrong = "Unable to verify secret hash for client server";
    for hash in [
        secret_hash("alice", "server", "another secret"),
        secret_hash("bob", "server", SECRET),
        secret_hash("alice", "web", SECRET),
        SECRET.to_owned(),
        String::new(),
    ] {
        assert_eq!(attempt("server", Some(hash)).await.refusal(), ("NotAuthorizedException", wrong));
    }
    let answer = attempt("web", Some(secret_hash("alice", "web", SECRET))).await;
    assert_eq!(answer.refusal(), ("NotAuthorizedException", "Unable to verify secret hash for client web"));
}

#[tokio::test]
async fn lifetimes_and_additions_are_the_clients_own() {
    let issuer = TestIssuer::start().await;
    let answer = issuer.sign_in("short", "alice").await;
    assert_eq!(answer.body["AuthenticationResult"]["ExpiresIn"], 300);
    assert_eq!(claims(&answer.token("AccessToken"))["exp"], NOW + 300);
    assert_eq!(claims(&answer.token("IdToken"))["exp"], NOW + 3600);
    let access = claims(&issuer.sign_in("gate", "alice").await.token("AccessToken"));
    assert_eq!(access["custom:tenant"], "acme");
    assert_eq!(access["scope"], "aws.cognito.signin.user.admin orders/read");
    assert!(!access.contains_key("email"));
    let nobody = claims(&issuer.sign_in("gate", "bob").await.token("AccessToken"));
    assert_eq!(nobody.get("cognito:groups"), None::<&Value>);
    assert_eq!(nobody.get("custom:tenant"), None::<&Value>);
}
