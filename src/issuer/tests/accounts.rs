//! What users do with their accounts: sign-up, confirmation, recovery, attributes, passwords.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Answer, TestIssuer};

const WRONG_CODE: (&str, &str) = ("CodeMismatchException", "Invalid verification code provided, please try again.");
const OLD_CODE: (&str, &str) = ("ExpiredCodeException", "Invalid code provided, please request a code again.");
const WRONG: (&str, &str) = ("NotAuthorizedException", "Incorrect username or password.");
const GOOD: &str = "Correct-horse-1";

/// A pool where anybody may sign up, with a client.
struct Open {
    issuer: TestIssuer,
    pool: String,
    client: String,
}

impl Open {
    async fn with(settings: &Value, client: &Value) -> Self {
        let issuer = TestIssuer::start().await;
        let mut input = json!({"PoolName": "open", "AutoVerifiedAttributes": ["email"], "AliasAttributes": ["email", "preferred_username"]});
        for (name, value) in settings.as_object().unwrap() {
            input[name] = value.clone();
        }
        let pool = issuer.make_pool(&input).await;
        let client = issuer.make_client(&pool, client).await;
        Self { issuer, pool, client }
    }

    async fn plain() -> Self {
        Self::with(&json!({}), &json!({})).await
    }

    async fn sign_up(&self, name: &str, password: &str, attributes: &Value) -> Answer {
        let attributes: Vec<Value> =
            attributes.as_object().unwrap().iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        let input =
            json!({"ClientId": self.client, "Username": name, "Password": password, "UserAttributes": attributes});
        self.issuer.call("SignUp", &input).await
    }

    async fn call(&self, operation: &str, name: &str, more: &Value) -> Answer {
        let mut input = json!({"ClientId": self.client, "Username": name});
        for (name, value) in more.as_object().unwrap() {
            input[name] = value.clone();
        }
        self.issuer.call(operation, &input).await
    }

    async fn confirm(&self, name: &str, code: &str) -> Answer {
        self.call("ConfirmSignUp", name, &json!({"ConfirmationCode": code})).await
    }

    /// Signs up and confirms; `name` has the address `name@example.com`.
    async fn member(&self, name: &str) {
        let made = self.sign_up(name, GOOD, &json!({"email": format!("{name}@example.com")})).await;
        assert_eq!(made.status, 200, "{}", made.body);
        assert_eq!(self.confirm(name, &self.issuer.code(&self.pool).await).await.status, 200);
    }

    async fn token(&self, name: &str) -> String {
        self.issuer.try_password(&self.client, name, GOOD).await.token("AccessToken")
    }
}

#[tokio::test]
async fn a_user_signs_up_confirms_and_signs_in_by_name_or_address() {
    let open = Open::plain().await;
    let made = open.sign_up("Frank", GOOD, &json!({"email": "frank@example.com"})).await.body;
    assert_eq!((&made["UserConfirmed"], made["UserSub"].as_str().unwrap().len()), (&json!(false), 36));
    let delivery = json!({"Destination": "f***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"});
    assert_eq!(made["CodeDeliveryDetails"], delivery);
    let early = open.issuer.try_password(&open.client, "frank", GOOD).await;
    assert_eq!(early.refusal(), ("UserNotConfirmedException", "User is not confirmed."));
    assert_eq!(
        open.issuer.try_password(&open.client, "frank", "Wrong-horse-1").await.refusal(),
        WRONG,
        "told only with the password"
    );
    assert_eq!(
        open.issuer.try_password(&open.client, "frank@example.com", GOOD).await.refusal(),
        WRONG,
        "no alias before the proof"
    );
    let code = open.issuer.code(&open.pool).await;
    let other = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(open.confirm("frank", other).await.refusal(), WRONG_CODE);
    assert_eq!(open.confirm("frank", &code).await.status, 200);
    assert_eq!(open.confirm("frank", &code).await.refusal(), WRONG_CODE, "once");
    for name in ["frank", "FRANK", "Frank@Example.com"] {
        assert_eq!(open.issuer.try_password(&open.client, name, GOOD).await.status, 200, "{name}");
    }
    let user = open.issuer.user_of(&open.token("frank").await).await.body;
    assert!(user["UserAttributes"].as_array().unwrap().contains(&json!({"Name": "email_verified", "Value": "true"})));
}

