//! Messages on their way: by a webhook, into a journal, tried again, given up, and shown in development.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::database::TestDatabase;
use super::support::{NOW, TestIssuer, config, open_with};
use crate::clock::Clock;
use crate::issuer::store::query;
use crate::telemetry::{AuditLog, Metrics};

const SECRET: &str = "a secret of the webhook";
const POOLS: &str = "demo: {id: local_Demo12345, token_algorithm: ES256, clients: {web: {id: web}}}";

/// A webhook that answers with these statuses, one after the other, and then with 200.
#[derive(Clone, Default)]
struct Hook {
    answers: Arc<Mutex<Vec<u16>>>,
    asked: Arc<Mutex<Vec<(HeaderMap, String)>>>,
}

impl Hook {
    async fn serve(answers: &[u16]) -> (Self, String) {
        let hook = Self { answers: Arc::new(Mutex::new(answers.to_vec())), ..Self::default() };
        let answer = async |State(hook): State<Self>, headers: HeaderMap, body: String| {
            hook.asked.lock().unwrap().push((headers, body));
            let mut answers = hook.answers.lock().unwrap();
            let status = if answers.is_empty() { 200 } else { answers.remove(0) };
            StatusCode::from_u16(status).unwrap()
        };
        let router = Router::new().route("/sms", post(answer)).with_state(hook.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/sms", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (hook, url)
    }

    fn asked(&self) -> Vec<(HeaderMap, String)> {
        self.asked.lock().unwrap().clone()
    }
}

struct World {
    issuer: TestIssuer,
    metrics: Metrics,
    _stop: watch::Sender<bool>,
}

impl World {
    async fn new(more: &Value) -> Self {
        let (state, clock) = (Arc::new(TestDatabase::empty().await), Clock::standing_at(NOW));
        let issuer = open_with(config(POOLS, &state, more), &clock).await.unwrap();
        let (metrics, (stop, stopped)) = (Metrics::new().unwrap(), watch::channel(false));
        tokio::spawn(issuer.clone().follow(metrics.identity(), stopped));
        let issuer = TestIssuer::serving(issuer, state, clock).await;
        Self { issuer, metrics, _stop: stop }
    }

    /// Has an invitation sent to a phone; gives the temporary password that we never see.
    async fn invite(&self, name: &str) {
        let members = json!({"UserPoolId": "local_Demo12345", "Username": name, "DesiredDeliveryMediums": ["SMS"],
            "UserAttributes": [{"Name": "phone_number", "Value": "+12065550100"}]});
        let (recorder, _) = self.issuer.issuer.recorder(AuditLog::default(), self.metrics.identity());
        let made = self.issuer.issuer.administer(&recorder, "AdminCreateUser", members.as_object().unwrap()).await;
        made.unwrap();
    }

    async fn counted(&self, line: &str) {
        until(line, async || self.metrics.encode().contains(line)).await;
    }
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    for _ in 0..500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not within ten seconds: {what}");
}

fn webhook(url: &str) -> Value {
    json!({"messages": {"sms": {"webhook": {"url": url, "secret": SECRET}}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_message_is_asked_for_by_a_signed_request() {
    let (hook, url) = Hook::serve(&[]).await;
    let world = World::new(&webhook(&url)).await;
    world.invite("alice").await;
    world.counted(r#"lychgate_messages_total{medium="sms",outcome="delivered"} 1"#).await;
    let asked = hook.asked();
    let (headers, body) = &asked[0];
    let said: Value = serde_json::from_str(body).unwrap();
    assert_eq!((&said["to"], &said["kind"]), (&json!("+12065550100"), &json!("AdminCreateUser")));
    assert!(said["body"].as_str().unwrap().contains("alice"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, format!("{NOW}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(headers["lychgate-signature"], format!("t={NOW},v1={hex}"));
    assert_eq!(headers["idempotency-key"], said["id"].as_str().unwrap());
    let left = async || {
        let mut read = world.issuer.issuer.engine().database.read().await.unwrap();
        query("SELECT COUNT(*) FROM outbox").fetch_one::<(i64,)>(&mut read).await.unwrap().0
    };
    until("what was sent is gone", async || left().await == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_now_is_tried_again_and_the_same() {
    let (hook, url) = Hook::serve(&[503, 429]).await;
    let world = World::new(&webhook(&url)).await;
    world.invite("alice").await;
    world.counted(r#"outcome="tried-again"} 1"#).await;
    assert_eq!(hook.asked().len(), 1, "not before its time");
    world.issuer.clock.advance(Duration::from_secs(1));
    world.counted(r#"outcome="tried-again"} 2"#).await;
    world.issuer.clock.advance(Duration::from_secs(5));
    world.counted(r#"outcome="delivered"} 1"#).await;
    let ids: Vec<_> = hook.asked().iter().map(|(headers, _)| headers["idempotency-key"].clone()).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_is_given_up() {
    let (hook, url) = Hook::serve(&[400]).await;
    let world = World::new(&webhook(&url)).await;
    world.invite("alice").await;
    world.counted(r#"lychgate_messages_total{medium="sms",outcome="given-up"} 1"#).await;
    world.issuer.clock.advance(Duration::from_hours(3));
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(hook.asked().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_has_each_message_on_a_line_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("messages.jsonl");
    let world = World::new(&json!({"messages": {"write_to": file}})).await;
    world.invite("alice").await;
    world.invite("bob").await;
    let lines = async || std::fs::read_to_string(&file).map_or(0, |text| text.lines().count());
    until("two lines", async || lines().await == 2).await;
    let text = std::fs::read_to_string(&file).unwrap();
    let said: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&said[0]["medium"], &said[0]["to"]), (&json!("sms"), &json!("+12065550100")));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_shown_in_development_alone() {
    let world = World::new(&json!({"development": true})).await;
    world.invite("alice").await;
    let shown = world.issuer.issuer.messages().await.unwrap().unwrap();
    assert_eq!((&shown[0]["to"], &shown[0]["delivered"]), (&json!("+12065550100"), &json!(false)));
    assert!(shown[0]["body"].as_str().unwrap().contains("alice"));
    let world = World::new(&json!({})).await;
    world.invite("alice").await;
    assert_eq!(world.issuer.issuer.messages().await.unwrap(), None);
}
