//! The answer to a challenge: bound to the step, the user and the client that it was asked of, and good once.

use std::sync::Arc;

use secrecy::SecretString;

use super::super::account::Given;
use super::super::engine::Engine;
use super::super::refusal::Refusal;
use super::ask::{Reply, Step};
use super::first_code::same_way;
use super::next::{Decided, Passed, Way};
use super::password::Counted;
use super::srp::session_in_block;
use super::underway::{Awaits, Underway};
use crate::issuer::error::IssuerError;
use crate::issuer::pool::proof::{Factor, FirstFactor};
use crate::issuer::pool::{StoredUser, UserStatus, user_name_key};
use crate::issuer::store::{PasswordAttempts, Users, Write};

impl Engine {
    /// Takes the next step of a sign-in.
    pub(crate) async fn answer(self: &Arc<Self>, reply: &Reply<'_>) -> Result<Step, Refusal> {
        let client = self.client_of(reply.client_id, reply.admin_of).await?;
        let in_block = if reply.challenge == "PASSWORD_VERIFIER" { session_in_block(reply) } else { None };
        let session = reply.session.map(str::to_owned).or(in_block).ok_or(Refusal::MissingParameter("Session"))?;
        let session = session.as_str();
        let underway = self.read_underway(&mut self.database.read().await?, session).await?;
        let by_admin = reply.admin_of.is_some();
        let is_of = underway.client_id == client.id
            && underway.by_admin == by_admin
            && underway.awaits.challenge() == reply.challenge;
        if !is_of {
            return Err(Refusal::InvalidSession);
        }
        let given = reply.get("USERNAME").ok_or(Refusal::MissingParameter("USERNAME"))?;
        let sub = underway.sub.clone().unwrap_or_default();
        let names = [&underway.name, &underway.given, &sub];
        if given.is_empty() || !names.iter().any(|name| user_name_key(name) == user_name_key(given)) {
            return Err(Refusal::InvalidSession);
        }
        self.prove(&client, reply.get("SECRET_HASH"), &[given, &underway.name, &sub]).await?;
        let pool = self.known_pool(&underway.pool_id).await?;
        let name = underway.given.clone();
        let way = Way { client: &client, pool: &pool, given: &name, by_admin, passed: Passed::Password };
        self.answer_awaited(&way, underway, (session, reply)).await
    }

