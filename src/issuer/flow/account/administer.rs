//! Accounts as administrators make and change them.

use std::sync::Arc;

use secrecy::SecretString;
use uuid::Uuid;

use super::super::engine::Engine;
use super::super::refusal::Refusal;
use super::attributes::{Author, Given};
use super::codes::Delivery;
use super::passwords::srp_identity;
use super::sign_up::Registration;
use crate::issuer::error::IssuerError;
use crate::issuer::messages::{Medium, Message, MessageKind};
use crate::issuer::pool::{Attempts, StoredUser, User, UserPool, UserStatus, random_letters};
use crate::issuer::store::{Connection, NewPassword, PasswordAttempts, Users};

/// An account that an administrator makes.
#[derive(Debug)]
pub(crate) struct NewByAdmin<'a> {
    pub pool_id: &'a str,
    pub user_name: &'a str,
    pub attributes: Given,
    pub password: Option<SecretString>,
    pub creation: Creation,
    /// How the user is told; none is asked for by default, then it is the first that the pool takes.
    pub media: Vec<Medium>,
    pub by_force: bool,
}

/// Whether the user is told, and whether the account is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Creation {
    Tell,
    /// Nothing is sent.
    Suppress,
    /// The account is there already: it is told again, with a new temporary password.
    Resend,
}

const DAY: u64 = 24 * 60 * 60 * 1000;

impl Engine {
    /// Makes an account with a password that the user must change, and tells the user.
    pub(crate) async fn create_user(&self, ask: NewByAdmin<'_>) -> Result<User, Refusal> {
        let pool = self.known_pool(ask.pool_id).await?;
        let policy = pool.settings.password_policy();
        let password = match &ask.password {
            Some(password) => {
                self.judge_password(&policy, None, password).await?;
                password.clone()
            }
            None => temporary_password(policy.shortest)?,
        };
        let until = self.clock.unix_millis().saturating_add(policy.temporary_days.max(1) * DAY);
        if ask.creation == Creation::Resend {
            return self.tell_again(&pool, &ask, password, until).await;
        }
        Self::judge_attributes(&pool, Author::Administrator, &ask.attributes, true)?;
        let sub = Uuid::new_v4().to_string();
        let mut registration = Registration {
            pool: &pool,
            sub: &sub,
            given_name: ask.user_name,
            attributes: ask.attributes.clone(),
            status: UserStatus::ForceChangePassword,
            by_force: ask.by_force,
        };
        registration.name_attribute()?;
        let hashed = self.hashed(&pool.id, (&sub, registration.name()), password.clone()).await?;
        let mut write = self.database.write().await?;
        self.register(&mut write, &registration).await?;
        let stored = Users(&mut write).by_sub(&pool.id, &sub).await?.ok_or(IssuerError::Kept("user"))?;
        self.keep_password(&mut write, &stored, &hashed, &policy, Some(until)).await?;
        if ask.creation == Creation::Tell {
            self.invite(&mut write, &pool, &stored.user, (&ask.media, password)).await?;
        }
        let made = Users(&mut write).by_sub(&pool.id, &sub).await?.ok_or(IssuerError::Kept("user"))?;
        write.commit().await.map_err(IssuerError::database("add a user"))?;
        Ok(made.user)
    }

    async fn tell_again(
        &self,
        pool: &UserPool,
        ask: &NewByAdmin<'_>,
        password: SecretString,
        until: u64,
    ) -> Result<User, Refusal> {
        let stored = self.stored_user(&pool.id, ask.user_name).await?;
        if stored.user.status != UserStatus::ForceChangePassword {
            return Err(Refusal::WrongState("Resend not possible. user status is not FORCE_CHANGE_PASSWORD"));
        }
        let hashed = self.hashed(&pool.id, srp_identity(&stored.user), password.clone()).await?;
        let mut write = self.database.write().await?;
        let policy = pool.settings.password_policy();
        self.keep_password(&mut write, &stored, &hashed, &policy, Some(until)).await?;
        self.invite(&mut write, pool, &stored.user, (&ask.media, password)).await?;
        write.commit().await.map_err(IssuerError::database("tell a user again"))?;
        Ok(stored.user)
    }

