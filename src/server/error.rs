//! Why a gate could not be built or started.

use std::net::SocketAddr;

use thiserror::Error;

use crate::authorizer::RateLimitError;
use crate::config::ConfigError;
use crate::ext_authz::LambdaError;
use crate::issuer::IssuerError;
use crate::policy::PolicyError;
use crate::telemetry::TelemetryError;
use crate::token::{AssertionError, FetchError};

/// Why a gate could not be built or started.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The config has mistakes, each with its place.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A bundle has mistakes, each with its place.
    #[error("policy bundle `{bundle}`")]
    Policy {
        /// The bundle.
        bundle: String,
        /// What is wrong with it.
        #[source]
        source: Box<PolicyError>,
    },
    /// The embedded issuer could not be opened.
    #[error("the embedded issuer")]
    Issuer(#[from] IssuerError),
    /// Logs, metrics or the access log could not be started.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The client that fetches keys could not be made.
    #[error("keys of issuer `{issuer}`")]
    Keys {
        /// The trusted issuer's name.
        issuer: String,
        /// Why.
        #[source]
        source: FetchError,
    },
    /// The keys of `identity.assertion` could not be had.
    #[error(transparent)]
    Assertion(#[from] AssertionError),
    /// Rate limits cannot be counted together as the config says.
    #[error(transparent)]
    RateLimits(#[from] RateLimitError),
    /// An address could not be listened on.
    #[error("could not listen on `{address}` for {door}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What would have been served there.
        door: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Lambda's runtime API could not be served any longer.
    #[error("as a Lambda function")]
    Lambda(#[source] LambdaError),
    /// The system has no randomness.
    #[error("the system gives no randomness")]
    Randomness,
    /// The signals that stop the gate could not be heard.
    #[error("could not listen for signals")]
    Signals(#[source] std::io::Error),
    /// The system does not say which binary is running.
    #[error("could not find out which binary is running")]
    Program(#[source] std::io::Error),
    /// The background threads could not be started.
    #[error("could not start background threads")]
    Threads(#[source] std::io::Error),
}
