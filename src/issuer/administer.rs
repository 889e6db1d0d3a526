//! What the command line has done to pools: the operations of administrators in this process, and backups.

use std::io::{BufRead, Write};
use std::time::Duration;

use serde_json::{Map, Value, json};
use thiserror::Error;

use super::backup::{Imported, export, import};
use super::cognito;
use super::error::IssuerError;
use super::handle::Issuer;
use super::store::{Deliveries, OUTBOX_LETTER, ShownMessage};

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
        /// What is told to the caller.
        message: String,
    },
    /// The house could not do it.
    #[error(transparent)]
    House(#[from] IssuerError),
}

impl Issuer {
    /// Does what an administrator's call of this operation does. Nobody is asked for a signature: whoever holds the database and
    /// the master key may do all of it.
    ///
    /// # Errors
    /// [`Refused`] as the caller of the API would be told.
    pub async fn administer(&self, operation: &str, members: &Map<String, Value>) -> Result<Value, Refused> {
        cognito::administer((self.engine(), self.administration()), operation, members).await
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
