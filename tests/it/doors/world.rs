//! A gate with every door, and what each of them says.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};

use envoy_types::pb::envoy::config::core::v3::HeaderValueOption;
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::asked::Asked;
use crate::support::{Connection, Key, Message, Request, Setup, TestGateway, TestUpstream, Token, free_ports, until};

/// The doors, for a config.
pub(super) const DOORS: &str = r#"
ext_authz:
  grpc: [{address: "127.0.0.1:@GRPC@"}]
  http: [{address: "127.0.0.1:@HTTP@", forward_auth: [nginx, caddy, traefik, haproxy], api_gateway: true}]
"#;

/// What a config says of the issuer whose key tests hold.
pub(super) const ISSUER: &str = "https://corp.example";

pub(super) struct World {
    pub(super) key: Key,
    pub(super) upstream: TestUpstream,
    pub(super) gate: TestGateway,
    pub(super) http: SocketAddr,
    pub(super) grpc: SocketAddr,
    pub(super) runtime: Runtime,
}

/// A thread for gRPC's clients.
pub(super) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

impl World {
    /// A gate of this config, in which `@KEYS@`, `@UPSTREAM@`, `@GRPC@` and `@HTTP@` are put.
    pub(super) fn of(config: &str) -> Self {
        Self::with(config, |setup| setup)
    }

    /// The same with more beside it.
    pub(super) fn with(config: &str, more: impl FnOnce(Setup) -> Setup) -> Self {
        let (key, upstream) = (Key::es256("corp"), TestUpstream::start());
        let [grpc, http] = free_ports();
        let setup = Setup::of(config)
            .put("KEYS", json!({"keys": [key.jwk()]}))
            .put("UPSTREAM", upstream.address())
            .put("GRPC", grpc)
            .put("HTTP", http);
        let gate = more(setup).start();
        let [grpc, http] = [grpc, http].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        for door in [grpc, http] {
            // the operator's door and the gate's own open a moment earlier
            until("the door to open", || TcpStream::connect(door).ok());
        }
        Self { key, upstream, gate, http, grpc, runtime: runtime() }
    }

    /// A token in the making.
    pub(super) fn token(&self) -> Token {
        Token::of(ISSUER, self.key.clone())
    }

    /// The gate's own answer.
    pub(super) fn by_the_gate(&self, asked: &Asked) -> Message {
        self.gate.ask(&asked.itself())
    }

    /// The HTTP door's answer to a request that is sent to it as it is.
    pub(super) fn at_the_door(&self, request: &Request) -> Message {
        Connection::open(self.http).ask(&request.clone().header("Connection", "close"))
    }

    pub(super) fn by_forward_auth(&self, profile: &str, asked: &Asked) -> Message {
        Connection::open(self.http).ask(&asked.by_forward_auth(profile))
    }

    pub(super) fn by_envoy(&self, asked: &Asked) -> CheckResponse {
        self.check(asked.by_envoy())
    }

    pub(super) fn check(&self, check: CheckRequest) -> CheckResponse {
        self.runtime.block_on(async {
            let mut client = AuthorizationClient::connect(format!("http://{}", self.grpc)).await.unwrap();
            client.check(check).await.unwrap().into_inner()
        })
    }

    /// What API Gateway is told about an event.
    pub(super) fn by_api_gateway(&self, event: &Value) -> Value {
        let answer = self.post_event(event.to_string().as_bytes());
        assert_eq!(answer.status(), 200, "{}", answer.text());
        answer.json()
    }

    pub(super) fn post_event(&self, event: &[u8]) -> Message {
        self.at_the_door(&Request::new("POST", "/authorizers/api-gateway").body(event))
    }
}

/// What Envoy is told of a request that may pass.
pub(super) fn allowed(answer: &CheckResponse) -> &OkHttpResponse {
    match answer.http_response.as_ref().unwrap() {
        HttpResponse::OkResponse(allowed) if answer.status.as_ref().unwrap().code == 0 => allowed,
        other => panic!("{other:?}"),
    }
}

/// What Envoy is told of a request that may not.
pub(super) fn denied(answer: &CheckResponse) -> &DeniedHttpResponse {
    match answer.http_response.as_ref().unwrap() {
        HttpResponse::DeniedResponse(denied) if answer.status.as_ref().unwrap().code != 0 => denied,
        other => panic!("{other:?}"),
    }
}

/// The status that Envoy sends in its place.
pub(super) fn status(denied: &DeniedHttpResponse) -> i32 {
    denied.status.as_ref().unwrap().code
}

/// The stable code of what Envoy is told.
pub(super) fn code(answer: &CheckResponse) -> String {
    let body: Value = serde_json::from_str(&denied(answer).body).unwrap();
    body["code"].as_str().unwrap().to_owned()
}

/// Fields by name.
pub(super) fn fields(options: &[HeaderValueOption]) -> BTreeMap<String, String> {
    let headers = options.iter().filter_map(|option| option.header.as_ref());
    headers.map(|header| (header.key.clone(), header.value.clone())).collect()
}

/// Fields of an HTTP message by name.
pub(super) fn fields_of(message: &Message) -> BTreeMap<String, String> {
    let fields = message.fields().into_iter();
    fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect()
}
