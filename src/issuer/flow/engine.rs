//! The engine: what every flow works with, and the steps that flows share.

use std::collections::HashMap;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::refusal::Refusal;
use crate::clock::Clock;
use crate::issuer::error::IssuerError;
use crate::issuer::messages::Courier;
use crate::issuer::pool::{
    Client, LONGEST_TOKEN_MILLIS, PasswordHash, RefreshToken, SecretHash, Session, User, UserPool,
};
use crate::issuer::sealing::Sealer;
use crate::issuer::signing::{Mint, PoolKeeper, Purpose, ServedPool, ServedPools};
use crate::issuer::store::{CLIENT_SECRET, ClientSecrets, Clients, Connection, Database, KeptSecret, Pools, Sessions};
use crate::issuer::workers::Workers;
use crate::token::Revocations;

/// All pools of this issuer and what their flows need.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) revocations: Revocations,
    pub(crate) pools: ServedPools,
    /// Reads pools that came or changed, with their keys.
    pub(crate) keeper: PoolKeeper,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) courier: Courier,
    /// How many wrong passwords of one address may be before it is locked; 0 where addresses are not told apart.
    pub(crate) attempts_per_address: u32,
    /// By client id; from the config, kept nowhere else.
    pub(crate) secrets: HashMap<String, SecretString>,
    /// Runs Argon2.
    pub(crate) hashing: Workers,
    /// Runs RSA.
    pub(crate) signing: Workers,
    /// The hash of a password that nobody knows: what is verified where there is no user.
    pub(crate) decoy: PasswordHash,
}

/// What a sign-in gives.
pub(crate) struct SignedIn {
    pub access_token: String,
    pub id_token: String,
    /// A new one; absent where the caller keeps the one that it has.
    pub refresh_token: Option<RefreshToken>,
    /// Seconds until the access token expires.
    pub expires_in: u64,
}

impl Engine {
    /// The client with this id.
    pub(crate) async fn known_client(&self, id: &str) -> Result<Client, Refusal> {
        self.client(id).await?.ok_or_else(|| Refusal::UnknownClient(id.to_owned()))
    }

    /// The pool with this id, as it is set now.
    pub(crate) async fn known_pool(&self, id: &str) -> Result<UserPool, Refusal> {
        let pool = Pools(&mut self.database.read().await?).by_id(id).await?;
        pool.ok_or_else(|| Refusal::UnknownPool(id.to_owned()))
    }

    /// The pool of a client.
    pub(crate) async fn pool_of(&self, client: &Client) -> Result<UserPool, Refusal> {
        self.known_pool(&client.pool_id).await
    }

    pub(super) async fn client(&self, id: &str) -> Result<Option<Client>, IssuerError> {
        let mut read = self.database.read().await?;
        Clients(&mut read).by_id(id).await
    }

    /// Checks `SECRET_HASH`, which must be there for a confidential client and must not be for a public one.
    pub(super) async fn prove(&self, client: &Client, proof: Option<&str>, user_names: &[&str]) -> Result<(), Refusal> {
        let wrong = || Refusal::WrongClientProof(client.id.clone());
        match (client.confidential, proof) {
            (false, None) => Ok(()),
            (false, Some(_)) => Err(wrong()),
            (true, None) => Err(Refusal::NoClientProof(client.id.clone())),
            (true, Some(proof)) => {
                let secrets = self.secrets_of(client).await?;
                let proved = |secret| {
                    let expected = SecretHash { secret, client_id: &client.id };
                    user_names.iter().any(|user_name| expected.is(proof, user_name))
                };
                if secrets.iter().any(proved) { Ok(()) } else { Err(wrong()) }
            }
        }
    }

