//! A trusted issuer with a server of its own, which can rotate its keys and fail in many ways.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::key::Key;
use super::message::Message;
use super::server::{Reply, Server};
use super::token::Token;

const DISCOVERY: &str = "/.well-known/openid-configuration";
const JWKS: &str = "/jwks.json";

/// The issuer.
pub(crate) struct TestIssuer {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    url: String,
    /// What the key set holds.
    published: Vec<Key>,
    /// What is answered instead, by path.
    instead: HashMap<String, Reply>,
    down: bool,
}

impl TestIssuer {
    /// An issuer with one ES256 key.
    pub(crate) fn start() -> Self {
        Self::with_keys(&[Key::es256("first")])
    }

    /// An issuer with these keys, which signs with the first.
    pub(crate) fn with_keys(keys: &[Key]) -> Self {
        let state = Arc::new(Mutex::new(State { published: keys.to_vec(), ..State::default() }));
        let answering = state.clone();
        let server = Server::start(None, move |request| answering.lock().unwrap().answer(request));
        state.lock().unwrap().url = format!("http://{}", server.address());
        Self { server, state }
    }

    /// Its `iss`.
    pub(crate) fn url(&self) -> String {
        self.state.lock().unwrap().url.clone()
    }

    /// The URL of its key set.
    pub(crate) fn jwks_uri(&self) -> String {
        format!("{}{JWKS}", self.url())
    }

    /// What a config says of it: audience `api`, keys from discovery, and `more` keys of the config.
    pub(crate) fn trust(&self, more: &str) -> String {
        format!("{{issuer: \"{}\", audience: [api]{}{more}}}", self.url(), if more.is_empty() { "" } else { ", " })
    }

    /// The key that it signs with.
    pub(crate) fn key(&self) -> Key {
        self.state.lock().unwrap().published[0].clone()
    }

    /// A token that it signs.
    pub(crate) fn token(&self) -> Token {
        Token::of(&self.url(), self.key())
    }

    /// From now on these keys are published, and the first one signs.
    pub(crate) fn publish(&self, keys: &[Key]) {
        self.state.lock().unwrap().published = keys.to_vec();
    }

    /// From now on discovery answers so.
    pub(crate) fn discovery_answers(&self, reply: Reply) {
        self.answers(DISCOVERY, reply);
    }

    /// From now on the key set is answered so.
    pub(crate) fn keys_answer(&self, reply: Reply) {
        self.answers(JWKS, reply);
    }

    /// From now on this path is answered so.
    pub(crate) fn answers(&self, path: &str, reply: Reply) {
        self.state.lock().unwrap().instead.insert(path.to_owned(), reply);
    }

    /// From now on all is answered as it should be.
    pub(crate) fn answers_well(&self) {
        let mut state = self.state.lock().unwrap();
        state.instead.clear();
        state.down = false;
    }

    /// From now on every connection is closed without an answer.
    pub(crate) fn goes_down(&self) {
        self.state.lock().unwrap().down = true;
    }

    /// How many requests it was sent.
    pub(crate) fn requests(&self) -> usize {
        self.server.received().len()
    }

    /// How often its key set was asked for.
    pub(crate) fn key_fetches(&self) -> usize {
        self.fetches(JWKS)
    }

    /// How often this path was asked for.
    pub(crate) fn fetches(&self, path: &str) -> usize {
        self.server.received().iter().filter(|request| request.target() == path).count()
    }
}

impl State {
    fn answer(&self, request: &Message) -> Reply {
        if self.down {
            return Reply::hang_up();
        }
        if let Some(reply) = self.instead.get(request.target()) {
            return reply.clone();
        }
        let document = match request.target() {
            DISCOVERY => json!({"issuer": self.url, "jwks_uri": format!("{}{JWKS}", self.url)}),
            JWKS => json!({"keys": self.published.iter().map(Key::jwk).collect::<Vec<_>>()}),
            _ => return Reply::new(404, ""),
        };
        Reply::new(200, document.to_string()).header("Content-Type", "application/json")
    }
}
