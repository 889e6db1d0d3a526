//! Takes calls that are over, finds out whom they were about, and tells the audit log and the counters.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::action::{Call, Named};
use crate::issuer::error::IssuerError;
use crate::issuer::flow::Engine;
use crate::issuer::store::{Clients, Users};
use crate::telemetry::{AuditLine, AuditLog, IdentityMetrics};

/// Most calls that wait for their line. What comes on top has a line without the user's `sub`.
const WAITING: usize = 1024;

/// Who is told of calls. Cloning shares it.
#[derive(Clone)]
pub struct Recorder {
    log: AuditLog,
    metrics: IdentityMetrics,
    waiting: Sender<Call>,
}

/// Writes the lines; to be run beside the door until every [`Recorder`] is gone.
///
/// It is not done on the way of the answer: finding a user by name takes longer where there is one, and nobody may time that.
pub struct Recording {
    log: AuditLog,
    engine: Arc<Engine>,
    waiting: Receiver<Call>,
}

impl Recorder {
    pub(crate) fn new(engine: Arc<Engine>, log: AuditLog, metrics: IdentityMetrics) -> (Self, Recording) {
        let (sender, waiting) = channel(WAITING);
        (Self { log: log.clone(), metrics, waiting: sender }, Recording { log, engine, waiting })
    }

    /// Takes a call that is over. Never waits.
    pub(crate) fn take(&self, over: &Over<'_>) {
        let Over { operation, input, answer, refused, .. } = *over;
        let mut named = Named::read(operation, input, answer);
        named.sub = named.sub.take().or_else(|| over.sub.clone());
        let call = Call {
            operation,
            request_id: over.request_id.to_owned(),
            at: over.at,
            source: over.source,
            refused,
            named,
        };
        self.count(&call);
        if !self.log.is_on() {
            return;
        }
        if let Err(TrySendError::Full(call) | TrySendError::Closed(call)) = self.waiting.try_send(call) {
            let (pool, sub) = (call.named.pool_id.as_deref(), call.named.sub.as_deref());
            write(&self.log, &call, pool, sub);
        }
    }

    fn count(&self, call: &Call) {
        match call.event() {
            "SignIn" => self.metrics.sign_in(call.outcome()),
            "SignUp" => self.metrics.sign_up(call.outcome()),
            _ => {}
        }
        if let Some(challenge) = &call.named.challenge {
            self.metrics.challenge(challenge);
        }
        if call.refused == Some("locked") {
            self.metrics.lockout();
        }
        if let Some(by) = call.tokens_by() {
            self.metrics.tokens(by);
        }
    }
}

/// A call that is over, as the door has it.
pub(crate) struct Over<'a> {
    pub operation: &'static str,
    pub request_id: &'a str,
    /// Unix milliseconds.
    pub at: u64,
    pub source: Option<IpAddr>,
    pub input: &'a Map<String, Value>,
    /// Whom it was about, where that cannot be found out afterwards.
    pub sub: Option<String>,
    /// What was answered, where it was not a refusal.
    pub answer: Option<&'a Value>,
    /// The stable code of the refusal.
    pub refused: Option<&'static str>,
}

/// The `sub` of the user whom an operation is about to delete: afterwards nobody knows it.
pub(crate) async fn sub_before(engine: &Engine, operation: &str, input: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    let (pool_id, name) = (text("UserPoolId")?, text("Username")?);
    if operation != "AdminDeleteUser" {
        return None;
    }
    let mut read = engine.database.read().await.ok()?;
    let found = Users(&mut read).by_login_or_sub(pool_id, name).await.ok()?;
    found.map(|stored| stored.user.sub)
}

impl Recording {
    /// Writes lines until every recorder is gone.
    pub async fn run(mut self) {
        while let Some(call) = self.waiting.recv().await {
            // A line that cannot name whom it is about is a line all the same.
            let pool = self.pool_of(&call).await.unwrap_or_default();
            let sub = self.sub_of(&call, pool.as_deref()).await.unwrap_or_default();
            write(&self.log, &call, pool.as_deref(), sub.as_deref());
        }
    }

    async fn pool_of(&self, call: &Call) -> Result<Option<String>, IssuerError> {
        let Named { pool_id, client_id, issuer, .. } = &call.named;
        if let Some(pool_id) = pool_id {
            return Ok(Some(pool_id.clone()));
        }
        if let Some(pool) = issuer.as_deref().and_then(|issuer| self.engine.pools.by_issuer_url(issuer)) {
            return Ok(Some(pool.pool.id.clone()));
        }
        let Some(client_id) = client_id else { return Ok(None) };
        let client = Clients(&mut self.engine.database.read().await?).by_id(client_id).await?;
        Ok(client.map(|client| client.pool_id))
    }

    async fn sub_of(&self, call: &Call, pool_id: Option<&str>) -> Result<Option<String>, IssuerError> {
        if call.named.sub.is_some() {
            return Ok(call.named.sub.clone());
        }
        let (Some(pool_id), Some(name)) = (pool_id, &call.named.user_name) else { return Ok(None) };
        Users(&mut self.engine.database.read().await?).sub_of(pool_id, name).await
    }
}

fn write(log: &AuditLog, call: &Call, pool: Option<&str>, subject: Option<&str>) {
    log.write(&AuditLine {
        time_unix_millis: call.at,
        request_id: &call.request_id,
        event: call.event(),
        operation: call.operation,
        result: call.result(),
        code: call.refused,
        challenge: call.named.challenge.as_deref(),
        pool,
        client: call.named.client_id.as_deref(),
        subject,
        source: call.source,
    });
}