#[tokio::test]
async fn sign_up_is_held_to_names_policy_schema_and_permissions() {
    let open = Open::with(
        &json!({"Schema": [{"Name": "level", "AttributeDataType": "Number"}, {"Name": "name", "Required": true, "AttributeDataType": "String"}]}),
        &json!({"WriteAttributes": ["email", "name", "custom:level"]}),
    )
    .await;
    let with = |more: Value| {
        let mut attributes = json!({"name": "F", "email": "f@example.com"});
        for (name, value) in more.as_object().unwrap() {
            attributes[name] = value.clone();
        }
        attributes
    };
    for password in ["short-1", "no-digits-Here", "NO-LOWER-1", "no-upper-1", "NoSymbols1"] {
        assert_eq!(
            open.sign_up("f", password, &with(json!({}))).await.refusal().0,
            "InvalidPasswordException",
            "{password}"
        );
    }
    for (attributes, kind) in [
        (json!({"email": "f@example.com"}), "InvalidParameterException"),
        (with(json!({"custom:other": "x"})), "InvalidParameterException"),
        (with(json!({"custom:level": "high"})), "InvalidParameterException"),
        (with(json!({"email": "nothing"})), "InvalidParameterException"),
        (with(json!({"sub": "x"})), "InvalidParameterException"),
        (with(json!({"email_verified": "true"})), "NotAuthorizedException"),
        (with(json!({"nickname": "x"})), "NotAuthorizedException"),
    ] {
        assert_eq!(open.sign_up("f", GOOD, &attributes).await.refusal().0, kind, "{attributes}");
    }
    assert!(open.sign_up("f@example.com", GOOD, &with(json!({}))).await.refusal().1.contains("email format"));
    assert_eq!(open.sign_up("f", GOOD, &with(json!({"custom:level": "7"}))).await.status, 200);
    assert_eq!(
        open.sign_up("F", GOOD, &with(json!({}))).await.refusal(),
        ("UsernameExistsException", "User already exists")
    );
    let closed = open.issuer.call("SignUp", &json!({"ClientId": "web", "Username": "x", "Password": GOOD})).await;
    assert_eq!(closed.refusal(), ("NotAuthorizedException", "SignUp is not permitted for this user pool"));
}

#[tokio::test]
async fn an_address_can_be_the_user_name() {
    let open = Open::with(&json!({"AliasAttributes": null, "UsernameAttributes": ["email"]}), &json!({})).await;
    let refused = open.sign_up("frank", GOOD, &json!({})).await;
    assert_eq!(refused.refusal().1, "Username should be an email.");
    let made = open.sign_up("frank@example.com", GOOD, &json!({})).await.body;
    assert_eq!(open.confirm("frank@example.com", &open.issuer.code(&open.pool).await).await.status, 200);
    let user = open.issuer.user_of(&open.token("Frank@example.com").await).await.body;
    assert_eq!(user["Username"], made["UserSub"]);
    let again = open.sign_up("FRANK@example.com", GOOD, &json!({})).await;
    assert_eq!(again.refusal().0, "UsernameExistsException");
}

#[tokio::test]
async fn codes_expire_are_limited_and_a_new_one_ends_the_old() {
    let open = Open::plain().await;
    open.sign_up("frank", GOOD, &json!({"email": "frank@example.com"})).await;
    let first = open.issuer.code(&open.pool).await;
    assert_eq!(open.call("ResendConfirmationCode", "frank", &json!({})).await.status, 200);
    let second = open.issuer.code(&open.pool).await;
    if first != second {
        assert_eq!(open.confirm("frank", &first).await.refusal(), WRONG_CODE);
    }
    open.issuer.clock.advance(Duration::from_hours(24));
    assert_eq!(open.confirm("frank", &second).await.refusal(), OLD_CODE);
    for _ in 0..4 {
        assert_eq!(open.call("ResendConfirmationCode", "frank", &json!({})).await.status, 200);
    }
    let too_often = ("LimitExceededException", "Attempt limit exceeded, please try after some time.");
    open.call("ResendConfirmationCode", "frank", &json!({})).await;
    assert_eq!(open.call("ResendConfirmationCode", "frank", &json!({})).await.refusal(), too_often);
    let code = open.issuer.code(&open.pool).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..14 {
        assert_eq!(open.confirm("frank", wrong).await.refusal(), WRONG_CODE);
    }
    assert_eq!(open.confirm("frank", &code).await.refusal(), too_often, "the right one is not heard either");
    open.issuer.clock.advance(Duration::from_hours(1));
    assert_eq!(open.confirm("frank", &code).await.status, 200);
}

