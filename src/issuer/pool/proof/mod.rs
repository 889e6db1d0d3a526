//! How a user proves who it is: SRP, one-time passwords, codes that were sent, and what a new password must be like.

mod code;
mod factor;
mod password_policy;
mod srp;
mod timestamp;
mod totp;

pub(crate) use code::Code;
pub(crate) use factor::{Factor, FirstFactor, MfaLevel};
pub(crate) use password_policy::PasswordPolicy;
pub(crate) use srp::{Answer as SrpAnswer, PublicValue, Verifier, hex, pool_name};
pub(crate) use timestamp::{is_recent, seconds_at};
pub(crate) use totp::TotpSecret;
