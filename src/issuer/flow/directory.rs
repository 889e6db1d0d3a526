//! What is read of pools, clients, groups and users, whole and in pages.

use super::engine::Engine;
use super::refusal::Refusal;
use crate::issuer::pool::{Client, Group, StoredUser, UserPool};
use crate::issuer::store::{ClientSecrets, Clients, Groups, KeptSecret, Page, Pools, UserFilter, UserLists, Users};

/// A page of something and where the next begins.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    pub entries: Vec<T>,
    pub next: Option<String>,
}

impl<T> Listed<T> {
    /// A page of `size`, of which one more was read.
    fn of(mut entries: Vec<T>, size: u32, name: impl Fn(&T) -> &str) -> Self {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = entries.len() > size;
        entries.truncate(size);
        let next = entries.last().filter(|_| more).map(|last| name(last).to_owned());
        Self { entries, next }
    }
}

impl Engine {
    /// The bearer as kept, with the client of the token.
    pub(crate) async fn own(&self, access_token: &str) -> Result<(StoredUser, Client), Refusal> {
        let (pool, user, client) = self.bearer_with_client(access_token).await?;
        let stored = Users(&mut self.database.read().await?).by_sub(&pool.id, &user.sub).await?;
        Ok((stored.ok_or(Refusal::InvalidAccessToken)?, client))
    }

    pub(crate) async fn count_users(&self, pool_id: &str) -> Result<i64, Refusal> {
        Ok(UserLists(&mut self.database.read().await?).count(pool_id).await?)
    }

    pub(crate) async fn page_of_users(
        &self,
        pool_id: &str,
        filter: &UserFilter,
        (after, size): (&str, u32),
    ) -> Result<Page, Refusal> {
        self.known_pool(pool_id).await?;
        Ok(UserLists(&mut self.database.read().await?).page(pool_id, filter, after, size).await?)
    }

    pub(crate) async fn page_of_pools(&self, after: &str, size: u32) -> Result<Listed<UserPool>, Refusal> {
        let page = Pools(&mut self.database.read().await?).page(after, u64::from(size) + 1).await?;
        Ok(Listed::of(page, size, |pool| &pool.id))
    }

    pub(crate) async fn page_of_clients(
        &self,
        pool_id: &str,
        after: &str,
        size: u32,
    ) -> Result<Listed<Client>, Refusal> {
        self.known_pool(pool_id).await?;
        let page = Clients(&mut self.database.read().await?).page(pool_id, after, u64::from(size) + 1).await?;
        Ok(Listed::of(page, size, |client| &client.id))
    }

    pub(crate) async fn page_of_groups(&self, pool_id: &str, after: &str, size: u32) -> Result<Listed<Group>, Refusal> {
        self.known_pool(pool_id).await?;
        let page = Groups(&mut self.database.read().await?).page(pool_id, after, u64::from(size) + 1).await?;
        Ok(Listed::of(page, size, |group| &group.name))
    }

    pub(crate) async fn page_of_users_groups(
        &self,
        pool_id: &str,
        user_name: &str,
        (after, size): (&str, u32),
    ) -> Result<Listed<Group>, Refusal> {
        let user = self.stored_user(pool_id, user_name).await?.user;
        let page = Groups(&mut self.database.read().await?).page_of_user(&user.sub, after, u64::from(size) + 1).await?;
        Ok(Listed::of(page, size, |group| &group.name))
    }

    /// The secrets that the API made for a client.
    pub(crate) async fn kept_secrets(&self, client: &Client) -> Result<Vec<KeptSecret>, Refusal> {
        Ok(ClientSecrets(&mut self.database.read().await?).of(&client.id).await?)
    }
}
