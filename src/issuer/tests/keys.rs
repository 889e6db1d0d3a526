//! Signing keys and the master key over restarts and time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::database::{TestDatabase, is_postgres};
use super::support::{MASTER_KEY, NOW, TestIssuer, config, open, open_with};
use crate::clock::Clock;
use crate::issuer::store::query;
use crate::issuer::{Issuer, RotateKeys};
use crate::jose::{Algorithm, CompactJws, SigningKey};

const OTHER_KEY: &str = "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2";
/// Quick to make.
const SMALL: &str = "
demo:
  token_algorithm: ES256
  clients: {web: {id: web}}
  users: {alice: {password: correct horse battery}}
";

async fn kids(issuer: &TestIssuer) -> HashSet<String> {
    let keys = issuer.get(&format!("/{}/.well-known/jwks.json", issuer.pool_id("demo"))).await.body;
    let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    keys["keys"].as_array().unwrap().iter().map(kid).collect()
}

fn kid(token: &str) -> String {
    CompactJws::parse(token, 16).unwrap().header().kid.clone().unwrap()
}

async fn small(state: &Arc<TestDatabase>, clock: &Clock) -> TestIssuer {
    let issuer = open(SMALL, state, clock).await.unwrap();
    TestIssuer::serving(issuer, Arc::clone(state), clock.clone()).await
}

async fn small_state() -> (Arc<TestDatabase>, Clock) {
    (Arc::new(TestDatabase::empty().await), Clock::standing_at(NOW))
}

async fn rotate(issuer: &Issuer, how: RotateKeys) {
    let id = issuer.pools()[0].id.clone();
    assert!(issuer.rotate_keys(&id, how).await.unwrap());
}

#[tokio::test]
async fn no_private_key_is_kept_in_clear_and_the_database_alone_is_not_enough() {
    let (state, clock) = small_state().await;
    let issuer = open(SMALL, &state, &clock).await.unwrap();
    issuer.engine().database.close().await;
    // PKCS#8 of P-256 holds the curve's object id.
    let oid = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let hex: String = oid.iter().map(|byte| format!("{byte:02x}")).collect();
    let kept = state.kept().await;
    assert!(!kept.windows(oid.len()).any(|window| window == oid));
    assert!(!kept.windows(hex.len()).any(|window| window == hex.as_bytes()));

    let other = config(SMALL, &state, &json!({"master_key": OTHER_KEY}));
    assert_eq!(open_with(other, &clock).await.unwrap_err().code(), "issuer-wrong-master-key");
    assert!(open(SMALL, &state, &clock).await.is_ok(), "a wrong key changes nothing");
}

#[tokio::test]
async fn a_new_master_key_takes_over_what_the_old_one_sealed() {
    let (state, clock) = small_state().await;
    let before = small(&state, &clock).await;
    let (kids_before, signed_in) = (kids(&before).await, before.sign_in("web", "alice").await);
    let both = json!({"master_key": OTHER_KEY, "previous_master_keys": [MASTER_KEY]});
    drop(open_with(config(SMALL, &state, &both), &clock).await.unwrap());
    let new_alone = config(SMALL, &state, &json!({"master_key": OTHER_KEY}));
    let after = TestIssuer::serving(open_with(new_alone, &clock).await.unwrap(), state.clone(), clock.clone()).await;
    assert_eq!(kids(&after).await, kids_before);
    assert_eq!(after.user_of(&signed_in.token("AccessToken")).await.status, 200);
    assert_eq!(open(SMALL, &state, &clock).await.unwrap_err().code(), "issuer-wrong-master-key");
}

#[tokio::test]
async fn without_a_master_key_a_file_beside_the_database_holds_one() {
    if is_postgres() {
        return;
    }
    let (state, clock) = small_state().await;
    let without = |more: Value| {
        let mut config = config(SMALL, &state, &more);
        config.master_key = None;
        config
    };
    drop(open_with(without(json!({})), &clock).await.unwrap());
    let file = state.folder().join("issuer.db.key");
    let key = std::fs::read_to_string(&file).unwrap();
    drop(open_with(without(json!({})), &clock).await.unwrap());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), key);

    std::fs::remove_file(&file).unwrap();
    assert_eq!(open_with(without(json!({})), &clock).await.unwrap_err().code(), "issuer-master-key-gone");
    assert!(!file.exists(), "no new key hides that the old one is gone");
    let moved = json!({"previous_master_keys": [key]});
    drop(open_with(config(SMALL, &state, &moved), &clock).await.unwrap());
    assert!(open(SMALL, &state, &clock).await.is_ok(), "the key may move from the file into the config");
}

