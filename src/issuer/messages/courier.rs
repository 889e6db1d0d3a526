//! Puts messages into the outbox, in the transaction that makes them needed: no code counts that was not sent, and none is sent
//! that does not count.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::message::Message;
use super::template::rendered;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::UserPool;
use crate::issuer::sealing::Sealer;
use crate::issuer::store::{Connection, OUTBOX_LETTER, Outbox, Waiting};

/// Who takes messages. Cloning shares it.
#[derive(Debug, Clone)]
pub(crate) struct Courier {
    sealer: Arc<Sealer>,
}

impl Courier {
    pub(crate) fn new(sealer: Arc<Sealer>) -> Self {
        Self { sealer }
    }

    /// Puts the message into the outbox. What it says is sealed there: it holds codes and addresses.
    pub(crate) async fn post(
        &self,
        write: &mut Connection,
        pool: &UserPool,
        message: &Message<'_>,
        now: u64,
    ) -> Result<(), IssuerError> {
        let words = rendered(message, &pool.settings);
        let letter = json!({"to": message.destination, "subject": words.subject, "body": words.body});
        let id = Uuid::new_v4().to_string();
        let sealed = self.sealer.seal(OUTBOX_LETTER, &id, letter.to_string().as_bytes())?;
        let (kind, medium) = (message.kind.name(), message.medium.name());
        let waiting = Waiting {
            id,
            pool_id: pool.id.clone(),
            sub: message.sub.to_owned(),
            kind: kind.to_owned(),
            medium: medium.to_owned(),
            sealed,
        };
        Outbox(write).add(&waiting, now).await
    }

    /// The newest messages of a pool, as JSON texts with `to`, `subject` and `body`, the newest first.
    #[cfg(test)]
    pub(crate) async fn newest(
        &self,
        read: &mut Connection,
        pool_id: &str,
    ) -> Result<Vec<serde_json::Value>, IssuerError> {
        let waiting = Outbox(read).newest(pool_id).await?;
        let open = |waiting: Waiting| {
            let letter = self.sealer.open_sealed(OUTBOX_LETTER, &waiting.id, &waiting.sealed)?;
            serde_json::from_slice(&letter).map_err(|_| IssuerError::Kept("message"))
        };
        waiting.into_iter().map(open).collect()
    }
}
