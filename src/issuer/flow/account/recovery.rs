//! A forgotten password: a code to a proved address, and a new password for it. And a password that is changed by its owner.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::super::engine::Engine;
use super::super::even::evenly;
use super::super::refusal::Refusal;
use super::super::sign_in::{Counted, active_factors};
use super::codes::{Delivery, RESET, Sending};
use super::passwords::srp_identity;
use crate::issuer::error::IssuerError;
use crate::issuer::messages::{Medium, MessageKind};
use crate::issuer::pool::proof::Factor;
use crate::issuer::pool::{Attempts, StoredUser, UserPool, UserStatus};
use crate::issuer::store::{Connection, PasswordAttempts, Users};

/// A new password for a code.
#[derive(Debug)]
pub(crate) struct Recovery<'a> {
    pub client_id: &'a str,
    pub secret_hash: Option<&'a str>,
    pub user_name: &'a str,
    pub code: &'a str,
    pub password: SecretString,
}

/// Most times that a user may change the password in an hour.
const MOST_CHANGES: u64 = 5;

impl Engine {
    /// Sends a code for a new password to the user's proved address. Where the client hides who exists, every name is answered alike.
    pub(crate) async fn forgot_password(
        &self,
        client_id: &str,
        secret_hash: Option<&str>,
        user_name: &str,
    ) -> Result<Delivery, Refusal> {
        evenly(self.send_forgotten(client_id, secret_hash, user_name)).await
    }

    async fn send_forgotten(
        &self,
        client_id: &str,
        secret_hash: Option<&str>,
        user_name: &str,
    ) -> Result<Delivery, Refusal> {
        let client = self.known_client(client_id).await?;
        let pool = self.pool_of(&client).await?;
        let found = Users(&mut self.database.read().await?).by_login(&pool.id, user_name).await?;
        let names = found.as_ref().map_or(vec![user_name], |found| vec![user_name, &found.user.name]);
        self.prove(&client, secret_hash, &names).await?;
        let hides = client.settings.hides_users();
        let Some(stored) = found.filter(|found| !hides || recoverable(&pool, found)) else {
            return self.as_if_sent(&client, &pool, user_name, RESET).await;
        };
        let user = &stored.user;
        if !user.enabled {
            return Err(Refusal::UserDisabled);
        }
        if user.status == UserStatus::ForceChangePassword {
            return Err(Refusal::NotAllowed("User password cannot be reset in the current state."));
        }
        let mut write = self.database.write().await?;
        let delivery = self.send_reset_code(&mut write, &pool, &stored).await?;
        write.commit().await.map_err(IssuerError::database("send a code"))?;
        Ok(delivery)
    }

    /// Sends a code for a new password by the pool's first way of recovery that the user has.
    pub(crate) async fn send_reset_code(
        &self,
        write: &mut Connection,
        pool: &UserPool,
        stored: &StoredUser,
    ) -> Result<Delivery, Refusal> {
        let (medium, target) = recovery_way(pool, stored).ok_or_else(|| {
            Refusal::Invalid(
                "Cannot reset password for the user as there is no registered/verified email or phone_number"
                    .to_owned(),
            )
        })?;
        let (kind, user) = (MessageKind::ForgotPassword, &stored.user);
        self.send_code(write, &Sending { pool, user, kind, purpose: RESET, medium, target }).await
    }

    /// Sets a new password for the code that was sent. All sessions of the old one end.
    pub(crate) async fn recover(self: &Arc<Self>, ask: Recovery<'_>) -> Result<(), Refusal> {
        evenly(self.take_recovery(ask)).await
    }

