//! Statements about how often something may be done in an hour.

use super::super::column::unsigned;
use super::super::database::{Connection, query};
use crate::issuer::error::IssuerError;
use crate::issuer::pool::Sha256;

const HOUR: u64 = 60 * 60 * 1000;
const SWEEP: i64 = 100;

/// Counts within the hour, on one connection.
pub(crate) struct Ceilings<'c>(pub(crate) &'c mut Connection);

impl Ceilings<'_> {
    /// Counts once more and says whether that is still below the ceiling. The hour begins with the first time.
    pub(crate) async fn allows(self, key: Sha256, most: u64, now: u64) -> Result<bool, IssuerError> {
        let failed = || IssuerError::database("count within the hour");
        let statement =
            "DELETE FROM ceilings WHERE key_hash IN (SELECT key_hash FROM ceilings WHERE until <= $1 LIMIT $2)
            OR (key_hash = $3 AND until <= $1)";
        let sweep = query(statement).bind(now).bind(SWEEP).bind(key.as_bytes());
        sweep.execute(&mut *self.0).await.map_err(failed())?;
        let statement = "INSERT INTO ceilings (key_hash, count, until) VALUES ($1, 1, $2)
            ON CONFLICT (key_hash) DO UPDATE SET count = ceilings.count + 1 RETURNING count";
        let count = query(statement).bind(key.as_bytes()).bind(now.saturating_add(HOUR));
        let (count,): (i64,) = count.fetch_one(self.0).await.map_err(failed())?;
        Ok(unsigned(count) <= most)
    }
}