    /// Checks a client's secret itself, which must be there for a confidential client and must not be for a public one.
    pub(super) async fn prove_by_secret(&self, client: &Client, given: Option<&SecretString>) -> Result<(), Refusal> {
        let right = match (client.confidential, given) {
            (false, None) => true,
            (true, Some(given)) => {
                let secrets = self.secrets_of(client).await?;
                let is_it = |secret| SecretHash { secret, client_id: &client.id }.is_secret(given.expose_secret());
                secrets.iter().any(is_it)
            }
            _ => false,
        };
        if right { Ok(()) } else { Err(Refusal::NotThisClient) }
    }

    /// The secrets of a client: that of the config, or those that the API made. A client that was taken out of the config has
    /// none any more: nothing proves it.
    pub(crate) async fn secrets_of(&self, client: &Client) -> Result<Vec<SecretString>, IssuerError> {
        if let Some(declared) = self.secrets.get(&client.id) {
            return Ok(vec![declared.clone()]);
        }
        let kept = ClientSecrets(&mut self.database.read().await?).of(&client.id).await?;
        kept.iter().map(|kept| self.opened_secret(kept)).collect()
    }

    pub(crate) fn opened_secret(&self, kept: &KeptSecret) -> Result<SecretString, IssuerError> {
        let secret = self.sealer.open_sealed(CLIENT_SECRET, &kept.id, &kept.sealed)?;
        let secret = std::str::from_utf8(&secret).map_err(|_| IssuerError::Kept("client secret"))?;
        Ok(SecretString::from(secret))
    }

    /// Begins a session with its first refresh token.
    pub(super) async fn begin_session(
        &self,
        write: &mut Connection,
        (pool, client): (&UserPool, &Client),
        user: &User,
        now: u64,
    ) -> Result<(Session, RefreshToken), IssuerError> {
        self.make_room(write, pool, &user.sub, now).await?;
        let session = Session {
            id: Uuid::new_v4().to_string(),
            pool_id: client.pool_id.clone(),
            client_id: client.id.clone(),
            sub: user.sub.clone(),
            event_id: Uuid::new_v4().to_string(),
            signed_in_at: now,
            expires_at: now.saturating_add(client.lifetimes.refresh.saturating_mul(1000)),
            active_at: now,
            revoked: false,
        };
        let refresh_token = RefreshToken::generate()?;
        Sessions(write).add(&session, refresh_token.hash()).await?;
        Sessions(write).sweep(now).await?;
        Ok((session, refresh_token))
    }

    pub(super) fn pool(&self, id: &str) -> Result<Arc<ServedPool>, IssuerError> {
        self.pools.get(id).ok_or(IssuerError::Kept("pool"))
    }

    /// Makes and signs the tokens of a session. `now`, in Unix milliseconds, is when the session was last known to be alive.
    pub(super) async fn tokens(
        &self,
        client: &Client,
        user: &User,
        session: &Session,
        now: u64,
    ) -> Result<SignedIn, Refusal> {
        let pool = self.pool(&session.pool_id)?;
        let mint = Mint { issuer: &pool.issuer_url, client, user, session, now: now / 1000 };
        let (id_claims, access_claims) = (mint.id_token(), mint.access_token());
        let (id_key, access_key) = (pool.keys.key(Purpose::IdToken, now)?, pool.keys.key(Purpose::AccessToken, now)?);
        let sign = move || Ok::<_, IssuerError>((id_key.sign(&id_claims)?, access_key.sign(&access_claims)?));
        let (id_token, access_token) = self.signing.run(sign).await??;
        let expires_in = client.lifetimes.access;
        Ok(SignedIn { access_token, id_token, refresh_token: None, expires_in })
    }

    /// Tells the gateway that a session's tokens count no more, now and until the last of them has expired.
    pub(super) fn revoke_at_the_gate(&self, pool: &ServedPool, session_id: &str, now: u64) {
        let until = now.saturating_add(LONGEST_TOKEN_MILLIS).div_ceil(1000);
        self.revocations.revoke_family(&pool.issuer_url, session_id, until);
    }
}
