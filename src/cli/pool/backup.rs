//! Pools written as JSON lines and read again.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use serde_json::json;

use super::args::{ExportArgs, ImportArgs};
use super::desk::{Desk, Done, Trouble, create_private};

pub(super) async fn export(desk: &Desk, args: &ExportArgs) -> Done {
    let pool = desk.pool_id(&args.of.pool).await?;
    let Some(path) = &args.output else {
        let mut out = BufWriter::new(std::io::stdout());
        let ended = desk.issuer.export(&pool, false, &mut out).await;
        desk.record("ExportUserPool", Some(&pool), ended)?;
        return out.flush().context("could not write to standard output").map_err(Trouble::from);
    };
    let file = create_private(path)?;
    let mut out = BufWriter::new(file);
    let ended = desk.issuer.export(&pool, args.with_secrets, &mut out).await;
    // With secrets a pool can be impersonated: the two are told apart.
    let operation = if args.with_secrets { "ExportUserPoolWithSecrets" } else { "ExportUserPool" };
    let users = desk.record(operation, Some(&pool), ended)?.unwrap_or_default();
    let failed = || format!("could not write `{}`", path.display());
    let file = out.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(failed)?;
    // A backup that was said to be there is there.
    file.sync_all().with_context(failed)?;
    desk.done(&json!({"users": users}), &format!("{users} users were written"));
    Ok(())
}

pub(super) async fn import(desk: &Desk, args: &ImportArgs) -> Done {
    let into = match &args.into {
        Some(pool) => Some(desk.pool_id(pool).await?),
        None => None,
    };
    let mut lines = input(args.input.as_deref())?;
    let ended = desk.issuer.import(into.clone(), &mut lines).await;
    let made = desk.record("ImportUserPool", into.as_deref(), ended)?;
    let (users, skipped) = (made.users, made.skipped);
    let told = json!({"users": users, "skipped": skipped, "clients": made.clients, "groups": made.groups});
    desk.done(&told, &format!("{users} users were added, {skipped} were there already"));
    Ok(())
}

fn input(file: Option<&Path>) -> anyhow::Result<Box<dyn BufRead + Send>> {
    let Some(path) = file.filter(|path| *path != Path::new("-")) else {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    };
    let opened = File::open(path).with_context(|| format!("could not read `{}`", path.display()))?;
    Ok(Box::new(BufReader::new(opened)))
}
