//! An issuer on a socket of its own, and short words for what clients do with it.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio::task::{JoinHandle, JoinSet};

use super::database::TestDatabase;
use crate::clock::Clock;
use crate::issuer::store::query;
use crate::issuer::{Issuer, IssuerConfig, IssuerError};
use crate::jose::{Algorithm, CompactJws, KeySet};
use crate::telemetry::{AuditLog, Metrics};
use crate::token::Revocations;

pub(super) const NOW: u64 = 1_700_000_000;
pub(super) const PASSWORD: &str = "correct horse battery";
pub(super) const SECRET: &str = "abcdefghijklmnopqrstuvwxyz0123";

/// Two pools that share nothing but names.
pub(super) const POOLS: &str = "
demo:
  clients:
    web: {id: web}
    other: {id: other}
    server: {id: server, secret: abcdefghijklmnopqrstuvwxyz0123}
    short: {id: short, flows: [USER_PASSWORD_AUTH], access_token_validity: 5m, refresh_token_validity: 1h}
    gate: {id: gate, access_token_attributes: ['custom:tenant'], access_token_scopes: [orders/read]}
    only-refresh: {id: onlyrefresh, flows: [REFRESH_TOKEN_AUTH]}
  groups: {sales: {precedence: 5}, admin: {precedence: 1}, a-none: {}}
  users:
    alice:
      password: correct horse battery
      groups: [a-none, sales, admin]
      attributes: {email: alice@example.com, email_verified: 'true', 'custom:tenant': acme}
    bob: {password: correct horse battery}
    dora: {password: correct horse battery, enabled: false}
beta:
  clients: {web: {id: betaweb}}
  users: {alice: {password: another battery}}
";

pub(super) struct TestIssuer {
    pub issuer: Issuer,
    pub clock: Clock,
    pub revocations: Revocations,
    pub url: String,
    http: reqwest::Client,
    server: JoinHandle<()>,
    pub state: Arc<TestDatabase>,
}

pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The exception's name and message.
    #[track_caller]
    pub(super) fn refusal(&self) -> (&str, &str) {
        assert_eq!(self.status, 400, "{}", self.body);
        (self.body["__type"].as_str().unwrap(), self.body["message"].as_str().unwrap())
    }

    #[track_caller]
    pub(super) fn token(&self, name: &str) -> String {
        self.body["AuthenticationResult"][name].as_str().unwrap_or_else(|| panic!("{}", self.body)).to_owned()
    }
}

const ADMIN_KEY: &str = "AKIDTEST";
const ADMIN_SECRET: &str = "secret-of-administrators";

/// The master key of all tests.
pub(super) const MASTER_KEY: &str = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1";

/// A config whose `iss` stays the same over restarts, whatever port the issuer listens on; `more` is put over it.
pub(super) fn config(pools: &str, state: &TestDatabase, more: &Value) -> IssuerConfig {
    let mut text = json!({"address": "127.0.0.1:0", "public_url": "http://issuer.test", "database": state.written(),
        "database_connections": 4, "master_key": MASTER_KEY,
        "admin_keys": {ADMIN_KEY: ADMIN_SECRET}});
    for (name, value) in more.as_object().unwrap() {
        text[name] = value.clone();
    }
    let config: IssuerConfig = serde_json::from_value(text).unwrap();
    IssuerConfig { pools: serde_saphyr::from_str(pools).unwrap(), ..config }
}

pub(super) async fn open(pools: &str, state: &TestDatabase, clock: &Clock) -> Result<Issuer, IssuerError> {
    open_with(config(pools, state, &json!({})), clock).await
}

pub(super) async fn open_with(config: IssuerConfig, clock: &Clock) -> Result<Issuer, IssuerError> {
    Issuer::open(config, clock.clone(), Revocations::new(clock.clone())).await
}

/// A state that was made once: keys and hashes are the slow part of a first start.
async fn made_state() -> &'static TestDatabase {
    static MADE: OnceCell<TestDatabase> = OnceCell::const_new();
    let make = || async {
        let state = TestDatabase::empty().await;
        let issuer = open(POOLS, &state, &Clock::standing_at(NOW)).await.unwrap();
        issuer.engine().database.close().await;
        state
    };
    MADE.get_or_init(make).await
}

impl TestIssuer {
    /// One with [`POOLS`] on a state of its own.
    pub(super) async fn start() -> Self {
        let state = TestDatabase::copy_of(made_state().await).await;
        Self::on(POOLS, Arc::new(state), Clock::standing_at(NOW)).await
    }

    /// Stops this one and starts another on the same state.
    pub(super) async fn again_with(self, pools: &str) -> Self {
        self.server.abort();
        Self::on(pools, self.state, self.clock).await
    }

