//! What the config declares, judged: every name, id, lifetime and password can be what it says.

use std::collections::{BTreeMap, HashSet};

use secrecy::{ExposeSecret, SecretString};

use super::settings::{client_settings, flows, pool_settings};
use crate::issuer::config::{ClientConfig, IssuerConfig, PoolConfig, TokenAlgorithm, UserConfig};
use crate::issuer::error::IssuerError;
use crate::issuer::paths::is_base;
use crate::issuer::pool::{
    Attributes, Client, Group, Lifetimes, UserPool, client_id_for, is_attribute_name, is_client_id, is_group_name,
    is_long_enough, is_pool_id, is_user_name, pool_id_for, user_name_key,
};
use crate::jose::Algorithm;

/// A pool as the config declares it.
#[derive(Debug)]
pub(crate) struct DeclaredPool {
    pub pool: UserPool,
    pub clients: Vec<DeclaredClient>,
    pub groups: Vec<Group>,
    pub users: BTreeMap<String, UserConfig>,
}

/// A client as the config declares it, with the secret that is kept nowhere else.
#[derive(Debug)]
pub(crate) struct DeclaredClient {
    pub client: Client,
    pub secret: Option<SecretString>,
}

/// Judges all pools of the config.
///
/// # Errors
/// [`IssuerError::Declared`] with the first thing that cannot be.
pub(crate) fn declared_pools(config: &IssuerConfig) -> Result<Vec<DeclaredPool>, IssuerError> {
    let pools = config.pools.iter().map(|(name, pool)| Judge { pool_name: name }.pool(pool));
    let pools = pools.collect::<Result<Vec<_>, _>>()?;
    ids_are_unique(&pools)?;
    Ok(pools)
}

/// Pool and client ids stand in URLs, tokens and calls without another name beside them.
fn ids_are_unique(pools: &[DeclaredPool]) -> Result<(), IssuerError> {
    let mut pool_ids = HashSet::new();
    let mut client_ids = HashSet::new();
    for DeclaredPool { pool, clients, .. } in pools {
        let judge = Judge { pool_name: &pool.name };
        judge.must(pool_ids.insert(&pool.id), "`id`", "is the id of another pool too")?;
        for DeclaredClient { client, .. } in clients {
            let item = format!("client `{}`", client.name);
            judge.must(client_ids.insert(&client.id), &item, "has the id of another client too")?;
        }
    }
    Ok(())
}

struct Judge<'a> {
    pool_name: &'a str,
}

impl Judge<'_> {
    fn must(&self, holds: bool, item: &str, problem: &'static str) -> Result<(), IssuerError> {
        if holds {
            return Ok(());
        }
        Err(IssuerError::Declared { pool: self.pool_name.to_owned(), item: item.to_owned(), problem })
    }

    fn pool(&self, config: &PoolConfig) -> Result<DeclaredPool, IssuerError> {
        let id = config.id.clone().unwrap_or_else(|| pool_id_for(self.pool_name));
        self.must(is_pool_id(&id), "`id`", "must be `<region>_<alphanumerics>`, at most 55 characters")?;
        let issuer_url = config.issuer.as_deref().map(|issuer| self.issuer_url(issuer, &id)).transpose()?;
        let token_algorithm = match config.token_algorithm {
            TokenAlgorithm::Rs256 => Algorithm::Rs256,
            TokenAlgorithm::Es256 => Algorithm::Es256,
            TokenAlgorithm::EdDsa => Algorithm::EdDsa,
        };
        let settings = pool_settings(config);
        let name = self.pool_name.to_owned();
        let pool = UserPool { id, name, issuer_url, token_algorithm, settings, created_at: 0, updated_at: 0 };
        let clients = config.clients.iter().map(|(name, client)| self.client(&pool.id, name, client));
        let clients = clients.collect::<Result<_, _>>()?;
        for name in config.groups.keys() {
            self.must(is_group_name(name), &format!("group `{name}`"), "must be 1 to 128 visible characters")?;
        }
        self.users(config)?;
        let groups = config.groups.iter().map(|(name, group)| Group {
            name: name.clone(),
            description: group.description.clone(),
            precedence: group.precedence,
            role_arn: None,
            created_at: 0,
            updated_at: 0,
        });
        Ok(DeclaredPool { pool, clients, groups: groups.collect(), users: config.users.clone() })
    }

    /// `aws`, or a URL that can stand in tokens as it is.
    fn issuer_url(&self, issuer: &str, pool_id: &str) -> Result<String, IssuerError> {
        if issuer == "aws" {
            let region = pool_id.rsplit_once('_').map_or(pool_id, |(region, _)| region);
            return Ok(format!("https://cognito-idp.{region}.amazonaws.com/{pool_id}"));
        }
        self.must(is_base(issuer) && !issuer.ends_with('/'), "`issuer`", "must be `aws` or an `http` or `https` URL")?;
        Ok(issuer.to_owned())
    }

    fn client(&self, pool_id: &str, name: &str, config: &ClientConfig) -> Result<DeclaredClient, IssuerError> {
        let item = format!("client `{name}`");
        let id = config.id.clone().unwrap_or_else(|| client_id_for(self.pool_name, name));
        self.must(is_client_id(&id), &item, "must have an `id` of 1 to 128 letters, digits, `_` or `+`")?;
        let secret_fits = config.secret.as_ref().is_none_or(is_client_secret);
        self.must(secret_fits, &item, "must have a `secret` of 24 to 64 letters, digits, `_` or `+`")?;
        let attributes_fit = config.access_token_attributes.iter().all(|name| is_attribute_name(name));
        self.must(attributes_fit, &item, "must name attributes in `access_token_attributes`")?;
        let scopes_fit = config.access_token_scopes.iter().all(|scope| is_scope(scope));
        self.must(scopes_fit, &item, "must name scopes without blanks in `access_token_scopes`")?;
        let client = Client {
            id,
            pool_id: pool_id.to_owned(),
            name: name.to_owned(),
            confidential: config.secret.is_some(),
            flows: flows(config),
            lifetimes: self.lifetimes(name, config)?,
            access_token_attributes: config.access_token_attributes.clone(),
            access_token_scopes: config.access_token_scopes.clone(),
            settings: client_settings(config),
            created_at: 0,
            updated_at: 0,
        };
        Ok(DeclaredClient { client, secret: config.secret.clone() })
    }

    fn lifetimes(&self, name: &str, config: &ClientConfig) -> Result<Lifetimes, IssuerError> {
        let (access, id) = (config.access_token_validity, config.id_token_validity);
        Lifetimes::new(access, id, config.refresh_token_validity).map_err(|(key, problem)| IssuerError::Declared {
            pool: self.pool_name.to_owned(),
            item: format!("client `{name}`: `{key}`"),
            problem,
        })
    }

    fn users(&self, config: &PoolConfig) -> Result<(), IssuerError> {
        let mut keys = HashSet::new();
        for (name, user) in &config.users {
            let item = format!("user `{name}`");
            self.must(is_user_name(name), &item, "must be 1 to 128 visible characters")?;
            self.must(keys.insert(user_name_key(name)), &item, "differs from another user by case alone")?;
            let password = is_long_enough(user.password.expose_secret());
            self.must(password, &item, "must have a `password` of 8 to 256 characters")?;
            for group in &user.groups {
                let known = config.groups.contains_key(group);
                self.must(known, &item, "is put into a group that the pool's `groups` do not have")?;
            }
            for (attribute, value) in &user.attributes {
                let item = format!("{item}: attribute `{attribute}`");
                self.must(
                    is_attribute_name(attribute),
                    &item,
                    "is neither a standard attribute nor `custom:` and a name",
                )?;
                self.must(Attributes::accepts(attribute, value), &item, "has a value that it cannot have")?;
            }
        }
        Ok(())
    }
}

