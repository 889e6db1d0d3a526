//! Administrative operations: pools, clients, groups and users, signed and unsigned.

use serde_json::{Value, json};

use super::database::TestDatabase;
use super::support::{PASSWORD, POOLS, TestIssuer, claims, config, open_with, secret_hash};
use crate::clock::Clock;

#[tokio::test]
async fn without_a_signature_nobody_administers() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.pool_id("demo");
    for operation in ["ListUserPools", "AdminGetUser", "DeleteUserPool", "AdminInitiateAuth", "CreateUserPool"] {
        let answer = issuer.call(operation, &json!({"UserPoolId": pool})).await;
        assert_eq!(
            answer.refusal(),
            ("MissingAuthenticationTokenException", "Missing Authentication Token"),
            "{operation}"
        );
    }
    let forged = "AWS4-HMAC-SHA256 Credential=AKIDTEST/20231114/us-east-1/cognito-idp/aws4_request, \
                  SignedHeaders=host;x-amz-date;x-amz-target, Signature=";
    let request = issuer.post("AWSCognitoIdentityProviderService.ListUserPools", r#"{"MaxResults": 1}"#);
    let request =
        request.header("authorization", format!("{forged}{}", "0".repeat(64))).header("x-amz-date", "20231114T221320Z");
    assert_eq!(issuer.send(request).await.refusal().0, "InvalidSignatureException");
}

#[tokio::test]
async fn unsigned_administration_is_for_loopback_alone() {
    let state = TestDatabase::empty().await;
    let beyond = config("{}", &state, &json!({"address": "0.0.0.0:1", "signature": "off"}));
    assert_eq!(open_with(beyond, &Clock::system()).await.unwrap_err().code(), "issuer-unsigned");
}

