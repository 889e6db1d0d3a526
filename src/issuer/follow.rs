//! Follows what other nodes and the command line have written: sign-outs and changed pools are known here within a second.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info};

use super::error::IssuerError;
use super::flow::Engine;
use super::store::{Change, Changed, Changes, Listener};

/// How often the database is looked into where nothing tells of changes, and in case that what told was lost.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// How often keys are made that are due, and what matters no more is cleared away.
const TEND_EVERY: Duration = Duration::from_mins(1);
/// How long the database is left alone after it failed.
const REST: Duration = Duration::from_millis(400);

/// The last change that this node has seen.
#[derive(Debug, Default)]
pub(super) struct Seen(AtomicI64);

impl Seen {
    /// Takes in every change after the last that was seen. Taking one in twice does nothing.
    pub(super) async fn catch_up(&self, engine: &Engine) -> Result<(), IssuerError> {
        loop {
            let after = self.0.load(Ordering::Acquire);
            let changes = Changes(&mut engine.database.read().await?).after(after).await?;
            let Some(last) = changes.last().map(|change| change.number) else { return Ok(()) };
            // Sign-outs first: they must not wait for keys to be read.
            for change in &changes {
                engine.take_in_revocation(change);
            }
            for pool_id in changed_pools(&changes) {
                engine.keeper.serve(&engine.pools, pool_id).await?;
            }
            self.0.store(last, Ordering::Release);
        }
    }
}

/// Each pool once, however often it was changed.
fn changed_pools(changes: &[Change]) -> Vec<&str> {
    let of_pools = changes.iter().filter(|change| change.what == Changed::Pool);
    let mut pools: Vec<&str> = of_pools.map(|change| change.pool_id.as_str()).collect();
    pools.sort_unstable();
    pools.dedup();
    pools
}

impl Engine {
    fn take_in_revocation(&self, change: &Change) {
        let Changed::Session { id, until } = &change.what else { return };
        if *until <= self.clock.unix_millis() {
            return;
        }
        if let Some(pool) = self.pools.get(&change.pool_id) {
            self.revocations.revoke_family(&pool.issuer_url, id, until.div_ceil(1000));
        }
    }

    async fn tend(&self) -> Result<(), IssuerError> {
        self.keeper.serve_all(&self.pools).await?;
        let mut write = self.database.write().await?;
        Changes(&mut write).sweep(self.clock.unix_millis()).await?;
        write.commit().await.map_err(IssuerError::database("clear away changes"))
    }
}

/// Follows until `stopped`. A database that is away is asked again and again; meanwhile the node goes on with what it knows.
pub(super) async fn follow(engine: &Engine, seen: &Seen, mut stopped: watch::Receiver<bool>) {
    let following = async {
        let mut away = Away::default();
        loop {
            let ended = follow_while_it_lasts(engine, seen, &mut away).await;
            away.note(&ended);
            sleep(REST).await;
        }
    };
    tokio::select! {
        () = following => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

/// Says once that the database is away, and once that it is back.
#[derive(Default)]
struct Away(bool);

impl Away {
    fn note(&mut self, error: &IssuerError) {
        if !std::mem::replace(&mut self.0, true) {
            error!(code = error.code(), cause = %error, "what other nodes change cannot be followed");
        }
    }

    fn is_back(&mut self) {
        if std::mem::take(&mut self.0) {
            info!("what other nodes change is followed again");
        }
    }
}

/// Follows until something fails, and gives what did.
async fn follow_while_it_lasts(engine: &Engine, seen: &Seen, away: &mut Away) -> IssuerError {
    let followed = async {
        // Listening begins before the look: nothing falls between them.
        let mut listener = engine.database.listen().await?;
        let mut tended: Option<Instant> = None;
        loop {
            seen.catch_up(engine).await?;
            away.is_back();
            if tended.is_none_or(|at| at.elapsed() >= TEND_EVERY) {
                engine.tend().await?;
                tended = Some(Instant::now());
            }
            wait_for_news(&mut listener).await?;
        }
    };
    let ended: Result<std::convert::Infallible, IssuerError> = followed.await;
    match ended {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

async fn wait_for_news(listener: &mut Listener) -> Result<(), IssuerError> {
    match timeout(LOOK_EVERY, listener.heard()).await {
        Ok(heard) => heard,
        Err(_) => Ok(()),
    }
}
