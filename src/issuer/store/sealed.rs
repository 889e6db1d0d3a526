//! Statements about what is sealed: which columns there are, and under which keys.

use super::database::{Connection, query};
use crate::issuer::error::IssuerError;

/// A column that holds what the sealer has sealed. Every such column stands in [`SEALED_COLUMNS`].
#[derive(Debug)]
pub(crate) struct SealedColumn {
    /// What its values are bound to; it never changes.
    pub name: &'static str,
    /// Whether its values were kept in clear before there was sealing.
    pub once_clear: bool,
    /// Gives the next rows after the id `$1` as id and value, in the order of the ids, those without a value left out.
    page: &'static str,
    /// Puts `$1` into the row `$2`.
    put: &'static str,
}

/// The private keys of pools, in PKCS#8 DER; the row's id is the `kid`.
pub(crate) const SIGNING_KEY: &str = "signing_keys.pkcs8";

/// SRP verifiers; the row's id is the user's `sub`.
pub(crate) const SRP_VERIFIER: &str = "users.srp_verifier";
/// Seeds of authenticator apps; the row's id is the user's `sub`.
pub(crate) const TOTP_SEED: &str = "users.totp";
/// Seeds that wait for their first code; the row's id is the user's `sub`.
pub(crate) const TOTP_PENDING: &str = "users.totp_pending";
/// Secrets of clients that the API made; the row's id is their own.
pub(crate) const CLIENT_SECRET: &str = "client_secrets.sealed";
/// What messages say that wait to be sent.
pub(crate) const OUTBOX_LETTER: &str = "outbox.sealed";

/// All columns whose values are sealed: a new master key is brought to each of them.
pub(crate) const SEALED_COLUMNS: [SealedColumn; 6] = [
    SealedColumn {
        name: SIGNING_KEY,
        once_clear: true,
        page: "SELECT kid, pkcs8 FROM signing_keys WHERE kid > $1 ORDER BY kid LIMIT 500",
        put: "UPDATE signing_keys SET pkcs8 = $1 WHERE kid = $2",
    },
    SealedColumn {
        name: SRP_VERIFIER,
        once_clear: false,
        page: "SELECT sub, srp_verifier FROM users WHERE sub > $1 AND srp_verifier IS NOT NULL ORDER BY sub LIMIT 500",
        put: "UPDATE users SET srp_verifier = $1 WHERE sub = $2",
    },
    SealedColumn {
        name: TOTP_SEED,
        once_clear: false,
        page: "SELECT sub, totp FROM users WHERE sub > $1 AND totp IS NOT NULL ORDER BY sub LIMIT 500",
        put: "UPDATE users SET totp = $1 WHERE sub = $2",
    },
    SealedColumn {
        name: TOTP_PENDING,
        once_clear: false,
        page: "SELECT sub, totp_pending FROM users WHERE sub > $1 AND totp_pending IS NOT NULL ORDER BY sub LIMIT 500",
        put: "UPDATE users SET totp_pending = $1 WHERE sub = $2",
    },
    SealedColumn {
        name: CLIENT_SECRET,
        once_clear: false,
        page: "SELECT id, sealed FROM client_secrets WHERE id > $1 ORDER BY id LIMIT 500",
        put: "UPDATE client_secrets SET sealed = $1 WHERE id = $2",
    },
    SealedColumn {
        name: OUTBOX_LETTER,
        once_clear: false,
        page: "SELECT id, sealed FROM outbox WHERE id > $1 ORDER BY id LIMIT 500",
        put: "UPDATE outbox SET sealed = $1 WHERE id = $2",
    },
];

impl SealedColumn {
    /// The next rows after this id, as id and value.
    pub(crate) async fn page_after(
        &self,
        connection: &mut Connection,
        row: &str,
    ) -> Result<Vec<(String, Vec<u8>)>, IssuerError> {
        query(self.page).bind(row).fetch_all(connection).await.map_err(IssuerError::database("read what is sealed"))
    }

    /// Puts a value into this row.
    pub(crate) async fn put(&self, connection: &mut Connection, row: &str, value: Vec<u8>) -> Result<(), IssuerError> {
        let put = query(self.put).bind(value).bind(row);
        put.execute(connection).await.map_err(IssuerError::database("keep what is sealed"))?;
        Ok(())
    }
}

/// The ids of the master keys under which something is sealed, on one connection.
pub(crate) struct SealingKeys<'c>(pub(crate) &'c mut Connection);

impl SealingKeys<'_> {
    pub(crate) async fn all(self) -> Result<Vec<String>, IssuerError> {
        let rows: Vec<(String,)> = query("SELECT id FROM sealing_keys ORDER BY id")
            .fetch_all(self.0)
            .await
            .map_err(IssuerError::database("read the ids of master keys"))?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    pub(crate) async fn add(self, id: &str) -> Result<(), IssuerError> {
        query("INSERT INTO sealing_keys (id) VALUES ($1) ON CONFLICT (id) DO NOTHING")
            .bind(id)
            .execute(self.0)
            .await
            .map_err(IssuerError::database("keep the id of the master key"))?;
        Ok(())
    }

    pub(crate) async fn keep_only(self, id: &str) -> Result<(), IssuerError> {
        let forget = query("DELETE FROM sealing_keys WHERE id <> $1").bind(id);
        forget.execute(self.0).await.map_err(IssuerError::database("forget an earlier master key"))?;
        Ok(())
    }
}
