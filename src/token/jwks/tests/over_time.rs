//! Keys over their lives: how often they are asked for, how long they serve, and whom a fetch answers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::provider::{Issuer, Provider, Reply, issuer, tenant};
use crate::token::jwks::key_store::KeyStore;

/// Runs the background task after its first fetch is over.
async fn run(corp: Issuer) -> (Arc<KeyStore>, crate::clock::Clock, watch::Sender<bool>) {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(corp.refresher.run(stopped));
    corp.store.available().await;
    (corp.store, corp.clock, stop)
}

/// So many ask again at once for this key: whether each then knows a key of that id.
async fn answers(store: &Arc<KeyStore>, requests: usize, asked: &'static str, kid: &'static str) -> Vec<bool> {
    let mut asking = JoinSet::new();
    for _ in 0..requests {
        let store = store.clone();
        asking.spawn(async move { store.ask_again(asked).await.is_some_and(|keys| keys.set.knows(kid)) });
    }
    asking.join_all().await
}

#[tokio::test]
async fn a_flood_of_unknown_kids_is_one_fetch_a_window() {
    let provider = Provider::start(Reply::keys(&["first"])).await;
    let (store, clock, _stop) = run(issuer(&provider.url(), &json!({}))).await;
    for window in 0..3 {
        assert_eq!(answers(&store, 1_000, "unknown", "first").await, [true; 1_000]);
        assert_eq!(provider.fetches(), 2 + window, "the first, and one for each window");
        clock.advance(Duration::from_secs(29));
        assert!(store.ask_again("unknown").await.is_some());
        assert_eq!(provider.fetches(), 2 + window, "not yet");
        clock.advance(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_flood_of_unknown_kids_while_the_issuer_is_down_is_one_fetch_a_window_too() {
    let provider = Provider::start(Reply::keys(&["first"])).await;
    let (store, _clock, _stop) = run(issuer(&provider.url(), &json!({}))).await;
    provider.goes_down();
    for _ in 0..200 {
        assert!(store.ask_again("unknown").await.is_some_and(|keys| keys.set.knows("first")));
    }
    assert_eq!(provider.fetches(), 2);
}

#[tokio::test]
async fn an_unknown_kid_that_was_rotated_in_is_found_by_whoever_waits() {
    let provider = Provider::start(Reply::keys(&["first"])).await;
    let (store, _clock, _stop) = run(issuer(&provider.url(), &json!({}))).await;
    provider.answers(Reply::keys(&["first", "second"]).after(Duration::from_millis(100)));
    assert_eq!(answers(&store, 100, "second", "second").await, [true; 100]);
    assert_eq!(provider.fetches(), 2);
}

#[tokio::test]
async fn who_looked_before_a_key_came_and_asks_after_it_leaves_the_window_to_others() {
    let provider = Provider::start(Reply::keys(&["first", "second"])).await;
    let (store, _clock, _stop) = run(issuer(&provider.url(), &json!({}))).await;
    assert!(store.ask_again("second").await.is_some_and(|keys| keys.set.knows("second")));
    assert_eq!(provider.fetches(), 1, "it is there");
    provider.answers(Reply::keys(&["second", "third"]));
    assert!(store.ask_again("third").await.is_some_and(|keys| keys.set.knows("third")));
}

#[tokio::test]
async fn who_asks_while_a_fetch_is_under_way_is_answered_by_the_next() {
    let provider = Provider::start(Reply::keys(&["first"])).await;
    let mut corp = issuer(&provider.url(), &json!({}));
    corp.refresher.fetch_once().await;
    // The answer to this fetch was made before the rotation, and arrives after somebody has asked.
    provider.answers(Reply::keys(&["first"]).after(Duration::from_millis(200)));
    let store = corp.store.clone();
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(corp.refresher.run(stopped));
    while provider.fetches() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    provider.answers(Reply::keys(&["second"]));
    let keys = store.ask_again("second").await.unwrap();
    assert!(keys.set.knows("second"));
    assert_eq!(provider.fetches(), 3);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(provider.fetches(), 3, "nobody waits any more");
    stop.send_replace(true);
}

#[tokio::test]
async fn who_was_answered_by_a_fetch_that_was_due_wants_no_further_one() {
    let provider = Provider::start(Reply::keys(&["first"])).await;
    let mut corp = issuer(&provider.url(), &json!({}));
    corp.refresher.fetch_once().await;
    // First the request, then the fetch that the clock brings: nobody has looked at the wish yet.
    tokio::join!(biased; corp.store.ask_again("unknown"), corp.refresher.fetch_once());
    let wanted = tokio::time::timeout(Duration::from_millis(50), corp.store.wanted()).await;
    assert!(wanted.is_err());
    assert_eq!(provider.fetches(), 2);
}

#[tokio::test]
async fn a_rotation_is_a_new_generation_and_the_same_document_is_not() {
    let provider = Provider::start(Reply::keys(&["first"])).await;
    let mut corp = issuer(&provider.url(), &json!({}));
    for (kids, generation) in
        [(&["first"][..], 1), (&["first"], 1), (&["second", "first"], 2), (&["second"], 3), (&["second"], 3)]
    {
        provider.answers(Reply::keys(kids));
        corp.refresher.fetch_once().await;
        assert_eq!(corp.store.current().unwrap().generation, generation);
    }
    assert!(!corp.knows("first") && corp.knows("second"));
}

#[tokio::test]
async fn who_comes_first_for_a_tenant_waits_for_its_keys_and_who_comes_later_does_not() {
    let provider = Provider::start(Reply::keys(&["first"]).after(Duration::from_millis(100))).await;
    let (store, refresher) = tenant(&provider.url(), 7 << 32);
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(refresher.run(stopped));
    let mut asking = JoinSet::new();
    for _ in 0..100 {
        let store = store.clone();
        asking.spawn(async move { store.serving().await.map(|keys| keys.generation) });
    }
    assert_eq!(asking.join_all().await, [Some((7 << 32) + 1); 100]);
    assert_eq!(provider.fetches(), 1);

    provider.goes_down();
    let (store, mut refresher) = tenant(&provider.url(), 0);
    let (_, keys) = tokio::join!(refresher.fetch_once(), store.serving());
    assert!(keys.is_none());
    let soon = tokio::time::timeout(Duration::from_millis(50), store.serving()).await;
    assert!(soon.is_ok_and(|keys| keys.is_none()), "nobody waits for the second fetch");
}

#[tokio::test]
async fn the_first_keys_of_a_tenant_are_not_waited_for_longer_than_a_fetch_may_take() {
    let (store, _never_run) = tenant("http://127.0.0.1:1/", 0);
    let in_time = tokio::time::timeout(Duration::from_secs(5), store.serving()).await;
    assert!(in_time.is_ok_and(|keys| keys.is_none()));
}

#[tokio::test]
async fn old_keys_serve_for_a_bounded_time_and_come_back_with_the_issuer() {
    let provider = Provider::start(Reply::keys(&["first"])).await;
    let mut corp =
        issuer(&provider.url(), &json!({"refresh": {"every": "10m", "stale_for": "1h", "timeout": "500ms"}}));
    corp.refresher.fetch_once().await;
    provider.goes_down();
    corp.clock.advance(Duration::from_mins(70));
    corp.refresher.fetch_once().await;
    assert!(corp.knows("first"), "to the last second");
    corp.clock.advance(Duration::from_secs(1));
    assert!(corp.store.current().is_none());
    assert_eq!((corp.store.status().available, corp.store.status().age), (false, Some(4201)));
    provider.answers(Reply::keys(&["first"]));
    corp.refresher.fetch_once().await;
    assert!(corp.knows("first"));
}

#[tokio::test]
async fn a_failing_issuer_is_asked_ever_less_often_and_at_least_once_a_minute() {
    let provider = Provider::start(Reply::new("500 Internal Server Error", "")).await;
    let mut corp = issuer(&provider.url(), &json!({}));
    for most in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        let (most, pause) = (Duration::from_secs(most), corp.refresher.fetch_once().await);
        assert!(pause <= most && pause >= most / 2, "{pause:?} of {most:?}");
    }
    provider.answers(Reply::keys(&["first"]));
    assert!(corp.refresher.fetch_once().await > Duration::from_mins(9));
    provider.goes_down();
    assert!(corp.refresher.fetch_once().await <= Duration::from_secs(1), "it begins anew");
}

#[tokio::test]
async fn cache_control_shortens_the_wait_to_a_minute_and_never_lengthens_it() {
    let provider = Provider::start(Reply::keys(&["first"])).await;
    let mut corp = issuer(&provider.url(), &json!({}));
    let [minute, ten] = [1, 10].map(Duration::from_mins);
    for (directives, expected) in [
        ("max-age=0", minute),
        ("max-age=1", minute),
        ("no-store", ten),
        ("public, max-age=300", Duration::from_mins(5)),
        ("max-age=\"300\", must-revalidate", Duration::from_mins(5)),
        ("PUBLIC, Max-Age=300", Duration::from_mins(5)),
        ("no-transform\r\ncache-control: max-age=300", Duration::from_mins(5)),
        ("max-age=86400, max-age=300", Duration::from_mins(5)),
        ("s-maxage=60, x-max-age=60", ten),
        ("max-age=86400", ten),
        ("max-age=99999999999999999999", ten),
        ("max-age=-1", ten),
    ] {
        provider.answers(Reply::keys(&["first"]).header(&format!("cache-control: {directives}")));
        let pause = corp.refresher.fetch_once().await;
        assert!(pause <= expected && pause >= expected.mul_f64(0.9), "{directives}: {pause:?}");
    }
}

#[tokio::test]
async fn a_fetch_that_never_comes_is_waited_for_once() {
    let provider = Provider::start(Reply::keys(&["first"])).await;
    let mut corp = issuer(&provider.url(), &json!({"refresh": {"timeout": "500ms"}}));
    corp.refresher.fetch_once().await;
    // Nobody runs the background task, as if it had died.
    let waited = async || {
        let begun = std::time::Instant::now();
        assert!(corp.store.ask_again("unknown").await.is_some_and(|keys| keys.set.knows("first")));
        begun.elapsed()
    };
    assert!(waited().await >= Duration::from_secs(1));
    corp.clock.advance(Duration::from_secs(1));
    assert!(waited().await < Duration::from_millis(500), "the second does not wait for what the first has waited for");
}