    async fn take_recovery(self: &Arc<Self>, ask: Recovery<'_>) -> Result<(), Refusal> {
        let client = self.known_client(ask.client_id).await?;
        let pool = self.pool_of(&client).await?;
        let found = Users(&mut self.database.read().await?).by_login(&pool.id, ask.user_name).await?;
        let names = found.as_ref().map_or(vec![ask.user_name], |found| vec![ask.user_name, &found.user.name]);
        self.prove(&client, ask.secret_hash, &names).await?;
        if found.is_none() && !client.settings.hides_users() {
            return Err(Refusal::UnknownUserOfClient);
        }
        let policy = pool.settings.password_policy();
        if let Some(objection) = policy.objection(ask.password.expose_secret()) {
            return Err(Refusal::WeakPassword(objection));
        }
        // Hashed before the code is looked at: that takes as long for a wrong code, and for a name that nobody has.
        let (sub, name) = found.as_ref().map_or((ask.user_name, ask.user_name), |found| srp_identity(&found.user));
        let hashed = self.hashed(&pool.id, (sub, name), ask.password.clone()).await?;
        let who = (pool.id.as_str(), ask.user_name, found.as_ref().map(|found| &found.user));
        let (mut write, sent) = self.spend_code(Some(&client), who, RESET, ask.code).await?;
        let Some(stored) = found else { return Err(Refusal::WrongCode) };
        // Told only to who has the code.
        self.judge_password(&policy, Some(&stored), &ask.password).await?;
        let user = &stored.user;
        if !user.enabled {
            return Err(Refusal::UserDisabled);
        }
        self.keep_password(&mut write, &stored, &hashed, &policy, None).await?;
        if user.attributes.get(&sent.attribute) == Some(&sent.target) {
            self.prove_attribute(&mut write, &pool, user, (&sent.attribute, &sent.target), false).await?;
        }
        PasswordAttempts(&mut write).clear(Attempts::key(&pool.id, &user.sub)).await?;
        self.end_sessions_in(&mut write, &pool.id, &user.sub).await?;
        write.commit().await.map_err(IssuerError::database("recover a password"))?;
        Ok(())
    }

    /// Changes the bearer's password, who must know the one of now. Wrong ones count towards the lock.
    pub(crate) async fn change_password(
        &self,
        access_token: &str,
        (previous, proposed): (Option<SecretString>, SecretString),
    ) -> Result<(), Refusal> {
        let (pool, user, _) = self.bearer_with_client(access_token).await?;
        let mut write = self.database.write().await?;
        self.within(&mut write, "change", (&pool.id, &user.sub), "password", MOST_CHANGES).await?;
        write.commit().await.map_err(IssuerError::database("count a change"))?;
        let read = Users(&mut self.database.read().await?).by_sub(&pool.id, &user.sub).await?;
        let stored = read.ok_or(Refusal::InvalidAccessToken)?;
        let counted = Counted { pool_id: &pool.id, given: &user.name, sub: Some(&user.sub), address: None };
        self.know_previous(counted, stored.password.clone(), previous).await?;
        let policy = pool.settings.password_policy();
        self.judge_password(&policy, Some(&stored), &proposed).await?;
        let hashed = self.hashed(&pool.id, srp_identity(&user), proposed).await?;
        let mut write = self.database.write().await?;
        let again = Users(&mut write).by_sub(&pool.id, &user.sub).await?;
        let stored = again.filter(|again| again.password == stored.password).ok_or(Refusal::WrongCredentials)?;
        self.keep_password(&mut write, &stored, &hashed, &policy, None).await?;
        write.commit().await.map_err(IssuerError::database("change a password"))?;
        Ok(())
    }
}

/// Whether a code for a new password could be sent to the user at all.
fn recoverable(pool: &UserPool, stored: &StoredUser) -> bool {
    let user = &stored.user;
    user.enabled && user.status != UserStatus::ForceChangePassword && recovery_way(pool, stored).is_some()
}

/// The pool's first way of recovery that the user has proved to have, and that is not a second factor of the user's: who reads
/// the codes of one could set the password too, and both factors would be one.
fn recovery_way<'a>(pool: &UserPool, stored: &'a StoredUser) -> Option<(Medium, &'a str)> {
    let user = &stored.user;
    let taken = active_factors(pool, stored, pool.settings.mfa());
    let is_factor = |medium| match medium {
        Medium::Email => taken.contains(&Factor::Email),
        Medium::Sms => taken.contains(&Factor::Sms),
    };
    let mut ways = pool.settings.recovery().into_iter().filter(|attribute| user.attributes.is_verified(attribute));
    ways.find_map(|attribute| {
        let medium = Medium::of(attribute).filter(|medium| !is_factor(*medium))?;
        Some((medium, user.attributes.get(attribute)?))
    })
}
