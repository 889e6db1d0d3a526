//! `USER_SRP_AUTH`: a client that is written from the formulas, the right password and every wrong one.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U256, U3072};
use serde_json::{Value, json};

use super::support::{Answer, NOW, PASSWORD, POOLS, SECRET, TestIssuer, secret_hash};

const PRIME: &str = include_str!("prime.txt");
const WRONG: (&str, &str) = ("NotAuthorizedException", "Incorrect username or password.");

fn modulo(value: &U3072) -> FixedMontyForm<48> {
    FixedMontyForm::new(value, &FixedMontyParams::new_vartime(Odd::<U3072>::from_be_hex(PRIME.trim())))
}

fn hash(parts: &[&[u8]]) -> Vec<u8> {
    digest(&SHA256, &parts.concat()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As clients write a number before it is hashed: no leading zeros but one before a set first bit.
fn padded(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
    let sign: &[u8] = if bytes[start] >= 0x80 { &[0] } else { &[] };
    [sign, &bytes[start..]].concat()
}

fn unhex(text: &str) -> Vec<u8> {
    let even = if text.len().is_multiple_of(2) { text.to_owned() } else { format!("0{text}") };
    (0..even.len()).step_by(2).map(|start| u8::from_str_radix(&even[start..start + 2], 16).unwrap()).collect()
}

fn wide(bytes: &[u8]) -> U3072 {
    let mut fixed = [0; 384];
    fixed[384 - bytes.len()..].copy_from_slice(bytes);
    U3072::from_be_slice(&fixed)
}

/// A client with a secret of its own.
struct Client {
    secret: U256,
}

impl Client {
    fn new(seed: u8) -> Self {
        Self { secret: U256::from_be_slice(&hash(&[&[seed]])) }
    }

    fn public(&self) -> String {
        hex(modulo(&U3072::from_u8(2)).pow(&self.secret).retrieve().to_be_bytes().as_ref())
    }

    /// The signature over the secret block and the time.
    fn signature(&self, asked: &Value, pool_id: &str, password: &str, timestamp: &str) -> String {
        let text = |name: &str| asked["ChallengeParameters"][name].as_str().unwrap().to_owned();
        let (pool, user) = (pool_id.split('_').nth(1).unwrap(), text("USER_ID_FOR_SRP"));
        let (salt, server) = (unhex(&text("SALT")), unhex(&text("SRP_B")));
        let x = hash(&[&padded(&salt), &hash(&[pool.as_bytes(), user.as_bytes(), b":", password.as_bytes()])]);
        let u = hash(&[&padded(&unhex(&self.public())), &padded(&server)]);
        let k = hash(&[&[0], &unhex(PRIME.trim()), &[2]]);
        let (x, u_number) = (U256::from_be_slice(&x), U256::from_be_slice(&u));
        let base = modulo(&wide(&server)) - modulo(&wide(&k)) * modulo(&U3072::from_u8(2)).pow(&x);
        let shared = (base.pow(&self.secret) * base.pow(&x).pow(&u_number)).retrieve();
        let mac =
            |key: &[u8], message: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec();
        let extracted = mac(&padded(&u), &padded(shared.to_be_bytes().as_ref()));
        let key = mac(&extracted, b"Caldera Derived Key\x01")[..16].to_vec();
        let block = STANDARD.decode(text("SECRET_BLOCK")).unwrap();
        STANDARD.encode(mac(&key, &[pool.as_bytes(), user.as_bytes(), &block, timestamp.as_bytes()].concat()))
    }
}

const NOW_TEXT: &str = "Tue Nov 14 22:13:20 UTC 2023";

async fn begin(issuer: &TestIssuer, client_id: &str, user: &str, public: &str) -> Answer {
    issuer.initiate(client_id, "USER_SRP_AUTH", &json!({"USERNAME": user, "SRP_A": public})).await
}

async fn prove(issuer: &TestIssuer, client_id: &str, asked: &Value, (password, at): (&str, &str)) -> Answer {
    let signature = Client::new(1).signature(asked, &issuer.pool_id("demo"), password, at);
    prove_by(issuer, client_id, asked, &json!({"PASSWORD_CLAIM_SIGNATURE": signature, "TIMESTAMP": at})).await
}

async fn prove_by(issuer: &TestIssuer, client_id: &str, asked: &Value, responses: &Value) -> Answer {
    let mut all = json!({
        "USERNAME": asked["ChallengeParameters"]["USER_ID_FOR_SRP"],
        "PASSWORD_CLAIM_SECRET_BLOCK": asked["ChallengeParameters"]["SECRET_BLOCK"],
        "TIMESTAMP": NOW_TEXT,
    });
    for (name, value) in responses.as_object().unwrap() {
        all[name] = value.clone();
    }
    issuer.respond(client_id, "PASSWORD_VERIFIER", &asked["Session"], &all).await
}

async fn try_srp(issuer: &TestIssuer, client_id: &str, user: &str, password: &str) -> Answer {
    let asked = begin(issuer, client_id, user, &Client::new(1).public()).await;
    assert_eq!((asked.status, &asked.body["ChallengeName"]), (200, &json!("PASSWORD_VERIFIER")), "{}", asked.body);
    prove(issuer, client_id, &asked.body, (password, NOW_TEXT)).await
}

#[tokio::test]
async fn the_right_password_is_proved_and_a_wrong_one_is_refused() {
    let issuer = TestIssuer::start().await;
    for user in ["alice", "ALICE"] {
        let signed_in = try_srp(&issuer, "web", user, PASSWORD).await;
        assert_eq!(signed_in.status, 200, "{}", signed_in.body);
        issuer.verified(&signed_in.token("AccessToken"), "demo").await;
    }
    for wrong in [PASSWORD.to_uppercase(), format!("{PASSWORD} "), String::new(), "another battery".to_owned()] {
        assert_eq!(try_srp(&issuer, "web", "alice", &wrong).await.refusal(), WRONG);
    }
    assert_eq!(try_srp(&issuer, "web", "dora", PASSWORD).await.refusal().1, "User is disabled.");
    assert_eq!(try_srp(&issuer, "web", "dora", "another battery").await.refusal(), WRONG);
}

#[tokio::test]
async fn a_session_is_good_once_for_its_client_its_user_and_its_step() {
    let issuer = TestIssuer::start().await;
    let invalid = ("NotAuthorizedException", "Invalid session for the user.");
    let asked = begin(&issuer, "web", "alice", &Client::new(1).public()).await.body;
    assert_eq!(prove(&issuer, "other", &asked, (PASSWORD, NOW_TEXT)).await.refusal(), invalid, "another client");
    assert_eq!(prove_by(&issuer, "web", &asked, &json!({"USERNAME": "bob"})).await.refusal(), invalid, "another user");
    for step in ["NEW_PASSWORD_REQUIRED", "SOFTWARE_TOKEN_MFA", "MFA_SETUP", "SELECT_MFA_TYPE", "SELECT_CHALLENGE"] {
        let responses = json!({"USERNAME": "alice", "NEW_PASSWORD": PASSWORD, "ANSWER": "PASSWORD", "SOFTWARE_TOKEN_MFA_CODE": "123456"});
        assert_eq!(issuer.respond("web", step, &asked["Session"], &responses).await.refusal(), invalid, "{step}");
    }
    assert_eq!(prove(&issuer, "web", &asked, (PASSWORD, NOW_TEXT)).await.status, 200);
    assert_eq!(prove(&issuer, "web", &asked, (PASSWORD, NOW_TEXT)).await.refusal(), invalid, "twice");
    let asked = begin(&issuer, "web", "alice", &Client::new(1).public()).await.body;
    assert_eq!(prove(&issuer, "web", &asked, ("another battery", NOW_TEXT)).await.refusal(), WRONG);
    assert_eq!(
        prove(&issuer, "web", &asked, (PASSWORD, NOW_TEXT)).await.refusal(),
        invalid,
        "a wrong proof ends it too"
    );
    let asked = begin(&issuer, "web", "alice", &Client::new(1).public()).await.body;
    issuer.clock.advance(Duration::from_mins(3));
    assert_eq!(
        prove(&issuer, "web", &asked, (PASSWORD, "Tue Nov 14 22:16:20 UTC 2023")).await.refusal(),
        invalid,
        "too late"
    );
}

#[tokio::test]
async fn what_is_signed_must_be_what_was_asked_and_just_now() {
    let issuer = TestIssuer::start().await;
    let again = async || begin(&issuer, "web", "bob", &Client::new(1).public()).await.body;
    for stale in ["Tue Nov 14 22:08:19 UTC 2023", "Tue Nov 14 22:18:21 UTC 2023", "yesterday"] {
        assert_eq!(prove(&issuer, "web", &again().await, (PASSWORD, stale)).await.refusal(), WRONG, "{stale}");
    }
    issuer.clock.advance(Duration::from_hours(1));
    let at = "Tue Nov 14 23:13:20 UTC 2023";
    let asked = again().await;
    let signature = Client::new(1).signature(&asked, &issuer.pool_id("demo"), PASSWORD, at);
    let block = json!({"PASSWORD_CLAIM_SECRET_BLOCK": "AAAA", "PASSWORD_CLAIM_SIGNATURE": signature, "TIMESTAMP": at});
    assert_eq!(prove_by(&issuer, "web", &asked, &block).await.refusal(), WRONG, "another block");
    let asked = again().await;
    let time = json!({"PASSWORD_CLAIM_SIGNATURE": Client::new(1).signature(&asked, &issuer.pool_id("demo"), PASSWORD, at), "TIMESTAMP": "Tue Nov 14 23:13:21 UTC 2023"});
    assert_eq!(prove_by(&issuer, "web", &asked, &time).await.refusal(), WRONG, "another time");
    let asked = again().await;
    let missing = prove_by(&issuer, "web", &asked, &json!({"TIMESTAMP": at})).await;
    assert_eq!(missing.refusal(), ("InvalidParameterException", "Missing required parameter PASSWORD_CLAIM_SIGNATURE"));
}

#[tokio::test]
async fn a_proof_without_a_session_is_known_by_the_block_that_it_signs_and_is_good_once() {
    let issuer = TestIssuer::start().await;
    let asked = begin(&issuer, "web", "alice", &Client::new(1).public()).await.body;
    let without = async |password: &str| {
        let mut asked = asked.clone();
        asked["Session"] = Value::Null;
        prove(&issuer, "web", &asked, (password, NOW_TEXT)).await
    };
    assert_eq!(without(PASSWORD).await.status, 200);
    assert_eq!(without(PASSWORD).await.refusal(), ("NotAuthorizedException", "Invalid session for the user."));
    let other = json!({"ClientId": "web", "ChallengeName": "NEW_PASSWORD_REQUIRED", "ChallengeResponses": {"USERNAME": "alice", "PASSWORD_CLAIM_SECRET_BLOCK": asked["ChallengeParameters"]["SECRET_BLOCK"]}});
    assert_eq!(issuer.call("RespondToAuthChallenge", &other).await.refusal().1, "Missing required parameter Session");
}

#[tokio::test]
async fn a_public_value_of_nothing_is_refused() {
    let issuer = TestIssuer::start().await;
    let double = {
        let prime = wide(&unhex(PRIME.trim()));
        hex(prime.wrapping_add(&prime).to_be_bytes().as_ref())
    };
    for value in ["0", "00", PRIME.trim(), &format!("1{double}"), "", "xyz", &"f".repeat(2000)] {
        let answer = begin(&issuer, "web", "alice", value).await;
        assert_eq!(answer.refusal().0, "InvalidParameterException", "{value}");
    }
}

#[tokio::test]
async fn an_unknown_user_is_answered_alike_and_always_the_same() {
    let issuer = TestIssuer::start().await;
    let asked = async |user: &str| begin(&issuer, "web", user, &Client::new(1).public()).await.body;
    let (one, two, other) = (asked("nobody").await, asked("NOBODY").await, asked("someone").await);
    let salt = |asked: &Value| asked["ChallengeParameters"]["SALT"].as_str().unwrap().to_owned();
    assert_eq!(salt(&one), salt(&two));
    assert_ne!(salt(&one), salt(&other));
    let known = asked("alice").await;
    let shape = |asked: &Value| {
        let parameters = asked["ChallengeParameters"].as_object().unwrap();
        parameters.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    assert_eq!((shape(&one), salt(&one).len()), (shape(&known), salt(&known).len()));
    assert_eq!(one["ChallengeParameters"]["USERNAME"], two["ChallengeParameters"]["USERNAME"], "whatever the case");
    assert_eq!(prove(&issuer, "web", &one, (PASSWORD, NOW_TEXT)).await.refusal(), WRONG);
    assert_eq!(prove(&issuer, "web", &other, ("", NOW_TEXT)).await.refusal(), WRONG);
}

#[tokio::test]
async fn wrong_proofs_lock_as_wrong_passwords_do_and_together_with_them() {
    let issuer = TestIssuer::start().await;
    let locked = ("NotAuthorizedException", "Password attempts exceeded");
    for user in ["alice", "nobody"] {
        for attempt in 0..5 {
            let answer = if attempt % 2 == 0 {
                try_srp(&issuer, "web", user, "wrong password").await
            } else {
                issuer.try_password("web", user, "wrong password").await
            };
            assert_eq!(answer.refusal(), WRONG, "{user} {attempt}");
        }
        assert_eq!(issuer.try_password("web", user, PASSWORD).await.refusal(), locked);
        assert_eq!(begin(&issuer, "web", user, &Client::new(1).public()).await.refusal(), locked);
    }
}

#[tokio::test]
async fn a_confidential_client_proves_itself_in_both_steps() {
    let issuer = TestIssuer::start().await;
    let hash = |user: &str| secret_hash(user, "server", SECRET);
    let public = Client::new(1).public();
    let without = begin(&issuer, "server", "alice", &public).await;
    assert_eq!(without.refusal().0, "NotAuthorizedException");
    let parameters = json!({"USERNAME": "alice", "SRP_A": public, "SECRET_HASH": hash("alice")});
    let asked = issuer.initiate("server", "USER_SRP_AUTH", &parameters).await.body;
    let signature = Client::new(1).signature(&asked, &issuer.pool_id("demo"), PASSWORD, NOW_TEXT);
    let proof = |hash: Value| json!({"PASSWORD_CLAIM_SIGNATURE": signature, "SECRET_HASH": hash});
    let wrong = prove_by(&issuer, "server", &asked, &proof(json!(hash("bob")))).await;
    assert_eq!(wrong.refusal().1, "Unable to verify secret hash for client server");
    assert_eq!(prove_by(&issuer, "server", &asked, &proof(json!(hash("alice")))).await.status, 200);
}

#[tokio::test]
async fn a_new_password_is_provable_and_the_old_one_no_more() {
    let issuer = TestIssuer::start().await;
    let begun = begin(&issuer, "web", "bob", &Client::new(1).public()).await.body;
    let set = json!({"UserPoolId": issuer.pool_id("demo"), "Username": "bob", "Password": "Correct-horse-1", "Permanent": true});
    assert_eq!(issuer.admin("AdminSetUserPassword", &set).await.status, 200);
    assert_eq!(prove(&issuer, "web", &begun, (PASSWORD, NOW_TEXT)).await.refusal(), WRONG, "begun before the change");
    assert_eq!(try_srp(&issuer, "web", "bob", PASSWORD).await.refusal(), WRONG);
    assert_eq!(try_srp(&issuer, "web", "bob", "Correct-horse-1").await.status, 200);
}

#[tokio::test]
async fn an_account_of_before_srp_can_do_it_after_one_sign_in_with_the_password() {
    let issuer = TestIssuer::start().await;
    issuer.execute("UPDATE users SET srp_identity = NULL, srp_salt = NULL, srp_verifier = NULL").await;
    assert_eq!(try_srp(&issuer, "web", "alice", PASSWORD).await.refusal(), WRONG);
    issuer.sign_in("web", "alice").await;
    assert_eq!(try_srp(&issuer, "web", "alice", PASSWORD).await.status, 200);
    assert_eq!(try_srp(&issuer, "web", "bob", PASSWORD).await.refusal(), WRONG);
    let issuer = issuer.again_with(POOLS).await;
    assert_eq!(try_srp(&issuer, "web", "bob", PASSWORD).await.status, 200, "the config knows the password");
    assert_eq!(issuer.clock.unix_seconds(), NOW);
}

#[tokio::test]
async fn administrators_sign_users_in_by_srp_too_and_sessions_do_not_cross() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.pool_id("demo");
    let input = json!({"UserPoolId": pool, "ClientId": "web", "AuthFlow": "USER_SRP_AUTH", "AuthParameters": {"USERNAME": "alice", "SRP_A": Client::new(1).public()}});
    let asked = issuer.admin("AdminInitiateAuth", &input).await.body;
    let invalid = ("NotAuthorizedException", "Invalid session for the user.");
    assert_eq!(prove(&issuer, "web", &asked, (PASSWORD, NOW_TEXT)).await.refusal(), invalid);
    let signature = Client::new(1).signature(&asked, &pool, PASSWORD, NOW_TEXT);
    let responses = json!({"USERNAME": "alice", "PASSWORD_CLAIM_SIGNATURE": signature, "TIMESTAMP": NOW_TEXT, "PASSWORD_CLAIM_SECRET_BLOCK": asked["ChallengeParameters"]["SECRET_BLOCK"]});
    let reply = json!({"UserPoolId": pool, "ClientId": "web", "ChallengeName": "PASSWORD_VERIFIER", "Session": asked["Session"], "ChallengeResponses": responses});
    assert_eq!(issuer.admin("AdminRespondToAuthChallenge", &reply).await.status, 200);
}

#[tokio::test]
async fn where_an_address_stands_for_the_name_nobody_is_told_by_another_name_as_users_are() {
    let issuer = TestIssuer::start().await;
    for settings in [json!({"UsernameAttributes": ["email"]}), json!({"AliasAttributes": ["email"]})] {
        let mut settings = settings;
        settings["PoolName"] = json!("addressed");
        let pool = issuer.make_pool(&settings).await;
        let client = issuer.make_client(&pool, &json!({})).await;
        let asked = begin(&issuer, &client, "nobody@example.com", &Client::new(1).public()).await.body;
        let name = asked["ChallengeParameters"]["USERNAME"].as_str().unwrap();
        assert!(uuid::Uuid::parse_str(name).is_ok(), "{name}");
        let signature = Client::new(1).signature(&asked, &pool, PASSWORD, NOW_TEXT);
        let responses = json!({"PASSWORD_CLAIM_SIGNATURE": signature});
        assert_eq!(prove_by(&issuer, &client, &asked, &responses).await.refusal(), WRONG, "not another refusal");
    }
}
