//! State over restarts, and the config that declares it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::database::{TestDatabase, is_postgres};
use super::support::{NOW, PASSWORD, POOLS, SECRET, TestIssuer, claims, open, secret_hash};
use crate::clock::Clock;
use crate::issuer::store::query;

#[tokio::test]
async fn a_restart_keeps_users_keys_and_sessions() {
    let issuer = TestIssuer::start().await;
    let before = issuer.sign_in("web", "alice").await;
    let jwks = format!("/{}/.well-known/jwks.json", issuer.pool_id("demo"));
    let keys = issuer.get(&jwks).await.body;
    let issuer = issuer.again_with(POOLS).await;
    assert_eq!(issuer.get(&jwks).await.body, keys);
    assert_eq!(issuer.user_of(&before.token("AccessToken")).await.status, 200);
    assert_eq!(issuer.refresh("web", &before.token("RefreshToken")).await.status, 200);
    let after = issuer.sign_in("web", "alice").await;
    assert_eq!(claims(&before.token("IdToken"))["sub"], claims(&after.token("IdToken"))["sub"]);
}

#[tokio::test]
async fn a_sign_out_outlives_a_restart_for_as_long_as_it_matters() {
    let issuer = TestIssuer::start().await;
    let signed_in = issuer.sign_in("web", "alice").await;
    let other = issuer.sign_in("other", "bob").await;
    assert_eq!(issuer.sign_out(&signed_in.token("AccessToken")).await.status, 200);
    let revoke = json!({"Token": other.token("RefreshToken"), "ClientId": "other"});
    assert_eq!(issuer.call("RevokeToken", &revoke).await.status, 200);

    let issuer = issuer.again_with(POOLS).await;
    for session in [&signed_in, &other] {
        assert!(issuer.is_revoked(&session.token("AccessToken")));
        let revoked = ("NotAuthorizedException", "Access Token has been revoked");
        assert_eq!(issuer.user_of(&session.token("AccessToken")).await.refusal(), revoked);
    }
    assert_eq!(issuer.refresh("web", &signed_in.token("RefreshToken")).await.status, 400);

    issuer.clock.advance(Duration::from_hours(24));
    let issuer = issuer.again_with(POOLS).await;
    assert!(issuer.revocations.is_empty(), "no token of those sessions can be alive any more");
    assert_eq!(
        issuer.refresh("web", &signed_in.token("RefreshToken")).await.status,
        400,
        "yet the session stays ended"
    );
}

#[tokio::test]
async fn a_lock_outlives_a_restart() {
    let issuer = TestIssuer::start().await;
    for _ in 0..5 {
        issuer.try_password("web", "alice", "wrong password").await;
    }
    let issuer = issuer.again_with(POOLS).await;
    let locked = ("NotAuthorizedException", "Password attempts exceeded");
    assert_eq!(issuer.try_password("web", "alice", PASSWORD).await.refusal(), locked);
}

#[tokio::test]
async fn what_the_config_says_wins_and_sub_never_changes() {
    let issuer = TestIssuer::start().await;
    let before = issuer.sign_in("web", "alice").await;
    let changed = "
demo:
  clients: {web: {id: web, access_token_validity: 10m}}
  groups: {sales: {precedence: 9}, admin: {}}
  users:
    Alice: {password: a new password, groups: [sales], attributes: {email: new@example.com}}
";
    let issuer = issuer.again_with(changed).await;
    let wrong = ("NotAuthorizedException", "Incorrect username or password.");
    assert_eq!(issuer.try_password("web", "alice", PASSWORD).await.refusal(), wrong);
    let after = issuer.try_password("web", "alice", "a new password").await;
    let id = claims(&after.token("IdToken"));
    assert_eq!(id["sub"], claims(&before.token("IdToken"))["sub"]);
    assert_eq!((&id["cognito:username"], &id["email"]), (&json!("Alice"), &json!("new@example.com")));
    assert_eq!(id["cognito:groups"], json!(["sales"]), "groups that the config took back are gone");
    assert!(!id.contains_key("custom:tenant"), "and so are attributes");
    assert_eq!(claims(&after.token("AccessToken"))["exp"], NOW + 600);
    issuer.sign_in("web", "bob").await;
}

#[tokio::test]
async fn a_password_that_still_verifies_is_not_hashed_again() {
    let issuer = TestIssuer::start().await;
    let hashes = async |issuer: &TestIssuer| {
        let mut read = issuer.issuer.engine().database.read().await.unwrap();
        let rows: Vec<(String,)> =
            query("SELECT password_hash FROM users ORDER BY sub").fetch_all(&mut read).await.unwrap();
        rows
    };
    let before = hashes(&issuer).await;
    let issuer = issuer.again_with(POOLS).await;
    assert_eq!(hashes(&issuer).await, before);
    assert!(before.iter().all(|(hash,)| hash.starts_with("$argon2id$")));
}

