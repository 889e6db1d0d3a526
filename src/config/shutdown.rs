//! How the gate stops, and how it hands over to a new binary.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

/// How the gate stops on SIGTERM, and how long a new binary has that takes its place on SIGUSR2.
///
/// Whoever ends the process must give it longer than `delay` and `drain` together: `terminationGracePeriodSeconds` in Kubernetes,
/// `TimeoutStopSec` in systemd, `stop_grace_period` in Compose. A second signal ends it at once, as SIGINT does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ShutdownConfig {
    /// How long requests are still taken, on new connections too, while `/readyz` already says that no more are wanted: long
    /// enough for load balancers to have heard of it. Default `5s`; `0s` where nobody asks.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub delay: Duration,
    /// How long requests that are on their way may take after that, streams and tunnels too. Nothing new is taken any more.
    /// Default `30s`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub drain: Duration,
    /// How long the new process may take on SIGUSR2 until it is ready, keys included. Then it is ended, and this one goes on.
    /// Default `1m`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub hand_over: Duration,
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self { delay: Duration::from_secs(5), drain: Duration::from_secs(30), hand_over: Duration::from_mins(1) }
    }
}