#[tokio::test]
async fn a_pool_is_described_with_cognitos_defaults() {
    let issuer = TestIssuer::start().await;
    let made = issuer.admin("CreateUserPool", &json!({"PoolName": "made", "UserPoolTags": {"team": "a"}})).await;
    let pool = &made.body["UserPool"];
    let id = pool["Id"].as_str().unwrap();
    assert!(id.starts_with("us-east-1_") && id.len() == "us-east-1_".len() + 9, "{id}");
    let described = issuer.admin("DescribeUserPool", &json!({"UserPoolId": id})).await.body["UserPool"].clone();
    assert_eq!(described["Arn"], format!("arn:aws:cognito-idp:us-east-1:000000000000:userpool/{id}"));
    for (name, value) in [
        ("MfaConfiguration", json!("OFF")),
        ("DeletionProtection", json!("INACTIVE")),
        ("UserPoolTier", json!("ESSENTIALS")),
        ("LambdaConfig", json!({})),
        ("EmailConfiguration", json!({"EmailSendingAccount": "COGNITO_DEFAULT"})),
        ("AdminCreateUserConfig", json!({"AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 7})),
        ("VerificationMessageTemplate", json!({"DefaultEmailOption": "CONFIRM_WITH_CODE"})),
        ("UserPoolTags", json!({"team": "a"})),
        ("EstimatedNumberOfUsers", json!(0)),
    ] {
        assert_eq!(described[name], value, "{name}");
    }
    assert_eq!(described["SchemaAttributes"].as_array().unwrap().len(), 21);
    assert_eq!(described["Policies"]["PasswordPolicy"]["MinimumLength"], 8);
    assert!(described.get("Schema").is_none() && described["CreationDate"].is_number());
}

#[tokio::test]
async fn a_pool_is_changed_listed_tagged_and_deleted() {
    let issuer = TestIssuer::start().await;
    let id =
        issuer.make_pool(&json!({"PoolName": "made", "DeletionProtection": "ACTIVE", "MfaConfiguration": "OFF"})).await;
    let refused = issuer.admin("DeleteUserPool", &json!({"UserPoolId": id})).await;
    assert!(refused.refusal().1.contains("deletion protection"));
    let added = json!({"UserPoolId": id, "CustomAttributes": [{"Name": "level", "AttributeDataType": "Number"}]});
    assert_eq!(issuer.admin("AddCustomAttributes", &added).await.status, 200);
    assert_eq!(issuer.admin("AddCustomAttributes", &added).await.refusal().0, "InvalidParameterException", "twice");
    assert_eq!(
        issuer.admin("UpdateUserPool", &json!({"UserPoolId": id, "AutoVerifiedAttributes": ["email"]})).await.status,
        200
    );
    let described = issuer.admin("DescribeUserPool", &json!({"UserPoolId": id})).await.body["UserPool"].clone();
    assert_eq!(
        (&described["DeletionProtection"], &described["AutoVerifiedAttributes"]),
        (&json!("INACTIVE"), &json!(["email"]))
    );
    assert_eq!(described["SchemaAttributes"].as_array().unwrap().len(), 22);

    let arn = described["Arn"].as_str().unwrap();
    issuer.admin("TagResource", &json!({"ResourceArn": arn, "Tags": {"a": "1", "b": "2"}})).await;
    issuer.admin("UntagResource", &json!({"ResourceArn": arn, "TagKeys": ["a"]})).await;
    let tags = issuer.admin("ListTagsForResource", &json!({"ResourceArn": arn})).await;
    assert_eq!(tags.body, json!({"Tags": {"b": "2"}}));

    let first = issuer.admin("ListUserPools", &json!({"MaxResults": 2})).await.body;
    let next = issuer.admin("ListUserPools", &json!({"MaxResults": 2, "NextToken": first["NextToken"]})).await.body;
    assert_eq!((first["UserPools"].as_array().unwrap().len(), next["UserPools"].as_array().unwrap().len()), (2, 1));
    assert!(next.get("NextToken").is_none());
    assert_eq!(issuer.admin("DeleteUserPool", &json!({"UserPoolId": id})).await.status, 200);
    let gone = issuer.admin("DescribeUserPool", &json!({"UserPoolId": id})).await;
    assert_eq!(gone.refusal(), ("ResourceNotFoundException", format!("User pool {id} does not exist.").as_str()));
    assert_eq!(issuer.get(&format!("/{id}/.well-known/jwks.json")).await.status, 404);
}

#[tokio::test]
async fn what_is_not_built_is_refused_and_never_only_kept() {
    let issuer = TestIssuer::start().await;
    for settings in [
        json!({"LambdaConfig": {"PreSignUp": "arn:aws:lambda:us-east-1:000000000000:function:x"}}),
        json!({"UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"}}),
        json!({"UsernameConfiguration": {"CaseSensitive": true}}),
        json!({"DeviceConfiguration": {"ChallengeRequiredOnNewDevice": true}}),
        json!({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}}}),
        json!({"AliasAttributes": ["email"], "UsernameAttributes": ["email"]}),
        json!({"Schema": [{"Name": "x", "Required": true}]}),
        json!({"VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_LINK"}}),
    ] {
        let mut input = settings.clone();
        input["PoolName"] = json!("made");
        assert_eq!(issuer.admin("CreateUserPool", &input).await.refusal().0, "InvalidParameterException", "{settings}");
    }
}

#[tokio::test]
async fn a_password_policy_asks_for_what_it_says_and_tags_stay() {
    let issuer = TestIssuer::start().await;
    let policy = json!({"PasswordPolicy": {"MinimumLength": 6, "RequireNumbers": true}});
    let id = issuer.make_pool(&json!({"PoolName": "made", "Policies": policy, "UserPoolTags": {"a": "1"}})).await;
    issuer.admin("UpdateUserPool", &json!({"UserPoolId": id, "Policies": policy})).await;
    let pool = issuer.admin("DescribeUserPool", &json!({"UserPoolId": id})).await.body["UserPool"].clone();
    let password = &pool["Policies"]["PasswordPolicy"];
    assert_eq!((&password["RequireNumbers"], &password["RequireSymbols"]), (&json!(true), &json!(false)));
    assert_eq!(pool["UserPoolTags"], json!({"a": "1"}));
    let create = json!({"UserPoolId": id, "Username": "eve", "TemporaryPassword": "abcde1"});
    assert_eq!(issuer.admin("AdminCreateUser", &create).await.status, 200);
}

