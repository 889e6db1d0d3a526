//! Pools and clients as administrators make and change them.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::engine::Engine;
use super::refusal::Refusal;
use crate::issuer::config::UserConfig;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::{
    AttributeDefinition, Client, ClientSettings, PoolSettings, UserPool, new_client_id, new_client_secret, new_pool_id,
};
use crate::issuer::store::{CLIENT_SECRET, Changes, ClientSecrets, Clients, KeptSecret, Pools, Write};
use crate::jose::Algorithm;

/// A secret of a client as it is told once.
#[derive(Debug)]
pub(crate) struct NewSecret {
    pub id: String,
    pub secret: SecretString,
    /// Unix milliseconds.
    pub created_at: u64,
}

/// Most secrets of one client: the old one and the new one.
const MOST_SECRETS: usize = 2;

impl Engine {
    /// Makes a pool with keys of its own, and serves it.
    pub(crate) async fn create_pool(
        &self,
        region: &str,
        name: &str,
        settings: PoolSettings,
    ) -> Result<UserPool, Refusal> {
        let now = self.clock.unix_millis();
        let pool = UserPool {
            id: new_pool_id(region)?,
            name: name.to_owned(),
            issuer_url: None,
            token_algorithm: Algorithm::Rs256,
            settings,
            created_at: now,
            updated_at: now,
        };
        let write = self.database.write().await?;
        self.keep_pool(write, &pool).await?;
        Ok(pool)
    }

    /// Changes a pool's settings by `change`, which is given the pool as it is.
    pub(crate) async fn change_pool(
        &self,
        id: &str,
        change: impl FnOnce(&mut UserPool) -> Result<(), Refusal> + Send,
    ) -> Result<UserPool, Refusal> {
        let mut write = self.database.write().await?;
        let pool = Pools(&mut write).by_id(id).await?;
        let mut pool = pool.ok_or_else(|| Refusal::UnknownPool(id.to_owned()))?;
        change(&mut pool)?;
        pool.updated_at = self.clock.unix_millis();
        self.keep_pool(write, &pool).await?;
        Ok(pool)
    }

    async fn keep_pool(&self, mut write: Write, pool: &UserPool) -> Result<(), Refusal> {
        Pools(&mut write).put(pool, pool.updated_at).await?;
        Changes(&mut write).pool_changed(&pool.id, pool.updated_at).await?;
        write.commit().await.map_err(IssuerError::database("keep a pool"))?;
        Ok(self.keeper.serve(&self.pools, &pool.id).await?)
    }

    /// Deletes a pool with all that is in it. When it has answered, no token of it is taken any more.
    pub(crate) async fn delete_pool(&self, id: &str) -> Result<(), Refusal> {
        let pool = self.known_pool(id).await?;
        if pool.settings.is_protected() {
            return Err(Refusal::Invalid(
                "The user pool cannot be deleted because deletion protection is activated. \
                 Deletion protection must be inactivated first."
                    .to_owned(),
            ));
        }
        let mut write = self.database.write().await?;
        Pools(&mut write).remove(id).await?;
        Changes(&mut write).pool_changed(id, self.clock.unix_millis()).await?;
        write.commit().await.map_err(IssuerError::database("delete a pool"))?;
        Ok(self.keeper.serve(&self.pools, id).await?)
    }

    /// Makes a client, with a secret where one is wanted.
    pub(crate) async fn create_client(
        &self,
        pool_id: &str,
        (name, settings): (&str, Map<String, Value>),
        secret: Option<SecretString>,
    ) -> Result<(Client, Option<SecretString>), Refusal> {
        let pool = self.known_pool(pool_id).await?;
        let settings = ClientSettings::of(settings);
        judge_permissions(&pool, &settings, "creating")?;
        let now = self.clock.unix_millis();
        let client = Client {
            id: new_client_id()?,
            pool_id: pool_id.to_owned(),
            name: name.to_owned(),
            confidential: secret.is_some(),
            flows: settings.flows().map_err(Refusal::Invalid)?,
            lifetimes: settings.lifetimes().map_err(Refusal::Invalid)?,
            access_token_attributes: Vec::new(),
            access_token_scopes: Vec::new(),
            settings,
            created_at: now,
            updated_at: now,
        };
        let mut write = self.database.write().await?;
        Clients(&mut write).put(&client, now).await?;
        if let Some(secret) = &secret {
            ClientSecrets(&mut write).add(&client.id, &self.sealed_secret(secret)?.0).await?;
        }
        write.commit().await.map_err(IssuerError::database("add a client"))?;
        Ok((client, secret))
    }

    /// The client of that id in that pool.
    pub(crate) async fn client_in(&self, pool_id: &str, id: &str) -> Result<Client, Refusal> {
        self.known_pool(pool_id).await?;
        let client = self.client(id).await?.filter(|client| client.pool_id == pool_id);
        client.ok_or_else(|| Refusal::UnknownClient(id.to_owned()))
    }

