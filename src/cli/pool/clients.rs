//! App clients: added and listed.

use serde_json::{Value, json};

use super::args::{AddClientArgs, OfPool};
use super::desk::{Desk, Done, List, write_secret_file};
use super::table::{cell, table};

pub(super) async fn add(desk: &Desk, args: &AddClientArgs) -> Done {
    let pool = desk.pool_id(&args.of.pool).await?;
    let flows = (!args.flows.is_empty()).then_some(&args.flows);
    let input = json!({"UserPoolId": pool, "ClientName": args.name, "GenerateSecret": args.secret_file.is_some(),
        "ExplicitAuthFlows": flows});
    let added = desk.call("CreateUserPoolClient", input).await?;
    let mut client = added.get("UserPoolClient").cloned().unwrap_or_default();
    // The secret goes into its file and nowhere else.
    let secret = client.as_object_mut().and_then(|client| client.remove("ClientSecret"));
    if let (Some(file), Some(secret)) = (&args.secret_file, secret.as_ref().and_then(Value::as_str)) {
        write_secret_file(file, &format!("{secret}\n"))?;
    }
    desk.done(&client, &format!("client {} has the id {}", cell(&client, "ClientName"), cell(&client, "ClientId")));
    Ok(())
}

pub(super) async fn list(desk: &Desk, args: &OfPool) -> Done {
    let pool = desk.pool_id(&args.pool).await?;
    let clients = desk.all(List::CLIENTS, json!({"UserPoolId": pool}), usize::MAX).await?;
    desk.tell(&json!(clients), |_| {
        let row = |client: &Value| ["ClientId", "ClientName"].map(|member| cell(client, member));
        table(["ID", "NAME"], &clients.iter().map(row).collect::<Vec<_>>())
    });
    Ok(())
}
