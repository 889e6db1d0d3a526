//! `lychgate token verify`: what a gateway with this config would say to a token, check by check.

use serde_json::{Value, json};

use super::args::VerifyArgs;
use crate::cli::input;
use crate::cli::report::Failure;
use crate::cli::run::Verdict;
use crate::config::{Config, Loaded};
use crate::jose::JoseError;
use crate::server::{self, Ground, ServerError};
use crate::token::{TokenError, VerifiedToken};

pub(super) fn run(args: &VerifyArgs) -> Result<Verdict, Failure> {
    let token = input::read(args.token.as_deref(), "token")?;
    let loaded = Config::load(&args.config).map_err(ServerError::from)?;
    let outcome = verify(&loaded, token.trim())?;
    if args.json {
        println!("{}", input::shown(&to_json(&outcome)));
    } else {
        print!("{}", to_text(&outcome));
    }
    Ok(if outcome.is_ok() { Verdict::Good } else { Verdict::No })
}

pub(super) type Outcome = Result<std::sync::Arc<VerifiedToken>, TokenError>;

pub(super) fn verify(loaded: &Loaded, token: &str) -> Result<Outcome, ServerError> {
    let ground = Ground::new()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ServerError::Threads)?;
    runtime.block_on(async {
        let mut house = server::build(loaded, &ground).await?;
        for refresher in &mut house.refreshers {
            refresher.fetch_once().await;
        }
        Ok(house.snapshot.point.authorizer.verifier().verify(token).await)
    })
}

/// The checks in the verifier's order, each with what passing it means.
const CHECKS: [(&str, &str); 7] = [
    ("form", "a compact JWS that can be read in one way only"),
    ("issuer", "`iss` is of a trusted issuer"),
    ("key", "algorithm and `kid` mean one of its keys"),
    ("signature", "verifies with that key"),
    ("claims", "type, audience and every claim that is read are as the config asks"),
    ("time", "not expired, not from the future"),
    ("revocation", "not revoked here; what a running gate was told is not known"),
];

/// The place in [`CHECKS`] of the check that gives this refusal.
fn failed_check(error: &TokenError) -> usize {
    match error {
        TokenError::UnknownIssuer => 1,
        TokenError::Jose(JoseError::UnsupportedAlgorithm)
        | TokenError::UnknownKey
        | TokenError::KeysUnavailable(_)
        | TokenError::IntrospectionUnavailable(_) => 2,
        TokenError::Jose(JoseError::BadSignature) | TokenError::Inactive => 3,
        TokenError::Expired | TokenError::NotYetValid | TokenError::IssuedInTheFuture | TokenError::TooOld => 5,
        TokenError::Revoked => 6,
        TokenError::Jose(_)
        | TokenError::TooLong
        | TokenError::SeveralCredentials
        | TokenError::MalformedCredential(_) => 0,
        _ => 4,
    }
}

fn checks(outcome: &Outcome) -> Vec<(&'static str, bool, String)> {
    let failed = outcome.as_ref().err().map(|error| (failed_check(error), format!("{}: {error}", error.code())));
    let reached = failed.as_ref().map_or(CHECKS.len(), |(place, _)| place + 1);
    let told = CHECKS.iter().enumerate().take(reached).map(|(place, (name, means))| match &failed {
        Some((at, says)) if *at == place => (*name, false, says.clone()),
        _ => (*name, true, (*means).to_owned()),
    });
    told.collect()
}

pub(super) fn to_text(outcome: &Outcome) -> String {
    let told = checks(outcome).into_iter();
    let mut lines: Vec<_> =
        told.map(|(name, passed, says)| format!("  {} {name:<10} {says}", if passed { "✓" } else { "✗" })).collect();
    lines.push(match outcome {
        Ok(token) => format!("good: a token of `{}` for {:?}", token.issuer_name(), token.subject()),
        Err(error) => format!("refused: {}", error.code()),
    });
    lines.join("\n") + "\n"
}

pub(super) fn to_json(outcome: &Outcome) -> Value {
    let checks = checks(outcome);
    let checks = checks.iter().map(|(name, passed, says)| json!({"check": name, "passed": passed, "says": says}));
    let checks: Vec<_> = checks.collect();
    match outcome {
        Ok(token) => json!({
            "good": true,
            "issuer": token.issuer_name(),
            "subject": token.subject(),
            "expires_at": token.expires_at(),
            "scopes": token.scopes(),
            "groups": token.groups(),
            "checks": checks,
        }),
        Err(error) => json!({"good": false, "code": error.code(), "message": error.to_string(), "checks": checks}),
    }
}
