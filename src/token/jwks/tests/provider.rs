//! An identity provider in this process that answers as it is told, and the store and task that ask it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::telemetry::Metrics;
use crate::token::config::TrustedIssuerConfig;
use crate::token::jwks::fetch::{Fetcher, KeySource};
use crate::token::jwks::key_store::KeyStore;
use crate::token::jwks::refresh::Refresher;

/// When the standing clock of a test begins.
pub(super) const START: u64 = 1_800_000_000;

/// What the provider answers, whatever it is asked for but `/moved`, where a good set is.
#[derive(Clone)]
pub(super) struct Reply {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    pub(super) delay: Duration,
}

impl Reply {
    /// This status line and body.
    pub(super) fn new(status: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { head: format!("HTTP/1.1 {status}\r\n"), body: body.into(), delay: Duration::ZERO }
    }

    /// 200 with a good key set of these kids.
    pub(super) fn keys(kids: &[&str]) -> Self {
        Self::new("200 OK", key_set(kids).to_string())
    }

    pub(super) fn header(mut self, line: &str) -> Self {
        self.head.push_str(line);
        self.head.push_str("\r\n");
        self
    }

    pub(super) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// A set of good keys: the same point under each kid (RFC 7515 appendix A.3).
pub(super) fn key_set(kids: &[&str]) -> Value {
    let (x, y) = ("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    let keys = kids.iter().map(|kid| json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y}));
    json!({ "keys": keys.collect::<Vec<_>>() })
}

/// The provider; it ends when it is dropped.
pub(super) struct Provider {
    address: SocketAddr,
    reply: Arc<Mutex<Option<Reply>>>,
    /// The first line of each request.
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Provider {
    pub(super) async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (reply, asked) = (Arc::new(Mutex::new(Some(reply))), Arc::<Mutex<Vec<String>>>::default());
        let (replies, asks) = (reply.clone(), asked.clone());
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, replies.clone(), asks.clone()));
            }
        });
        Self { address, reply, asked, task }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/keys", self.address)
    }

    /// From now on it answers so.
    pub(super) fn answers(&self, reply: Reply) {
        *self.reply.lock().unwrap() = Some(reply);
    }

    /// From now on it closes every connection.
    pub(super) fn goes_down(&self) {
        *self.reply.lock().unwrap() = None;
    }

    /// How often it was asked.
    pub(super) fn fetches(&self) -> usize {
        self.asked().len()
    }

    /// The first line of each request.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut socket: TcpStream, reply: Arc<Mutex<Option<Reply>>>, asked: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if socket.read_exact(&mut byte).await.is_err() {
            return;
        }
        request.extend(byte);
    }
    let first = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
    asked.lock().unwrap().push(first);
    let reply =
        if request.starts_with(b"GET /moved ") { Some(Reply::keys(&["moved"])) } else { reply.lock().unwrap().clone() };
    let Some(reply) = reply else { return };
    tokio::time::sleep(reply.delay).await;
    let head = format!("{}content-length: {}\r\nconnection: close\r\n\r\n", reply.head, reply.body.len());
    let _sent = socket.write_all(head.as_bytes()).await;
    let _sent = socket.write_all(&reply.body).await;
}

/// An issuer's store and task, with a clock that the test moves.
pub(super) struct Issuer {
    pub(super) store: Arc<KeyStore>,
    pub(super) refresher: Refresher,
    pub(super) clock: Clock,
}

/// What the config says of an issuer; `more` is JSON of further keys.
pub(super) fn trust(more: &Value) -> TrustedIssuerConfig {
    let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut config = json!({"issuer": "https://idp.example", "audience": ["api"], "refresh": {"timeout": "500ms"}});
    let members = config.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    serde_json::from_value(config).unwrap()
}

/// An issuer whose key set is at this URL.
pub(super) fn issuer(url: &str, more: &Value) -> Issuer {
    let (clock, trust) = (Clock::standing_at(START), trust(more));
    let store = Arc::new(KeyStore::new(trust.refresh.clone(), clock.clone()));
    let fetcher = Fetcher::new(KeySource::Uri(url.to_owned()), &trust).unwrap();
    let metrics = Metrics::new().unwrap().issuer("corp");
    let refresher = Refresher::new("corp".into(), store.clone(), fetcher, metrics);
    Issuer { store, refresher, clock }
}

impl Issuer {
    /// Whether a key of this id serves.
    pub(super) fn knows(&self, kid: &str) -> bool {
        self.store.current().is_some_and(|keys| keys.set.knows(kid))
    }
}

/// The store and task of a tenant whose key set is at this URL.
pub(super) fn tenant(url: &str, generations_before: u64) -> (Arc<KeyStore>, Refresher) {
    let trust = trust(&json!({}));
    let store = KeyStore::of_tenant(trust.refresh.clone(), Clock::standing_at(START), generations_before);
    let store = Arc::new(store);
    let fetcher = Fetcher::new(KeySource::Uri(url.to_owned()), &trust).unwrap();
    let metrics = Metrics::new().unwrap().issuer("saas");
    (store.clone(), Refresher::new("saas".into(), store, fetcher, metrics))
}
