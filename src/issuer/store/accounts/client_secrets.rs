//! Statements about the secrets of clients that the API made.

use super::super::column::unsigned;
use super::super::database::{Connection, query};
use crate::issuer::error::IssuerError;

/// A secret as kept.
#[derive(Debug, Clone)]
pub(crate) struct KeptSecret {
    /// What it is told apart by from the client's other one.
    pub id: String,
    pub sealed: Vec<u8>,
    /// Unix milliseconds.
    pub created_at: u64,
}

/// Secrets of clients, on one connection.
pub(crate) struct ClientSecrets<'c>(pub(crate) &'c mut Connection);

impl ClientSecrets<'_> {
    pub(crate) async fn add(self, client_id: &str, secret: &KeptSecret) -> Result<(), IssuerError> {
        let statement = "INSERT INTO client_secrets (id, client_id, sealed, created_at) VALUES ($1, $2, $3, $4)";
        let add = query(statement).bind(&secret.id).bind(client_id).bind(secret.sealed.as_slice());
        add.bind(secret.created_at).execute(self.0).await.map_err(IssuerError::database("keep a client's secret"))?;
        Ok(())
    }

    /// All secrets of the client, the oldest first.
    pub(crate) async fn of(self, client_id: &str) -> Result<Vec<KeptSecret>, IssuerError> {
        let statement =
            "SELECT id, sealed, created_at FROM client_secrets WHERE client_id = $1 ORDER BY created_at, id";
        let rows: Vec<(String, Vec<u8>, i64)> = query(statement)
            .bind(client_id)
            .fetch_all(self.0)
            .await
            .map_err(IssuerError::database("read a client's secrets"))?;
        let kept = |(id, sealed, created_at)| KeptSecret { id, sealed, created_at: unsigned(created_at) };
        Ok(rows.into_iter().map(kept).collect())
    }

    /// Removes one; `false` where the client has none of that id.
    pub(crate) async fn remove(self, client_id: &str, id: &str) -> Result<bool, IssuerError> {
        let remove = query("DELETE FROM client_secrets WHERE client_id = $1 AND id = $2").bind(client_id).bind(id);
        let removed = remove.execute(self.0).await.map_err(IssuerError::database("remove a client's secret"))?;
        Ok(removed == 1)
    }
}
