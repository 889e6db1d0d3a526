//! Groups of a pool and who is in them.

use super::super::engine::Engine;
use super::super::refusal::Refusal;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::Group;
use crate::issuer::store::{Groups, Users};

/// Most groups of one user.
const MOST_OF_A_USER: usize = 100;

impl Engine {
    pub(crate) async fn create_group(&self, pool_id: &str, group: &Group) -> Result<Group, Refusal> {
        self.known_pool(pool_id).await?;
        let mut write = self.database.write().await?;
        let now = self.clock.unix_millis();
        if Groups(&mut write).by_name(pool_id, &group.name).await?.is_some() {
            return Err(Refusal::GroupExists);
        }
        Groups(&mut write).put(pool_id, group, now).await?;
        let made = Groups(&mut write).by_name(pool_id, &group.name).await?;
        write.commit().await.map_err(IssuerError::database("add a group"))?;
        made.ok_or(Refusal::UnknownGroup)
    }

    /// Changes a group by `change`, which is given the group as it is.
    pub(crate) async fn update_group(
        &self,
        pool_id: &str,
        name: &str,
        change: impl FnOnce(&mut Group) + Send,
    ) -> Result<Group, Refusal> {
        self.known_pool(pool_id).await?;
        let mut write = self.database.write().await?;
        let mut group = Groups(&mut write).by_name(pool_id, name).await?.ok_or(Refusal::UnknownGroup)?;
        change(&mut group);
        group.updated_at = self.clock.unix_millis();
        Groups(&mut write).put(pool_id, &group, group.updated_at).await?;
        write.commit().await.map_err(IssuerError::database("change a group"))?;
        Ok(group)
    }

    pub(crate) async fn delete_group(&self, pool_id: &str, name: &str) -> Result<(), Refusal> {
        self.known_pool(pool_id).await?;
        let mut write = self.database.write().await?;
        if !Groups(&mut write).remove(pool_id, name).await? {
            return Err(Refusal::UnknownGroup);
        }
        write.commit().await.map_err(IssuerError::database("delete a group"))?;
        Ok(())
    }

    pub(crate) async fn group(&self, pool_id: &str, name: &str) -> Result<Group, Refusal> {
        self.known_pool(pool_id).await?;
        Groups(&mut self.database.read().await?).by_name(pool_id, name).await?.ok_or(Refusal::UnknownGroup)
    }

    /// Puts a user into a group, or takes the user out.
    pub(crate) async fn set_membership(
        &self,
        pool_id: &str,
        (user_name, group): (&str, &str),
        is_member: bool,
    ) -> Result<(), Refusal> {
        self.known_pool(pool_id).await?;
        let mut write = self.database.write().await?;
        let stored = Users(&mut write).by_login_or_sub(pool_id, user_name).await?.ok_or(Refusal::UnknownUser)?;
        if Groups(&mut write).by_name(pool_id, group).await?.is_none() {
            return Err(Refusal::UnknownGroup);
        }
        if is_member {
            if stored.user.groups.len() >= MOST_OF_A_USER {
                return Err(Refusal::TooMany("A user may be in at most 100 groups"));
            }
            Groups(&mut write).add_member(pool_id, &stored.user.sub, group).await?;
        } else {
            Groups(&mut write).remove_member(&stored.user.sub, group).await?;
        }
        write.commit().await.map_err(IssuerError::database("change a user's groups"))?;
        Ok(())
    }
}
