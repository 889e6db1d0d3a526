//! The embedded issuer: local user pools that speak the Cognito API and OpenID Connect.

mod activity;
mod administer;
mod backup;
mod cognito;
mod config;
mod declare;
mod delivery;
mod error;
mod flow;
mod follow;
mod handle;
mod messages;
mod oauth;
mod paths;
mod pool;
mod record;
mod routes;
mod sealing;
mod signing;
mod store;
#[cfg(test)]
mod tests;
mod workers;

pub use administer::Refused;
pub use backup::Imported;
pub use config::{
    AliasConfig, AttributeConfig, ClientConfig, ClientFlow, DatabaseConfig, EmailConfig, FactorConfig, GroupConfig,
    IssuerConfig, MessagesConfig, MfaConfig, PasswordPolicyConfig, PoolConfig, SignatureConfig, SigningKeysConfig,
    SmsConfig, SmtpConfig, SmtpTls, TokenAlgorithm, UserConfig, VerifiedConfig, WebhookConfig, WriteMessagesTo,
};
pub use error::IssuerError;
pub use handle::{Issuer, PoolSummary};
pub use record::{Recorder, Recording};
pub use signing::RotateKeys;
