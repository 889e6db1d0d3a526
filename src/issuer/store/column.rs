//! How values that no column has a type for stand in one.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::issuer::error::IssuerError;

/// Times and durations are `BIGINT`, and never below zero.
pub(super) fn unsigned(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

/// Lists are JSON text.
pub(super) fn list<T: Serialize>(values: &[T]) -> String {
    serde_json::to_string(values).unwrap_or_default()
}

pub(super) fn from_list<T: DeserializeOwned>(column: &str, name: &'static str) -> Result<Vec<T>, IssuerError> {
    serde_json::from_str(column).map_err(|_| IssuerError::Kept(name))
}
