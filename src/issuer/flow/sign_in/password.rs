//! The password as it is sent: compared with its hash, counted, and never told apart from a name that nobody has.

use std::net::IpAddr;

use secrecy::{ExposeSecret, SecretString};

use super::super::account::sealed_verifier;
use super::super::engine::Engine;
use super::super::refusal::Refusal;
use super::ask::Step;
use super::next::Way;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::proof::Verifier;
use crate::issuer::pool::{Attempts, PasswordHash, Sha256, StoredUser};
use crate::issuer::store::{Connection, Login, PasswordAttempts, Users};

/// What a comparison found.
pub(super) struct Compared {
    right: bool,
    /// Whose password it was compared with.
    login: Option<Login>,
    /// A verifier of a password that is right, where the account had none.
    verifier: Option<Verifier>,
    /// Our own hash of a password that is right, where the account had one that others made.
    renewed: Option<PasswordHash>,
}

/// Whose attempts are counted: the user's, whatever name was given, or the name's where nobody has it.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Counted<'a> {
    pub pool_id: &'a str,
    pub given: &'a str,
    pub sub: Option<&'a str>,
    pub address: Option<IpAddr>,
}

impl Counted<'_> {
    pub(in super::super) fn key(&self) -> Sha256 {
        Attempts::key(self.pool_id, self.sub.unwrap_or(self.given))
    }
}

impl Engine {
    /// Takes a password as the first factor and decides what comes next.
    ///
    /// Whether the name exists shows neither in the answer nor in the work that is done for it.
    pub(super) async fn by_password(
        &self,
        way: &Way<'_>,
        password: SecretString,
        address: Option<IpAddr>,
    ) -> Result<Step, Refusal> {
        let compared = self.compare(way, password, address).await?;
        let mut write = self.database.write().await?;
        match self.admit(&mut write, way, &compared, address).await {
            Ok(stored) => {
                let decided = self.next(&mut write, way, stored).await;
                self.settle(write, way.client, decided).await
            }
            Err(refusal) => {
                write.commit().await.map_err(IssuerError::database("count a wrong password"))?;
                Err(refusal)
            }
        }
    }

    /// Compares the password with the one that is kept, or with one that nobody knows where none is.
    pub(super) async fn compare(
        &self,
        way: &Way<'_>,
        password: SecretString,
        address: Option<IpAddr>,
    ) -> Result<Compared, Refusal> {
        let mut read = self.database.read().await?;
        let login = Users(&mut read).login(&way.pool.id, way.given).await?;
        // A locked name costs no hashing; admission asks again, under the writer's lock.
        self.not_locked(&mut read, counted(way, login.as_ref(), address)).await?;
        drop(read);
        let kept = login.as_ref().and_then(|login| login.password.clone());
        let (hash, exists) = (kept.clone().unwrap_or_else(|| self.decoy.clone()), kept.is_some());
        let lacking = login.as_ref().filter(|login| login.srp.is_none()).map(|login| login.name.clone());
        let pool_id = way.pool.id.clone();
        let work = move || {
            let right = hash.is_of(password.expose_secret()) && exists;
            let name = lacking.filter(|_| right);
            let verifier = name.map(|name| Verifier::of(&pool_id, &name, password.expose_secret())).transpose()?;
            let is_foreign = right && !hash.is_ours();
            let renewed = is_foreign.then(|| PasswordHash::of(password.expose_secret())).transpose()?;
            Ok::<_, IssuerError>((right, verifier, renewed))
        };
        let (right, verifier, renewed) = self.hashing.run(work).await??;
        Ok(Compared { right, login, verifier, renewed })
    }

