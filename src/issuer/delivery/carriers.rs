//! Who carries which message.

use super::config::MessagesConfig;
use super::error::Undelivered;
use super::journal::Journal;
use super::letter::{Letter, LetterMedium};
use super::smtp::Mailer;
use super::webhook::Webhook;
use crate::clock::Clock;
use crate::issuer::error::IssuerError;

/// All ways by which messages go.
#[derive(Debug)]
pub(crate) struct Carriers {
    journal: Option<Journal>,
    mailer: Option<Mailer>,
    webhook: Option<Webhook>,
}

impl Carriers {
    /// Judges the config; connects to nobody yet.
    pub(crate) fn new(config: &MessagesConfig, clock: &Clock) -> Result<Self, IssuerError> {
        Ok(Self {
            journal: config.write_to.clone().map(Journal::new),
            mailer: config.email.as_ref().map(Mailer::new).transpose()?,
            webhook: config.sms.as_ref().map(|sms| Webhook::new(&sms.webhook, clock.clone())).transpose()?,
        })
    }

    /// The names of the media that have a way, as the database has them.
    pub(super) fn carries(&self, medium: LetterMedium) -> bool {
        self.journal.is_some()
            || match medium {
                LetterMedium::Email => self.mailer.is_some(),
                LetterMedium::Sms => self.webhook.is_some(),
            }
    }

    pub(super) async fn carry(&self, letter: &Letter) -> Result<(), Undelivered> {
        match (&self.journal, letter.medium, &self.mailer, &self.webhook) {
            (Some(journal), ..) => journal.write(letter).await,
            (None, LetterMedium::Email, Some(mailer), _) => mailer.send(letter).await,
            (None, LetterMedium::Sms, _, Some(webhook)) => webhook.send(letter).await,
            _ => Err(Undelivered::ForNow("no-way")),
        }
    }
}
