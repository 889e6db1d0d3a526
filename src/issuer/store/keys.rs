//! Statements about the private keys of pools.

use zeroize::Zeroizing;

use super::column::bigint;
use super::database::Connection;
use crate::issuer::error::IssuerError;
use crate::issuer::signing::Purpose;
use crate::jose::SigningKey;

/// The private keys of pools, on one connection.
pub(crate) struct SigningKeys<'c>(pub(crate) &'c mut Connection);

impl SigningKeys<'_> {
    /// Adds a key to a pool.
    pub(crate) async fn add(
        self,
        pool_id: &str,
        purpose: Purpose,
        key: &SigningKey,
        now: u64,
    ) -> Result<(), IssuerError> {
        let statement =
            "INSERT INTO signing_keys (pool_id, kid, purpose, pkcs8, created_at) VALUES ($1, $2, $3, $4, $5)";
        let pkcs8 = key.to_pkcs8()?;
        let add = sqlx::query(statement).bind(pool_id).bind(key.kid()).bind(purpose.name()).bind(pkcs8.as_slice());
        add.bind(bigint(now)).execute(self.0).await.map_err(IssuerError::database("keep a signing key"))?;
        Ok(())
    }

    /// The newest key of a pool for this purpose, in PKCS#8 DER.
    pub(crate) async fn newest(
        self,
        pool_id: &str,
        purpose: Purpose,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, IssuerError> {
        let statement =
            "SELECT pkcs8 FROM signing_keys WHERE pool_id = $1 AND purpose = $2 ORDER BY created_at DESC, kid LIMIT 1";
        let row: Option<(Vec<u8>,)> = sqlx::query_as(statement)
            .bind(pool_id)
            .bind(purpose.name())
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("read a signing key"))?;
        Ok(row.map(|(pkcs8,)| Zeroizing::new(pkcs8)))
    }
}