    async fn on(pools: &str, state: Arc<TestDatabase>, clock: Clock) -> Self {
        let issuer = open(pools, &state, &clock).await.unwrap();
        Self::serving(issuer, state, clock).await
    }

    pub(super) async fn serving(issuer: Issuer, state: Arc<TestDatabase>, clock: Clock) -> Self {
        Self::recorded(issuer, state, clock, AuditLog::default(), &Metrics::new().unwrap()).await
    }

    /// One whose calls are told to this log and these metrics.
    pub(super) async fn recorded(
        issuer: Issuer,
        state: Arc<TestDatabase>,
        clock: Clock,
        log: AuditLog,
        metrics: &Metrics,
    ) -> Self {
        let revocations = issuer.engine().revocations.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (recorder, recording) = issuer.recorder(log, metrics.identity());
        tokio::spawn(recording.run());
        let router = issuer.router(recorder);
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { issuer, clock, revocations, url, http: reqwest::Client::new(), server, state }
    }

    pub(super) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
    }

    pub(super) fn post(&self, target: &str, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        let post = self.http.post(format!("{}/", self.url)).body(body);
        post.header("x-amz-target", target).header("content-type", "application/x-amz-json-1.1")
    }

    pub(super) async fn call(&self, operation: &str, input: &Value) -> Answer {
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        self.send(self.post(&target, input.to_string())).await
    }

    /// Calls as an administrator: signed as the AWS libraries sign.
    pub(super) async fn admin(&self, operation: &str, input: &Value) -> Answer {
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        let body = input.to_string();
        let host = self.url.trim_start_matches("http://").to_owned();
        let date = aws_date(self.clock.unix_seconds());
        let authorization = signed(&host, &date, &target, body.as_bytes());
        let request = self.post(&target, body).header("x-amz-date", date).header("authorization", authorization);
        self.send(request).await
    }

    /// A pool that the API makes; its id.
    pub(super) async fn make_pool(&self, input: &Value) -> String {
        let made = self.admin("CreateUserPool", input).await;
        made.body["UserPool"]["Id"].as_str().unwrap_or_else(|| panic!("{}", made.body)).to_owned()
    }

    /// A public client of the pool that the API makes; its id.
    pub(super) async fn make_client(&self, pool_id: &str, more: &Value) -> String {
        let flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH"];
        let mut input = json!({"UserPoolId": pool_id, "ClientName": "made", "ExplicitAuthFlows": flows});
        for (name, value) in more.as_object().unwrap() {
            input[name] = value.clone();
        }
        let made = self.admin("CreateUserPoolClient", &input).await;
        made.body["UserPoolClient"]["ClientId"].as_str().unwrap_or_else(|| panic!("{}", made.body)).to_owned()
    }

    /// A confidential client of the pool that the API makes, as it is told.
    pub(super) async fn make_confidential(&self, pool_id: &str) -> Value {
        let input = json!({"UserPoolId": pool_id, "ClientName": "server", "GenerateSecret": true});
        self.admin("CreateUserPoolClient", &input).await.body["UserPoolClient"].clone()
    }

    /// Answers a challenge.
    pub(super) async fn respond(&self, client_id: &str, challenge: &str, session: &Value, responses: &Value) -> Answer {
        let input = json!({"ClientId": client_id, "ChallengeName": challenge, "Session": session, "ChallengeResponses": responses});
        self.call("RespondToAuthChallenge", &input).await
    }

    /// What was sent to users of a pool, by its id or its name in the config; the newest first.
    pub(super) async fn letters(&self, pool: &str) -> Vec<Value> {
        let declared = self.issuer.pools().iter().find(|declared| declared.name == pool);
        let id = declared.map_or(pool, |declared| declared.id.as_str());
        let engine = self.issuer.engine();
        engine.courier.newest(&mut engine.database.read().await.unwrap(), id).await.unwrap()
    }

    /// The code in the newest message.
    pub(super) async fn code(&self, pool: &str) -> String {
        let letters = self.letters(pool).await;
        let body = letters[0]["body"].as_str().unwrap();
        body.chars().filter(char::is_ascii_digit).collect()
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.url))).await
    }

    pub(super) async fn options(&self, headers: &[(&'static str, &'static str)]) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        self.send(self.http.request(reqwest::Method::OPTIONS, &self.url).headers(map)).await
    }

    pub(super) async fn try_password(&self, client_id: &str, user: &str, password: &str) -> Answer {
        self.initiate(client_id, "USER_PASSWORD_AUTH", &json!({"USERNAME": user, "PASSWORD": password})).await
    }

    pub(super) async fn initiate(&self, client_id: &str, flow: &str, parameters: &Value) -> Answer {
        let input = json!({"AuthFlow": flow, "ClientId": client_id, "AuthParameters": parameters});
        self.call("InitiateAuth", &input).await
    }

    pub(super) async fn sign_in(&self, client_id: &str, user: &str) -> Answer {
        let answer = self.try_password(client_id, user, PASSWORD).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }

    pub(super) async fn refresh(&self, client_id: &str, refresh_token: &str) -> Answer {
        self.initiate(client_id, "REFRESH_TOKEN_AUTH", &json!({"REFRESH_TOKEN": refresh_token})).await
    }

    pub(super) async fn user_of(&self, access_token: &str) -> Answer {
        self.call("GetUser", &json!({"AccessToken": access_token})).await
    }

    pub(super) async fn sign_out(&self, access_token: &str) -> Answer {
        self.call("GlobalSignOut", &json!({"AccessToken": access_token})).await
    }

    /// Whether the gateway would refuse the token for being revoked.
    pub(super) fn is_revoked(&self, token: &str) -> bool {
        let claims = claims(token);
        let text = |name: &str| claims[name].as_str();
        self.revocations.is_revoked(text("iss").unwrap(), text("jti"), text("origin_jti"))
    }

    /// The claims of a token that the pool's published keys verify.
    pub(super) async fn verified(&self, token: &str, pool: &str) -> Map<String, Value> {
        let path = format!("/{}/.well-known/jwks.json", self.pool_id(pool));
        let (keys, skipped) = KeySet::parse(self.get(&path).await.body.to_string().as_bytes()).unwrap();
        assert!(skipped.is_empty());
        let jws = CompactJws::parse(token, 16).unwrap();
        keys.find(jws.header().kid.as_deref(), Algorithm::Rs256).unwrap().verify(Algorithm::Rs256, &jws).unwrap();
        jws.into_claims()
    }

    /// Writes past the issuer, as another node would.
    pub(super) async fn execute(&self, statement: &'static str) {
        let mut write = self.issuer.engine().database.write().await.unwrap();
        query(statement).execute(&mut write).await.unwrap();
        write.commit().await.unwrap();
    }

    pub(super) fn pool_id(&self, name: &str) -> String {
        self.issuer.pools().iter().find(|pool| pool.name == name).unwrap().id.clone()
    }
}

