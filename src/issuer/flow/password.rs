//! Sign-in with user name and password.

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::engine::{Engine, SignedIn};
use super::refusal::Refusal;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::{Attempts, Client, Flow, PasswordHash, RefreshToken, Session, User};
use crate::issuer::store::{Connection, PasswordAttempts, Sessions, Users};

/// What a caller signs in with.
#[derive(Debug)]
pub(crate) struct PasswordSignIn<'a> {
    pub client_id: &'a str,
    pub user_name: Option<&'a str>,
    pub password: Option<SecretString>,
    pub secret_hash: Option<&'a str>,
}

/// A name that someone wants in by, and the hash that its password was compared with.
struct Compared<'a> {
    client: &'a Client,
    user_name: &'a str,
    right: bool,
    kept: Option<PasswordHash>,
}

impl Engine {
    /// Signs a user in.
    ///
    /// Whether the name exists shows neither in the answer nor in the work that is done for it.
    pub(crate) async fn sign_in(&self, ask: PasswordSignIn<'_>) -> Result<SignedIn, Refusal> {
        let client = self.client_for(ask.client_id, Flow::UserPassword).await?;
        let user_name = ask.user_name.ok_or(Refusal::MissingParameter("USERNAME"))?;
        let password = ask.password.ok_or(Refusal::MissingParameter("PASSWORD"))?;
        self.prove(&client, ask.secret_hash, &[user_name])?;

        let compared = self.compare(&client, user_name, password).await?;
        let (user, session, refresh_token) = self.admit(&compared).await?;
        let tokens = self.tokens(&client, &user, &session, session.signed_in_at).await?;
        Ok(SignedIn { refresh_token: Some(refresh_token), ..tokens })
    }

    /// Compares the password with the one that is kept, or with one that nobody knows where none is.
    async fn compare<'a>(
        &self,
        client: &'a Client,
        user_name: &'a str,
        password: SecretString,
    ) -> Result<Compared<'a>, Refusal> {
        let mut read = self.database.read().await?;
        let attempts = PasswordAttempts(&mut read).of(Attempts::key(&client.pool_id, user_name)).await?;
        let kept = Users(&mut read).password_of(&client.pool_id, user_name).await?;
        drop(read);
        // A locked name costs no hashing; admission asks again, under the writer's lock.
        not_locked(attempts, self.clock.unix_millis())?;

        let (hash, exists) = (kept.clone().unwrap_or_else(|| self.decoy.clone()), kept.is_some());
        let work = move || hash.is_of(password.expose_secret());
        let right = self.hashing.run(work).await? && exists;
        Ok(Compared { client, user_name, right, kept })
    }

    /// Counts the attempt and, where the password was right, begins a session, in one transaction.
    ///
    /// INVARIANT: what a comparison found is told only if the name is not locked when its turn comes. However many guesses
    /// are compared at once, no more of them are answered than the lock lets through.
    async fn admit(&self, compared: &Compared<'_>) -> Result<(User, Session, RefreshToken), Refusal> {
        let Compared { client, user_name, right, kept } = compared;
        let key = Attempts::key(&client.pool_id, user_name);
        let mut write = self.database.write().await?;
        let now = self.clock.unix_millis();
        let attempts = PasswordAttempts(&mut write).of(key).await?;
        not_locked(attempts, now)?;
        if !right {
            PasswordAttempts(&mut write).put(key, attempts.after_failure(now), now).await?;
            write.commit().await.map_err(IssuerError::database("count a wrong password"))?;
            return Err(Refusal::WrongCredentials);
        }
        // The user is read again: the password may have been changed while the old one was compared.
        let user = Users(&mut write).by_name(&client.pool_id, user_name).await?;
        let user = user.filter(|user| user.password == *kept).ok_or(Refusal::WrongCredentials)?.user;
        // Told only to who knows the password.
        if !user.enabled {
            return Err(Refusal::UserDisabled);
        }
        PasswordAttempts(&mut write).clear(key).await?;
        let (session, refresh_token) = begin_session(&mut write, client, &user, now).await?;
        write.commit().await.map_err(IssuerError::database("begin a session"))?;
        Ok((user, session, refresh_token))
    }
}

fn not_locked(attempts: Attempts, now: u64) -> Result<(), Refusal> {
    if attempts.is_locked(now) { Err(Refusal::Locked) } else { Ok(()) }
}

async fn begin_session(
    write: &mut Connection,
    client: &Client,
    user: &User,
    now: u64,
) -> Result<(Session, RefreshToken), IssuerError> {
    let session = Session {
        id: Uuid::new_v4().to_string(),
        pool_id: client.pool_id.clone(),
        client_id: client.id.clone(),
        sub: user.sub.clone(),
        event_id: Uuid::new_v4().to_string(),
        signed_in_at: now,
        expires_at: now.saturating_add(client.lifetimes.refresh.saturating_mul(1000)),
        revoked: false,
    };
    let refresh_token = RefreshToken::generate()?;
    Sessions(write).add(&session, refresh_token.hash()).await?;
    Sessions(write).sweep(now).await?;
    Ok((session, refresh_token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::issuer::Issuer;
    use crate::issuer::store::query;
    use crate::token::Revocations;

    /// The password is changed after the old one was compared and before its comparison is told.
    #[tokio::test]
    async fn a_password_that_was_changed_while_it_was_compared_admits_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let pools = serde_json::json!({"demo": {"clients": {"web": {"id": "web"}}, "users": {"alice": {"password": "old password"}}}});
        let database = directory.path().join("issuer.db");
        let config = serde_json::json!({"address": "127.0.0.1:1", "database": database, "pools": pools});
        let clock = Clock::standing_at(1_700_000_000);
        let config = serde_json::from_value(config).unwrap();
        let issuer = Issuer::open(config, clock.clone(), Revocations::new(clock)).await.unwrap();
        let engine = issuer.engine();

        let client = engine.client_for("web", Flow::UserPassword).await.unwrap();
        let compared = engine.compare(&client, "alice", "old password".into()).await.unwrap();
        let mut write = engine.database.write().await.unwrap();
        query("UPDATE users SET password_hash = 'new'").execute(&mut write).await.unwrap();
        write.commit().await.unwrap();
        assert!(compared.right);
        assert_eq!(engine.admit(&compared).await.err().map(|refusal| refusal.code()), Some("wrong-credentials"));
    }
}
