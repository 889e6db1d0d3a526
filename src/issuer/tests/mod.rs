//! The issuer as its clients meet it: over a real socket, with a clock that the test turns.

/// What users do with their accounts.
mod accounts;
/// What administrators do, signed.
mod administration;
/// Pools written as lines, and read.
mod backup;
/// SQLite, or PostgreSQL where the environment says so.
mod database;
/// Messages on their way to users.
mod delivery;
/// Discovery and keys, as a stranger reads them.
mod discovery;
/// What every answer of the Cognito door has in common, whatever the operation.
mod door;
/// Second factors and challenges: what is asked for cannot be skipped.
mod factors;
/// What is kept of secrets.
mod kept;
/// Signing keys: sealed, rotated, of another kind.
mod keys;
/// The manual's page, held to the tests that it names.
mod manual;
/// Several nodes on one database.
mod nodes;
/// Members of every kind, for every operation.
mod odd_members;
/// The audit log and what is counted.
mod record;
/// Declared pools: kept in step at each start, and what outlives a restart.
mod restart;
/// The tables of both databases, held together.
mod schema;
/// Refresh, revocation and sign-out.
mod sessions;
/// Settings of pools and clients, judged.
mod settings;
/// Sign-in with a password, its refusals, and the lock.
mod sign_in;
/// Sign-in by SRP.
mod srp;
mod support;

pub(in crate::issuer) use database::TestDatabase;
