//! The engine: what every flow works with, and the steps that flows share.

use std::collections::HashMap;
use std::sync::Arc;

use secrecy::SecretString;

use super::refusal::Refusal;
use crate::clock::Clock;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::{Client, Flow, LONGEST_TOKEN_MILLIS, PasswordHash, RefreshToken, SecretHash, Session, User};
use crate::issuer::signing::{Mint, PoolKeeper, Purpose, ServedPool, ServedPools};
use crate::issuer::store::{Clients, Database};
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
    /// The client with this id, if it may use the flow.
    pub(super) async fn client_for(&self, id: &str, flow: Flow) -> Result<Client, Refusal> {
        let client = self.client(id).await?.ok_or_else(|| Refusal::UnknownClient(id.to_owned()))?;
        if client.flows.contains(&flow) { Ok(client) } else { Err(Refusal::FlowNotEnabled(flow.name().to_owned())) }
    }

    /// Why a flow that no client can have is refused.
    pub(crate) async fn refuse_flow(&self, client_id: &str, flow: &str) -> Refusal {
        match self.client(client_id).await {
            Ok(Some(_)) => Refusal::FlowNotEnabled(flow.to_owned()),
            Ok(None) => Refusal::UnknownClient(client_id.to_owned()),
            Err(error) => error.into(),
        }
    }

    pub(super) async fn client(&self, id: &str) -> Result<Option<Client>, IssuerError> {
        let mut read = self.database.read().await?;
        Clients(&mut read).by_id(id).await
    }

    /// Checks `SECRET_HASH`, which must be there for a confidential client and must not be for a public one.
    pub(super) fn prove(&self, client: &Client, proof: Option<&str>, user_names: &[&str]) -> Result<(), Refusal> {
        let wrong = || Refusal::WrongClientProof(client.id.clone());
        match (client.confidential, proof) {
            (false, None) => Ok(()),
            (false, Some(_)) => Err(wrong()),
            (true, None) => Err(Refusal::NoClientProof(client.id.clone())),
            (true, Some(proof)) => {
                // A client that was taken out of the config has no secret any more: nothing proves it.
                let secret = self.secrets.get(&client.id).ok_or_else(wrong)?;
                let expected = SecretHash { secret, client_id: &client.id };
                let right = user_names.iter().any(|user_name| expected.is(proof, user_name));
                if right { Ok(()) } else { Err(wrong()) }
            }
        }
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
