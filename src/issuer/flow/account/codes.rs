//! Codes that are sent to users, and what happens when one is given back.

use secrecy::SecretString;

use super::super::engine::Engine;
use super::super::refusal::Refusal;
use crate::issuer::error::IssuerError;
use crate::issuer::messages::{Medium, Message, MessageKind};
use crate::issuer::pool::proof::Code;
use crate::issuer::pool::{Client, Sha256, User, UserPool, user_name_key};
use crate::issuer::store::{Ceilings, Codes, Connection, SentCode, Write};

/// Where a code went, as the caller may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub attribute: String,
    pub medium: Medium,
    /// Masked.
    pub destination: String,
}

/// A code to be sent.
#[derive(Debug)]
pub(crate) struct Sending<'a> {
    pub pool: &'a UserPool,
    pub user: &'a User,
    pub kind: MessageKind,
    /// What giving it back does: `sign-up`, `reset`, `verify:` and an attribute.
    pub purpose: &'a str,
    pub medium: Medium,
    pub target: &'a str,
}

pub(super) const SIGN_UP: &str = "sign-up";
pub(super) const RESET: &str = "reset";
const HOUR: u64 = 60 * 60 * 1000;
/// Most codes of one purpose that one user is sent in an hour.
const MOST_SENT: u64 = 5;
/// Most codes of one purpose that may be tried in an hour: of a million codes, one in 66,667 would be found.
const MOST_TRIED: u64 = 15;

/// What giving back a code for this attribute proves.
pub(super) fn verify(attribute: &str) -> String {
    format!("verify:{attribute}")
}

impl Engine {
    /// Sends a new code in place of an earlier one.
    pub(crate) async fn send_code(&self, write: &mut Connection, sending: &Sending<'_>) -> Result<Delivery, Refusal> {
        let Sending { pool, user, purpose, medium, target, .. } = *sending;
        // The first code of a new account is not counted: else one could be sent again less often than to a name that nobody has.
        if sending.kind != MessageKind::SignUp {
            self.within(write, "send", (&pool.id, &user.sub), purpose, MOST_SENT).await?;
        }
        let code = Code::generate()?;
        let now = self.clock.unix_millis();
        let lifetime = if purpose == RESET { HOUR } else { 24 * HOUR };
        let kept = SentCode {
            mark: self.sealer.mark(&place(&user.sub, purpose), code.expose()),
            attribute: medium.attribute().to_owned(),
            target: target.to_owned(),
            tries: 0,
            expires_at: now.saturating_add(lifetime),
        };
        Codes(write).put(&user.sub, purpose, &kept).await?;
        let message = Message {
            kind: sending.kind,
            medium,
            sub: &user.sub,
            user_name: &user.name,
            destination: target,
            code: SecretString::from(code.expose()),
        };
        self.courier.post(write, pool, &message, now).await?;
        Ok(Delivery { attribute: kept.attribute, medium, destination: medium.masked(target) })
    }

    /// Takes a code that is right, once. What comes of it is done in the transaction that is given back.
    ///
    /// The tries are counted and committed before anything is told, for names that nobody has too.
    pub(crate) async fn spend_code(
        &self,
        client: Option<&Client>,
        (pool_id, name, user): (&str, &str, Option<&User>),
        purpose: &str,
        given: &str,
    ) -> Result<(Write, SentCode), Refusal> {
        let mut write = self.database.write().await?;
        let who = user.map_or_else(|| user_name_key(name), |user| user.sub.clone());
        self.within(&mut write, "try", (pool_id, &who), purpose, MOST_TRIED).await?;
        let hides = client.is_some_and(|client| client.settings.hides_users());
        let kept = match user {
            Some(user) => Codes(&mut write).of(&user.sub, purpose).await?,
            None => None,
        };
        let judged = match (&kept, user) {
            (Some(kept), Some(user)) if self.sealer.is_mark_of(&kept.mark, &place(&user.sub, purpose), given) => {
                if kept.expires_at <= self.clock.unix_millis() { Err(Refusal::ExpiredCode) } else { Ok(()) }
            }
            (None, _) if !hides => Err(Refusal::ExpiredCode),
            _ => Err(Refusal::WrongCode),
        };
        if let (Ok(()), Some(kept), Some(user)) = (&judged, kept, user) {
            Codes(&mut write).remove(&user.sub, purpose).await?;
            return Ok((write, kept));
        }
        if let Some(user) = user {
            Codes(&mut write).count_try(&user.sub, purpose).await?;
        }
        write.commit().await.map_err(IssuerError::database("count a wrong code"))?;
        Err(judged.err().unwrap_or(Refusal::WrongCode))
    }

    /// Counts once more, and refuses where that is too often. Counted in the caller's transaction: a refusal here needs no count.
    pub(crate) async fn within(
        &self,
        write: &mut Connection,
        what: &str,
        (pool_id, who): (&str, &str),
        purpose: &str,
        most: u64,
    ) -> Result<(), Refusal> {
        let key = Sha256::of(&format!("{what}/{purpose}/{pool_id}/{who}"));
        let allowed = Ceilings(write).allows(key, most, self.clock.unix_millis()).await?;
        if allowed { Ok(()) } else { Err(Refusal::TooOften) }
    }
}

/// What a code's mark is bound to.
fn place(sub: &str, purpose: &str) -> String {
    format!("codes.mark/{sub}/{purpose}")
}
