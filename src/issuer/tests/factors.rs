//! Second factors and the challenges that ask for them: what is asked for cannot be skipped, and counts once.

use std::time::Duration;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::support::{Answer, TestIssuer};
use crate::issuer::pool::proof::TotpSecret;

const WRONG_CODE: (&str, &str) = ("CodeMismatchException", "Invalid verification code provided, please try again.");
const INVALID: (&str, &str) = ("NotAuthorizedException", "Invalid session for the user.");
const GOOD: &str = "Correct-horse-1";

/// A pool that asks for second factors, with a user.
struct Guarded {
    issuer: TestIssuer,
    pool: String,
    client: String,
}

impl Guarded {
    async fn with(mfa: &Value, attributes: &Value) -> Self {
        let issuer = TestIssuer::start().await;
        let first = json!({"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}});
        let pool = issuer.make_pool(&json!({"PoolName": "guarded", "Policies": first})).await;
        let mut input = mfa.clone();
        input["UserPoolId"] = json!(pool);
        assert_eq!(issuer.admin("SetUserPoolMfaConfig", &input).await.status, 200);
        let client = issuer.make_client(&pool, &json!({})).await;
        let guarded = Self { issuer, pool, client };
        guarded.user("frank", attributes).await;
        guarded
    }

    async fn totp(level: &str) -> Self {
        Self::with(&json!({"MfaConfiguration": level, "SoftwareTokenMfaConfiguration": {"Enabled": true}}), &json!({}))
            .await
    }

    async fn user(&self, name: &str, attributes: &Value) {
        let attributes: Vec<Value> =
            attributes.as_object().unwrap().iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        let create = json!({"UserPoolId": self.pool, "Username": name, "MessageAction": "SUPPRESS", "UserAttributes": attributes});
        assert_eq!(self.issuer.admin("AdminCreateUser", &create).await.status, 200);
        let set = json!({"UserPoolId": self.pool, "Username": name, "Password": GOOD, "Permanent": true});
        assert_eq!(self.issuer.admin("AdminSetUserPassword", &set).await.status, 200);
    }

    async fn sign_in(&self) -> Answer {
        self.issuer.try_password(&self.client, "frank", GOOD).await
    }

    async fn respond(&self, asked: &Value, responses: &Value) -> Answer {
        let mut responses = responses.clone();
        responses["USERNAME"] = json!("frank");
        self.issuer.respond(&self.client, asked["ChallengeName"].as_str().unwrap(), &asked["Session"], &responses).await
    }

    fn code(&self, secret: &str) -> String {
        seed(secret).code(self.issuer.clock.unix_seconds() / 30)
    }

    /// Sets an authenticator app up on the way in; gives its seed and the answer.
    async fn set_up(&self, asked: &Value) -> (String, Answer) {
        let told = self.issuer.call("AssociateSoftwareToken", &json!({"Session": asked["Session"]})).await.body;
        let secret = told["SecretCode"].as_str().unwrap().to_owned();
        let verify = json!({"Session": told["Session"], "UserCode": self.code(&secret)});
        let verified = self.issuer.call("VerifySoftwareToken", &verify).await.body;
        assert_eq!(verified["Status"], "SUCCESS", "{verified}");
        let asked = json!({"ChallengeName": "MFA_SETUP", "Session": verified["Session"]});
        (secret, self.respond(&asked, &json!({})).await)
    }
}

fn seed(base32: &str) -> TotpSecret {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = base32.chars().map(|letter| format!("{:05b}", alphabet.find(letter).unwrap())).collect();
    let bytes =
        bits.as_bytes().chunks(8).map(|bits| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap());
    TotpSecret::of(Zeroizing::new(bytes.collect()))
}

#[tokio::test]
async fn where_mfa_is_on_no_user_gets_in_without_setting_an_app_up() {
    let guarded = Guarded::totp("ON").await;
    let asked = guarded.sign_in().await.body;
    assert_eq!(
        (&asked["ChallengeName"], &asked["ChallengeParameters"]["MFAS_CAN_SETUP"]),
        (&json!("MFA_SETUP"), &json!("[\"SOFTWARE_TOKEN_MFA\"]"))
    );
    assert!(asked.get("AuthenticationResult").is_none());
    assert_eq!(guarded.respond(&asked, &json!({})).await.refusal(), INVALID, "nothing was set up");
    let (secret, signed_in) = guarded.set_up(&asked).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.body);
    assert!(signed_in.token("AccessToken").contains('.'));

    let asked = guarded.sign_in().await.body;
    assert_eq!(asked["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    let used = guarded.respond(&asked, &json!({"SOFTWARE_TOKEN_MFA_CODE": guarded.code(&secret)})).await;
    assert_eq!(used.refusal(), WRONG_CODE, "the code that set it up was used");
    guarded.issuer.clock.advance(Duration::from_secs(30));
    let code = guarded.code(&secret);
    assert_eq!(guarded.respond(&asked, &json!({"SOFTWARE_TOKEN_MFA_CODE": code})).await.status, 200);
    let asked = guarded.sign_in().await.body;
    assert_eq!(guarded.respond(&asked, &json!({"SOFTWARE_TOKEN_MFA_CODE": code})).await.refusal(), WRONG_CODE, "once");
}

#[tokio::test]
async fn an_app_is_set_up_by_who_knows_the_password_of_now_and_only_the_first() {
    let guarded = Guarded::totp("ON").await;
    let first = guarded.sign_in().await.body;
    let second = guarded.sign_in().await.body;
    let told = guarded.issuer.call("AssociateSoftwareToken", &json!({"Session": second["Session"]})).await.body;
    let (_, signed_in) = guarded.set_up(&first).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.body);
    let verify = |told: &Value| json!({"Session": told["Session"], "UserCode": guarded.code(told["SecretCode"].as_str().unwrap())});
    let late = guarded.issuer.call("VerifySoftwareToken", &verify(&told)).await;
    assert_eq!(late.refusal(), INVALID, "the owner has an app by now");

    guarded.user("grace", &json!({})).await;
    let asked = guarded.issuer.try_password(&guarded.client, "grace", GOOD).await.body;
    let told = guarded.issuer.call("AssociateSoftwareToken", &json!({"Session": asked["Session"]})).await.body;
    let again = guarded.issuer.try_password(&guarded.client, "grace", GOOD).await.body;
    let set =
        json!({"UserPoolId": guarded.pool, "Username": "grace", "Password": "Another-horse-1", "Permanent": true});
    assert_eq!(guarded.issuer.admin("AdminSetUserPassword", &set).await.status, 200);
    let late = guarded.issuer.call("VerifySoftwareToken", &verify(&told)).await;
    assert_eq!(late.refusal(), INVALID, "whoever it is knew the password of before");
    let late = guarded.issuer.call("AssociateSoftwareToken", &json!({"Session": again["Session"]})).await;
    assert_eq!(late.refusal(), INVALID);
    let named = json!({"UserPoolId": guarded.pool, "Username": "grace"});
    let grace = guarded.issuer.admin("AdminGetUser", &named).await.body;
    assert!(grace.get("UserMFASettingList").is_none(), "{grace}");
}

#[tokio::test]
async fn a_second_factor_cannot_be_skipped_by_another_challenge_or_another_flow() {
    let guarded = Guarded::totp("ON").await;
    let asked = guarded.sign_in().await.body;
    let (secret, _) = guarded.set_up(&asked).await;
    let asked = guarded.sign_in().await.body;
    for (step, responses) in [
        ("MFA_SETUP", json!({})),
        ("NEW_PASSWORD_REQUIRED", json!({"NEW_PASSWORD": "Another-horse-1"})),
        ("SELECT_MFA_TYPE", json!({"ANSWER": "SMS_MFA"})),
        ("SELECT_CHALLENGE", json!({"ANSWER": "PASSWORD", "PASSWORD": GOOD})),
        ("SMS_MFA", json!({"SMS_MFA_CODE": ""})),
        ("EMAIL_OTP", json!({"EMAIL_OTP_CODE": ""})),
        ("PASSWORD_VERIFIER", json!({})),
    ] {
        let other = json!({"ChallengeName": step, "Session": asked["Session"]});
        assert_eq!(guarded.respond(&other, &responses).await.refusal(), INVALID, "{step}");
    }
    // The session of a question cannot set up another app either.
    let other = guarded.issuer.call("AssociateSoftwareToken", &json!({"Session": asked["Session"]})).await;
    assert_eq!(other.refusal(), INVALID);
    let asked = guarded.sign_in().await.body;
    assert_eq!(guarded.respond(&asked, &json!({"SOFTWARE_TOKEN_MFA_CODE": ""})).await.refusal(), WRONG_CODE);

    let admin = json!({"UserPoolId": guarded.pool, "ClientId": guarded.client, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": "frank", "PASSWORD": GOOD}});
    assert_eq!(
        guarded.issuer.admin("AdminInitiateAuth", &admin).await.refusal().0,
        "InvalidParameterException",
        "not this client's"
    );
    let more = json!({"ExplicitAuthFlows": ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH"]});
    let client = guarded.issuer.make_client(&guarded.pool, &more).await;
    let mut admin = admin;
    admin["ClientId"] = json!(client);
    assert_eq!(guarded.issuer.admin("AdminInitiateAuth", &admin).await.body["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    let chosen = json!({"USERNAME": "frank", "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": GOOD});
    assert_eq!(
        guarded.issuer.initiate(&client, "USER_AUTH", &chosen).await.body["ChallengeName"],
        "SOFTWARE_TOKEN_MFA"
    );
    let by_code = json!({"USERNAME": "frank", "PREFERRED_CHALLENGE": "EMAIL_OTP"});
    let offered = guarded.issuer.initiate(&client, "USER_AUTH", &by_code).await.body;
    assert_eq!(
        offered["AvailableChallenges"],
        json!(["PASSWORD", "PASSWORD_SRP"]),
        "no code is a first factor where MFA is on"
    );
    assert_eq!(guarded.code(&secret).len(), 6);
}

#[tokio::test]
async fn wrong_codes_end_the_step_and_lock_whatever_new_step_begins() {
    let guarded = Guarded::totp("ON").await;
    let (secret, _) = guarded.set_up(&guarded.sign_in().await.body).await;
    guarded.issuer.clock.advance(Duration::from_secs(30));
    let asked = guarded.sign_in().await.body;
    let right = guarded.code(&secret);
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        assert_eq!(guarded.respond(&asked, &json!({"SOFTWARE_TOKEN_MFA_CODE": wrong})).await.refusal(), WRONG_CODE);
    }
    assert_eq!(guarded.respond(&asked, &json!({"SOFTWARE_TOKEN_MFA_CODE": right})).await.refusal(), INVALID);
    let again = guarded.sign_in().await.body;
    let locked = ("NotAuthorizedException", "Password attempts exceeded");
    assert_eq!(guarded.respond(&again, &json!({"SOFTWARE_TOKEN_MFA_CODE": right})).await.refusal(), locked);
    guarded.issuer.clock.advance(Duration::from_secs(1));
    assert_eq!(guarded.respond(&again, &json!({"SOFTWARE_TOKEN_MFA_CODE": guarded.code(&secret)})).await.status, 200);
}

#[tokio::test]
async fn a_factor_is_optional_until_the_user_turns_it_on() {
    let guarded = Guarded::totp("OPTIONAL").await;
    let token = guarded.sign_in().await.token("AccessToken");
    let prefer = json!({"AccessToken": token, "SoftwareTokenMfaSettings": {"Enabled": true, "PreferredMfa": true}});
    assert_eq!(
        guarded.issuer.call("SetUserMFAPreference", &prefer).await.refusal().0,
        "InvalidParameterException",
        "no app yet"
    );
    let sms = json!({"AccessToken": token, "SMSMfaSettings": {"Enabled": true}});
    assert_eq!(
        guarded.issuer.call("SetUserMFAPreference", &sms).await.refusal().0,
        "InvalidParameterException",
        "not the pool's"
    );
    let told = guarded.issuer.call("AssociateSoftwareToken", &json!({"AccessToken": token})).await.body;
    let secret = told["SecretCode"].as_str().unwrap();
    let wrong = guarded.issuer.call("VerifySoftwareToken", &json!({"AccessToken": token, "UserCode": "000000"})).await;
    assert_eq!(wrong.refusal().0, "EnableSoftwareTokenMFAException");
    let verify = json!({"AccessToken": token, "UserCode": guarded.code(secret)});
    assert_eq!(guarded.issuer.call("VerifySoftwareToken", &verify).await.body, json!({"Status": "SUCCESS"}));
    assert_eq!(guarded.sign_in().await.status, 200, "not turned on");
    assert_eq!(guarded.issuer.call("SetUserMFAPreference", &prefer).await.status, 200);
    let user = guarded.issuer.user_of(&token).await.body;
    assert_eq!(
        (&user["PreferredMfaSetting"], &user["UserMFASettingList"]),
        (&json!("SOFTWARE_TOKEN_MFA"), &json!(["SOFTWARE_TOKEN_MFA"]))
    );
    assert_eq!(guarded.sign_in().await.body["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    let off = json!({"UserPoolId": guarded.pool, "Username": "frank", "SoftwareTokenMfaSettings": {"Enabled": false}});
    assert_eq!(guarded.issuer.admin("AdminSetUserMFAPreference", &off).await.status, 200);
    assert_eq!(guarded.sign_in().await.body.get("ChallengeName"), None);
}

#[tokio::test]
async fn codes_are_sent_as_second_factors_and_one_is_chosen_of_several() {
    let mfa = json!({"MfaConfiguration": "ON", "SmsMfaConfiguration": {}, "EmailMfaConfiguration": {}});
    let guarded = Guarded::with(&mfa, &json!({"email": "frank@example.com", "phone_number": "+491234567"})).await;
    let asked = guarded.sign_in().await.body;
    assert_eq!(
        (&asked["ChallengeName"], &asked["ChallengeParameters"]["MFAS_CAN_CHOOSE"]),
        (&json!("SELECT_MFA_TYPE"), &json!("[\"SMS_MFA\",\"EMAIL_OTP\"]"))
    );
    assert_eq!(
        guarded.respond(&asked, &json!({"ANSWER": "SOFTWARE_TOKEN_MFA"})).await.refusal().0,
        "InvalidParameterException"
    );
    let sent = guarded.respond(&asked, &json!({"ANSWER": "SMS_MFA"})).await.body;
    assert_eq!(
        (&sent["ChallengeName"], &sent["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"]),
        (&json!("SMS_MFA"), &json!("+*******4567"))
    );
    assert_eq!(guarded.respond(&asked, &json!({"ANSWER": "SMS_MFA"})).await.refusal(), INVALID, "chosen once");
    let letter = guarded.issuer.letters(&guarded.pool).await.remove(0);
    assert_eq!(letter["to"], "+491234567");
    let code = guarded.issuer.code(&guarded.pool).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(guarded.respond(&sent, &json!({"SMS_MFA_CODE": wrong})).await.refusal(), WRONG_CODE);
    assert_eq!(guarded.respond(&sent, &json!({"SMS_MFA_CODE": code})).await.status, 200);
    // A code of one sign-in is of no use in another.
    let asked = guarded.sign_in().await.body;
    let sent = guarded.respond(&asked, &json!({"ANSWER": "EMAIL_OTP"})).await.body;
    assert_eq!(sent["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"], "f***@e***");
    let fresh = guarded.issuer.code(&guarded.pool).await;
    if fresh != code {
        assert_eq!(guarded.respond(&sent, &json!({"EMAIL_OTP_CODE": code})).await.refusal(), WRONG_CODE);
    }
    assert_eq!(guarded.respond(&sent, &json!({"EMAIL_OTP_CODE": fresh})).await.status, 200);
}

#[tokio::test]
async fn a_factor_that_the_user_prefers_is_asked_for_at_once() {
    let mfa = json!({"MfaConfiguration": "ON", "SmsMfaConfiguration": {}, "EmailMfaConfiguration": {}});
    let guarded = Guarded::with(&mfa, &json!({"email": "frank@example.com", "phone_number": "+491234567"})).await;
    let prefer = json!({"UserPoolId": guarded.pool, "Username": "frank", "EmailMfaSettings": {"Enabled": true, "PreferredMfa": true}});
    assert_eq!(guarded.issuer.admin("AdminSetUserMFAPreference", &prefer).await.status, 200);
    assert_eq!(guarded.sign_in().await.body["ChallengeName"], "EMAIL_OTP");
    let both = json!({"UserPoolId": guarded.pool, "Username": "frank", "EmailMfaSettings": {"Enabled": true, "PreferredMfa": true}, "SMSMfaSettings": {"Enabled": true, "PreferredMfa": true}});
    assert_eq!(guarded.issuer.admin("AdminSetUserMFAPreference", &both).await.refusal().0, "InvalidParameterException");
}

#[tokio::test]
async fn a_user_whom_no_factor_reaches_does_not_get_in() {
    let guarded = Guarded::with(&json!({"MfaConfiguration": "ON", "SmsMfaConfiguration": {}}), &json!({})).await;
    assert_eq!(guarded.sign_in().await.refusal().0, "MFAMethodNotFoundException");
}

#[tokio::test]
async fn a_code_can_be_the_first_factor_where_the_pool_allows_it() {
    let verified = json!({"email": "frank@example.com", "email_verified": "true"});
    let guarded = Guarded::with(&json!({"MfaConfiguration": "OFF"}), &verified).await;
    let asked = guarded.issuer.initiate(&guarded.client, "USER_AUTH", &json!({"USERNAME": "frank"})).await.body;
    assert_eq!(
        (&asked["ChallengeName"], &asked["AvailableChallenges"]),
        (&json!("SELECT_CHALLENGE"), &json!(["PASSWORD", "PASSWORD_SRP", "EMAIL_OTP"]))
    );
    let unknown = guarded.issuer.initiate(&guarded.client, "USER_AUTH", &json!({"USERNAME": "nobody"})).await.body;
    assert_eq!(unknown["AvailableChallenges"], asked["AvailableChallenges"], "nobody is offered the same");
    let sent = guarded.respond(&asked, &json!({"ANSWER": "EMAIL_OTP"})).await.body;
    assert_eq!(sent["ChallengeName"], "EMAIL_OTP");
    let code = guarded.issuer.code(&guarded.pool).await;
    assert_eq!(guarded.respond(&sent, &json!({"EMAIL_OTP_CODE": ""})).await.refusal(), WRONG_CODE);
    assert_eq!(guarded.respond(&sent, &json!({"EMAIL_OTP_CODE": code})).await.status, 200);
    assert_eq!(guarded.respond(&sent, &json!({"EMAIL_OTP_CODE": code})).await.refusal(), INVALID, "once");

    let asked = guarded.issuer.initiate(&guarded.client, "USER_AUTH", &json!({"USERNAME": "frank"})).await.body;
    let wrong = guarded.respond(&asked, &json!({"ANSWER": "PASSWORD", "PASSWORD": "Wrong-horse-1"})).await;
    assert_eq!(wrong.refusal(), ("NotAuthorizedException", "Incorrect username or password."));
    assert_eq!(guarded.respond(&asked, &json!({"ANSWER": "PASSWORD", "PASSWORD": GOOD})).await.refusal(), INVALID);
    let asked = guarded.issuer.initiate(&guarded.client, "USER_AUTH", &json!({"USERNAME": "frank"})).await.body;
    assert_eq!(guarded.respond(&asked, &json!({"ANSWER": "PASSWORD", "PASSWORD": GOOD})).await.status, 200);

    let parameters = json!({"USERNAME": "nobody", "PREFERRED_CHALLENGE": "EMAIL_OTP"});
    let sent = guarded.issuer.initiate(&guarded.client, "USER_AUTH", &parameters).await.body;
    assert_eq!(sent["ChallengeName"], "EMAIL_OTP");
    let answer = guarded
        .issuer
        .respond(
            &guarded.client,
            "EMAIL_OTP",
            &sent["Session"],
            &json!({"USERNAME": "nobody", "EMAIL_OTP_CODE": "123456"}),
        )
        .await;
    assert_eq!(answer.refusal(), WRONG_CODE);
}

#[tokio::test]
async fn a_code_as_the_first_factor_needs_a_proved_address_and_is_not_the_second_too() {
    let guarded = Guarded::with(&json!({"MfaConfiguration": "OFF"}), &json!({"email": "frank@example.com"})).await;
    let parameters = json!({"USERNAME": "frank", "PREFERRED_CHALLENGE": "EMAIL_OTP"});
    guarded.issuer.initiate(&guarded.client, "USER_AUTH", &parameters).await;
    assert!(guarded.issuer.letters(&guarded.pool).await.is_empty(), "nothing is sent to an address that is not proved");

    let verified = json!({"email": "frank@example.com", "email_verified": "true"});
    let mfa = json!({"MfaConfiguration": "OPTIONAL", "EmailMfaConfiguration": {}});
    let guarded = Guarded::with(&mfa, &verified).await;
    let prefer = json!({"UserPoolId": guarded.pool, "Username": "frank", "EmailMfaSettings": {"Enabled": true}});
    guarded.issuer.admin("AdminSetUserMFAPreference", &prefer).await;
    let sent = guarded.issuer.initiate(&guarded.client, "USER_AUTH", &parameters).await.body;
    let code = guarded.issuer.code(&guarded.pool).await;
    assert_eq!(
        guarded.respond(&sent, &json!({"EMAIL_OTP_CODE": code})).await.refusal().0,
        "MFAMethodNotFoundException"
    );
}

#[tokio::test]
async fn a_change_of_password_or_a_disabling_ends_sign_ins_under_way() {
    let guarded = Guarded::totp("ON").await;
    let (secret, _) = guarded.set_up(&guarded.sign_in().await.body).await;
    guarded.issuer.clock.advance(Duration::from_secs(30));
    let frank = json!({"UserPoolId": guarded.pool, "Username": "frank"});
    let asked = guarded.sign_in().await.body;
    guarded.issuer.admin("AdminDisableUser", &frank).await;
    let answer = guarded.respond(&asked, &json!({"SOFTWARE_TOKEN_MFA_CODE": guarded.code(&secret)})).await;
    assert_eq!(answer.refusal(), ("NotAuthorizedException", "User is disabled."));
    guarded.issuer.admin("AdminEnableUser", &frank).await;
    let asked = guarded.sign_in().await.body;
    let mut set = frank.clone();
    set["Password"] = json!("Another-horse-1");
    set["Permanent"] = json!(true);
    guarded.issuer.admin("AdminSetUserPassword", &set).await;
    guarded.issuer.clock.advance(Duration::from_secs(30));
    let answer = guarded.respond(&asked, &json!({"SOFTWARE_TOKEN_MFA_CODE": guarded.code(&secret)})).await;
    assert_eq!(answer.refusal(), INVALID);
}

#[tokio::test]
async fn refresh_tokens_rotate_and_one_that_is_used_again_ends_the_session() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.pool_id("demo");
    let more = json!({"RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10}, "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]});
    let client = issuer.make_client(&pool, &more).await;
    let first = issuer.sign_in(&client, "alice").await;
    let rotate = async |token: &str| {
        issuer.call("GetTokensFromRefreshToken", &json!({"ClientId": client, "RefreshToken": token})).await
    };
    let second = rotate(&first.token("RefreshToken")).await;
    assert_ne!(second.token("RefreshToken"), first.token("RefreshToken"));
    assert_eq!(issuer.refresh(&client, &first.token("RefreshToken")).await.refusal().0, "InvalidParameterException");
    issuer.clock.advance(Duration::from_secs(10));
    assert_eq!(rotate(&first.token("RefreshToken")).await.status, 200, "within the grace");
    let third = rotate(&second.token("RefreshToken")).await;
    issuer.clock.advance(Duration::from_millis(1));
    assert_eq!(rotate(&first.token("RefreshToken")).await.refusal().0, "RefreshTokenReuseException");
    assert!(issuer.is_revoked(&third.token("AccessToken")));
    assert_eq!(rotate(&third.token("RefreshToken")).await.status, 400, "the whole session is over");
    let plain = issuer.sign_in("web", "alice").await;
    let answer = issuer
        .call("GetTokensFromRefreshToken", &json!({"ClientId": "web", "RefreshToken": plain.token("RefreshToken")}))
        .await;
    assert!(answer.body["AuthenticationResult"].get("RefreshToken").is_none() && answer.status == 200);
    assert_eq!(rotate(&plain.token("RefreshToken")).await.status, 400, "another client's");
}

#[tokio::test]
async fn a_password_is_not_recovered_by_the_second_factor() {
    let mfa = json!({"MfaConfiguration": "OPTIONAL", "EmailMfaConfiguration": {}, "SoftwareTokenMfaConfiguration": {"Enabled": true}});
    let guarded = Guarded::with(&mfa, &json!({"email": "frank@example.com", "email_verified": "true"})).await;
    let forgot =
        async || guarded.issuer.call("ForgotPassword", &json!({"ClientId": guarded.client, "Username": "frank"})).await;
    assert_eq!(forgot().await.status, 200);
    assert_eq!(guarded.issuer.letters(&guarded.pool).await.len(), 1);
    let set = json!({"UserPoolId": guarded.pool, "Username": "frank", "EmailMfaSettings": {"Enabled": true}});
    assert_eq!(guarded.issuer.admin("AdminSetUserMFAPreference", &set).await.status, 200);
    assert_eq!(forgot().await.status, 200, "the answer tells nothing");
    assert_eq!(guarded.issuer.letters(&guarded.pool).await.len(), 1, "but nothing was sent");
}
