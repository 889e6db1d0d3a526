//! Pools: listed, made, shown, and given new keys.

use anyhow::Context;
use serde_json::{Map, Value, json};

use super::args::{CreateArgs, OfPool, RotateArgs};
use super::desk::{Desk, Done, List, Trouble};
use super::table::{cell, table};
use crate::cli::input;
use crate::issuer::RotateKeys;

pub(super) async fn list(desk: &Desk) -> Done {
    let pools = desk.all(List::POOLS, json!({}), usize::MAX).await?;
    desk.tell(&json!(pools), |_| {
        let row = |pool: &Value| ["Id", "Name", "CreationDate"].map(|member| cell(pool, member));
        table(["ID", "NAME", "CREATED"], &pools.iter().map(row).collect::<Vec<_>>())
    });
    Ok(())
}

pub(super) async fn create(desk: &Desk, args: &CreateArgs) -> Done {
    let mut members = Map::new();
    if let Some(file) = &args.settings {
        let text = input::read(Some(file), "settings")?;
        members = serde_json::from_str(&text).context("the settings are not a JSON object")?;
    }
    members.insert("PoolName".to_owned(), json!(args.name));
    let made = desk.call("CreateUserPool", Value::Object(members)).await?;
    let pool = made.get("UserPool").cloned().unwrap_or_default();
    desk.done(&pool, &format!("pool {} has the id {}", cell(&pool, "Name"), cell(&pool, "Id")));
    Ok(())
}

pub(super) async fn describe(desk: &Desk, args: &OfPool) -> Done {
    let id = desk.pool_id(&args.pool).await?;
    let described = desk.call("DescribeUserPool", json!({"UserPoolId": id})).await?;
    let pool = described.get("UserPool").cloned().unwrap_or_default();
    desk.tell(&pool, |pool| format!("{}\n", input::shown(pool)));
    Ok(())
}

pub(super) async fn rotate_keys(desk: &Desk, args: &RotateArgs) -> Done {
    let id = desk.pool_id(&args.of.pool).await?;
    let (how, words) = match (args.withdraw, args.now) {
        (true, _) => (RotateKeys::Withdrawing, "the old keys are gone: every token that they signed has ended"),
        (false, true) => (RotateKeys::AtOnce, "the next keys sign from now on"),
        (false, false) => (RotateKeys::Overlapping, "the next keys are published and will sign later"),
    };
    let ended = desk.issuer.rotate_keys(&id, how).await;
    if !desk.record("RotateSigningKeys", Some(&id), ended)? {
        return Err(Trouble::No(format!("there is no pool `{}`", args.of.pool)));
    }
    desk.done(&json!({"UserPoolId": id}), words);
    Ok(())
}