    /// Tells the user name and temporary password, where the user can be reached.
    async fn invite(
        &self,
        write: &mut Connection,
        pool: &UserPool,
        user: &User,
        (media, code): (&[Medium], SecretString),
    ) -> Result<(), Refusal> {
        // SMS is what Cognito takes where nothing is said; a user without a phone is reached by e-mail.
        let wanted = if media.is_empty() { &[Medium::Sms, Medium::Email][..] } else { media };
        let reach = |medium: &Medium| Some((*medium, user.attributes.get(medium.attribute())?));
        let mut told = wanted.iter().filter_map(reach);
        let first = told.next();
        let rest = told.filter(|_| !media.is_empty());
        for (medium, destination) in first.into_iter().chain(rest) {
            let (kind, code) = (MessageKind::AdminCreateUser, code.clone());
            let message = Message { kind, medium, sub: &user.sub, user_name: &user.name, destination, code };
            self.courier.post(write, pool, &message, self.clock.unix_millis()).await?;
        }
        Ok(())
    }

    /// The user of this name, alias or `sub`.
    pub(crate) async fn stored_user(&self, pool_id: &str, user_name: &str) -> Result<StoredUser, Refusal> {
        self.known_pool(pool_id).await?;
        let mut read = self.database.read().await?;
        Users(&mut read).by_login_or_sub(pool_id, user_name).await?.ok_or(Refusal::UnknownUser)
    }

    /// Sets a password, for good or until the next sign-in. All sessions of the old one end.
    pub(crate) async fn set_user_password(
        self: &Arc<Self>,
        (pool_id, user_name): (&str, &str),
        password: SecretString,
        is_permanent: bool,
    ) -> Result<(), Refusal> {
        let pool = self.known_pool(pool_id).await?;
        let stored = self.stored_user(pool_id, user_name).await?;
        let policy = pool.settings.password_policy();
        self.judge_password(&policy, Some(&stored), &password).await?;
        let hashed = self.hashed(pool_id, srp_identity(&stored.user), password).await?;
        let mut write = self.database.write().await?;
        let now = self.clock.unix_millis();
        let until = (!is_permanent).then(|| now.saturating_add(policy.temporary_days.max(1) * DAY));
        self.keep_password(&mut write, &stored, &hashed, &policy, until).await?;
        PasswordAttempts(&mut write).clear(Attempts::key(pool_id, &stored.user.sub)).await?;
        self.end_sessions_in(&mut write, pool_id, &stored.user.sub).await?;
        write.commit().await.map_err(IssuerError::database("set a password"))?;
        Ok(())
    }

    /// Takes the password back: the user must set a new one by a code, which is sent where the user can be reached.
    pub(crate) async fn reset_user_password(
        self: &Arc<Self>,
        pool_id: &str,
        user_name: &str,
    ) -> Result<Delivery, Refusal> {
        let pool = self.known_pool(pool_id).await?;
        let stored = self.stored_user(pool_id, user_name).await?;
        let user = &stored.user;
        if user.status == UserStatus::Unconfirmed || user.status == UserStatus::ForceChangePassword {
            return Err(Refusal::NotAllowed("User password cannot be reset in the current state."));
        }
        let mut write = self.database.write().await?;
        let delivery = self.send_reset_code(&mut write, &pool, &stored).await?;
        let (hash, srp, history) =
            (stored.password.as_ref(), stored.credentials.srp.as_ref(), &stored.credentials.history);
        let new = NewPassword { hash, srp, history, status: UserStatus::ResetRequired, temporary_until: None };
        Users(&mut write).set_password(&user.sub, &new, self.clock.unix_millis()).await?;
        self.end_sessions_in(&mut write, pool_id, &user.sub).await?;
        write.commit().await.map_err(IssuerError::database("reset a password"))?;
        Ok(delivery)
    }