#[tokio::test]
async fn a_client_is_made_changed_and_deleted_with_its_sessions() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.pool_id("demo");
    let flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
    let made = issuer
        .admin("CreateUserPoolClient", &json!({"UserPoolId": pool, "ClientName": "made", "ExplicitAuthFlows": flows}))
        .await;
    let client = made.body["UserPoolClient"].clone();
    let id = client["ClientId"].as_str().unwrap();
    assert_eq!(id.len(), 26);
    assert!(client.get("ClientSecret").is_none());
    for (name, value) in [
        ("RefreshTokenValidity", json!(30)),
        ("TokenValidityUnits", json!({})),
        ("AuthSessionValidity", json!(3)),
        ("EnableTokenRevocation", json!(true)),
    ] {
        assert_eq!(client[name], value, "{name}");
    }
    let signed_in = issuer.sign_in(id, "alice").await;
    let update = json!({"UserPoolId": pool, "ClientId": id, "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"], "AccessTokenValidity": 10, "TokenValidityUnits": {"AccessToken": "minutes"}});
    let updated = issuer.admin("UpdateUserPoolClient", &update).await.body["UserPoolClient"].clone();
    assert_eq!((&updated["ClientName"], &updated["AccessTokenValidity"]), (&json!("made"), &json!(10)));
    assert_eq!(issuer.try_password(id, "alice", PASSWORD).await.refusal().0, "InvalidParameterException");
    let listed = issuer.admin("ListUserPoolClients", &json!({"UserPoolId": pool, "MaxResults": 60})).await;
    assert!(listed.body["UserPoolClients"].as_array().unwrap().iter().any(|client| client["ClientId"] == id));
    let elsewhere = json!({"UserPoolId": issuer.pool_id("beta"), "ClientId": id});
    assert_eq!(issuer.admin("DescribeUserPoolClient", &elsewhere).await.refusal().0, "ResourceNotFoundException");
    assert_eq!(issuer.admin("DeleteUserPoolClient", &json!({"UserPoolId": pool, "ClientId": id})).await.status, 200);
    assert!(issuer.is_revoked(&signed_in.token("AccessToken")));
    assert_eq!(issuer.user_of(&signed_in.token("AccessToken")).await.status, 400);
}

