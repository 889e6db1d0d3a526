//! What one node writes, another knows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::watch;

use super::database::TestDatabase;
use super::support::{Answer, NOW, POOLS, TestIssuer, open};
use crate::clock::Clock;
use crate::issuer::RotateKeys;
use crate::telemetry::Metrics;

/// A second node on the state of a first, which follows what the first does until the sender is dropped or says so.
async fn beside(first: &TestIssuer) -> (TestIssuer, watch::Sender<bool>) {
    let issuer = open(POOLS, &first.state, &first.clock).await.unwrap();
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(issuer.clone().follow(Metrics::new().unwrap().identity(), stopped));
    (TestIssuer::serving(issuer, Arc::clone(&first.state), first.clock.clone()).await, stop)
}

async fn within_a_second(what: &str, holds: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(1), "{what} is not known after a second");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn access(signed_in: &Answer) -> String {
    signed_in.token("AccessToken")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_on_one_node_is_known_on_the_other_within_a_second() {
    let one = TestIssuer::start().await;
    let (two, _stop) = beside(&one).await;
    let (alice, bob) = (one.sign_in("web", "alice").await, one.sign_in("web", "bob").await);
    assert_eq!(two.user_of(&access(&alice)).await.status, 200);
    assert_eq!(one.sign_out(&access(&alice)).await.status, 200);
    within_a_second("the sign-out", async || two.is_revoked(&access(&alice))).await;
    let revoke = json!({"Token": bob.token("RefreshToken"), "ClientId": "web"});
    assert_eq!(one.call("RevokeToken", &revoke).await.status, 200);
    within_a_second("the revocation", async || two.is_revoked(&access(&bob))).await;
    let fresh = two.sign_in("web", "alice").await;
    assert!(!one.is_revoked(&access(&fresh)) && !two.is_revoked(&access(&fresh)));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sign_outs_at_once_are_all_known_on_the_other() {
    let one = TestIssuer::start().await;
    let (two, _stop) = beside(&one).await;
    let sessions =
        [one.sign_in("web", "alice").await, one.sign_in("web", "alice").await, two.sign_in("web", "alice").await];
    assert_eq!(one.sign_out(&access(&sessions[0])).await.status, 200);
    for session in &sessions {
        within_a_second("a sign-out", async || two.is_revoked(&access(session))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_of_one_node_are_known_on_the_other() {
    let one = TestIssuer::start().await;
    let (two, _stop) = beside(&one).await;
    assert!(one.issuer.rotate_keys(&one.pool_id("demo"), RotateKeys::AtOnce).await.unwrap());
    let token = access(&one.sign_in("web", "alice").await);
    within_a_second("the key", async || two.user_of(&token).await.status == 200).await;
    let before = access(&two.sign_in("web", "alice").await);
    assert_eq!(one.user_of(&before).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_share_one_set_of_keys() {
    let state = Arc::new(TestDatabase::empty().await);
    let clock = Clock::standing_at(NOW);
    let pools =
        "demo: {token_algorithm: ES256, clients: {web: {id: web}}, users: {alice: {password: correct horse battery}}}";
    drop(open("{}", &state, &clock).await.unwrap());
    let (one, two) = tokio::join!(open(pools, &state, &clock), open(pools, &state, &clock));
    let one = TestIssuer::serving(one.unwrap(), Arc::clone(&state), clock.clone()).await;
    let two = TestIssuer::serving(two.unwrap(), state, clock).await;
    let jwks = format!("/{}/.well-known/jwks.json", one.pool_id("demo"));
    assert_eq!(one.get(&jwks).await.body, two.get(&jwks).await.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_matters_no_more_is_cleared_away_and_numbers_go_on() {
    let one = TestIssuer::start().await;
    let alice = one.sign_in("web", "alice").await;
    assert_eq!(one.sign_out(&access(&alice)).await.status, 200);
    one.clock.advance(Duration::from_hours(25));
    let (two, stop) = beside(&one).await;
    let count = async || {
        let mut read = two.issuer.engine().database.read().await.unwrap();
        let counted = crate::issuer::store::query("SELECT COUNT(*), MAX(number) FROM changes");
        counted.fetch_one::<(i64, Option<i64>)>(&mut read).await.unwrap()
    };
    within_a_second("the end", async || count().await.0 == 1).await;
    let (_, last) = count().await;
    stop.send_replace(true);
    let bob = one.sign_in("web", "bob").await;
    assert_eq!(one.sign_out(&access(&bob)).await.status, 200);
    assert!(count().await.1 > last);
}
