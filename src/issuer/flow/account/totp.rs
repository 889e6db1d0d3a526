//! An authenticator app: its seed is made and told once, and counts from the first code that is right.

use zeroize::Zeroizing;

use super::super::engine::Engine;
use super::super::refusal::Refusal;
use super::super::sign_in::Underway;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::proof::{Factor, TotpSecret};
use crate::issuer::pool::{StoredUser, UserPool};
use crate::issuer::store::{Connection, Factors, TOTP_PENDING, TOTP_SEED, Users};

/// Who sets up an authenticator app: a bearer, or somebody in the middle of a sign-in that asks for one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TotpBearer<'a> {
    AccessToken(&'a str),
    Session(&'a str),
}

/// Most codes that may be tried in an hour while an app is set up.
const MOST_TRIED: u64 = 15;

impl Engine {
    /// Makes a seed and tells it, with the `Session` to go on with where there is a sign-in under way.
    pub(crate) async fn associate_totp(&self, bearer: TotpBearer<'_>) -> Result<(String, Option<String>), Refusal> {
        let seed = TotpSecret::generate()?;
        let of_bearer = match bearer {
            TotpBearer::AccessToken(token) => Some(self.bearer_with_client(token).await?),
            TotpBearer::Session(_) => None,
        };
        let mut write = self.database.write().await?;
        let (session, sub) = match (of_bearer, bearer) {
            (Some((pool, user, _)), _) => {
                may_have_totp(&pool)?;
                (None, user.sub)
            }
            (None, TotpBearer::Session(session) | TotpBearer::AccessToken(session)) => {
                let (underway, stored) = self.setting_up(&mut write, session).await?;
                (Some(self.put_underway(&mut write, &underway).await?), stored.user.sub)
            }
        };
        let sealed = self.sealer.seal(TOTP_PENDING, &sub, seed.as_bytes())?;
        Factors(&mut write).propose_totp(&sub, &sealed).await?;
        write.commit().await.map_err(IssuerError::database("keep a seed"))?;
        Ok((seed.base32(), session))
    }

    /// Takes the first code of a seed that was told. From then on the app is the user's.
    pub(crate) async fn verify_totp(&self, bearer: TotpBearer<'_>, code: &str) -> Result<Option<String>, Refusal> {
        match bearer {
            TotpBearer::AccessToken(token) => {
                let (pool, user, _) = self.bearer_with_client(token).await?;
                may_have_totp(&pool)?;
                let mut write = self.database.write().await?;
                let stored = Users(&mut write).by_sub(&pool.id, &user.sub).await?.ok_or(Refusal::InvalidAccessToken)?;
                let judged = self.accept_totp(&mut write, &pool, &stored, code).await;
                // Wrong tries are counted too.
                write.commit().await.map_err(IssuerError::database("keep a seed"))?;
                judged.map(|()| None)
            }
            TotpBearer::Session(session) => self.verify_totp_under_way(session, code).await.map(Some),
        }
    }

    async fn verify_totp_under_way(&self, session: &str, code: &str) -> Result<String, Refusal> {
        let mut write = self.database.write().await?;
        let (underway, stored) = self.setting_up(&mut write, session).await?;
        let pool = self.known_pool(&underway.pool_id).await?;
        match self.accept_totp(&mut write, &pool, &stored, code).await {
            Ok(()) => {
                self.turn_on(&mut write, &stored, Factor::Totp).await?;
                let session = self.put_underway(&mut write, &underway.with_app()).await?;
                write.commit().await.map_err(IssuerError::database("keep a seed"))?;
                Ok(session)
            }
            Err(refusal) => {
                // The session that was taken comes back: a code may be mistyped.
                self.put_back(&mut write, session, &underway).await?;
                write.commit().await.map_err(IssuerError::database("count a wrong code"))?;
                Err(refusal)
            }
        }
    }

    async fn accept_totp(
        &self,
        write: &mut Connection,
        pool: &UserPool,
        stored: &StoredUser,
        code: &str,
    ) -> Result<(), Refusal> {
        let sub = &stored.user.sub;
        self.within(write, "try", (&pool.id, sub), "totp-setup", MOST_TRIED).await?;
        let sealed = Factors(&mut *write).proposed_totp(sub).await?.ok_or(Refusal::NoTotp)?;
        let seed = TotpSecret::of(self.sealer.open_sealed(TOTP_PENDING, sub, &sealed)?);
        let step = seed.step_of(code, self.clock.unix_seconds(), None).ok_or(Refusal::WrongTotpSetup)?;
        let sealed = self.sealer.seal(TOTP_SEED, sub, seed.as_bytes())?;
        Factors(write).accept_totp(sub, &sealed, step).await?;
        Ok(())
    }

    /// Whether the code of the user's app is right now. It counts once: the step is remembered in the caller's transaction.
    pub(crate) async fn use_totp(
        &self,
        write: &mut Connection,
        stored: &StoredUser,
        code: &str,
    ) -> Result<bool, Refusal> {
        let sub = &stored.user.sub;
        let sealed = stored.credentials.totp.as_ref().ok_or(Refusal::NoTotp)?;
        let seed: Zeroizing<Vec<u8>> = self.sealer.open_sealed(TOTP_SEED, sub, sealed)?;
        let step = TotpSecret::of(seed).step_of(code, self.clock.unix_seconds(), stored.credentials.totp_used);
        let Some(step) = step else { return Ok(false) };
        Ok(Factors(write).use_totp(sub, step).await?)
    }

    /// Takes the sign-in that waits for an app to be set up, with its user as it is now.
    ///
    /// INVARIANT: the user still has the password that the sign-in began with, and no app yet. Else who knew an old password, or
    /// began before the owner did, would put an app of its own in place of the owner's.
    async fn setting_up(&self, write: &mut Connection, session: &str) -> Result<(Underway, StoredUser), Refusal> {
        let underway = self.take_underway(write, session).await?;
        let sub = underway.sub.as_deref().filter(|_| underway.is_setting_up()).ok_or(Refusal::InvalidSession)?;
        let stored = Users(write).by_sub(&underway.pool_id, sub).await?;
        let may = |stored: &StoredUser| {
            stored.user.enabled && stored.credentials.totp.is_none() && underway.is_of(stored.password.as_ref())
        };
        let stored = stored.filter(may).ok_or(Refusal::InvalidSession)?;
        Ok((underway, stored))
    }
}

fn may_have_totp(pool: &UserPool) -> Result<(), Refusal> {
    if pool.settings.has_factor(Factor::Totp) {
        return Ok(());
    }
    Err(Refusal::Invalid("Software token MFA is not enabled for the user pool".to_owned()))
}