    /// Counts the attempt and gives the user whose password was right.
    ///
    /// INVARIANT: what a comparison found is told only if the name is not locked when its turn comes. However many guesses
    /// are compared at once, no more of them are answered than the lock lets through. The caller commits, whatever comes of it.
    pub(super) async fn admit(
        &self,
        write: &mut Connection,
        way: &Way<'_>,
        compared: &Compared,
        address: Option<IpAddr>,
    ) -> Result<StoredUser, Refusal> {
        let counted = counted(way, compared.login.as_ref(), address);
        self.not_locked(write, counted).await?;
        let Some(login) = compared.login.as_ref().filter(|_| compared.right) else {
            self.count_failure(write, counted).await?;
            return Err(Refusal::WrongCredentials);
        };
        // The user is read again: the password may have been changed while the old one was compared.
        let stored = Users(&mut *write).by_sub(&way.pool.id, &login.sub).await?;
        let mut stored = stored.filter(|stored| stored.password == login.password).ok_or(Refusal::WrongCredentials)?;
        PasswordAttempts(&mut *write).clear(counted.key()).await?;
        if let Some(verifier) = &compared.verifier {
            let sealed = sealed_verifier(&self.sealer, &login.sub, verifier)?;
            Users(&mut *write).set_verifier(&login.sub, &sealed).await?;
        }
        if let Some(renewed) = &compared.renewed {
            Users(&mut *write).renew_hash(&login.sub, renewed).await?;
            stored.password = Some(renewed.clone());
        }
        Ok(stored)
    }

    /// Refuses while the name or the address is locked.
    pub(in super::super) async fn not_locked(
        &self,
        connection: &mut Connection,
        counted: Counted<'_>,
    ) -> Result<(), Refusal> {
        let now = self.clock.unix_millis();
        let of_name = PasswordAttempts(&mut *connection).of(counted.key()).await?;
        let of_address = match counted.address.filter(|_| self.attempts_per_address > 0) {
            Some(address) => PasswordAttempts(connection).of(Attempts::address_key(address)).await?,
            None => Attempts::default(),
        };
        if of_name.is_locked(now) || of_address.is_locked(now) { Err(Refusal::Locked) } else { Ok(()) }
    }

    /// Counts a wrong proof against the name and against the address.
    pub(in super::super) async fn count_failure(
        &self,
        write: &mut Connection,
        counted: Counted<'_>,
    ) -> Result<(), IssuerError> {
        let now = self.clock.unix_millis();
        let attempts = PasswordAttempts(&mut *write).of(counted.key()).await?;
        PasswordAttempts(&mut *write).put(counted.key(), attempts.after_failure(now), now).await?;
        if let Some(address) = counted.address.filter(|_| self.attempts_per_address > 0) {
            let key = Attempts::address_key(address);
            let attempts = PasswordAttempts(&mut *write).of(key).await?;
            let attempts = attempts.after_failure_beyond(self.attempts_per_address, now);
            PasswordAttempts(write).put(key, attempts, now).await?;
        }
        Ok(())
    }

    /// Whether the bearer knows the password of now. Wrong ones count towards the lock, as those of a sign-in do.
    pub(in super::super) async fn know_previous(
        &self,
        counted: Counted<'_>,
        kept: Option<PasswordHash>,
        previous: Option<SecretString>,
    ) -> Result<(), Refusal> {
        // An account without a password has nothing to know.
        let Some(kept) = kept else { return Ok(()) };
        let previous = previous.ok_or(Refusal::WrongCredentials)?;
        self.not_locked(&mut self.database.read().await?, counted).await?;
        let right = self.hashing.run(move || kept.is_of(previous.expose_secret())).await?;
        let mut write = self.database.write().await?;
        self.not_locked(&mut write, counted).await?;
        if !right {
            self.count_failure(&mut write, counted).await?;
        }
        write.commit().await.map_err(IssuerError::database("count a wrong password"))?;
        if right { Ok(()) } else { Err(Refusal::WrongCredentials) }
    }
}

fn counted<'a>(way: &'a Way<'_>, login: Option<&'a Login>, address: Option<IpAddr>) -> Counted<'a> {
    Counted { pool_id: &way.pool.id, given: way.given, sub: login.map(|login| login.sub.as_str()), address }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::issuer::Issuer;
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

        let client = engine.known_client("web").await.unwrap();
        let pool = engine.pool_of(&client).await.unwrap();
        let way = Way {
            client: &client,
            pool: &pool,
            given: "alice",
            by_admin: false,
            passed: super::super::next::Passed::Password,
        };
        let compared = engine.compare(&way, "old password".into(), None).await.unwrap();
        let mut write = engine.database.write().await.unwrap();
        crate::issuer::store::query("UPDATE users SET password_hash = 'new'").execute(&mut write).await.unwrap();
        write.commit().await.unwrap();
        assert!(compared.right);
        let mut write = engine.database.write().await.unwrap();
        let admitted = engine.admit(&mut write, &way, &compared, None).await;
        assert_eq!(admitted.err().map(|refusal| refusal.code()), Some("wrong-credentials"));
    }
}