    async fn answer_awaited(
        self: &Arc<Self>,
        way: &Way<'_>,
        underway: Underway,
        (session, reply): (&str, &Reply<'_>),
    ) -> Result<Step, Refusal> {
        match &underway.awaits {
            Awaits::Srp(awaited) => {
                let write = self.taken(session).await?;
                self.judge_proof(write, (way, &underway), awaited, reply).await
            }
            Awaits::NewPassword => self.take_new_password(way, &underway, (session, reply)).await,
            Awaits::Totp => {
                let code = needed(reply, Factor::Totp.response())?;
                self.take_code(way, &underway, (session, code), (Factor::Totp, None)).await
            }
            Awaits::Code { factor, mark } => {
                let code = needed(reply, factor.response())?;
                self.take_code(way, &underway, (session, code), (*factor, Some(mark))).await
            }
            Awaits::FirstCode { factor, mark } => {
                let name = if *factor == FirstFactor::SmsOtp { "SMS_OTP_CODE" } else { "EMAIL_OTP_CODE" };
                let code = needed(reply, name)?;
                self.take_first_code(way, &underway, (session, code), (*factor, mark)).await
            }
            Awaits::ChooseFactor(factors) => {
                let chosen = Factor::read(needed(reply, "ANSWER")?).filter(|factor| factors.contains(factor));
                let chosen =
                    chosen.ok_or_else(|| Refusal::Invalid("ANSWER is not one of MFAS_CAN_CHOOSE".to_owned()))?;
                let (mut write, stored) = self.taken_of(session, &underway).await?;
                let asked = self.ask_factor(&mut write, way, &stored, chosen).await.map(Decided::Ask);
                self.settle(write, way.client, asked).await
            }
            Awaits::SetUp { done } => {
                if !done {
                    return Err(Refusal::InvalidSession);
                }
                let (mut write, stored) = self.taken_of(session, &underway).await?;
                let way = Way { passed: Passed::Both, ..*way };
                let decided = self.next(&mut write, &way, stored).await;
                self.settle(write, way.client, decided).await
            }
            Awaits::ChooseFirst(offered) => self.take_choice(way, offered, (session, reply)).await,
            Awaits::Confirmation | Awaits::FirstSignIn(_) => Err(Refusal::InvalidSession),
        }
    }

    /// Ends the step in a new transaction, if nobody else did.
    async fn taken(&self, session: &str) -> Result<Write, Refusal> {
        let mut write = self.database.write().await?;
        self.take_underway(&mut write, session).await?;
        Ok(write)
    }

    /// The same, with the user as it is now, who must still have the password that the sign-in began with.
    pub(super) async fn taken_of(&self, session: &str, underway: &Underway) -> Result<(Write, StoredUser), Refusal> {
        let mut write = self.taken(session).await?;
        let sub = underway.sub.as_deref().ok_or(Refusal::InvalidSession)?;
        let stored = Users(&mut write).by_sub(&underway.pool_id, sub).await?;
        let stored = stored.filter(|stored| underway.is_of(stored.password.as_ref()));
        Ok((write, stored.ok_or(Refusal::InvalidSession)?))
    }

    /// `SELECT_CHALLENGE`: the factor that was chosen, with what it needs.
    async fn take_choice(
        &self,
        way: &Way<'_>,
        offered: &[FirstFactor],
        (session, reply): (&str, &Reply<'_>),
    ) -> Result<Step, Refusal> {
        let chosen = FirstFactor::read(needed(reply, "ANSWER")?).filter(|factor| offered.contains(factor));
        let chosen =
            chosen.ok_or_else(|| Refusal::Invalid("ANSWER is not one of the available challenges".to_owned()))?;
        self.taken(session).await?.commit().await.map_err(IssuerError::database("end a step"))?;
        match chosen {
            FirstFactor::Password => {
                let password = SecretString::from(needed(reply, "PASSWORD")?);
                self.by_password(way, password, reply.address).await
            }
            FirstFactor::PasswordSrp => self.begin_srp(way, needed(reply, "SRP_A")?, reply.address).await,
            FirstFactor::EmailOtp | FirstFactor::SmsOtp => self.begin_first_code(way, chosen).await,
        }
    }

    /// A second factor. A wrong code may be tried again a few times; all wrong ones of a user count towards a lock of their own,
    /// so that new sign-ins with the right password do not give new guesses.
    async fn take_code(
        &self,
        way: &Way<'_>,
        underway: &Underway,
        (session, code): (&str, &str),
        (factor, mark): (Factor, Option<&Vec<u8>>),
    ) -> Result<Step, Refusal> {
        let (mut write, stored) = self.still_awaited(session, underway).await?;
        let stored = stored.ok_or(Refusal::InvalidSession)?;
        // No pool has such an id, so no name that is given for a password is counted here.
        let (apart, sub) = (format!("second:{}", way.pool.id), stored.user.sub.clone());
        let counted = Counted { pool_id: &apart, given: &sub, sub: None, address: None };
        self.not_locked(&mut write, counted).await?;
        let right = match (factor, mark) {
            (Factor::Totp, _) => self.use_totp(&mut write, &stored, code).await?,
            (_, Some(mark)) => self.is_sign_in_code(&stored.user.sub, mark, code),
            (_, None) => false,
        };
        if !right {
            return self.wrong_code(write, session, counted).await;
        }
        let way = Way { passed: Passed::Both, ..*way };
        self.right_code(write, &way, (session, counted), stored).await
    }

    /// A code as the first factor. Wrong ones count as wrong passwords do.
    async fn take_first_code(
        &self,
        way: &Way<'_>,
        underway: &Underway,
        (session, code): (&str, &str),
        (factor, mark): (FirstFactor, &[u8]),
    ) -> Result<Step, Refusal> {
        let sub = underway.sub.as_deref();
        let counted = Counted { pool_id: &way.pool.id, given: way.given, sub, address: None };
        let (mut write, stored) = self.still_awaited(session, underway).await?;
        self.not_locked(&mut write, counted).await?;
        let right = stored.filter(|stored| self.is_sign_in_code(&stored.user.sub, mark, code));
        let Some(stored) = right else { return self.wrong_code(write, session, counted).await };
        let way = Way { passed: Passed::FirstCode(same_way(factor)), ..*way };
        self.right_code(write, &way, (session, counted), stored).await
    }

    /// Begins a transaction in which the step is still waited for, with the user as it is now. It is not ended yet: a wrong code
    /// may be mistyped. Codes are compared and counted one after another, however many come at once.
    async fn still_awaited(&self, session: &str, underway: &Underway) -> Result<(Write, Option<StoredUser>), Refusal> {
        let mut write = self.database.write().await?;
        self.read_underway(&mut write, session).await?;
        let stored = match underway.sub.as_deref() {
            Some(sub) => Users(&mut write).by_sub(&underway.pool_id, sub).await?,
            None => None,
        };
        Ok((write, stored.filter(|stored| underway.is_of(stored.password.as_ref()))))
    }

    async fn right_code(
        &self,
        mut write: Write,
        way: &Way<'_>,
        (session, counted): (&str, Counted<'_>),
        stored: StoredUser,
    ) -> Result<Step, Refusal> {
        self.take_underway(&mut write, session).await?;
        PasswordAttempts(&mut write).clear(counted.key()).await?;
        let decided = self.next(&mut write, way, stored).await;
        self.settle(write, way.client, decided).await
    }

    /// Counts a wrong code, against the step and against the user.
    async fn wrong_code(&self, mut write: Write, session: &str, counted: Counted<'_>) -> Result<Step, Refusal> {
        self.count_wrong(&mut write, session).await?;
        self.count_failure(&mut write, counted).await?;
        write.commit().await.map_err(IssuerError::database("count a wrong code"))?;
        Err(Refusal::WrongCode)
    }

    /// `NEW_PASSWORD_REQUIRED`: the user's own password in place of the administrator's, with attributes that were missing.
    async fn take_new_password(
        self: &Arc<Self>,
        way: &Way<'_>,
        underway: &Underway,
        (session, reply): (&str, &Reply<'_>),
    ) -> Result<Step, Refusal> {
        let password = SecretString::from(needed(reply, "NEW_PASSWORD")?);
        let sub = underway.sub.as_deref().ok_or(Refusal::InvalidSession)?;
        let stored = Users(&mut self.database.read().await?).by_sub(&way.pool.id, sub).await?;
        let stored = stored.filter(|stored| underway.is_of(stored.password.as_ref())).ok_or(Refusal::InvalidSession)?;
        let given = user_attributes(reply);
        Self::judge_attributes(way.pool, super::super::account::Author::User(way.client), &given, false)?;
        let mut all: Given =
            stored.user.attributes.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        all.extend(given.clone());
        Self::judge_required(way.pool, &all)?;
        let policy = way.pool.settings.password_policy();
        self.judge_password(&policy, Some(&stored), &password).await?;
        let hashed = self.hashed(&way.pool.id, (sub, &stored.user.name), password).await?;

        let (mut write, stored) = self.taken_of(session, underway).await?;
        if stored.user.status != UserStatus::ForceChangePassword {
            return Err(Refusal::InvalidSession);
        }
        self.keep_password(&mut write, &stored, &hashed, &policy, None).await?;
        self.set_attributes(&mut write, way.pool, &stored.user, given).await?;
        let stored = Users(&mut write).by_sub(&way.pool.id, sub).await?.ok_or(Refusal::InvalidSession)?;
        let decided = self.next(&mut write, way, stored).await;
        self.settle(write, way.client, decided).await
    }
}

fn needed<'a>(reply: &Reply<'a>, name: &'static str) -> Result<&'a str, Refusal> {
    reply.get(name).ok_or(Refusal::MissingParameter(name))
}

/// `userAttributes.<name>` among the responses.
fn user_attributes(reply: &Reply<'_>) -> Given {
    let named =
        |(name, value): &(&str, &str)| Some((name.strip_prefix("userAttributes.")?.to_owned(), (*value).to_owned()));
    reply.responses.iter().filter_map(named).collect()
}
