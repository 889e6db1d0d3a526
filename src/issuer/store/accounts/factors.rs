//! Statements about users' second factors.

use super::super::column::list;
use super::super::database::{Connection, query};
use crate::issuer::error::IssuerError;
use crate::issuer::pool::proof::Factor;

/// Second factors, on one connection.
pub(crate) struct Factors<'c>(pub(crate) &'c mut Connection);

impl Factors<'_> {
    /// Sets which factors the user has turned on and which comes first.
    pub(crate) async fn set(self, sub: &str, factors: &[Factor], preferred: Option<Factor>) -> Result<(), IssuerError> {
        let names: Vec<&str> = factors.iter().map(|factor| factor.name()).collect();
        query("UPDATE users SET factors = $1, preferred_factor = $2 WHERE sub = $3")
            .bind(list(&names))
            .bind(preferred.map(Factor::name))
            .bind(sub)
            .execute(self.0)
            .await
            .map_err(IssuerError::database("keep a user's factors"))?;
        Ok(())
    }

    /// Keeps a seed that the user has not yet shown a code of.
    pub(crate) async fn propose_totp(self, sub: &str, sealed: &[u8]) -> Result<(), IssuerError> {
        let propose = query("UPDATE users SET totp_pending = $1 WHERE sub = $2").bind(sealed).bind(sub);
        propose.execute(self.0).await.map_err(IssuerError::database("keep a seed"))?;
        Ok(())
    }

    pub(crate) async fn proposed_totp(self, sub: &str) -> Result<Option<Vec<u8>>, IssuerError> {
        let row: Option<(Option<Vec<u8>>,)> = query("SELECT totp_pending FROM users WHERE sub = $1")
            .bind(sub)
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("read a seed"))?;
        Ok(row.and_then(|(sealed,)| sealed))
    }

    /// Makes a seed the user's own: a code of this step was shown.
    pub(crate) async fn accept_totp(self, sub: &str, sealed: &[u8], used: u64) -> Result<(), IssuerError> {
        let statement = "UPDATE users SET totp = $1, totp_used = $2, totp_pending = NULL WHERE sub = $3";
        let accept = query(statement).bind(sealed).bind(used).bind(sub);
        accept.execute(self.0).await.map_err(IssuerError::database("keep a seed"))?;
        Ok(())
    }

    /// Remembers the step of a code that was taken: `true` for the one caller that was first with it.
    pub(crate) async fn use_totp(self, sub: &str, step: u64) -> Result<bool, IssuerError> {
        let statement = "UPDATE users SET totp_used = $1 WHERE sub = $2 AND (totp_used IS NULL OR totp_used < $1)";
        let used = query(statement).bind(step).bind(sub).execute(self.0).await;
        Ok(used.map_err(IssuerError::database("remember a code"))? == 1)
    }

    /// The user has no authenticator app any more.
    pub(crate) async fn remove_totp(self, sub: &str) -> Result<(), IssuerError> {
        let statement = "UPDATE users SET totp = NULL, totp_pending = NULL, totp_used = NULL WHERE sub = $1";
        query(statement).bind(sub).execute(self.0).await.map_err(IssuerError::database("remove a seed"))?;
        Ok(())
    }
}