#[tokio::test]
async fn a_client_may_have_two_secrets_and_either_proves_it() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.pool_id("demo");
    let input = json!({"UserPoolId": pool, "ClientName": "two", "GenerateSecret": true, "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]});
    let client = issuer.admin("CreateUserPoolClient", &input).await.body["UserPoolClient"].clone();
    let (id, first) = (client["ClientId"].as_str().unwrap(), client["ClientSecret"].as_str().unwrap());
    let named = json!({"UserPoolId": pool, "ClientId": id});
    issuer.clock.advance(std::time::Duration::from_secs(1));
    let added = issuer.admin("AddUserPoolClientSecret", &named).await.body["ClientSecretDescriptor"].clone();
    let second = added["ClientSecretValue"].as_str().unwrap();
    assert_eq!(issuer.admin("AddUserPoolClientSecret", &named).await.refusal().0, "LimitExceededException");
    let attempt = async |secret: &str| {
        let parameters =
            json!({"USERNAME": "alice", "PASSWORD": PASSWORD, "SECRET_HASH": secret_hash("alice", id, secret)});
        issuer.initiate(id, "USER_PASSWORD_AUTH", &parameters).await.status
    };
    assert_eq!((attempt(first).await, attempt(second).await, attempt("another").await), (200, 200, 400));
    let secrets = issuer.admin("ListUserPoolClientSecrets", &named).await.body["ClientSecrets"].clone();
    assert_eq!(secrets.as_array().unwrap().len(), 2);
    assert!(!secrets.to_string().contains(first));
    let remove = json!({"UserPoolId": pool, "ClientId": id, "ClientSecretId": secrets[0]["ClientSecretId"]});
    assert_eq!(issuer.admin("DeleteUserPoolClientSecret", &remove).await.status, 200);
    assert_eq!((attempt(first).await, attempt(second).await), (400, 200));
    let last = json!({"UserPoolId": pool, "ClientId": id, "ClientSecretId": secrets[1]["ClientSecretId"]});
    assert_eq!(issuer.admin("DeleteUserPoolClientSecret", &last).await.refusal().0, "InvalidParameterException");
}

#[tokio::test]
async fn an_admin_created_user_must_set_a_password_of_its_own() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.pool_id("demo");
    let create = json!({"UserPoolId": pool, "Username": "eve", "TemporaryPassword": "Temporary-1", "UserAttributes": [{"Name": "email", "Value": "eve@example.com"}]});
    let made = issuer.admin("AdminCreateUser", &create).await.body["User"].clone();
    assert_eq!(made["UserStatus"], "FORCE_CHANGE_PASSWORD");
    assert_eq!(
        issuer.admin("AdminCreateUser", &create).await.refusal(),
        ("UsernameExistsException", "User already exists")
    );
    assert!(issuer.letters("demo").await[0]["body"].as_str().unwrap().contains("Temporary-1"));
    assert_eq!(issuer.try_password("web", "eve", "Temporary-2").await.refusal().1, "Incorrect username or password.");
    let asked = issuer.try_password("web", "eve", "Temporary-1").await.body;
    assert_eq!(asked["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    assert!(asked.get("AuthenticationResult").is_none());
    let answer = async |password: &str| {
        let responses = json!({"USERNAME": "eve", "NEW_PASSWORD": password});
        issuer.respond("web", "NEW_PASSWORD_REQUIRED", &asked["Session"], &responses).await
    };
    assert_eq!(answer("weak").await.refusal().0, "InvalidPasswordException");
    let signed_in = answer("Permanent-1").await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.body);
    assert_eq!(
        answer("Permanent-2").await.refusal(),
        ("NotAuthorizedException", "Invalid session for the user."),
        "once"
    );
    assert_eq!(issuer.try_password("web", "eve", "Permanent-1").await.status, 200);
    assert_eq!(issuer.try_password("web", "eve", "Temporary-1").await.status, 400);
    let user = issuer.admin("AdminGetUser", &json!({"UserPoolId": pool, "Username": "eve"})).await.body;
    assert_eq!(user["UserStatus"], "CONFIRMED");
}

#[tokio::test]
async fn a_temporary_password_expires() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.pool_id("demo");
    let create =
        json!({"UserPoolId": pool, "Username": "eve", "TemporaryPassword": "Temporary-1", "MessageAction": "SUPPRESS"});
    issuer.admin("AdminCreateUser", &create).await;
    assert!(issuer.letters("demo").await.is_empty());
    issuer.clock.advance(std::time::Duration::from_hours(7 * 24));
    let expired = "Temporary password has expired and must be reset by an administrator.";
    assert_eq!(issuer.try_password("web", "eve", "Temporary-1").await.refusal(), ("NotAuthorizedException", expired));
    let resend =
        json!({"UserPoolId": pool, "Username": "eve", "TemporaryPassword": "Temporary-2", "MessageAction": "RESEND"});
    assert_eq!(issuer.admin("AdminCreateUser", &resend).await.status, 200);
    assert_eq!(issuer.try_password("web", "eve", "Temporary-2").await.body["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    let set = json!({"UserPoolId": pool, "Username": "eve", "Password": "Permanent-1", "Permanent": true});
    issuer.admin("AdminSetUserPassword", &set).await;
    assert_eq!(issuer.admin("AdminCreateUser", &resend).await.refusal().0, "UnsupportedUserStateException");
    assert_eq!(issuer.try_password("web", "eve", "Permanent-1").await.status, 200);
}

#[tokio::test]
async fn disabling_deleting_and_a_new_password_end_all_sessions_at_once() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.pool_id("demo");
    let bob = json!({"UserPoolId": pool, "Username": "bob"});
    let new = "Correct-horse-1";
    for (operation, password) in [
        ("AdminDisableUser", PASSWORD),
        ("AdminUserGlobalSignOut", PASSWORD),
        ("AdminSetUserPassword", PASSWORD),
        ("AdminDeleteUser", new),
    ] {
        let signed_in = issuer.try_password("web", "bob", password).await;
        let mut input = bob.clone();
        if operation == "AdminSetUserPassword" {
            input["Password"] = json!(new);
            input["Permanent"] = json!(true);
        }
        assert_eq!(issuer.admin(operation, &input).await.status, 200, "{operation}");
        assert!(issuer.is_revoked(&signed_in.token("AccessToken")), "{operation}");
        assert_eq!(issuer.refresh("web", &signed_in.token("RefreshToken")).await.status, 400, "{operation}");
        if operation == "AdminDisableUser" {
            assert_eq!(issuer.try_password("web", "bob", PASSWORD).await.refusal().1, "User is disabled.");
            issuer.admin("AdminEnableUser", &bob).await;
        }
    }
    assert_eq!(issuer.admin("AdminGetUser", &bob).await.refusal(), ("UserNotFoundException", "User does not exist."));
    assert_eq!(issuer.try_password("web", "bob", new).await.refusal().1, "Incorrect username or password.");
}

#[tokio::test]
async fn groups_are_made_joined_and_seen_in_tokens() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.pool_id("demo");
    let group = json!({"UserPoolId": pool, "GroupName": "ops", "Precedence": 0, "Description": "operators"});
    assert_eq!(issuer.admin("CreateGroup", &group).await.body["Group"]["Precedence"], 0);
    assert_eq!(issuer.admin("CreateGroup", &group).await.refusal().0, "GroupExistsException");
    let member = json!({"UserPoolId": pool, "GroupName": "ops", "Username": "bob"});
    assert_eq!(issuer.admin("AdminAddUserToGroup", &member).await.status, 200);
    let groups = issuer.admin("AdminListGroupsForUser", &json!({"UserPoolId": pool, "Username": "bob"})).await.body;
    assert_eq!(groups["Groups"][0]["GroupName"], "ops");
    let members = issuer.admin("ListUsersInGroup", &json!({"UserPoolId": pool, "GroupName": "ops"})).await.body;
    assert_eq!((members["Users"].as_array().unwrap().len(), &members["Users"][0]["Username"]), (1, &json!("bob")));
    let token = issuer.sign_in("web", "bob").await.token("AccessToken");
    assert_eq!(super::support::claims(&token)["cognito:groups"], json!(["ops"]));
    let update = json!({"UserPoolId": pool, "GroupName": "ops", "Precedence": 9});
    assert_eq!(issuer.admin("UpdateGroup", &update).await.body["Group"]["Description"], "operators");
    issuer.admin("AdminRemoveUserFromGroup", &member).await;
    let listed = issuer.admin("ListGroups", &json!({"UserPoolId": pool, "Limit": 3})).await.body;
    assert!(listed["Groups"].as_array().unwrap().len() == 3 && listed["NextToken"].is_string());
    assert_eq!(issuer.admin("DeleteGroup", &json!({"UserPoolId": pool, "GroupName": "ops"})).await.status, 200);
    assert_eq!(
        issuer.admin("GetGroup", &json!({"UserPoolId": pool, "GroupName": "ops"})).await.refusal().0,
        "ResourceNotFoundException"
    );
}