    /// Changes a client: what is not said goes back to its default.
    pub(crate) async fn update_client(
        &self,
        pool_id: &str,
        id: &str,
        (name, settings): (Option<&str>, Map<String, Value>),
    ) -> Result<Client, Refusal> {
        let client = self.client_in(pool_id, id).await?;
        let settings = ClientSettings::of(settings);
        judge_permissions(&self.pool_of(&client).await?, &settings, "updating")?;
        let client = Client {
            name: name.unwrap_or(&client.name).to_owned(),
            flows: settings.flows().map_err(Refusal::Invalid)?,
            lifetimes: settings.lifetimes().map_err(Refusal::Invalid)?,
            settings,
            updated_at: self.clock.unix_millis(),
            ..client
        };
        let mut write = self.database.write().await?;
        Clients(&mut write).put(&client, client.updated_at).await?;
        write.commit().await.map_err(IssuerError::database("change a client"))?;
        Ok(client)
    }

    /// Deletes a client. When it has answered, the gateway refuses all tokens of it.
    pub(crate) async fn delete_client(&self, pool_id: &str, id: &str) -> Result<(), Refusal> {
        let client = self.client_in(pool_id, id).await?;
        let mut write = self.database.write().await?;
        self.end_sessions_of_client(&mut write, &client).await?;
        Clients(&mut write).remove(pool_id, id).await?;
        write.commit().await.map_err(IssuerError::database("delete a client"))?;
        Ok(())
    }

    /// Adds a second secret to a client, so that callers can change over.
    pub(crate) async fn add_secret(
        &self,
        pool_id: &str,
        id: &str,
        given: Option<SecretString>,
    ) -> Result<NewSecret, Refusal> {
        let client = self.client_in(pool_id, id).await?;
        if !client.confidential || self.secrets.contains_key(id) {
            return Err(Refusal::Invalid("The client has no secrets that can be added to".to_owned()));
        }
        let secret = given.map_or_else(|| new_client_secret().map(SecretString::from), Ok)?;
        let (kept, secret) = self.sealed_secret(&secret)?;
        let mut write = self.database.write().await?;
        if ClientSecrets(&mut write).of(id).await?.len() >= MOST_SECRETS {
            return Err(Refusal::TooMany("A client may have at most two secrets"));
        }
        ClientSecrets(&mut write).add(id, &kept).await?;
        write.commit().await.map_err(IssuerError::database("add a secret"))?;
        Ok(NewSecret { id: kept.id, secret, created_at: kept.created_at })
    }

    /// Deletes one of a client's two secrets; the last one stays.
    pub(crate) async fn delete_secret(&self, pool_id: &str, id: &str, secret_id: &str) -> Result<(), Refusal> {
        self.client_in(pool_id, id).await?;
        let mut write = self.database.write().await?;
        if ClientSecrets(&mut write).of(id).await?.len() < MOST_SECRETS {
            return Err(Refusal::Invalid("The only secret of a client cannot be deleted".to_owned()));
        }
        if !ClientSecrets(&mut write).remove(id, secret_id).await? {
            return Err(Refusal::Invalid("The client has no secret of this id".to_owned()));
        }
        write.commit().await.map_err(IssuerError::database("delete a secret"))?;
        Ok(())
    }

    fn sealed_secret(&self, secret: &SecretString) -> Result<(KeptSecret, SecretString), IssuerError> {
        let id = Uuid::new_v4().to_string();
        let sealed = self.sealer.seal(CLIENT_SECRET, &id, secret.expose_secret().as_bytes())?;
        Ok((KeptSecret { id, sealed, created_at: self.clock.unix_millis() }, secret.clone()))
    }
}

/// Refuses permissions for attributes that the pool does not have, for those that no user writes, and such as would leave users
/// unable to sign up, because an attribute is required that they cannot write.
fn judge_permissions(pool: &UserPool, settings: &ClientSettings, doing: &str) -> Result<(), Refusal> {
    let invalid =
        |what: &str| Err(Refusal::Invalid(format!("Invalid {what} attributes specified while {doing} a client")));
    let (read, write) = (settings.read_attributes(), settings.write_attributes());
    if read.iter().any(|name| pool.settings.definition(name).is_none()) {
        return invalid("read");
    }
    let may_be_written = |name: &&str| {
        let is_own = !UserConfig::FLAGS.contains(name) && !["sub", "identities"].contains(name);
        is_own && pool.settings.definition(name).is_some_and(|definition| !definition.developer_only)
    };
    let lacks = |definition: &AttributeDefinition| {
        definition.required && definition.name != "sub" && !write.contains(&definition.name.as_str())
    };
    let said = !write.is_empty();
    if !write.iter().all(may_be_written) || said && pool.settings.definitions().iter().any(lacks) {
        return invalid("write");
    }
    Ok(())
}