/// The model's `ClientSecretType`: what `RevokeToken` takes.
fn is_client_secret(secret: &SecretString) -> bool {
    let secret = secret.expose_secret();
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'+';
    (24..=64).contains(&secret.len()) && secret.bytes().all(word)
}

/// A `scope-token` of RFC 6749 section 3.3.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::pool::Flow;

    fn judged(pools: &str) -> Result<Vec<DeclaredPool>, IssuerError> {
        let pools: BTreeMap<String, PoolConfig> = serde_saphyr::from_str(pools).unwrap();
        let config: IssuerConfig = serde_json::from_str(r#"{"address": "127.0.0.1:1"}"#).unwrap();
        declared_pools(&IssuerConfig { pools, ..config })
    }

    #[test]
    fn what_is_not_said_has_cognitos_defaults() {
        let pools = judged("{demo: {clients: {web: {}}}}").unwrap();
        let DeclaredPool { pool, clients, .. } = &pools[0];
        assert_eq!(pool.id, pool_id_for("demo"));
        assert_eq!(clients[0].client.id, client_id_for("demo", "web"));
        assert_eq!(clients[0].client.flows, Flow::DEFAULT);
        assert!(!clients[0].client.confidential);
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let refused = [
            ("{p: {id: nounderscore}}", "`id`"),
            ("{p: {id: a_b}, q: {id: a_b}}", "`id`"),
            ("{p: {clients: {web: {id: a/b}}}}", "client `web`"),
            ("{p: {clients: {web: {id: x}}}, q: {clients: {app: {id: x}}}}", "client `app`"),
            ("{p: {clients: {web: {secret: short}}}}", "client `web`"),
            ("{p: {clients: {web: {secret: 'with blanks and other things'}}}}", "client `web`"),
            ("{p: {clients: {web: {access_token_validity: 4m}}}}", "`access_token_validity`"),
            ("{p: {clients: {web: {access_token_attributes: [iss]}}}}", "client `web`"),
            ("{p: {clients: {web: {access_token_scopes: ['a b']}}}}", "client `web`"),
            ("{p: {clients: {web: {access_token_scopes: ['']}}}}", "client `web`"),
            ("{p: {groups: {'a b': {}}}}", "group `a b`"),
            ("{p: {users: {'a b': {password: longenough}}}}", "user `a b`"),
            ("{p: {users: {a: {password: longenough}, A: {password: longenough}}}}", "user `a`"),
            ("{p: {users: {a: {password: short}}}}", "user `a`"),
            ("{p: {users: {a: {password: longenough, groups: [g]}}}}", "user `a`"),
            ("{p: {users: {a: {password: longenough, attributes: {sub: x}}}}}", "attribute `sub`"),
            ("{p: {users: {a: {password: longenough, attributes: {email_verified: maybe}}}}}", "`email_verified`"),
        ];
        for (pools, named) in refused {
            let refusal = judged(pools).unwrap_err();
            assert_eq!(refusal.code(), "issuer-declared", "{pools}");
            assert!(refusal.to_string().contains(named), "{refusal} should name {named}");
        }
    }

    #[test]
    fn a_refusal_shows_no_secret() {
        let refusal = judged("{p: {users: {a: {password: hunter2}}}}").unwrap_err();
        assert!(!format!("{refusal} {refusal:?}").contains("hunter2"));
        let pools =
            judged("{p: {clients: {web: {secret: aaaaaaaaaaaaaaaaaaaaaaaaaaaa}}, users: {a: {password: hunter22}}}}");
        let shown = format!("{:?}", pools.unwrap());
        assert!(!shown.contains("hunter22") && !shown.contains("aaaaaaaa"), "{shown}");
    }
}