    /// Enables or disables a user. When a disabling has answered, the gateway refuses all tokens of the user.
    pub(crate) async fn set_enabled(
        self: &Arc<Self>,
        pool_id: &str,
        user_name: &str,
        enabled: bool,
    ) -> Result<(), Refusal> {
        let user = self.stored_user(pool_id, user_name).await?.user;
        let mut write = self.database.write().await?;
        Users(&mut write).set_enabled(&user.sub, enabled, self.clock.unix_millis()).await?;
        if !enabled {
            self.end_sessions_in(&mut write, pool_id, &user.sub).await?;
        }
        write.commit().await.map_err(IssuerError::database("enable or disable a user"))?;
        Ok(())
    }

    /// Deletes a user. When it has answered, the gateway refuses all tokens of the user.
    pub(crate) async fn delete_user(self: &Arc<Self>, pool_id: &str, sub: &str) -> Result<(), Refusal> {
        let mut write = self.database.write().await?;
        self.end_sessions_in(&mut write, pool_id, sub).await?;
        Users(&mut write).remove(sub).await?;
        write.commit().await.map_err(IssuerError::database("delete a user"))?;
        Ok(())
    }

    /// Confirms an account without a code; no address is proved by it.
    pub(crate) async fn confirm_by_admin(&self, pool_id: &str, user_name: &str) -> Result<(), Refusal> {
        let user = self.stored_user(pool_id, user_name).await?.user;
        if user.status != UserStatus::Unconfirmed {
            return Err(Refusal::NotAllowed(match user.status {
                UserStatus::Confirmed => "User cannot be confirmed. Current status is CONFIRMED",
                _ => "User cannot be confirmed in the current state",
            }));
        }
        let mut write = self.database.write().await?;
        Users(&mut write).set_status(&user.sub, UserStatus::Confirmed, self.clock.unix_millis()).await?;
        write.commit().await.map_err(IssuerError::database("confirm a user"))?;
        Ok(())
    }

    /// Sets attributes of a user; an empty value takes one away.
    pub(crate) async fn update_by_admin(&self, pool_id: &str, user_name: &str, given: Given) -> Result<(), Refusal> {
        let pool = self.known_pool(pool_id).await?;
        let user = self.stored_user(pool_id, user_name).await?.user;
        Self::judge_attributes(&pool, Author::Administrator, &given, false)?;
        let mut write = self.database.write().await?;
        self.set_attributes(&mut write, &pool, &user, given).await?;
        write.commit().await.map_err(IssuerError::database("change attributes"))?;
        Ok(())
    }

    /// Ends all sessions of a user.
    pub(crate) async fn sign_out_by_admin(self: &Arc<Self>, pool_id: &str, user_name: &str) -> Result<(), Refusal> {
        let user = self.stored_user(pool_id, user_name).await?.user;
        self.end_all_of(pool_id, &user.sub).await
    }
}

/// A password with every class of character that fits the pool's length.
fn temporary_password(shortest: usize) -> Result<SecretString, IssuerError> {
    let parts = [
        random_letters(b"ABCDEFGHJKLMNPQRSTUVWXYZ", 4)?,
        random_letters(b"!@#%^*", 2)?,
        random_letters(b"23456789", 4)?,
        random_letters(b"abcdefghijkmnpqrstuvwxyz", shortest.max(16) - 10)?,
    ];
    Ok(SecretString::from(parts.concat()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::issuer::pool::proof::PasswordPolicy;

    #[test]
    fn a_temporary_password_fits_the_default_policy() {
        let policy = PasswordPolicy::default();
        let (one, two) = (temporary_password(8).unwrap(), temporary_password(8).unwrap());
        assert_eq!(policy.objection(one.expose_secret()), None);
        assert_ne!(one.expose_secret(), two.expose_secret());
        assert_eq!(temporary_password(99).unwrap().expose_secret().len(), 99);
    }
}
