//! The audit log and the counters, as calls of clients fill them.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::database::TestDatabase;
use super::support::{NOW, PASSWORD, TestIssuer, claims, open};
use crate::clock::Clock;
use crate::issuer::Issuer;
use crate::telemetry::{AuditLog, Metrics, TelemetryConfig};

const POOLS: &str = "
demo:
  token_algorithm: ES256
  clients: {web: {id: web}}
  users: {alice: {password: correct horse battery}}
";

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct World {
    issuer: TestIssuer,
    metrics: Metrics,
    page: Page,
}

impl World {
    async fn new() -> Self {
        let (state, clock) = (Arc::new(TestDatabase::empty().await), Clock::standing_at(NOW));
        let issuer: Issuer = open(POOLS, &state, &clock).await.unwrap();
        let (page, metrics) = (Page::default(), Metrics::new().unwrap());
        let config = TelemetryConfig { subjects_in_clear: true, ..TelemetryConfig::default() };
        let log = AuditLog::start(&config, [0; 32], &metrics, Box::new(page.clone())).unwrap();
        let issuer = TestIssuer::recorded(issuer, state, clock, log, &metrics).await;
        Self { issuer, metrics, page }
    }

    /// The lines, once there are so many.
    async fn lines(&self, count: usize) -> Vec<Value> {
        for _ in 0..500 {
            let text = String::from_utf8(self.page.0.lock().unwrap().clone()).unwrap();
            if text.lines().count() >= count {
                return text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("there are not {count} lines");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_identity_action_is_a_line_that_says_who_and_how_and_nothing_secret() {
    let world = World::new().await;
    let signed_in = world.issuer.sign_in("web", "alice").await;
    world.issuer.try_password("web", "Alice", "wrong password").await;
    world.issuer.try_password("web", "nobody", "wrong password").await;
    world.issuer.refresh("web", &signed_in.token("RefreshToken")).await;
    world.issuer.sign_out(&signed_in.token("AccessToken")).await;
    let lines = world.lines(5).await;
    let sub = claims(&signed_in.token("AccessToken"))["sub"].clone();
    let said = |line: &Value| (line["event"].clone(), line["result"].clone(), line["subject"].clone());
    assert_eq!(said(&lines[0]), ("SignIn".into(), "success".into(), sub.clone()));
    assert_eq!(said(&lines[1]), ("SignIn".into(), "failure".into(), sub.clone()));
    assert_eq!(said(&lines[2]), ("SignIn".into(), "failure".into(), Value::Null), "nobody has no `sub`");
    assert_eq!(said(&lines[3]), ("TokenRefresh".into(), "success".into(), sub.clone()));
    assert_eq!(said(&lines[4]), ("SignOut".into(), "success".into(), sub));
    assert_eq!(lines[1]["code"], "wrong-credentials");
    for line in &lines {
        assert_eq!(line["pool"], world.issuer.pool_id("demo").as_str(), "{line}");
        assert_eq!(
            (&line["client"], &line["source"], &line["log"]),
            (&json!("web"), &json!("127.0.0.1"), &json!("audit"))
        );
    }
    let text = String::from_utf8(world.page.0.lock().unwrap().clone()).unwrap();
    for secret in [PASSWORD, "wrong password", &signed_in.token("AccessToken"), &signed_in.token("RefreshToken")] {
        assert!(!text.contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_locks_and_tokens_are_counted_by_outcome() {
    let world = World::new().await;
    let signed_in = world.issuer.sign_in("web", "alice").await;
    world.issuer.refresh("web", &signed_in.token("RefreshToken")).await;
    for _ in 0..6 {
        world.issuer.try_password("web", "alice", "wrong password").await;
    }
    let text = world.metrics.encode();
    for line in [
        r#"lychgate_sign_ins_total{outcome="success"} 1"#,
        r#"lychgate_sign_ins_total{outcome="wrong-credentials"} 5"#,
        r#"lychgate_sign_ins_total{outcome="locked"} 1"#,
        "lychgate_lockouts_total 1",
        r#"lychgate_tokens_issued_total{by="sign-in"} 1"#,
        r#"lychgate_tokens_issued_total{by="refresh"} 1"#,
    ] {
        assert!(text.contains(line), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signed_in_lately_is_counted_once() {
    let world = World::new().await;
    for _ in 0..3 {
        world.issuer.sign_in("web", "alice").await;
    }
    world.issuer.clock.advance(Duration::from_hours(25));
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(world.issuer.issuer.clone().follow(world.metrics.identity(), stopped));
    for _ in 0..200 {
        let text = world.metrics.encode();
        if text.contains(r#"lychgate_active_users{pool="demo",window="30d"} 1"#) {
            assert!(text.contains(r#"lychgate_active_users{pool="demo",window="1d"} 0"#), "{text}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nobody was counted");
}