#[tokio::test]
async fn an_alias_belongs_to_one_user_unless_it_is_taken_by_force() {
    let open = Open::plain().await;
    open.member("frank").await;
    open.sign_up("fred", GOOD, &json!({"email": "frank@example.com"})).await;
    let code = open.issuer.code(&open.pool).await;
    let refused = open.confirm("fred", &code).await;
    assert_eq!(refused.refusal(), ("AliasExistsException", "An account with the given email already exists."));
    let forced = json!({"ConfirmationCode": code, "ForceAliasCreation": true});
    assert_eq!(
        open.call("ConfirmSignUp", "fred", &forced).await.status,
        200,
        "the code is still good: nothing was done"
    );
    let token = open.token("frank@example.com").await;
    assert_eq!(open.issuer.user_of(&token).await.body["Username"], "fred");
    let frank = open.issuer.user_of(&open.token("frank").await).await.body;
    assert!(frank["UserAttributes"].as_array().unwrap().contains(&json!({"Name": "email_verified", "Value": "false"})));
    let named = json!({"AccessToken": token, "UserAttributes": [{"Name": "preferred_username", "Value": "Frank"}]});
    assert_eq!(
        open.issuer.call("UpdateUserAttributes", &named).await.refusal().0,
        "AliasExistsException",
        "a name is nobody's alias"
    );
    assert_eq!(open.sign_up("frank@example.com", GOOD, &json!({})).await.status, 400);
}

