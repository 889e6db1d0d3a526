//! Counts the users of declared pools who were active lately, away from everything that somebody waits for.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;

use super::error::IssuerError;
use super::flow::Engine;
use super::handle::PoolSummary;
use super::store::Sessions;
use crate::telemetry::IdentityMetrics;

const COUNT_EVERY: Duration = Duration::from_mins(1);
/// The windows that are counted, with their lengths in milliseconds.
const WINDOWS: [(&str, u64); 2] = [("1d", 24 * 60 * 60 * 1000), ("30d", 30 * 24 * 60 * 60 * 1000)];

/// Counts until `stopped`.
pub(super) async fn count_active_users(
    engine: &Engine,
    pools: &[PoolSummary],
    metrics: &IdentityMetrics,
    mut stopped: watch::Receiver<bool>,
) {
    let counting = async {
        loop {
            if let Err(error) = count(engine, pools, metrics).await {
                warn!(code = error.code(), cause = %error, "active users could not be counted");
            }
            sleep(COUNT_EVERY).await;
        }
    };
    tokio::select! {
        () = counting => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

async fn count(engine: &Engine, pools: &[PoolSummary], metrics: &IdentityMetrics) -> Result<(), IssuerError> {
    for pool in pools {
        for (window, millis) in WINDOWS {
            let since = engine.clock.unix_millis().saturating_sub(millis);
            let users = Sessions(&mut engine.database.read().await?).users_since(&pool.id, since).await?;
            metrics.active_users(&pool.name, window, users);
        }
    }
    Ok(())
}