#[tokio::test]
async fn users_are_listed_by_pages_and_filters() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.pool_id("demo");
    let names = |body: &Value| {
        let users = body["Users"].as_array().unwrap().iter();
        users.map(|user| user["Username"].as_str().unwrap().to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    let first = issuer.admin("ListUsers", &json!({"UserPoolId": pool, "Limit": 2})).await.body;
    let next = issuer
        .admin("ListUsers", &json!({"UserPoolId": pool, "Limit": 2, "PaginationToken": first["PaginationToken"]}))
        .await
        .body;
    assert_eq!((names(&first).len(), names(&next).len()), (2, 1));
    assert!(names(&first).is_disjoint(&names(&next)) && next.get("PaginationToken").is_none());
    for (filter, found) in [
        ("email = \"alice@example.com\"", vec!["alice"]),
        ("email ^= \"alice\"", vec!["alice"]),
        ("email = \"alice\"", vec![]),
        ("username = \"ALICE\"", vec!["alice"]),
        ("username ^= \"d\"", vec!["dora"]),
        ("status = \"Disabled\"", vec!["dora"]),
        ("cognito:user_status = \"CONFIRMED\"", vec!["alice", "bob", "dora"]),
    ] {
        let body = issuer.admin("ListUsers", &json!({"UserPoolId": pool, "Filter": filter})).await.body;
        assert_eq!(names(&body), found.into_iter().map(str::to_owned).collect(), "{filter}");
    }
    let wrong = issuer.admin("ListUsers", &json!({"UserPoolId": pool, "Filter": "email"})).await;
    assert_eq!(wrong.refusal(), ("InvalidParameterException", "Error while parsing filter"));
    let some = json!({"UserPoolId": pool, "Filter": "username = \"alice\"", "AttributesToGet": ["email"]});
    let some = issuer.admin("ListUsers", &some).await.body;
    assert_eq!(some["Users"][0]["Attributes"], json!([{"Name": "email", "Value": "alice@example.com"}]));
    let token = issuer.admin("ListUsers", &json!({"UserPoolId": pool, "PaginationToken": "!"})).await;
    assert_eq!(token.refusal().0, "InvalidParameterException");
}

#[tokio::test]
async fn pages_of_every_filter_have_each_user_once() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.make_pool(&json!({"PoolName": "listed"})).await;
    let group = json!({"UserPoolId": pool, "GroupName": "all"});
    assert_eq!(issuer.admin("CreateGroup", &group).await.status, 200);
    for number in 0..5 {
        // Some values are the same, and some begin alike.
        let name = ["Ann", "Ann", "Anna", "Anne", "Bob"][number];
        let user = format!("user{number}");
        let create = json!({"UserPoolId": pool, "Username": user, "MessageAction": "SUPPRESS", "TemporaryPassword": "Correct-horse-1",
            "UserAttributes": [{"Name": "name", "Value": name}]});
        assert_eq!(issuer.admin("AdminCreateUser", &create).await.status, 200);
        let member = json!({"UserPoolId": pool, "GroupName": "all", "Username": user});
        assert_eq!(issuer.admin("AdminAddUserToGroup", &member).await.status, 200);
    }
    let all = ["user0", "user1", "user2", "user3", "user4"];
    for (filter, expected) in [
        ("username ^= \"USER\"", &all[..]),
        ("status = \"Enabled\"", &all),
        ("cognito:user_status = \"FORCE_CHANGE_PASSWORD\"", &all),
        ("name ^= \"An\"", &all[..4]),
        ("name ^= \"Ann\"", &all[..4]),
        ("name = \"Ann\"", &all[..2]),
        ("name ^= \"\"", &all),
    ] {
        for size in [1, 2, 5] {
            let input = json!({"UserPoolId": pool, "Filter": filter, "Limit": size});
            assert_eq!(all_pages(&issuer, "ListUsers", "PaginationToken", input).await, expected, "{filter} by {size}");
        }
    }
    let input = json!({"UserPoolId": pool, "GroupName": "all", "Limit": 2});
    assert_eq!(all_pages(&issuer, "ListUsersInGroup", "NextToken", input).await, all);
}

