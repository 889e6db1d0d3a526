//! Setting a password: judged by the policy, hashed for sign-in, and turned into a verifier for SRP.

use secrecy::{ExposeSecret, SecretString};

use super::super::engine::Engine;
use super::super::refusal::Refusal;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::proof::{PasswordPolicy, Verifier};
use crate::issuer::pool::{PasswordHash, SealedVerifier, StoredUser, User, UserStatus};
use crate::issuer::sealing::Sealer;
use crate::issuer::store::{Connection, NewPassword, SRP_VERIFIER, Users};

/// A password as it is kept: its hash for flows that send it, its verifier for SRP. Both are made at once, because neither can be
/// made of the other; the verifier, against which guessing is cheaper, is sealed besides.
#[derive(Debug, Clone)]
pub(crate) struct Hashed {
    pub hash: PasswordHash,
    pub srp: SealedVerifier,
}

impl Engine {
    /// Hashes a password of the user with this `sub`, who is called `identity` in SRP.
    pub(crate) async fn hashed(
        &self,
        pool_id: &str,
        (sub, identity): (&str, &str),
        password: SecretString,
    ) -> Result<Hashed, IssuerError> {
        let (pool, name) = (pool_id.to_owned(), identity.to_owned());
        let work = move || {
            let password = password.expose_secret();
            Ok::<_, IssuerError>((PasswordHash::of(password)?, Verifier::of(&pool, &name, password)?))
        };
        let (hash, verifier) = self.hashing.run(work).await??;
        Ok(Hashed { hash, srp: sealed_verifier(&self.sealer, sub, &verifier)? })
    }

    /// The verifier of the user, where there is one that opens.
    pub(crate) fn opened_verifier(&self, sub: &str, kept: &SealedVerifier) -> Result<Verifier, IssuerError> {
        let value = self.sealer.open_sealed(SRP_VERIFIER, sub, &kept.sealed)?;
        let mut salt = [0; 16];
        salt.iter_mut().zip(&kept.salt).for_each(|(to, from)| *to = *from);
        Ok(Verifier { identity: kept.identity.clone(), salt, value })
    }

    /// Refuses a password that the policy or the user's history does not let stand.
    pub(crate) async fn judge_password(
        &self,
        policy: &PasswordPolicy,
        stored: Option<&StoredUser>,
        password: &SecretString,
    ) -> Result<(), Refusal> {
        if let Some(objection) = policy.objection(password.expose_secret()) {
            return Err(Refusal::WeakPassword(objection));
        }
        let Some(stored) = stored.filter(|_| policy.history > 0) else { return Ok(()) };
        // The password of now counts as one of the history.
        let before = stored.password.iter().chain(&stored.credentials.history).take(policy.history);
        let before: Vec<PasswordHash> = before.cloned().collect();
        let password = password.clone();
        let used = move || before.iter().any(|hash| hash.is_of(password.expose_secret()));
        if self.hashing.run(used).await? { Err(Refusal::UsedPassword) } else { Ok(()) }
    }

    /// Keeps a new password, and what it replaces in the history, as long as the policy remembers any.
    pub(crate) async fn keep_password(
        &self,
        write: &mut Connection,
        stored: &StoredUser,
        hashed: &Hashed,
        policy: &PasswordPolicy,
        temporary_until: Option<u64>,
    ) -> Result<(), IssuerError> {
        let before = stored.password.iter().chain(&stored.credentials.history);
        let history: Vec<PasswordHash> = before.take(policy.history).cloned().collect();
        let status = if temporary_until.is_some() { UserStatus::ForceChangePassword } else { UserStatus::Confirmed };
        let new = NewPassword {
            hash: Some(&hashed.hash),
            srp: Some(&hashed.srp),
            history: &history,
            status,
            temporary_until,
        };
        Users(write).set_password(&stored.user.sub, &new, self.clock.unix_millis()).await
    }
}

/// A verifier as it is kept for the user with this `sub`.
pub(crate) fn sealed_verifier(sealer: &Sealer, sub: &str, verifier: &Verifier) -> Result<SealedVerifier, IssuerError> {
    Ok(SealedVerifier {
        identity: verifier.identity.clone(),
        salt: verifier.salt.to_vec(),
        sealed: sealer.seal(SRP_VERIFIER, sub, &verifier.value)?,
    })
}

/// Whose password it is, and what SRP calls the user: the name, whatever alias was typed.
pub(super) fn srp_identity(user: &User) -> (&str, &str) {
    (&user.sub, &user.name)
}
