//! Writes a pool, a line after the other.

use std::io::{self, Write};

use super::line::{Base64, ClientLine, GroupLine, Line, PoolLine, SrpLine, UserLine};
use crate::issuer::error::IssuerError;
use crate::issuer::flow::Engine;
use crate::issuer::pool::{Client, UserPool};
use crate::issuer::store::{
    CLIENT_SECRET, ClientSecrets, Clients, Groups, Pools, SRP_VERIFIER, TOTP_SEED, WholeProofs, WholeUser, WholeUsers,
};

const PAGE: u64 = 500;

/// Writes the pool with this id; gives how many users that were, or `None` where there is no such pool.
pub(crate) async fn export(
    engine: &Engine,
    pool_id: &str,
    with_secrets: bool,
    out: &mut (dyn Write + Send),
) -> Result<Option<u64>, IssuerError> {
    let pool = Pools(&mut engine.database.read().await?).by_id(pool_id).await?;
    let Some(pool) = pool else { return Ok(None) };
    write(out, &Line::Pool(pool_line(&pool)))?;
    let export = Export { engine, pool_id, with_secrets };
    export.groups(out).await?;
    export.clients(out).await?;
    export.users(out).await.map(Some)
}

struct Export<'a> {
    engine: &'a Engine,
    pool_id: &'a str,
    with_secrets: bool,
}

impl Export<'_> {
    async fn groups(&self, out: &mut (dyn Write + Send)) -> Result<(), IssuerError> {
        let mut after = String::new();
        loop {
            let page = Groups(&mut self.engine.database.read().await?).page(self.pool_id, &after, PAGE).await?;
            let Some(last) = page.last().map(|group| group.name.clone()) else { return Ok(()) };
            for group in page {
                let (name, description) = (group.name, group.description);
                let (precedence, role_arn) = (group.precedence, group.role_arn);
                write(out, &Line::Group(GroupLine { name, description, precedence, role_arn }))?;
            }
            after = last;
        }
    }

    async fn clients(&self, out: &mut (dyn Write + Send)) -> Result<(), IssuerError> {
        let mut after = String::new();
        loop {
            let page = Clients(&mut self.engine.database.read().await?).page(self.pool_id, &after, PAGE).await?;
            let Some(last) = page.last().map(|client| client.id.clone()) else { return Ok(()) };
            for client in page {
                let secrets = if self.with_secrets { self.secrets_of(&client).await? } else { Vec::new() };
                write(out, &Line::Client(client_line(client, secrets)))?;
            }
            after = last;
        }
    }

    async fn secrets_of(&self, client: &Client) -> Result<Vec<String>, IssuerError> {
        let kept = ClientSecrets(&mut self.engine.database.read().await?).of(&client.id).await?;
        let open = |secret: &crate::issuer::store::KeptSecret| {
            let opened = self.engine.sealer.open_sealed(CLIENT_SECRET, &secret.id, &secret.sealed)?;
            String::from_utf8(opened.to_vec()).map_err(|_| IssuerError::Kept("client secret"))
        };
        kept.iter().map(open).collect()
    }

    async fn users(&self, out: &mut (dyn Write + Send)) -> Result<u64, IssuerError> {
        let (mut after, mut count) = (String::new(), 0);
        loop {
            let page = WholeUsers(&mut self.engine.database.read().await?).page(self.pool_id, &after, PAGE).await?;
            let Some(last) = page.last().map(|user| user.sub.clone()) else { return Ok(count) };
            for user in page {
                write(out, &Line::User(Box::new(self.user_line(user)?)))?;
                count += 1;
            }
            after = last;
        }
    }

    fn user_line(&self, user: WholeUser) -> Result<UserLine, IssuerError> {
        let proofs = if self.with_secrets { user.proofs } else { WholeProofs::default() };
        let open = |column, kept: Option<&Vec<u8>>| {
            let opened = kept.map(|kept| self.engine.sealer.open_sealed(column, &user.sub, kept)).transpose();
            opened.map(|opened| opened.map(|opened| Base64(opened.to_vec())))
        };
        let verifier = open(SRP_VERIFIER, proofs.srp_verifier.as_ref())?;
        let totp = open(TOTP_SEED, proofs.totp.as_ref())?;
        let srp = match (proofs.srp_identity, proofs.srp_salt, verifier) {
            (Some(identity), Some(salt), Some(verifier)) => {
                Some(SrpLine { pool: self.pool_id.to_owned(), identity, salt: Base64(salt), verifier })
            }
            _ => None,
        };
        Ok(UserLine {
            username: user.name,
            sub: Some(user.sub),
            enabled: user.enabled,
            // Without its password, a confirmed user must get a new one where the line is read.
            status: self.with_secrets.then_some(user.status),
            created_at: Some(user.created_at),
            updated_at: Some(user.updated_at),
            attributes: user.attributes.into_iter().collect(),
            groups: user.groups,
            aliases: Some(user.aliases.into_iter().collect()),
            password_hash: proofs.password_hash,
            password_history: proofs.password_history,
            temporary_until: proofs.temporary_until,
            srp,
            totp,
            totp_used: proofs.totp_used,
            factors: proofs.factors,
            preferred_factor: proofs.preferred_factor,
        })
    }
}

fn pool_line(pool: &UserPool) -> PoolLine {
    PoolLine {
        id: pool.id.clone(),
        name: pool.name.clone(),
        issuer_url: pool.issuer_url.clone(),
        token_algorithm: pool.token_algorithm.name().to_owned(),
        settings: pool.settings.as_map().clone(),
    }
}

fn client_line(client: Client, secrets: Vec<String>) -> ClientLine {
    ClientLine {
        id: client.id,
        name: client.name,
        confidential: client.confidential,
        flows: client.flows.iter().map(|flow| flow.name().to_owned()).collect(),
        access_token_seconds: client.lifetimes.access,
        id_token_seconds: client.lifetimes.id,
        refresh_token_seconds: client.lifetimes.refresh,
        access_token_attributes: client.access_token_attributes,
        access_token_scopes: client.access_token_scopes,
        settings: client.settings.as_map().clone(),
        secrets,
    }
}

fn write(out: &mut (dyn Write + Send), line: &Line) -> Result<(), IssuerError> {
    let text = serde_json::to_string(line).map_err(|error| IssuerError::Written(io::Error::from(error)))?;
    writeln!(out, "{text}").map_err(IssuerError::Written)
}
