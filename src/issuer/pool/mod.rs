//! What a user pool holds, as plain values and rules: no I/O, no clock of its own.

mod attributes;
mod client;
mod client_settings;
mod foreign_hash;
mod group;
mod lockout;
mod password;
pub(crate) mod proof;
mod schema;
mod session;
mod settings;
mod user;
mod user_pool;

pub(crate) use attributes::{Attributes, is_attribute_name};
pub(crate) use client::{Client, Flow, Lifetimes, SecretHash};
pub(crate) use client_settings::ClientSettings;
pub(crate) use group::{Group, Roles, is_group_name};
pub(crate) use lockout::Attempts;
pub(crate) use password::{PasswordHash, is_long_enough};
pub(crate) use schema::{AttributeDefinition, is_email, is_phone_number};
pub(crate) use session::{LONGEST_TOKEN_MILLIS, RefreshToken, Session, Sha256};
pub(crate) use settings::PoolSettings;
pub(crate) use user::{Credentials, SealedVerifier, StoredUser, User, UserStatus, is_user_name, user_name_key};
pub(crate) use user_pool::{
    UserPool, client_id_for, is_client_id, is_pool_id, new_client_id, new_client_secret, new_pool_id, pool_id_for,
    random_letters,
};
