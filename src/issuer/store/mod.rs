//! Where pools are kept: SQLite or PostgreSQL, one file of statements for each aggregate. What a write has answered is on disk.

mod accounts;
mod attempts;
mod backup;
mod changes;
mod clients;
mod column;
mod database;
mod deliveries;
mod groups;
mod keys;
mod pools;
mod sealed;
mod sessions;
mod users;

pub(crate) use accounts::{
    Aliases, AuthSessions, Ceilings, ClientSecrets, Codes, Factors, KeptSecret, Outbox, Page, SentCode, UserFilter,
    UserLists, Waiting,
};
pub(crate) use attempts::PasswordAttempts;
pub(crate) use backup::{WholeProofs, WholeUser, WholeUsers};
pub(crate) use changes::{Change, Changed, Changes};
pub(crate) use clients::Clients;
#[cfg(test)]
pub(crate) use database::query;
pub(crate) use database::{Connection, Database, Listener, Write};
pub(crate) use deliveries::{Claimed, Deliveries, ShownMessage};
pub(crate) use groups::Groups;
pub(crate) use keys::{KeptKey, SigningKeys};
pub(crate) use pools::Pools;
pub(crate) use sealed::{
    CLIENT_SECRET, OUTBOX_LETTER, SEALED_COLUMNS, SIGNING_KEY, SRP_VERIFIER, SealedColumn, SealingKeys, TOTP_PENDING,
    TOTP_SEED,
};
pub(crate) use sessions::Sessions;
pub(crate) use users::{DeclaredUser, Login, NewPassword, NewUser, Users};
