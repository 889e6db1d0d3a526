//! What the command line has done to pools: the operations of administrators in this process, and backups.

use std::io::{BufRead, Write};
use std::time::Duration;

use serde_json::{Map, Value, json};
use thiserror::Error;
use uuid::Uuid;

use super::backup::{Imported, export, import};
use super::cognito;
use super::error::IssuerError;
use super::handle::Issuer;
use super::record::{Over, Recorder, sub_before};
use super::store::{Deliveries, OUTBOX_LETTER, Pools, ShownMessage};

/// Most messages that are shown in development.
const MOST_SHOWN: i64 = 100;

/// Why an operation was not done.
#[derive(Debug, Error)]
pub enum Refused {
    /// The issuer has said no.
    #[error("{message} ({kind})")]
    No {
        /// The exception's name in the service model.
        kind: &'static str,
        /// The stable name of the reason.
        code: &'static str,
        /// What is told to the caller.
        message: String,
    },
    /// The house could not do it.
    #[error(transparent)]
    House(#[from] IssuerError),
}

impl Refused {
    /// The stable name of the reason, for logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::No { code, .. } => code,
            Self::House(error) => error.code(),
        }
    }
}

impl Issuer {
    /// Does what an administrator's call of this operation does, and has it recorded. Nobody is asked for a signature: whoever holds
    /// the database and the master key may do all of it.
    ///
    /// # Errors
    /// [`Refused`] as the caller of the API would be told.
    pub async fn administer(
        &self,
        recorder: &Recorder,
        operation: &'static str,
        members: &Map<String, Value>,
    ) -> Result<Value, Refused> {
        let at = self.engine().clock.unix_millis();
        let sub = sub_before(self.engine(), operation, members).await;
        let answer = cognito::administer((self.engine(), self.administration()), operation, members).await;
        recorder.take(&Over {
            operation,
            request_id: &Uuid::new_v4().to_string(),
            at,
            source: None,
            input: members,
            sub,
            answer: answer.as_ref().ok(),
            refused: answer.as_ref().err().map(Refused::code),
        });
        answer
    }

    /// Has something recorded that was done to a pool and is no operation of the API; `refused` is why it was not done.
    pub fn record(
        &self,
        recorder: &Recorder,
        operation: &'static str,
        pool_id: Option<&str>,
        refused: Option<&'static str>,
    ) {
        let input: Map<String, Value> = pool_id.map(|id| ("UserPoolId".to_owned(), json!(id))).into_iter().collect();
        recorder.take(&Over {
            operation,
            request_id: &Uuid::new_v4().to_string(),
            at: self.engine().clock.unix_millis(),
            source: None,
            input: &input,
            sub: None,
            answer: None,
            refused,
        });
    }

    /// The ids of the pools of this name, or the one of this id.
    ///
    /// # Errors
    /// Whatever keeps the database from being read.
    pub async fn pools_called(&self, named: &str) -> Result<Vec<String>, IssuerError> {
        let pools = Pools(&mut self.engine().database.read().await?).all().await?;
        Ok(pools.into_iter().filter(|pool| pool.id == named || pool.name == named).map(|pool| pool.id).collect())
    }

    /// Writes a pool as JSON lines; gives how many users those are, or `None` where there is no such pool.
    ///
    /// # Errors
    /// Whatever keeps the database from being read or the lines from being written.
    pub async fn export(
        &self,
        pool_id: &str,
        with_secrets: bool,
        out: &mut (dyn Write + Send),
    ) -> Result<Option<u64>, IssuerError> {
        export(self.engine(), pool_id, with_secrets, out).await
    }

    /// Reads JSON lines into this pool, or into the one that they begin with, and keeps what is not there yet.
    ///
    /// # Errors
    /// [`IssuerError::ImportedLine`] with the first line that cannot be, and whatever keeps the database from being used.
    pub async fn import(
        &self,
        into: Option<String>,
        lines: &mut (dyn BufRead + Send),
    ) -> Result<Imported, IssuerError> {
        import(self.engine(), into, lines).await
    }

    /// The newest messages to users with all that they say, in development; `None` otherwise.
    ///
    /// # Errors
    /// Whatever keeps the database from being read.
    pub async fn messages(&self) -> Result<Option<Value>, IssuerError> {
        if !self.is_for_development() {
            return Ok(None);
        }
        let messages = Deliveries(&mut self.engine().database.read().await?).newest(MOST_SHOWN).await?;
        messages.iter().map(|message| self.shown(message)).collect::<Result<Vec<_>, _>>().map(|all| Some(json!(all)))
    }

    fn shown(&self, message: &ShownMessage) -> Result<Value, IssuerError> {
        let letter = self.engine().sealer.open_sealed(OUTBOX_LETTER, &message.id, &message.sealed)?;
        let mut shown: Value = serde_json::from_slice(&letter).map_err(|_| IssuerError::Kept("message"))?;
        let at = humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + Duration::from_millis(message.created_at));
        let about = [
            ("id", json!(message.id)),
            ("at", json!(at.to_string())),
            ("pool_id", json!(message.pool_id)),
            ("sub", json!(message.sub)),
            ("kind", json!(message.kind)),
            ("medium", json!(message.medium)),
            ("tries", json!(message.tries)),
            ("delivered", json!(message.is_delivered)),
        ];
        if let Some(members) = shown.as_object_mut() {
            members.extend(about.map(|(name, value)| (name.to_owned(), value)));
        }
        Ok(shown)
    }
}