/// The names on all pages, sorted.
async fn all_pages(issuer: &TestIssuer, operation: &str, token: &str, mut input: Value) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        let page = issuer.admin(operation, &input).await.body;
        let users = page["Users"].as_array().unwrap_or_else(|| panic!("{page}")).iter();
        names.extend(users.map(|user| user["Username"].as_str().unwrap().to_owned()));
        match page.get(token) {
            Some(next) => input[token] = next.clone(),
            None => break,
        }
    }
    names.sort();
    names
}

#[tokio::test]
async fn what_is_not_done_is_refused_rather_than_kept() {
    let issuer = TestIssuer::start().await;
    for settings in [
        json!({"KeyConfiguration": {"KeyType": "CUSTOMER_MANAGED_KEY"}}),
        json!({"IssuerConfiguration": {"Type": "UPDATED"}}),
        json!({"AcrConfiguration": {"Level1": {"AcrValue": "urn:x"}}}),
        json!({"DcrConfiguration": {"EnableStatus": "Enabled"}}),
        json!({"DeviceConfiguration": {"ChallengeRequiredOnNewDevice": true}}),
        json!({"UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}}),
    ] {
        let mut input = settings.clone();
        input["PoolName"] = json!("refused");
        assert_eq!(issuer.admin("CreateUserPool", &input).await.refusal().0, "InvalidParameterException", "{settings}");
    }
    let kept = json!({"PoolName": "kept", "KeyConfiguration": {"KeyType": "AWS_OWNED_KEY"}, "IssuerConfiguration": {"Type": "ORIGINAL"}});
    let pool = issuer.make_pool(&kept).await;
    let flows = json!(["ALLOW_USER_SRP_AUTH", "ALLOW_TOKEN_EXCHANGE_DELEGATION"]);
    let client = json!({"UserPoolId": pool, "ClientName": "c", "ExplicitAuthFlows": flows});
    assert_eq!(issuer.admin("CreateUserPoolClient", &client).await.refusal().0, "InvalidParameterException");
}

#[tokio::test]
async fn roles_of_groups_are_told_in_id_tokens_and_a_start_leaves_them() {
    let issuer = TestIssuer::start().await;
    let role = "arn:aws:iam::000000000000:role/sales";
    let update = json!({"UserPoolId": issuer.pool_id("demo"), "GroupName": "sales", "RoleArn": role});
    assert_eq!(issuer.admin("UpdateGroup", &update).await.status, 200);
    let issuer = issuer.again_with(POOLS).await;
    let told = claims(&issuer.sign_in("web", "alice").await.token("IdToken"));
    assert_eq!((&told["cognito:roles"], &told["cognito:preferred_role"]), (&json!([role]), &json!(role)));
}

#[tokio::test]
async fn every_built_operation_answers_in_its_own_words() {
    let issuer = TestIssuer::start().await;
    let facts = include_str!("../cognito/model/facts.txt");
    for line in facts.lines() {
        let mut words = line.split(' ');
        let (Some(kind @ ("open" | "call")), Some(name)) = (words.next(), words.next()) else { continue };
        let answer =
            if kind == "open" { issuer.call(name, &json!({})).await } else { issuer.admin(name, &json!({})).await };
        assert_eq!(answer.refusal().0, "InvalidParameterException", "{name}");
        // With all that is required there, each comes as far as its own code.
        let mut input = json!({});
        for member in words.filter_map(|word| word.strip_suffix('!')) {
            let (member, shape) = member.split_once(':').unwrap();
            input[member] = some_value(shape, &issuer);
        }
        let answer = if kind == "open" { issuer.call(name, &input).await } else { issuer.admin(name, &input).await };
        let said = answer.body["__type"].as_str().unwrap_or_default();
        assert!(
            !["UnsupportedOperationException", "InternalErrorException"].contains(&said),
            "{name}: {}",
            answer.body
        );
    }
}

fn some_value(shape: &str, issuer: &TestIssuer) -> Value {
    match shape {
        "UserPoolIdType" => json!(issuer.pool_id("beta")),
        "ClientIdType" => json!("betaweb"),
        "ArnType" => json!("arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_none"),
        "AuthFlowType" => json!("USER_AUTH"),
        "ChallengeNameType" => json!("SMS_MFA"),
        "SoftwareTokenMFAUserCodeType" => json!("123456"),
        "PoolQueryLimitType" => json!(1),
        "UserPoolTagsType" => json!({}),
        "CustomAttributesListType" => json!([{"Name": "email"}]),
        name if name.contains("List") => json!([]),
        _ => json!("something"),
    }
}

#[tokio::test]
async fn declared_pools_and_those_that_the_api_changed_stay_in_step() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.pool_id("demo");
    let mfa =
        json!({"UserPoolId": pool, "MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": {"Enabled": true}});
    assert_eq!(issuer.admin("SetUserPoolMfaConfig", &mfa).await.status, 200);
    let issuer = issuer.again_with(POOLS).await;
    let kept = issuer.admin("GetUserPoolMfaConfig", &json!({"UserPoolId": pool})).await.body;
    assert_eq!(kept["MfaConfiguration"], "OPTIONAL", "what the file does not say stays");
    let said = POOLS.replace("demo:\n", "demo:\n  mfa: off\n");
    let issuer = issuer.again_with(&said).await;
    let kept = issuer.admin("GetUserPoolMfaConfig", &json!({"UserPoolId": pool})).await.body;
    assert_eq!(kept["MfaConfiguration"], "OFF", "what the file says wins");
}
