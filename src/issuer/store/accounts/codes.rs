//! Statements about codes that were sent and not yet given back.

use super::super::column::unsigned;
use super::super::database::{Connection, query};
use crate::issuer::error::IssuerError;

/// A code as kept: its mark, and what giving it back proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SentCode {
    pub mark: Vec<u8>,
    /// The attribute that it was sent to.
    pub attribute: String,
    /// The address or number that it proves.
    pub target: String,
    pub tries: u64,
    /// Unix milliseconds.
    pub expires_at: u64,
}

/// Codes, on one connection.
pub(crate) struct Codes<'c>(pub(crate) &'c mut Connection);

impl Codes<'_> {
    /// Keeps the code for this purpose in place of an earlier one.
    pub(crate) async fn put(self, sub: &str, purpose: &str, code: &SentCode) -> Result<(), IssuerError> {
        let statement = "INSERT INTO codes (sub, purpose, mark, attribute, target, tries, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (sub, purpose) DO UPDATE SET mark = excluded.mark, attribute = excluded.attribute,
                target = excluded.target, tries = excluded.tries, expires_at = excluded.expires_at";
        let put = query(statement).bind(sub).bind(purpose).bind(code.mark.as_slice()).bind(&code.attribute);
        let put = put.bind(&code.target).bind(code.tries).bind(code.expires_at);
        put.execute(self.0).await.map_err(IssuerError::database("keep a code"))?;
        Ok(())
    }

    pub(crate) async fn of(self, sub: &str, purpose: &str) -> Result<Option<SentCode>, IssuerError> {
        let statement = "SELECT mark, attribute, target, tries, expires_at FROM codes WHERE sub = $1 AND purpose = $2";
        let row: Option<(Vec<u8>, String, String, i64, i64)> = query(statement)
            .bind(sub)
            .bind(purpose)
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("read a code"))?;
        Ok(row.map(|(mark, attribute, target, tries, expires_at)| SentCode {
            mark,
            attribute,
            target,
            tries: unsigned(tries),
            expires_at: unsigned(expires_at),
        }))
    }

    pub(crate) async fn count_try(self, sub: &str, purpose: &str) -> Result<(), IssuerError> {
        let count = query("UPDATE codes SET tries = tries + 1 WHERE sub = $1 AND purpose = $2").bind(sub).bind(purpose);
        count.execute(self.0).await.map_err(IssuerError::database("count a wrong code"))?;
        Ok(())
    }

    pub(crate) async fn remove(self, sub: &str, purpose: &str) -> Result<(), IssuerError> {
        let remove = query("DELETE FROM codes WHERE sub = $1 AND purpose = $2").bind(sub).bind(purpose);
        remove.execute(self.0).await.map_err(IssuerError::database("remove a code"))?;
        Ok(())
    }
}
