//! Statements about the private keys of pools.

use super::column::unsigned;
use super::database::{Connection, query};
use crate::issuer::error::IssuerError;

type Row = (String, String, String, Vec<u8>, i64);

/// A private key of a pool, sealed.
#[derive(Debug)]
pub(crate) struct KeptKey {
    pub kid: String,
    /// What it signs, by the name of its purpose.
    pub purpose: String,
    pub algorithm: String,
    /// PKCS#8 DER, sealed.
    pub sealed: Vec<u8>,
    /// When it begins to sign, in Unix milliseconds. Its public half is told to others before.
    pub signs_from: u64,
}

/// The private keys of pools, on one connection.
pub(crate) struct SigningKeys<'c>(pub(crate) &'c mut Connection);

impl SigningKeys<'_> {
    /// Adds a key to a pool.
    pub(crate) async fn add(self, pool_id: &str, key: &KeptKey, now: u64) -> Result<(), IssuerError> {
        let statement = "INSERT INTO signing_keys (pool_id, kid, purpose, algorithm, pkcs8, signs_from, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let add = query(statement).bind(pool_id).bind(&key.kid).bind(&key.purpose).bind(&key.algorithm);
        let add = add.bind(key.sealed.as_slice()).bind(key.signs_from).bind(now);
        add.execute(self.0).await.map_err(IssuerError::database("keep a signing key"))?;
        Ok(())
    }

    /// All keys of a pool, the newest first.
    pub(crate) async fn of_pool(self, pool_id: &str) -> Result<Vec<KeptKey>, IssuerError> {
        let statement = "SELECT kid, purpose, algorithm, pkcs8, signs_from FROM signing_keys
            WHERE pool_id = $1 ORDER BY signs_from DESC, purpose DESC, kid";
        let rows: Vec<Row> = query(statement)
            .bind(pool_id)
            .fetch_all(self.0)
            .await
            .map_err(IssuerError::database("read a signing key"))?;
        let key = |(kid, purpose, algorithm, sealed, signs_from)| KeptKey {
            kid,
            purpose,
            algorithm,
            sealed,
            signs_from: unsigned(signs_from),
        };
        Ok(rows.into_iter().map(key).collect())
    }

    /// Removes a key: nothing that it signed is believed any more.
    pub(crate) async fn remove(self, pool_id: &str, kid: &str) -> Result<(), IssuerError> {
        let remove = query("DELETE FROM signing_keys WHERE pool_id = $1 AND kid = $2").bind(pool_id).bind(kid);
        remove.execute(self.0).await.map_err(IssuerError::database("remove a signing key"))?;
        Ok(())
    }
}
