//! Users: added, listed, shown, and what an administrator may do to them.

use serde_json::{Value, json};

use super::args::{AddUserArgs, ListUsersArgs, OfUser};
use super::desk::{Desk, Done, List, set};
use super::table::{cell, table};
use crate::cli::input;
use crate::cli::report::Failure;

pub(super) async fn add(desk: &Desk, args: &AddUserArgs) -> Done {
    let pool = desk.pool_id(&args.of.of.pool).await?;
    let user = &args.of.user;
    let attributes = attributes(&args.attributes)?;
    let password = args.password_file.as_deref().map(|file| input::read(Some(file), "password")).transpose()?;
    // Whoever brings a password tells it to the user too.
    let message = password.as_ref().map(|_| "SUPPRESS");
    let temporary =
        password.as_ref().filter(|_| args.temporary).map(|password| password.trim_end_matches(['\r', '\n']));
    let input = json!({"UserPoolId": pool, "Username": user, "UserAttributes": attributes, "MessageAction": message,
        "TemporaryPassword": temporary});
    let added = desk.call("AdminCreateUser", input).await?;
    if let Some(password) = password.as_ref().filter(|_| !args.temporary) {
        let password = password.trim_end_matches(['\r', '\n']);
        let input = json!({"UserPoolId": pool, "Username": user, "Password": password, "Permanent": true});
        if let Err(refused) = desk.call("AdminSetUserPassword", input).await {
            // A user without the password that was asked for is no user that was asked for.
            desk.call("AdminDeleteUser", json!({"UserPoolId": pool, "Username": user})).await?;
            return Err(refused);
        }
    }
    for group in &args.groups {
        let input = json!({"UserPoolId": pool, "Username": user, "GroupName": group});
        desk.call("AdminAddUserToGroup", input).await?;
    }
    let added = added.get("User").cloned().unwrap_or_default();
    desk.done(&added, &format!("user {} was added", cell(&added, "Username")));
    Ok(())
}

fn attributes(given: &[String]) -> Result<Vec<Value>, Failure> {
    let attribute = |text: &String| {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Failure::Usage(format!("an attribute is `NAME=VALUE`, such as `email=alice@example.com`, not `{text}`"))
        })?;
        Ok(json!({"Name": name, "Value": value}))
    };
    given.iter().map(attribute).collect()
}

pub(super) async fn list(desk: &Desk, args: &ListUsersArgs) -> Done {
    let pool = desk.pool_id(&args.of.pool).await?;
    let users = desk.all(List::USERS, json!({"UserPoolId": pool, "Filter": args.filter}), args.limit).await?;
    desk.tell(&json!(users), |_| shown(&users));
    Ok(())
}

pub(super) fn shown(users: &[Value]) -> String {
    let row = |user: &Value| {
        let attributes = user.get("Attributes").and_then(Value::as_array);
        let email = attributes.into_iter().flatten().find(|attribute| attribute["Name"] == "email");
        let email = email.map_or_else(|| "-".to_owned(), |attribute| cell(attribute, "Value"));
        let [name, status, enabled, created] =
            ["Username", "UserStatus", "Enabled", "UserCreateDate"].map(|member| cell(user, member));
        [name, status, enabled, email, created]
    };
    table(["USER", "STATUS", "ENABLED", "EMAIL", "CREATED"], &users.iter().map(row).collect::<Vec<_>>())
}

pub(super) async fn show(desk: &Desk, args: &OfUser) -> Done {
    let pool = desk.pool_id(&args.of.pool).await?;
    let who = json!({"UserPoolId": pool, "Username": args.user});
    let mut user = desk.call("AdminGetUser", who.clone()).await?;
    let groups = desk.call("AdminListGroupsForUser", who).await?;
    let names = groups.get("Groups").and_then(Value::as_array);
    let names = names.into_iter().flatten().filter_map(|group| group.get("GroupName").cloned());
    set(&mut user, "Groups", names.collect());
    desk.tell(&user, |user| format!("{}\n", input::shown(user)));
    Ok(())
}

/// Has one thing done to one user.
pub(super) async fn act(desk: &Desk, args: &OfUser, operation: &'static str, done: &str) -> Done {
    let pool = desk.pool_id(&args.of.pool).await?;
    let answer = desk.call(operation, json!({"UserPoolId": pool, "Username": args.user})).await?;
    desk.done(&answer, &format!("user {} is {done}", cell(&json!({"user": args.user}), "user")));
    Ok(())
}
