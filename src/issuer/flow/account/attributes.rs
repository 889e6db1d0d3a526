//! Attributes as users and administrators set them: held to the schema, to the client's permissions, and to proof.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::engine::Engine;
use super::super::refusal::Refusal;
use super::codes::{Delivery, Sending, verify};
use crate::issuer::error::IssuerError;
use crate::issuer::messages::{Medium, MessageKind};
use crate::issuer::pool::{Client, User, UserPool};
use crate::issuer::store::{Aliases, Clients, Codes, Connection, Users};

/// Attributes by name, as they were given.
pub(crate) type Given = BTreeMap<String, String>;

/// Who sets attributes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Author<'a> {
    /// A user, by a client that may write some of them.
    User(&'a Client),
    Administrator,
}

/// Flags that only proof or an administrator sets.
const PROOFS: [&str; 2] = ["email_verified", "phone_number_verified"];

impl Engine {
    /// Refuses attributes that the pool does not have, that take no such value, or that their author may not write.
    pub(crate) fn judge_attributes(
        pool: &UserPool,
        author: Author<'_>,
        given: &Given,
        is_new: bool,
    ) -> Result<(), Refusal> {
        let unfit = |name: &str, why: &str| {
            Err(Refusal::Invalid(format!("Attributes did not conform to the schema: {name}: {why}")))
        };
        for (name, value) in given {
            let Some(definition) = pool.settings.definition(name) else {
                return unfit(name, "Attribute does not exist in the schema.");
            };
            if matches!(name.as_str(), "sub" | "identities") {
                return Err(Refusal::Invalid(format!("Cannot modify the non-mutable attribute {name}")));
            }
            if !is_new && !definition.mutable {
                return Err(Refusal::Invalid(format!("user.{name}: Attribute cannot be updated.")));
            }
            if let Author::User(client) = author {
                let may =
                    client.settings.may_write(name) && !definition.developer_only && !PROOFS.contains(&name.as_str());
                if !may {
                    return Err(Refusal::NotAllowed("A client attempted to write unauthorized attribute"));
                }
            }
            if value.is_empty() && definition.required {
                return unfit(name, "The attribute is required");
            }
            if let Some(objection) = definition.objection(value).filter(|_| !value.is_empty()) {
                return Err(Refusal::Invalid(objection));
            }
        }
        Ok(())
    }

    /// Refuses a new account that lacks what the schema requires.
    pub(crate) fn judge_required(pool: &UserPool, given: &Given) -> Result<(), Refusal> {
        let missing = pool.settings.definitions().into_iter().find(|definition| {
            definition.required && definition.name != "sub" && given.get(&definition.name).is_none_or(String::is_empty)
        });
        match missing {
            None => Ok(()),
            Some(definition) => Err(Refusal::Invalid(format!(
                "Attributes did not conform to the schema: {}: The attribute is required",
                definition.name
            ))),
        }
    }

    /// Changes a user's own attributes, and sends codes to what then wants proof.
    pub(crate) async fn update_own(
        self: &Arc<Self>,
        access_token: &str,
        given: Given,
    ) -> Result<Vec<Delivery>, Refusal> {
        let (pool, user, client) = self.bearer_with_client(access_token).await?;
        Self::judge_attributes(&pool, Author::User(&client), &given, false)?;
        let mut write = self.database.write().await?;
        let (waiting, now_set): (Given, Given) = given.into_iter().partition(|(name, value)| {
            pool.settings.verified_before_update().contains(&name.as_str())
                && !value.is_empty()
                && user.attributes.get(name).is_some()
        });
        let changed = self.set_attributes(&mut write, &pool, &user, now_set).await?;
        let mut deliveries = Vec::new();
        for (name, value) in changed.iter().chain(&waiting) {
            let wanted = pool.settings.auto_verified().contains(&name.as_str()) || waiting.contains_key(name);
            let medium = Medium::of(name).filter(|_| wanted && !value.is_empty());
            if let Some(medium) = medium {
                let purpose = verify(name);
                let (kind, pool, user) = (MessageKind::UpdateAttribute, &pool, &user);
                let sending = Sending { pool, user, kind, purpose: &purpose, medium, target: value };
                deliveries.push(self.send_code(&mut write, &sending).await?);
            }
        }
        write.commit().await.map_err(IssuerError::database("change attributes"))?;
        Ok(deliveries)
    }

