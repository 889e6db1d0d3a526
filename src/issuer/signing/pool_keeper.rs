//! Serves pools as the database has them: reads them with their keys, and makes the keys that are due.

use std::sync::Arc;

use super::key_ring::{KeyRing, Purpose, RingKey};
use super::rotation::{Rotation, outlived};
use super::served_pool::{ServedPool, ServedPools};
use crate::clock::Clock;
use crate::issuer::error::IssuerError;
use crate::issuer::paths;
use crate::issuer::pool::UserPool;
use crate::issuer::sealing::Sealer;
use crate::issuer::store::{Changes, Database, KeptKey, Pools, SIGNING_KEY, SigningKeys};
use crate::issuer::workers::Workers;
use crate::jose::{Algorithm, SigningKey};

/// What pools are served with.
#[derive(Debug)]
pub(crate) struct PoolKeeper {
    pub database: Database,
    pub sealer: Arc<Sealer>,
    pub clock: Clock,
    /// Makes and reads RSA keys.
    pub signing: Workers,
    /// What the `iss` of a pool that states none begins with.
    pub base_url: String,
    pub rotation: Rotation,
}

/// How a pool's keys are rotated when somebody asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotateKeys {
    /// The next keys are published now and sign later; the old ones verify until their last token has expired.
    Overlapping,
    /// The next keys sign at once; the old ones verify until their last token has expired.
    AtOnce,
    /// The next keys sign at once and the old ones are gone: every token of the pool ends. For keys that were stolen.
    Withdrawing,
}

impl PoolKeeper {
    /// Serves every pool of the database, and no other.
    pub(crate) async fn serve_all(&self, served: &ServedPools) -> Result<(), IssuerError> {
        let all = Pools(&mut self.database.read().await?).all().await?;
        for id in served.ids() {
            if !all.iter().any(|pool| pool.id == id) {
                served.remove(&id);
            }
        }
        for pool in all {
            self.serve_kept(served, pool).await?;
        }
        Ok(())
    }

    /// Serves the pool with this id as the database has it now; where it has none, serves it no more.
    pub(crate) async fn serve(&self, served: &ServedPools, id: &str) -> Result<(), IssuerError> {
        let pool = Pools(&mut self.database.read().await?).by_id(id).await?;
        let Some(pool) = pool else {
            served.remove(id);
            return Ok(());
        };
        self.serve_kept(served, pool).await
    }

    async fn serve_kept(&self, served: &ServedPools, pool: UserPool) -> Result<(), IssuerError> {
        let kept = self.due_keys(&pool).await?;
        let before = served.get(&pool.id);
        let known: Vec<Arc<SigningKey>> = before.as_ref().map(|pool| pool.keys.signing_keys()).unwrap_or_default();
        let mut keys = Vec::new();
        for key in kept {
            keys.push(self.opened(key, &known).await?);
        }
        let ring = match before {
            Some(before) => {
                before.keys.replace(keys)?;
                Arc::clone(&before.keys)
            }
            None => Arc::new(KeyRing::new(keys)?),
        };
        let own_url = pool.issuer_url.clone();
        let issuer_url = own_url.unwrap_or_else(|| paths::issuer_url(&self.base_url, &pool.id));
        let served_at = paths::issuer_url(&self.base_url, &pool.id);
        served.put(ServedPool { pool, issuer_url, served_at, keys: ring });
        Ok(())
    }

    /// The pool's keys, after those were made that are due and those removed that have outlived their tokens.
    async fn due_keys(&self, pool: &UserPool) -> Result<Vec<KeptKey>, IssuerError> {
        let kept = SigningKeys(&mut self.database.read().await?).of_pool(&pool.id).await?;
        let now = self.clock.unix_millis();
        let due = |keys: &[KeptKey], purpose| self.rotation.next(keys, purpose, pool.token_algorithm, now);
        let mut made = Vec::new();
        for purpose in Purpose::ALL.into_iter().filter(|purpose| due(&kept, *purpose).is_some()) {
            made.push((purpose, self.make(purpose, pool.token_algorithm).await?));
        }
        if made.is_empty() && outlived(&kept, now).is_empty() {
            return Ok(kept);
        }
        let mut write = self.database.write().await?;
        // Asked again under the writer's lock: another node may have been faster.
        let kept = SigningKeys(&mut write).of_pool(&pool.id).await?;
        for (purpose, key) in made {
            if let Some(signs_from) = due(&kept, purpose) {
                SigningKeys(&mut write).add(&pool.id, &KeptKey { signs_from, ..key }, now).await?;
            }
        }
        for kid in outlived(&kept, now) {
            SigningKeys(&mut write).remove(&pool.id, &kid).await?;
        }
        let kept = SigningKeys(&mut write).of_pool(&pool.id).await?;
        Changes(&mut write).pool_changed(&pool.id, now).await?;
        write.commit().await.map_err(IssuerError::database("rotate signing keys"))?;
        Ok(kept)
    }

    /// Rotates the keys of a pool because somebody asked for it. Whoever serves the pool hears of it as of any change.
    pub(crate) async fn rotate(&self, pool: &UserPool, how: RotateKeys) -> Result<(), IssuerError> {
        let mut made = Vec::new();
        for purpose in Purpose::ALL {
            made.push(self.make(purpose, pool.token_algorithm).await?);
        }
        let mut write = self.database.write().await?;
        let now = self.clock.unix_millis();
        let signs_from = if how == RotateKeys::Overlapping { self.rotation.soonest(now) } else { now };
        if how == RotateKeys::Withdrawing {
            for old in SigningKeys(&mut write).of_pool(&pool.id).await? {
                SigningKeys(&mut write).remove(&pool.id, &old.kid).await?;
            }
        }
        for key in made {
            SigningKeys(&mut write).add(&pool.id, &KeptKey { signs_from, ..key }, now).await?;
        }
        Changes(&mut write).pool_changed(&pool.id, now).await?;
        write.commit().await.map_err(IssuerError::database("rotate signing keys"))
    }

    async fn make(&self, purpose: Purpose, algorithm: Algorithm) -> Result<KeptKey, IssuerError> {
        let key = self.signing.run(move || SigningKey::generate_for(algorithm)).await??;
        let sealed = self.sealer.seal(SIGNING_KEY, key.kid(), &key.to_pkcs8()?)?;
        Ok(KeptKey {
            kid: key.kid().to_owned(),
            purpose: purpose.name().to_owned(),
            algorithm: algorithm.name().to_owned(),
            sealed,
            signs_from: 0,
        })
    }

    /// A key that is in use already is not read again.
    async fn opened(&self, kept: KeptKey, known: &[Arc<SigningKey>]) -> Result<RingKey, IssuerError> {
        let impossible = || IssuerError::Kept("signing key");
        let purpose = Purpose::ALL.into_iter().find(|purpose| purpose.name() == kept.purpose).ok_or_else(impossible)?;
        let algorithm = Algorithm::from_name(&kept.algorithm).ok_or_else(impossible)?;
        let signs_from = kept.signs_from;
        if let Some(key) = known.iter().find(|key| key.kid() == kept.kid) {
            return Ok(RingKey { purpose, key: Arc::clone(key), signs_from });
        }
        let pkcs8 = self.sealer.open_sealed(SIGNING_KEY, &kept.kid, &kept.sealed)?;
        let key = self.signing.run(move || SigningKey::from_pkcs8_for(algorithm, &pkcs8)).await??;
        Ok(RingKey { purpose, key: Arc::new(key), signs_from })
    }
}