#[tokio::test]
async fn postgresql_needs_a_master_key() {
    if !is_postgres() {
        return;
    }
    let (state, clock) = small_state().await;
    let mut config = config(SMALL, &state, &json!({}));
    config.master_key = None;
    assert_eq!(open_with(config, &clock).await.unwrap_err().code(), "issuer-master-key-needed");
}

#[tokio::test]
async fn keys_that_were_kept_in_clear_are_sealed_at_the_next_start() {
    let (state, clock) = small_state().await;
    drop(open(SMALL, &state, &clock).await.unwrap());
    let key = SigningKey::generate_for(Algorithm::Es256).unwrap();
    let database = state.open().await;
    let mut write = database.write().await.unwrap();
    let statement = "INSERT INTO signing_keys (pool_id, kid, purpose, algorithm, pkcs8, signs_from, created_at)
        SELECT id, $1, 'access', 'ES256', $2, $3, 1 FROM pools";
    let clear = key.to_pkcs8().unwrap();
    let insert = query(statement).bind(key.kid()).bind(clear.as_slice()).bind(NOW * 1000);
    insert.execute(&mut write).await.unwrap();
    query("UPDATE signing_keys SET signs_from = 1 WHERE kid <> $1").bind(key.kid()).execute(&mut write).await.unwrap();
    write.commit().await.unwrap();
    let issuer = small(&state, &clock).await;
    assert_eq!(kid(&issuer.sign_in("web", "alice").await.token("AccessToken")), key.kid());
    let mut read = database.read().await.unwrap();
    let statement = "SELECT pkcs8 FROM signing_keys WHERE kid = $1";
    let (kept,): (Vec<u8>,) = query(statement).bind(key.kid()).fetch_one(&mut read).await.unwrap();
    assert!(!kept.windows(16).any(|window| clear.windows(16).any(|part| part == window)));
}

#[tokio::test]
async fn the_next_key_is_published_before_it_signs_and_the_old_one_until_its_tokens_have_expired() {
    let (state, clock) = small_state().await;
    let issuer = small(&state, &clock).await;
    let first = issuer.sign_in("web", "alice").await.token("AccessToken");
    rotate(&issuer.issuer, RotateKeys::Overlapping).await;
    assert_eq!(kids(&issuer).await.len(), 4);
    assert_eq!(kid(&issuer.sign_in("web", "alice").await.token("AccessToken")), kid(&first));

    clock.advance(Duration::from_hours(1));
    let second = issuer.sign_in("web", "alice").await.token("AccessToken");
    assert_ne!(kid(&second), kid(&first));
    assert!(kids(&issuer).await.contains(&kid(&first)));
    assert_eq!(issuer.user_of(&second).await.status, 200);

    clock.advance(Duration::from_hours(24));
    let issuer = issuer.again_with(SMALL).await;
    assert!(kids(&issuer).await.contains(&kid(&first)), "clocks differ a little");
    clock.advance(Duration::from_mins(11));
    let issuer = issuer.again_with(SMALL).await;
    assert!(!kids(&issuer).await.contains(&kid(&first)));
    assert_eq!(kids(&issuer).await.len(), 2);
}

#[tokio::test]
async fn keys_are_rotated_by_themselves_when_they_are_due() {
    let (state, clock) = small_state().await;
    let start = async |clock: &Clock| {
        let config = config(SMALL, &state, &json!({"keys": {"rotate_every": "30d"}}));
        TestIssuer::serving(open_with(config, clock).await.unwrap(), Arc::clone(&state), clock.clone()).await
    };
    let issuer = start(&clock).await;
    assert_eq!(kids(&issuer).await.len(), 2);
    clock.advance(Duration::from_hours(30 * 24 - 1));
    let issuer = start(&clock).await;
    assert_eq!(kids(&issuer).await.len(), 4);
    assert_eq!(kids(&start(&clock).await).await, kids(&issuer).await, "once is enough");
}

