//! What administrators do: pools, clients, groups, users, lists and tags.

pub(in crate::issuer::cognito) mod clients;
mod describe;
pub(in crate::issuer::cognito) mod groups;
pub(in crate::issuer::cognito) mod lists;
pub(in crate::issuer::cognito) mod pools;
mod settings;
pub(in crate::issuer::cognito) mod users;
