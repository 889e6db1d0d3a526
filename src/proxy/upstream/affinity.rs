//! What a caller is told apart by, where the same caller shall reach the same endpoint.

use std::net::IpAddr;

use http::HeaderMap;

use super::balance::hash;
use crate::authorizer::Findings;
use crate::proxy::config::HashConfig;

/// The caller as a number. Who has not what `by` names goes by its address.
pub(in crate::proxy) fn affinity(by: &HashConfig, findings: &Findings, headers: &HeaderMap, client: IpAddr) -> u64 {
    let token = findings.token.as_ref();
    let of_issuer = |value: &str| token.map(|token| hash(format!("{}\n{value}", token.issuer_name()).as_bytes()));
    let known = match by {
        HashConfig::Sub => token.and_then(|token| of_issuer(token.subject())),
        HashConfig::Claim(name) => {
            token.and_then(|token| token.claims().get(name)).and_then(|value| of_issuer(&value.to_string()))
        }
        HashConfig::Header(name) => headers.get(name).map(|value| hash(value.as_bytes())),
    };
    known.unwrap_or_else(|| hash(client.to_string().as_bytes()))
}