#[tokio::test]
async fn stolen_keys_are_withdrawn_at_once() {
    let (state, clock) = small_state().await;
    let issuer = small(&state, &clock).await;
    let stolen = issuer.sign_in("web", "alice").await.token("AccessToken");
    let gate = issuer.issuer.keys_of("demo").unwrap();
    rotate(&issuer.issuer, RotateKeys::Withdrawing).await;
    let refused = ("NotAuthorizedException", "Invalid Access Token");
    assert_eq!(issuer.user_of(&stolen).await.refusal(), refused);
    assert!(gate.borrow().find(Some(&kid(&stolen)), Algorithm::Es256).is_none());
    let fresh = issuer.sign_in("web", "alice").await.token("AccessToken");
    assert_eq!(issuer.user_of(&fresh).await.status, 200);
    assert!(gate.borrow().find(Some(&kid(&fresh)), Algorithm::Es256).is_some());
}

#[tokio::test]
async fn a_pool_signs_with_the_algorithm_of_its_choice() {
    for (name, algorithm) in [("ES256", Algorithm::Es256), ("EdDSA", Algorithm::EdDsa)] {
        let (state, clock) = small_state().await;
        let pools = SMALL.replace("ES256", name);
        let issuer = open(&pools, &state, &clock).await.unwrap();
        let issuer = TestIssuer::serving(issuer, Arc::clone(&state), clock.clone()).await;
        let token = issuer.sign_in("web", "alice").await.token("AccessToken");
        assert_eq!(CompactJws::parse(&token, 16).unwrap().header().algorithm, Some(algorithm));
        assert_eq!(issuer.user_of(&token).await.status, 200);
        let discovery = format!("/{}/.well-known/openid-configuration", issuer.pool_id("demo"));
        assert_eq!(issuer.get(&discovery).await.body["id_token_signing_alg_values_supported"], json!([name]));
    }
}

#[tokio::test]
async fn another_algorithm_is_a_rotation_with_overlap() {
    let (state, clock) = small_state().await;
    let issuer = small(&state, &clock).await;
    let old = issuer.sign_in("web", "alice").await.token("AccessToken");
    let changed = SMALL.replace("ES256", "EdDSA");
    let issuer = issuer.again_with(&changed).await;
    assert_eq!(kid(&issuer.sign_in("web", "alice").await.token("AccessToken")), kid(&old), "others do not know it yet");
    clock.advance(Duration::from_hours(1));
    let new = issuer.sign_in("web", "alice").await.token("AccessToken");
    assert_eq!(CompactJws::parse(&new, 16).unwrap().header().algorithm, Some(Algorithm::EdDsa));
    assert!(kids(&issuer).await.contains(&kid(&old)));
}

#[tokio::test]
async fn a_pool_may_state_the_issuer_of_its_tokens() {
    for (stated, expected) in [
        ("aws", "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab3dEf6h9"),
        ("https://login.example/auth", "https://login.example/auth"),
    ] {
        let (state, clock) = small_state().await;
        let pools = SMALL.replace("demo:", &format!("demo:\n  id: eu-west-1_Ab3dEf6h9\n  issuer: {stated}"));
        let issuer = open(&pools, &state, &clock).await.unwrap();
        let issuer = TestIssuer::serving(issuer, Arc::clone(&state), clock.clone()).await;
        let token = issuer.sign_in("web", "alice").await.token("AccessToken");
        assert_eq!(super::support::claims(&token)["iss"], expected);
        let discovery = issuer.get("/eu-west-1_Ab3dEf6h9/.well-known/openid-configuration").await.body;
        assert_eq!(discovery["issuer"], expected);
        assert_eq!(discovery["jwks_uri"], "http://issuer.test/eu-west-1_Ab3dEf6h9/.well-known/jwks.json");
        assert_eq!(issuer.sign_out(&token).await.status, 200);
        assert!(issuer.is_revoked(&token), "the gate knows it by the stated issuer");
    }
}
