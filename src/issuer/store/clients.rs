//! Statements about app clients.

use super::column::{from_list, list, unsigned};
use super::database::{Connection, query};
use crate::issuer::error::IssuerError;
use crate::issuer::pool::{Client, Flow, Lifetimes};

type Row = (String, String, String, bool, String, i64, i64, i64, String, String);

/// App clients, on one connection.
pub(crate) struct Clients<'c>(pub(crate) &'c mut Connection);

impl Clients<'_> {
    /// Adds the client, or makes the one with its id be so. A client never moves to another pool.
    pub(crate) async fn put(self, client: &Client, now: u64) -> Result<(), IssuerError> {
        let statement = "INSERT INTO clients (id, pool_id, name, confidential, flows, access_token_seconds,
                id_token_seconds, refresh_token_seconds, access_token_attributes, access_token_scopes, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
            ON CONFLICT (id) DO UPDATE SET name = excluded.name, confidential = excluded.confidential,
                flows = excluded.flows, access_token_seconds = excluded.access_token_seconds,
                id_token_seconds = excluded.id_token_seconds, refresh_token_seconds = excluded.refresh_token_seconds,
                access_token_attributes = excluded.access_token_attributes,
                access_token_scopes = excluded.access_token_scopes, updated_at = excluded.updated_at
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

    /// The client with this id, whichever its pool: ids of clients are unique over all pools.
    pub(crate) async fn by_id(self, id: &str) -> Result<Option<Client>, IssuerError> {
        let statement = "SELECT id, pool_id, name, confidential, flows, access_token_seconds, id_token_seconds,
                refresh_token_seconds, access_token_attributes, access_token_scopes
            FROM clients WHERE id = $1";
        let row: Option<Row> =
            query(statement).bind(id).fetch_optional(self.0).await.map_err(IssuerError::database("read a client"))?;
        row.map(client).transpose()
    }
}

fn client(row: Row) -> Result<Client, IssuerError> {
    let (id, pool_id, name, confidential, flows, access, id_token, refresh, attributes, scopes) = row;
    let flows: Vec<String> = from_list(&flows, "list of flows")?;
    Ok(Client {
        id,
        pool_id,
        name,
        confidential,
        flows: Flow::ALL.into_iter().filter(|flow| flows.iter().any(|name| name == flow.name())).collect(),
        lifetimes: Lifetimes { access: unsigned(access), id: unsigned(id_token), refresh: unsigned(refresh) },
        access_token_attributes: from_list(&attributes, "list of attributes")?,
        access_token_scopes: from_list(&scopes, "list of scopes")?,
    })
}