    /// Sets attributes that were judged, and all that hangs on them: a changed address is not proved, an alias follows its value.
    /// Gives those of them whose value is new.
    pub(crate) async fn set_attributes(
        &self,
        write: &mut Connection,
        pool: &UserPool,
        user: &User,
        mut given: Given,
    ) -> Result<Given, Refusal> {
        for attribute in ["email", "phone_number"] {
            let proof = format!("{attribute}_verified");
            let changed = given.get(attribute).is_some_and(|value| user.attributes.get(attribute) != Some(value));
            if changed && !given.contains_key(&proof) {
                given.insert(proof, "false".to_owned());
            }
        }
        let changed: Given = given
            .iter()
            .filter(|(name, value)| user.attributes.get(name) != Some(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        Users(&mut *write).put_attributes(&user.sub, &given, self.clock.unix_millis()).await?;
        for name in changed.keys().filter(|name| Medium::of(name).is_some()) {
            Codes(&mut *write).remove(&user.sub, &verify(name)).await?;
        }
        keep_aliases(write, pool, (&user.sub, self.clock.unix_millis()), false).await?;
        Ok(changed)
    }

    /// Takes attributes away from the bearer.
    pub(crate) async fn delete_own_attributes(&self, access_token: &str, names: &[&str]) -> Result<(), Refusal> {
        let (pool, user, client) = self.bearer_with_client(access_token).await?;
        let given: Given = names.iter().map(|name| ((*name).to_owned(), String::new())).collect();
        Self::judge_attributes(&pool, Author::User(&client), &given, false)?;
        let mut write = self.database.write().await?;
        self.set_attributes(&mut write, &pool, &user, given).await?;
        write.commit().await.map_err(IssuerError::database("take attributes away"))?;
        Ok(())
    }

    /// Sends a code to the bearer's address, to prove it.
    pub(crate) async fn send_verification(&self, access_token: &str, attribute: &str) -> Result<Delivery, Refusal> {
        let (pool, user, _) = self.bearer_with_client(access_token).await?;
        let medium = verifiable(attribute)?;
        let target = user
            .attributes
            .get(attribute)
            .ok_or_else(|| Refusal::Invalid(format!("Attribute {attribute} is not set")))?;
        let mut write = self.database.write().await?;
        let purpose = verify(attribute);
        let kind = MessageKind::VerifyAttribute;
        let sending = Sending { pool: &pool, user: &user, kind, purpose: &purpose, medium, target };
        let delivery = self.send_code(&mut write, &sending).await?;
        write.commit().await.map_err(IssuerError::database("send a code"))?;
        Ok(delivery)
    }

    /// Proves the bearer's address by the code that was sent to it.
    pub(crate) async fn verify_attribute(
        &self,
        access_token: &str,
        attribute: &str,
        code: &str,
    ) -> Result<(), Refusal> {
        let (pool, user, _) = self.bearer_with_client(access_token).await?;
        verifiable(attribute)?;
        let who = (pool.id.as_str(), user.name.as_str(), Some(&user));
        let (mut write, sent) = self.spend_code(None, who, &verify(attribute), code).await?;
        self.prove_attribute(&mut write, &pool, &user, (attribute, &sent.target), false).await?;
        write.commit().await.map_err(IssuerError::database("prove an attribute"))?;
        Ok(())
    }

    /// The address is the user's: a code that was sent there came back. It is set with the proof, where it waited for it.
    pub(crate) async fn prove_attribute(
        &self,
        write: &mut Connection,
        pool: &UserPool,
        user: &User,
        (attribute, target): (&str, &str),
        by_force: bool,
    ) -> Result<(), Refusal> {
        let proved = [(attribute.to_owned(), target.to_owned()), (format!("{attribute}_verified"), "true".to_owned())];
        Users(&mut *write).put_attributes(&user.sub, &proved.into_iter().collect(), self.clock.unix_millis()).await?;
        keep_aliases(write, pool, (&user.sub, self.clock.unix_millis()), by_force).await
    }

    /// The bearer with the pool and the client of the token.
    pub(crate) async fn bearer_with_client(&self, access_token: &str) -> Result<(UserPool, User, Client), Refusal> {
        let (pool, user, client_id) = self.bearer_of(access_token).await?;
        let mut read = self.database.read().await?;
        let client = Clients(&mut read).by_id(&client_id).await?.ok_or(Refusal::InvalidAccessToken)?;
        let pool = crate::issuer::store::Pools(&mut read).by_id(&pool.pool.id).await?;
        Ok((pool.ok_or(Refusal::InvalidAccessToken)?, user, client))
    }
}

fn verifiable(attribute: &str) -> Result<Medium, Refusal> {
    Medium::of(attribute).ok_or_else(|| Refusal::Invalid(format!("Attribute {attribute} cannot be verified")))
}

/// Makes the user's aliases follow the attributes: proved addresses where the pool takes aliases, any where they are the name.
pub(crate) async fn keep_aliases(
    write: &mut Connection,
    pool: &UserPool,
    (sub, now): (&str, u64),
    by_force: bool,
) -> Result<(), Refusal> {
    let Some(stored) = Users(&mut *write).by_sub(&pool.id, sub).await? else { return Ok(()) };
    let (named, aliases) = (pool.settings.username_attributes(), pool.settings.alias_attributes());
    for attribute in ["email", "phone_number", "preferred_username"] {
        let (is_name, is_alias) = (named.contains(&attribute), aliases.contains(&attribute));
        let proved = is_name || attribute == "preferred_username" || stored.user.attributes.is_verified(attribute);
        let value = stored.user.attributes.get(attribute).filter(|_| (is_name || is_alias) && proved);
        let Some(value) = value else {
            Aliases(&mut *write).remove(sub, attribute).await?;
            continue;
        };
        yield_alias(write, pool, (sub, attribute, value), (by_force, now)).await?;
        Aliases(&mut *write).put(&pool.id, attribute, value, sub).await?;
    }
    Ok(())
}

/// Refuses an alias that is another user's, or takes it from that user, whose address then is not proved any more.
async fn yield_alias(
    write: &mut Connection,
    pool: &UserPool,
    (sub, attribute, value): (&str, &str, &str),
    (by_force, now): (bool, u64),
) -> Result<(), Refusal> {
    if attribute == "preferred_username" && Users(&mut *write).has_sub(&pool.id, value).await? {
        return Err(Refusal::AliasTaken(attribute.to_owned()));
    }
    let login = Users(&mut *write).login(&pool.id, value).await?;
    let Some(owner) = login.map(|login| login.sub).filter(|owner| owner != sub) else { return Ok(()) };
    let is_alias = Aliases(&mut *write).owner(&pool.id, value).await?.as_deref() == Some(owner.as_str());
    // A user's name itself is never taken away.
    if !by_force || !is_alias || attribute == "preferred_username" {
        return Err(Refusal::AliasTaken(attribute.to_owned()));
    }
    let unproved = [(format!("{attribute}_verified"), "false".to_owned())].into_iter().collect();
    Users(&mut *write).put_attributes(&owner, &unproved, now).await?;
    Aliases(&mut *write).remove(&owner, attribute).await?;
    Ok(())
}
