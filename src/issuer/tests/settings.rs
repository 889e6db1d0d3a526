//! Settings of the issuer, of pools and of clients: what contradicts itself, or what there is, is refused.

use std::sync::Arc;

use serde_json::{Value, json};

use super::database::TestDatabase;
use super::support::{NOW, TestIssuer, claims, config, open_with};
use crate::clock::Clock;

#[tokio::test]
async fn a_client_has_permissions_for_attributes_that_there_are_and_users_can_sign_up_by_it() {
    let issuer = TestIssuer::start().await;
    let schema = json!([{"Name": "email", "Required": true}, {"Name": "level", "AttributeDataType": "Number"},
        {"Name": "inner", "DeveloperOnlyAttribute": true}]);
    let pool = issuer.make_pool(&json!({"PoolName": "made", "Schema": schema})).await;
    let create = json!({"UserPoolId": pool, "ClientName": "web"});
    let with = |more: &Value| {
        let mut input = create.clone();
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    for (more, message) in [
        (
            json!({"ReadAttributes": ["email", "custom:none"]}),
            "Invalid read attributes specified while creating a client",
        ),
        (
            json!({"WriteAttributes": ["email", "custom:none"]}),
            "Invalid write attributes specified while creating a client",
        ),
        (
            json!({"WriteAttributes": ["email", "email_verified"]}),
            "Invalid write attributes specified while creating a client",
        ),
        (json!({"WriteAttributes": ["email", "sub"]}), "Invalid write attributes specified while creating a client"),
        (
            json!({"WriteAttributes": ["email", "dev:custom:inner"]}),
            "Invalid write attributes specified while creating a client",
        ),
        (json!({"WriteAttributes": ["custom:level"]}), "Invalid write attributes specified while creating a client"),
    ] {
        let refused = issuer.admin("CreateUserPoolClient", &with(&more)).await;
        assert_eq!(refused.refusal(), ("InvalidParameterException", message), "{more}");
    }
    let good = json!({"ReadAttributes": ["email", "email_verified", "custom:level"], "WriteAttributes": ["email", "custom:level"]});
    let made = issuer.admin("CreateUserPoolClient", &with(&good)).await.body;
    let id = &made["UserPoolClient"]["ClientId"];
    let update = json!({"UserPoolId": pool, "ClientId": id, "WriteAttributes": ["name"]});
    let message = "Invalid write attributes specified while updating a client";
    assert_eq!(issuer.admin("UpdateUserPoolClient", &update).await.refusal().1, message);
}

#[tokio::test]
async fn a_flag_counts_in_whatever_case_it_comes() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.make_pool(&json!({"PoolName": "made", "AliasAttributes": ["email"]})).await;
    let client = issuer.make_client(&pool, &json!({})).await;
    let attributes =
        json!([{"Name": "email", "Value": "eve@example.com"}, {"Name": "email_verified", "Value": "True"}]);
    let create =
        json!({"UserPoolId": pool, "Username": "eve", "UserAttributes": attributes, "MessageAction": "SUPPRESS"});
    let made = issuer.admin("AdminCreateUser", &create).await.body;
    let told = made["User"]["Attributes"].as_array().unwrap().clone();
    assert!(told.contains(&json!({"Name": "email_verified", "Value": "true"})), "{told:?}");
    let set = json!({"UserPoolId": pool, "Username": "eve", "Password": "Correct-horse-1", "Permanent": true});
    assert_eq!(issuer.admin("AdminSetUserPassword", &set).await.status, 200);
    let signed_in = issuer.try_password(&client, "eve@example.com", "Correct-horse-1").await;
    assert_eq!(claims(&signed_in.token("IdToken"))["email_verified"], true);
}

#[tokio::test]
async fn second_factors_are_not_turned_off_and_set_at_once() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.make_pool(&json!({"PoolName": "made"})).await;
    for factor in [
        json!({"SoftwareTokenMfaConfiguration": {"Enabled": true}}),
        json!({"EmailMfaConfiguration": {}}),
        json!({"SmsMfaConfiguration": {}}),
    ] {
        let mut input = json!({"UserPoolId": pool, "MfaConfiguration": "OFF"});
        input.as_object_mut().unwrap().extend(factor.as_object().unwrap().clone());
        let refused = issuer.admin("SetUserPoolMfaConfig", &input).await;
        assert!(refused.refusal().1.contains("can't turn off MFA and configure an MFA together"), "{factor}");
    }
    let off =
        json!({"UserPoolId": pool, "MfaConfiguration": "OFF", "SoftwareTokenMfaConfiguration": {"Enabled": false}});
    assert_eq!(issuer.admin("SetUserPoolMfaConfig", &off).await.status, 200);
}

#[tokio::test]
async fn no_client_gives_tokens_that_cannot_be_revoked() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.make_pool(&json!({"PoolName": "made"})).await;
    let input = json!({"UserPoolId": pool, "ClientName": "web", "EnableTokenRevocation": false});
    assert!(issuer.admin("CreateUserPoolClient", &input).await.refusal().1.starts_with("EnableTokenRevocation"));
}

#[tokio::test]
async fn unsigned_administration_is_not_for_pages_of_other_sites() {
    let (state, clock) = (Arc::new(TestDatabase::empty().await), Clock::standing_at(NOW));
    let issuer = open_with(config("{}", &state, &json!({"signature": "off"})), &clock).await.unwrap();
    let issuer = TestIssuer::serving(issuer, state, clock).await;
    let list = |origin: Option<&'static str>| {
        let request = issuer.post("AWSCognitoIdentityProviderService.ListUserPools", r#"{"MaxResults": 1}"#);
        issuer.send(origin.into_iter().fold(request, |request, origin| request.header("origin", origin)))
    };
    assert_eq!(list(None).await.status, 200);
    assert_eq!(list(Some("http://localhost:3000")).await.status, 200);
    for origin in ["https://evil.example", "null"] {
        assert_eq!(list(Some(origin)).await.refusal().0, "MissingAuthenticationTokenException", "{origin}");
    }
}
