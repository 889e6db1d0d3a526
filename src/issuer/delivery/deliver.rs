//! The round: takes what is due from the outbox, has it carried, and notes how that went.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::carriers::Carriers;
use super::error::Undelivered;
use super::letter::{Letter, LetterMedium};
use super::schedule::wait_after;
use crate::issuer::error::IssuerError;
use crate::issuer::flow::Engine;
use crate::issuer::store::{Claimed, Deliveries, OUTBOX_LETTER};
use crate::telemetry::IdentityMetrics;

/// How often the outbox is looked into.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// Letters that are on their way at once.
const AT_ONCE: i64 = 8;
/// How long a letter is left to whoever took it, in milliseconds: longer than any carrier takes.
const LEASE_MILLIS: u64 = 3 * 60 * 1000;

/// Carries messages, and notes what became of them.
pub(crate) struct Delivery {
    pub engine: Arc<Engine>,
    pub carriers: Arc<Carriers>,
    pub metrics: IdentityMetrics,
    /// Whether letters are kept after they were delivered, to be read at the operator's door.
    pub keeps: bool,
}

/// What is sealed in the outbox.
#[derive(Deserialize)]
struct Words {
    to: SecretString,
    subject: String,
    body: SecretString,
}

/// Delivers until `stopped`. What is on its way then is tried again by whoever looks next.
pub(crate) async fn deliver(delivery: Arc<Delivery>, mut stopped: watch::Receiver<bool>) {
    let delivering = async {
        let mut is_away = false;
        loop {
            match round(&delivery).await {
                Ok(0) => sleep(LOOK_EVERY).await,
                Ok(_) if is_away => {
                    is_away = false;
                    info!("messages are delivered again");
                }
                Ok(_) => {}
                Err(error) => {
                    if !std::mem::replace(&mut is_away, true) {
                        error!(code = error.code(), cause = %error, "messages cannot be delivered");
                    }
                    sleep(LOOK_EVERY).await;
                }
            }
        }
    };
    tokio::select! {
        () = delivering => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

/// Takes what is due and carries it; gives how many letters that were.
async fn round(delivery: &Arc<Delivery>) -> Result<usize, IssuerError> {
    let claimed = claim(delivery).await?;
    let count = claimed.len();
    let mut on_their_way = JoinSet::new();
    for letter in claimed {
        let delivery = Arc::clone(delivery);
        on_their_way.spawn(async move { delivery.carry(letter).await });
    }
    while let Some(ended) = on_their_way.join_next().await {
        ended.map_err(|_| IssuerError::WorkLost("delivery"))??;
    }
    Ok(count)
}

async fn claim(delivery: &Delivery) -> Result<Vec<Claimed>, IssuerError> {
    let Delivery { engine, carriers, .. } = delivery;
    let media = [LetterMedium::Email, LetterMedium::Sms]
        .map(|medium| if carriers.carries(medium) { medium.kept_name() } else { "" });
    let now = engine.clock.unix_millis();
    // Looked at before the writer's lock is taken: most of the time nothing is due.
    if !Deliveries(&mut engine.database.read().await?).any_due(media, now).await? {
        return Ok(Vec::new());
    }
    let mut write = engine.database.write().await?;
    let claimed = Deliveries(&mut write).claim(media, now, now.saturating_add(LEASE_MILLIS), AT_ONCE).await?;
    write.commit().await.map_err(IssuerError::database("take messages"))?;
    Ok(claimed)
}

impl Delivery {
    async fn carry(&self, claimed: Claimed) -> Result<(), IssuerError> {
        let (number, tries) = (claimed.number, claimed.tries);
        let Some(medium) = LetterMedium::read(&claimed.medium) else { return Err(IssuerError::Kept("medium")) };
        let letter = self.opened(claimed, medium)?;
        let outcome = self.carriers.carry(&letter).await;
        let now = self.engine.clock.unix_millis();
        let again = match outcome {
            Err(Undelivered::ForNow(_)) => wait_after(tries).map(|wait| now.saturating_add(wait)),
            Ok(()) | Err(Undelivered::ForGood(_)) => None,
        };
        self.tell(&letter, outcome, again.is_some());
        let mut write = self.engine.database.write().await?;
        match again {
            Some(at) => Deliveries(&mut write).again_at(number, at).await?,
            None if outcome.is_ok() && self.keeps => Deliveries(&mut write).delivered(number, now).await?,
            None => Deliveries(&mut write).remove(number).await?,
        }
        write.commit().await.map_err(IssuerError::database("note a delivery"))
    }

    fn opened(&self, claimed: Claimed, medium: LetterMedium) -> Result<Letter, IssuerError> {
        let Claimed { id, pool_id, kind, sealed, .. } = claimed;
        let words = self.engine.sealer.open_sealed(OUTBOX_LETTER, &id, &sealed)?;
        let Words { to, subject, body } = serde_json::from_slice(&words).map_err(|_| IssuerError::Kept("message"))?;
        Ok(Letter { id, pool_id, kind, medium, to, subject, body })
    }

    /// Never the address, nor what was said.
    fn tell(&self, letter: &Letter, outcome: Result<(), Undelivered>, again: bool) {
        let Letter { id, pool_id, kind, medium, .. } = letter;
        let medium = medium.name();
        match outcome {
            Ok(()) => self.metrics.message(medium, "delivered"),
            Err(why) if again => {
                self.metrics.message(medium, "tried-again");
                info!(
                    id,
                    pool_id,
                    kind,
                    medium,
                    code = why.code(),
                    "a message was not delivered and will be tried again"
                );
            }
            Err(why) => {
                self.metrics.message(medium, "given-up");
                warn!(id, pool_id, kind, medium, code = why.code(), "a message could not be delivered");
            }
        }
    }
}