/// Does the same thing so many times at once.
pub(super) async fn at_once<F>(times: usize, thing: impl Fn() -> F) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for _ in 0..times {
        tasks.spawn(thing());
    }
    tasks.join_all().await
}

/// The claims of a token, believed without proof.
pub(super) fn claims(token: &str) -> Map<String, Value> {
    CompactJws::parse(token, 16).unwrap().into_claims()
}

pub(super) fn secret_hash(user: &str, client_id: &str, secret: &str) -> String {
    use aws_lc_rs::hmac;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    STANDARD.encode(hmac::sign(&key, format!("{user}{client_id}").as_bytes()))
}

/// A time as AWS writes it.
fn aws_date(unix_seconds: u64) -> String {
    let days = unix_seconds / 86_400;
    let (mut year, mut left) = (1970, days);
    let length = |year: u64| {
        if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) { 366 } else { 365 }
    };
    while left >= length(year) {
        left -= length(year);
        year += 1;
    }
    let february = if length(year) == 366 { 29 } else { 28 };
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < days {
            break;
        }
        left -= days;
        month += 1;
    }
    let time = unix_seconds % 86_400;
    format!("{year}{month:02}{:02}T{:02}{:02}{:02}Z", left + 1, time / 3600, time / 60 % 60, time % 60)
}

/// `Authorization` of AWS Signature Version 4, written from its documentation.
fn signed(host: &str, date: &str, target: &str, body: &[u8]) -> String {
    use aws_lc_rs::digest::{SHA256, digest};
    use aws_lc_rs::hmac;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let hash = |bytes: &[u8]| hex(digest(&SHA256, bytes).as_ref());
    let mac =
        |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec();
    let headers = "host;x-amz-date;x-amz-target";
    let lines = format!("host:{host}\nx-amz-date:{date}\nx-amz-target:{target}\n");
    let canonical = format!("POST\n/\n\n{lines}\n{headers}\n{}", hash(body));
    let scope = format!("{}/us-east-1/cognito-idp/aws4_request", &date[..8]);
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hash(canonical.as_bytes()));
    let key = scope.split('/').fold(format!("AWS4{ADMIN_SECRET}").into_bytes(), |key, word| mac(&key, word));
    let signature = hex(&mac(&key, &text));
    format!("AWS4-HMAC-SHA256 Credential={ADMIN_KEY}/{scope}, SignedHeaders={headers}, Signature={signature}")
}