/// Administrators name users by their `sub` too: whoever were called so would be given what is meant for another.
#[tokio::test]
async fn nobody_is_called_as_anothers_sub() {
    let accounts = Open::plain().await;
    accounts.member("frank").await;
    let named = json!({"UserPoolId": accounts.pool, "Username": "frank"});
    let frank = accounts.issuer.admin("AdminGetUser", &named).await.body;
    let sub = frank["UserAttributes"][0]["Value"].as_str().unwrap().to_owned();
    for name in [sub.clone(), sub.to_uppercase()] {
        let taken = accounts.sign_up(&name, GOOD, &json!({})).await;
        assert_eq!(taken.refusal().0, "UsernameExistsException", "{name}");
    }
    accounts.member("grace").await;
    let input = json!({"UserPoolId": accounts.pool, "Username": "grace", "UserAttributes": [{"Name": "preferred_username", "Value": sub}]});
    let taken = accounts.issuer.admin("AdminUpdateUserAttributes", &input).await;
    assert_eq!(taken.refusal().0, "AliasExistsException");
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_a_code_and_ends_all_sessions() {
    let open = Open::plain().await;
    open.member("frank").await;
    let before = open.token("frank").await;
    let sent = open.call("ForgotPassword", "frank", &json!({})).await.body;
    assert_eq!(sent["CodeDeliveryDetails"]["Destination"], "f***@e***");
    let code = open.issuer.code(&open.pool).await;
    let recover = async |code: &str, password: &str| {
        open.call("ConfirmForgotPassword", "frank", &json!({"ConfirmationCode": code, "Password": password})).await
    };
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(recover(wrong, "Another-horse-1").await.refusal(), WRONG_CODE);
    assert_eq!(recover(&code, "weak").await.refusal().0, "InvalidPasswordException");
    assert_eq!(recover(&code, "Another-horse-1").await.status, 200);
    assert_eq!(recover(&code, "Another-horse-2").await.refusal(), WRONG_CODE, "once");
    assert!(open.issuer.is_revoked(&before));
    assert_eq!(open.issuer.try_password(&open.client, "frank", GOOD).await.refusal(), WRONG);
    assert_eq!(open.issuer.try_password(&open.client, "frank", "Another-horse-1").await.status, 200);
}

#[tokio::test]
async fn answers_tell_nothing_about_who_exists_unless_the_client_wants_it() {
    let open = Open::plain().await;
    open.member("frank").await;
    open.sign_up("grace", GOOD, &json!({})).await;
    let destination =
        async |name: &str| open.call("ForgotPassword", name, &json!({})).await.body["CodeDeliveryDetails"].clone();
    let unknown = destination("nobody").await;
    assert_eq!(destination("nobody").await, unknown, "always the same for a name");
    assert_eq!(destination("grace").await["DeliveryMedium"], "EMAIL", "nor who has no address");
    assert_eq!(unknown["AttributeName"], "email");
    let reset = json!({"ConfirmationCode": "123456", "Password": GOOD});
    assert_eq!(open.call("ConfirmForgotPassword", "nobody", &reset).await.refusal(), WRONG_CODE);
    assert_eq!(open.call("ConfirmForgotPassword", "grace", &reset).await.refusal(), WRONG_CODE);
    assert_eq!(open.confirm("nobody", "123456").await.refusal(), WRONG_CODE);
    assert_eq!(open.call("ResendConfirmationCode", "nobody", &json!({})).await.status, 200);
    assert_eq!(open.call("ResendConfirmationCode", "frank", &json!({})).await.status, 200);

    let told = open.issuer.make_client(&open.pool, &json!({"PreventUserExistenceErrors": "LEGACY"})).await;
    let unknown = ("UserNotFoundException", "Username/client id combination not found.");
    for operation in ["ForgotPassword", "ResendConfirmationCode"] {
        let answer = open.issuer.call(operation, &json!({"ClientId": told, "Username": "nobody"})).await;
        assert_eq!(answer.refusal(), unknown, "{operation}");
    }
}

#[tokio::test]
async fn a_changed_address_is_proved_again() {
    let open = Open::with(
        &json!({"UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": []}}),
        &json!({}),
    )
    .await;
    open.member("frank").await;
    let token = open.token("frank").await;
    let update = json!({"AccessToken": token, "UserAttributes": [{"Name": "email", "Value": "new@example.com"}, {"Name": "name", "Value": "F"}]});
    let sent = open.issuer.call("UpdateUserAttributes", &update).await.body;
    assert_eq!(sent["CodeDeliveryDetailsList"][0]["Destination"], "n***@e***");
    let attributes = |body: &Value| body["UserAttributes"].to_string();
    let user = attributes(&open.issuer.user_of(&token).await.body);
    assert!(
        user.contains("new@example.com") && user.contains(r#"{"Name":"email_verified","Value":"false"}"#),
        "{user}"
    );
    assert_eq!(open.issuer.try_password(&open.client, "new@example.com", GOOD).await.refusal(), WRONG);
    assert_eq!(
        open.issuer.try_password(&open.client, "frank@example.com", GOOD).await.refusal(),
        WRONG,
        "the old one is gone"
    );
    let verify = json!({"AccessToken": token, "AttributeName": "email", "Code": open.issuer.code(&open.pool).await});
    assert_eq!(open.issuer.call("VerifyUserAttribute", &verify).await.status, 200);
    assert_eq!(open.issuer.try_password(&open.client, "new@example.com", GOOD).await.status, 200);
    let again = json!({"AccessToken": token, "AttributeName": "email"});
    assert_eq!(open.issuer.call("GetUserAttributeVerificationCode", &again).await.status, 200);
    let delete = json!({"AccessToken": token, "UserAttributeNames": ["name"]});
    assert_eq!(open.issuer.call("DeleteUserAttributes", &delete).await.status, 200);
    assert!(!attributes(&open.issuer.user_of(&token).await.body).contains(r#""name""#));
    let proof = json!({"AccessToken": token, "UserAttributes": [{"Name": "phone_number_verified", "Value": "true"}]});
    assert_eq!(open.issuer.call("UpdateUserAttributes", &proof).await.refusal().0, "NotAuthorizedException");
}

#[tokio::test]
async fn an_address_may_keep_its_value_until_the_new_one_is_proved() {
    let keeps = json!({"UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]}});
    let open = Open::with(&keeps, &json!({})).await;
    open.member("frank").await;
    let token = open.token("frank").await;
    let update = json!({"AccessToken": token, "UserAttributes": [{"Name": "email", "Value": "new@example.com"}]});
    open.issuer.call("UpdateUserAttributes", &update).await;
    assert!(open.issuer.user_of(&token).await.body.to_string().contains("frank@example.com"));
    let verify = json!({"AccessToken": token, "AttributeName": "email", "Code": open.issuer.code(&open.pool).await});
    assert_eq!(open.issuer.call("VerifyUserAttribute", &verify).await.status, 200);
    assert!(open.issuer.user_of(&token).await.body.to_string().contains("new@example.com"));
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it_and_never_to_one_of_before() {
    let history = json!({"Policies": {"PasswordPolicy": {"PasswordHistorySize": 2}}});
    let open = Open::with(&history, &json!({})).await;
    open.member("frank").await;
    let token = open.token("frank").await;
    let change = async |previous: &str, proposed: &str| {
        let input = json!({"AccessToken": token, "PreviousPassword": previous, "ProposedPassword": proposed});
        open.issuer.call("ChangePassword", &input).await
    };
    assert_eq!(change("Wrong-horse-1", "Another-horse-1").await.refusal(), WRONG);
    assert_eq!(change(GOOD, GOOD).await.refusal().0, "PasswordHistoryPolicyViolationException");
    assert_eq!(change(GOOD, "weak").await.refusal().0, "InvalidPasswordException");
    assert_eq!(change(GOOD, "Another-horse-1").await.status, 200);
    assert_eq!(change("Another-horse-1", GOOD).await.refusal().0, "PasswordHistoryPolicyViolationException");
    let often = change("Another-horse-1", "Third-horse-1").await;
    assert_eq!(often.refusal().0, "LimitExceededException");
    open.issuer.clock.advance(Duration::from_hours(1));
    let token = open.issuer.try_password(&open.client, "frank", "Another-horse-1").await.token("AccessToken");
    let input =
        json!({"AccessToken": token, "PreviousPassword": "Another-horse-1", "ProposedPassword": "Third-horse-1"});
    assert_eq!(open.issuer.call("ChangePassword", &input).await.status, 200);
    assert_eq!(open.issuer.try_password(&open.client, "frank", "Third-horse-1").await.status, 200);
}

#[tokio::test]
async fn an_administrator_takes_a_password_back() {
    let open = Open::plain().await;
    open.member("frank").await;
    let frank = json!({"UserPoolId": open.pool, "Username": "frank"});
    assert_eq!(open.issuer.admin("AdminResetUserPassword", &frank).await.status, 200);
    let refused = open.issuer.try_password(&open.client, "frank", GOOD).await;
    assert_eq!(refused.refusal().0, "PasswordResetRequiredException");
    assert_eq!(open.issuer.try_password(&open.client, "frank", "Wrong-horse-1").await.refusal(), WRONG);
    let code = open.issuer.code(&open.pool).await;
    let reset = json!({"ConfirmationCode": code, "Password": "Another-horse-1"});
    assert_eq!(open.call("ConfirmForgotPassword", "frank", &reset).await.status, 200);
    assert_eq!(open.issuer.try_password(&open.client, "frank", "Another-horse-1").await.status, 200);
}

#[tokio::test]
async fn a_user_deletes_the_account() {
    let open = Open::plain().await;
    open.member("frank").await;
    let token = open.token("frank").await;
    assert_eq!(open.issuer.call("DeleteUser", &json!({"AccessToken": token})).await.status, 200);
    assert!(open.issuer.is_revoked(&token));
    assert_eq!(open.issuer.user_of(&token).await.status, 400);
    assert_eq!(open.issuer.try_password(&open.client, "frank", GOOD).await.refusal(), WRONG);
    open.member("frank").await;
}

#[tokio::test]
async fn an_administrator_confirms_and_sets_attributes() {
    let open = Open::plain().await;
    open.sign_up("frank", GOOD, &json!({"email": "frank@example.com"})).await;
    let frank = json!({"UserPoolId": open.pool, "Username": "frank"});
    assert_eq!(open.issuer.admin("AdminConfirmSignUp", &frank).await.status, 200);
    let twice = open.issuer.admin("AdminConfirmSignUp", &frank).await;
    assert_eq!(twice.refusal().1, "User cannot be confirmed. Current status is CONFIRMED");
    assert_eq!(
        open.issuer.try_password(&open.client, "frank@example.com", GOOD).await.refusal(),
        WRONG,
        "nothing is proved by it"
    );
    let mut update = frank.clone();
    update["UserAttributes"] = json!([{"Name": "email_verified", "Value": "true"}]);
    assert_eq!(open.issuer.admin("AdminUpdateUserAttributes", &update).await.status, 200);
    assert_eq!(open.issuer.try_password(&open.client, "frank@example.com", GOOD).await.status, 200);
    let mut delete = frank.clone();
    delete["UserAttributeNames"] = json!(["email"]);
    assert_eq!(open.issuer.admin("AdminDeleteUserAttributes", &delete).await.status, 200);
    assert_eq!(open.issuer.try_password(&open.client, "frank@example.com", GOOD).await.refusal(), WRONG);
}

#[tokio::test]
async fn a_sign_up_goes_on_into_a_sign_in_for_who_has_the_code() {
    let open = Open::plain().await;
    let other = open.issuer.make_client(&open.pool, &json!({})).await;
    let made = open.sign_up("frank", GOOD, &json!({"email": "frank@example.com"})).await.body;
    let first = made["Session"].clone();
    assert!(first.as_str().is_some_and(|session| session.len() >= 20), "{made}");
    let start = async |client: &str, name: &str, session: &Value| {
        let input = json!({"ClientId": client, "AuthFlow": "USER_AUTH", "AuthParameters": {"USERNAME": name}, "Session": session});
        open.issuer.call("InitiateAuth", &input).await
    };
    let invalid = ("NotAuthorizedException", "Invalid session for the user.");
    assert_eq!(start(&open.client, "frank", &first).await.refusal(), invalid, "not confirmed yet");
    for challenge in ["SELECT_CHALLENGE", "PASSWORD_VERIFIER", "MFA_SETUP"] {
        let responses = json!({"USERNAME": "frank", "ANSWER": "PASSWORD", "PASSWORD": GOOD});
        assert_eq!(
            open.issuer.respond(&open.client, challenge, &first, &responses).await.refusal(),
            invalid,
            "{challenge}"
        );
    }
    let code = open.issuer.code(&open.pool).await;
    let grace = open.sign_up("grace", GOOD, &json!({"email": "grace@example.com"})).await.body;
    let confirm = async |session: &Value| {
        open.call("ConfirmSignUp", "frank", &json!({"ConfirmationCode": code, "Session": session})).await
    };
    assert_eq!(confirm(&grace["Session"]).await.refusal(), invalid, "of another account");
    let confirmed = confirm(&first).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    let second = confirmed.body["Session"].clone();
    assert_eq!(start(&other, "frank", &second).await.refusal(), invalid, "another client");
    assert_eq!(start(&open.client, "grace", &second).await.refusal(), invalid, "another user");
    let signed_in = start(&open.client, "frank", &second).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.body);
    assert!(signed_in.token("AccessToken").contains('.'));
    assert_eq!(start(&open.client, "frank", &second).await.refusal(), invalid, "once");
    // Amplify does not give the first one back.
    open.sign_up("heidi", GOOD, &json!({"email": "heidi@example.com"})).await;
    let code = open.issuer.code(&open.pool).await;
    let confirmed = open.confirm("heidi", &code).await.body;
    assert_eq!(start(&open.client, "heidi", &confirmed["Session"]).await.status, 200, "{confirmed}");
    let plain = json!({"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]});
    let open = Open::with(&json!({}), &plain).await;
    let made = open.sign_up("frank", GOOD, &json!({"email": "frank@example.com"})).await.body;
    let code = open.issuer.code(&open.pool).await;
    let confirmed = open.confirm("frank", &code).await.body;
    assert!(made.get("Session").is_none() && confirmed.get("Session").is_none(), "not by such a client");
}

#[tokio::test]
async fn an_account_needs_no_password_where_a_code_signs_in() {
    let first = json!({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}});
    let open = Open::with(&first, &json!({})).await;
    let email = json!([{"Name": "email", "Value": "frank@example.com"}]);
    let input = json!({"ClientId": open.client, "Username": "frank", "UserAttributes": email});
    let made = open.issuer.call("SignUp", &input).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let code = open.issuer.code(&open.pool).await;
    assert_eq!(open.confirm("frank", &code).await.status, 200);
    for password in [GOOD, "x"] {
        assert_eq!(open.issuer.try_password(&open.client, "frank", password).await.refusal(), WRONG);
    }
    let parameters = json!({"USERNAME": "frank", "PREFERRED_CHALLENGE": "EMAIL_OTP"});
    let asked = open.issuer.initiate(&open.client, "USER_AUTH", &parameters).await.body;
    let responses = json!({"USERNAME": "frank", "EMAIL_OTP_CODE": open.issuer.code(&open.pool).await});
    assert_eq!(open.issuer.respond(&open.client, "EMAIL_OTP", &asked["Session"], &responses).await.status, 200);
    let plain = Open::plain().await;
    let input = json!({"ClientId": plain.client, "Username": "frank", "UserAttributes": email});
    assert_eq!(plain.issuer.call("SignUp", &input).await.refusal().1, "Password is required");
}

#[tokio::test]
async fn codes_are_sent_again_as_often_to_an_account_as_to_nobody() {
    let open = Open::plain().await;
    open.sign_up("frank", GOOD, &json!({"email": "frank@example.com"})).await;
    for name in ["frank", "nobody"] {
        let mut sent = Vec::new();
        for _ in 0..6 {
            sent.push(open.call("ResendConfirmationCode", name, &json!({})).await.status);
        }
        assert_eq!(sent, [200, 200, 200, 200, 200, 400], "{name}");
    }
}
