//! Who may administer, and what the ids and names of new pools are made of.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::http::header::ORIGIN;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri};
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
            SignatureConfig::Off if is_from_elsewhere(&parts.headers) => Err(from_a_page()),
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

/// Whether a page of another site calls. Browsers say so, and any page that is open in one on this machine reaches loopback, by a
/// name of its own too.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get_all(ORIGIN).iter().any(|origin| !is_loopback(origin))
}

fn is_loopback(origin: &HeaderValue) -> bool {
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let host = origin.as_ref().and_then(Uri::host).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn from_a_page() -> CognitoError {
    let message = "A page of another site cannot administer without a signature.";
    CognitoError::new("MissingAuthenticationTokenException", "signature-off-for-a-page", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_machine_are_not_of_elsewhere() {
        let from = |origins: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for origin in origins {
                headers.append(ORIGIN, HeaderValue::from_static(origin));
            }
            is_from_elsewhere(&headers)
        };
        for none in [&[][..], &["http://localhost:3000"], &["http://127.0.0.1:9229"], &["https://[::1]:3000"]] {
            assert!(!from(none), "{none:?}");
        }
        for other in [
            &["https://evil.example"][..],
            &["null"],
            &[""],
            &["http://localhost.evil.example"],
            &["http://evil.example:9229"],
            &["http://127.0.0.1.evil.example"],
            &["http://localhost:3000", "https://evil.example"],
        ] {
            assert!(from(other), "{other:?}");
        }
    }
}
