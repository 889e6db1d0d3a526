//! Statements about app clients.

use serde_json::Value;

use super::column::{from_list, list, unsigned};
use super::database::{Connection, query};
use crate::issuer::error::IssuerError;
use crate::issuer::pool::{Client, ClientSettings, Flow, Lifetimes};

type Row = (String, String, String, bool, String, i64, i64, i64, String, String, String, i64, i64);

/// App clients, on one connection.
pub(crate) struct Clients<'c>(pub(crate) &'c mut Connection);

macro_rules! clients {
    ($rest:literal) => {
        concat!(
            "SELECT id, pool_id, name, confidential, flows, access_token_seconds, id_token_seconds, refresh_token_seconds,
            access_token_attributes, access_token_scopes, settings, created_at, updated_at FROM clients ",
            $rest
        )
    };
}

impl Clients<'_> {
    /// Adds the client, or makes the one with its id be so. A client never moves to another pool.
    pub(crate) async fn put(self, client: &Client, now: u64) -> Result<(), IssuerError> {
        let statement = "INSERT INTO clients (id, pool_id, name, confidential, flows, access_token_seconds,
                id_token_seconds, refresh_token_seconds, access_token_attributes, access_token_scopes, settings, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)
            ON CONFLICT (id) DO UPDATE SET name = excluded.name, confidential = excluded.confidential,
                flows = excluded.flows, access_token_seconds = excluded.access_token_seconds,
                id_token_seconds = excluded.id_token_seconds, refresh_token_seconds = excluded.refresh_token_seconds,
                access_token_attributes = excluded.access_token_attributes,
                access_token_scopes = excluded.access_token_scopes, settings = excluded.settings,
                updated_at = excluded.updated_at
            WHERE clients.pool_id = excluded.pool_id";
        let flows: Vec<&str> = client.flows.iter().map(|flow| flow.name()).collect();
        let done = query(statement)
            .bind(&client.id)
            .bind(&client.pool_id)
            .bind(&client.name)
            .bind(client.confidential)
            .bind(list(&flows))
            .bind(client.lifetimes.access)
            .bind(client.lifetimes.id)
            .bind(client.lifetimes.refresh)
            .bind(list(&client.access_token_attributes))
            .bind(list(&client.access_token_scopes))
            .bind(Value::Object(client.settings.as_map().clone()).to_string())
            .bind(now)
            .execute(self.0)
            .await
            .map_err(IssuerError::database("keep a client"))?;
        if done == 1 {
            return Ok(());
        }
        Err(IssuerError::Declared {
            pool: client.pool_id.clone(),
            item: format!("client `{}`", client.name),
            problem: "has the id of a client of another pool",
        })
    }

    /// Keeps a client that the config declares: settings that it does not say stay.
    pub(crate) async fn declare(self, client: &Client, now: u64) -> Result<(), IssuerError> {
        let kept = Clients(&mut *self.0).by_id(&client.id).await?;
        let settings = kept.map(|kept| kept.settings.overlaid_with(&client.settings));
        let client = Client { settings: settings.unwrap_or_else(|| client.settings.clone()), ..client.clone() };
        self.put(&client, now).await
    }

    /// Removes the client with its sessions and secrets; `false` where the pool has none of that id.
    pub(crate) async fn remove(self, pool_id: &str, id: &str) -> Result<bool, IssuerError> {
        let remove = query("DELETE FROM clients WHERE pool_id = $1 AND id = $2").bind(pool_id).bind(id);
        Ok(remove.execute(self.0).await.map_err(IssuerError::database("delete a client"))? == 1)
    }

    /// The client with this id, whichever its pool: ids of clients are unique over all pools.
    pub(crate) async fn by_id(self, id: &str) -> Result<Option<Client>, IssuerError> {
        let row: Option<Row> = query(clients!("WHERE id = $1"))
            .bind(id)
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("read a client"))?;
        row.map(client).transpose()
    }

    /// The pool's clients after this id, at most `limit` of them.
    pub(crate) async fn page(self, pool_id: &str, after: &str, limit: u64) -> Result<Vec<Client>, IssuerError> {
        let page = query(clients!("WHERE pool_id = $1 AND id > $2 ORDER BY id LIMIT $3"));
        let rows: Vec<Row> = page
            .bind(pool_id)
            .bind(after)
            .bind(limit)
            .fetch_all(self.0)
            .await
            .map_err(IssuerError::database("read clients"))?;
        rows.into_iter().map(client).collect()
    }
}

fn client(row: Row) -> Result<Client, IssuerError> {
    let (
        id,
        pool_id,
        name,
        confidential,
        flows,
        access,
        id_token,
        refresh,
        attributes,
        scopes,
        settings,
        made,
        changed,
    ) = row;
    let flows: Vec<String> = from_list(&flows, "list of flows")?;
    let settings = serde_json::from_str(&settings).map_err(|_| IssuerError::Kept("client settings"))?;
    Ok(Client {
        id,
        pool_id,
        name,
        confidential,
        flows: Flow::ALL.into_iter().filter(|flow| flows.iter().any(|name| name == flow.name())).collect(),
        lifetimes: Lifetimes { access: unsigned(access), id: unsigned(id_token), refresh: unsigned(refresh) },
        access_token_attributes: from_list(&attributes, "list of attributes")?,
        access_token_scopes: from_list(&scopes, "list of scopes")?,
        settings: ClientSettings::of(settings),
        created_at: unsigned(made),
        updated_at: unsigned(changed),
    })
}