#[tokio::test]
async fn disabling_a_user_in_the_config_ends_the_users_sessions() {
    let issuer = TestIssuer::start().await;
    let signed_in = issuer.sign_in("web", "bob").await;
    let disabled = POOLS
        .replace("bob: {password: correct horse battery}", "bob: {password: correct horse battery, enabled: false}");
    assert_ne!(disabled, POOLS);
    let issuer = issuer.again_with(&disabled).await;
    assert!(issuer.is_revoked(&signed_in.token("AccessToken")));
    assert_eq!(issuer.user_of(&signed_in.token("AccessToken")).await.status, 400);
    assert_eq!(issuer.refresh("web", &signed_in.token("RefreshToken")).await.status, 400);
    let issuer = issuer.again_with(POOLS).await;
    assert_eq!(issuer.refresh("web", &signed_in.token("RefreshToken")).await.status, 400, "enabling revives nothing");
    issuer.sign_in("web", "bob").await;
}

#[tokio::test]
async fn a_confidential_client_that_left_the_config_can_no_longer_prove_itself() {
    let issuer = TestIssuer::start().await;
    let without = POOLS.replace("    server: {id: server, secret: abcdefghijklmnopqrstuvwxyz0123}\n", "");
    assert_ne!(without, POOLS);
    let issuer = issuer.again_with(&without).await;
    let hash = secret_hash("alice", "server", SECRET);
    let parameters = json!({"USERNAME": "alice", "PASSWORD": PASSWORD, "SECRET_HASH": hash});
    let answer = issuer.initiate("server", "USER_PASSWORD_AUTH", &parameters).await;
    let wrong = "Unable to verify secret hash for client server";
    assert_eq!(answer.refusal(), ("NotAuthorizedException", wrong));
}

#[tokio::test]
async fn nothing_that_lets_anyone_in_is_kept_in_clear() {
    let issuer = TestIssuer::start().await;
    let signed_in = issuer.sign_in("web", "alice").await;
    let (refresh, access) = (signed_in.token("RefreshToken"), signed_in.token("AccessToken"));
    issuer.issuer.engine().database.close().await;
    let kept = issuer.state.kept().await;
    let holds = |text: &str| kept.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("alice@example.com"), "the search finds what is there");
    for secret in [PASSWORD, SECRET, refresh.as_str(), access.as_str()] {
        assert!(!holds(secret));
    }
}

#[tokio::test]
async fn a_client_cannot_be_taken_over_by_another_pool() {
    let state = TestDatabase::empty().await;
    let clock = Clock::standing_at(NOW);
    open("{one: {clients: {web: {id: web}}}}", &state, &clock).await.unwrap();
    let error = open("{two: {clients: {web: {id: web}}}}", &state, &clock).await.unwrap_err();
    assert_eq!(error.code(), "issuer-declared");
    open("{one: {clients: {web: {id: web}}}}", &state, &clock).await.unwrap();
}

#[tokio::test]
async fn a_config_that_cannot_be_changes_nothing() {
    let issuer = TestIssuer::start().await;
    let error = open("{demo: {users: {alice: {password: short}}}}", &issuer.state, &issuer.clock).await;
    assert_eq!(error.unwrap_err().code(), "issuer-declared");
    issuer.sign_in("web", "alice").await;
}

#[tokio::test]
async fn nothing_secret_shows_in_debug() {
    let issuer = TestIssuer::start().await;
    let shown = format!("{:?}", issuer.issuer);
    for secret in [PASSWORD, SECRET, "$argon2id$", "alice@example.com"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[test]
fn an_issuer_that_was_opened_on_one_runtime_serves_on_another() {
    if is_postgres() {
        return; // connections to a server belong to the runtime that opened them
    }
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let clock = Clock::standing_at(NOW);
    let opening = runtime();
    let state = opening.block_on(TestDatabase::empty());
    let issuer = opening.block_on(open(POOLS, &state, &clock)).unwrap();
    drop(opening);
    runtime().block_on(async {
        let issuer = TestIssuer::serving(issuer, Arc::new(state), clock).await;
        let signed_in = issuer.sign_in("web", "alice").await;
        assert_eq!(issuer.sign_out(&signed_in.token("AccessToken")).await.status, 200);
        assert!(issuer.is_revoked(&signed_in.token("AccessToken")));
    });
}
