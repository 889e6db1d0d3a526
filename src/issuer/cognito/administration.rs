//! Who may administer, and what the ids and names of new pools are made of.

use std::collections::BTreeMap;

use axum::http::request::Parts;
use secrecy::SecretString;
use tracing::warn;

use super::error::CognitoError;
use super::signature::verify;
use crate::issuer::config::SignatureConfig;

/// How administrative calls are judged.
#[derive(Debug)]
pub(crate) struct Administration {
    keys: BTreeMap<String, SecretString>,
    signature: SignatureConfig,
    region: Option<String>,
    account: String,
}

/// Where pools are made that nobody says a region for.
const SOME_REGION: &str = "us-east-1";

impl Administration {
    pub(crate) fn new(
        keys: BTreeMap<String, SecretString>,
        signature: SignatureConfig,
        region: Option<String>,
        account: String,
    ) -> Self {
        if signature == SignatureConfig::Off {
            warn!("`issuer.signature` is off: every program on this machine can administer all pools, unsigned");
        }
        Self { keys, signature, region, account }
    }

    /// The region of pools that nobody says another for.
    pub(super) fn own_region(&self) -> String {
        self.region.clone().unwrap_or_else(|| SOME_REGION.to_owned())
    }

    /// The region that an administrative call is for, if it may be made at all.
    pub(super) fn region_of(&self, parts: &Parts, body: &[u8], now: u64) -> Result<String, CognitoError> {
        match self.signature {
            SignatureConfig::Off => Ok(self.own_region()),
            SignatureConfig::Required => {
                verify(parts, body, (&self.keys, self.region.as_deref()), now).map(|signed| signed.region)
            }
        }
    }

    /// The ARN of a pool, whose id begins with its region.
    pub(super) fn arn(&self, pool_id: &str) -> String {
        let region = pool_id.rsplit_once('_').map_or(SOME_REGION, |(region, _)| region);
        format!("arn:aws:cognito-idp:{region}:{}:userpool/{pool_id}", self.account)
    }
}
