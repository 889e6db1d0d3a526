//! Groups: added, listed, and who is in them.

use serde_json::{Value, json};

use super::args::{AddGroupArgs, ListGroupsArgs, MemberArgs};
use super::desk::{Desk, Done, List};
use super::table::{cell, table};
use super::users;

pub(super) async fn add(desk: &Desk, args: &AddGroupArgs) -> Done {
    let pool = desk.pool_id(&args.of.pool).await?;
    let input = json!({"UserPoolId": pool, "GroupName": args.group, "Description": args.description,
        "Precedence": args.precedence});
    let added = desk.call("CreateGroup", input).await?;
    let group = added.get("Group").cloned().unwrap_or_default();
    desk.done(&group, &format!("group {} was added", cell(&group, "GroupName")));
    Ok(())
}

pub(super) async fn list(desk: &Desk, args: &ListGroupsArgs) -> Done {
    let pool = desk.pool_id(&args.of.pool).await?;
    if let Some(group) = &args.members_of {
        let input = json!({"UserPoolId": pool, "GroupName": group});
        let members = desk.all(List::MEMBERS, input, usize::MAX).await?;
        desk.tell(&json!(members), |_| users::shown(&members));
        return Ok(());
    }
    let groups = desk.all(List::GROUPS, json!({"UserPoolId": pool}), usize::MAX).await?;
    desk.tell(&json!(groups), |_| {
        let row = |group: &Value| ["GroupName", "Precedence", "Description"].map(|member| cell(group, member));
        table(["GROUP", "PRECEDENCE", "DESCRIPTION"], &groups.iter().map(row).collect::<Vec<_>>())
    });
    Ok(())
}

pub(super) async fn member(desk: &Desk, args: &MemberArgs) -> Done {
    let pool = desk.pool_id(&args.of.pool).await?;
    let input = json!({"UserPoolId": pool, "GroupName": args.group, "Username": args.user});
    let (operation, words) = if args.remove {
        ("AdminRemoveUserFromGroup", "is no longer in group")
    } else {
        ("AdminAddUserToGroup", "is in group")
    };
    let answer = desk.call(operation, input).await?;
    let said = json!({"user": args.user, "group": args.group});
    desk.done(&answer, &format!("user {} {words} {}", cell(&said, "user"), cell(&said, "group")));
    Ok(())
}
