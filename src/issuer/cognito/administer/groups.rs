//! Groups and their members.

use serde_json::{Map, Value, json};

use super::super::answers::put;
use super::super::door::Call;
use super::super::error::CognitoError;
use super::super::input::{Input, page_token};
use super::describe;
use crate::issuer::pool::Group;

pub(in super::super) async fn create_group(call: &Call<'_>) -> Result<Value, CognitoError> {
    let pool_id = call.input.needed("UserPoolId");
    let mut group = Group {
        name: call.input.needed("GroupName").to_owned(),
        description: None,
        precedence: None,
        role_arn: None,
        created_at: 0,
        updated_at: 0,
    };
    change(&mut group, call.input);
    let made = call.engine.create_group(pool_id, &group).await?;
    Ok(json!({"Group": describe::group(&made, pool_id)}))
}

/// What is not said stays.
fn change(group: &mut Group, input: Input<'_>) {
    group.description = input.text("Description").map(str::to_owned).or(group.description.take());
    group.role_arn = input.text("RoleArn").map(str::to_owned).or(group.role_arn.take());
    group.precedence = input.number("Precedence").or(group.precedence);
}

pub(in super::super) async fn get_group(call: &Call<'_>) -> Result<Value, CognitoError> {
    let pool_id = call.input.needed("UserPoolId");
    let group = call.engine.group(pool_id, call.input.needed("GroupName")).await?;
    Ok(json!({"Group": describe::group(&group, pool_id)}))
}

pub(in super::super) async fn update_group(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, name) = (call.input.needed("UserPoolId"), call.input.needed("GroupName"));
    let input = call.input;
    let group = call.engine.update_group(pool_id, name, move |group| change(group, input)).await?;
    Ok(json!({"Group": describe::group(&group, pool_id)}))
}

pub(in super::super) async fn delete_group(call: &Call<'_>) -> Result<Value, CognitoError> {
    call.engine.delete_group(call.input.needed("UserPoolId"), call.input.needed("GroupName")).await?;
    Ok(json!({}))
}

pub(in super::super) async fn list_groups(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, size) = (call.input.needed("UserPoolId"), call.input.page_size("Limit"));
    let groups = call.engine.page_of_groups(pool_id, &call.input.page_start("NextToken")?, size).await?;
    let mut answer = Map::new();
    let described = groups.entries.iter().map(|group| describe::group(group, pool_id));
    put(&mut answer, "Groups", Some(described.collect()));
    put(&mut answer, "NextToken", groups.next.map(|next| json!(page_token(&next))));
    Ok(Value::Object(answer))
}

pub(in super::super) async fn list_groups_for_user(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, size) = (call.input.needed("UserPoolId"), call.input.page_size("Limit"));
    let start = call.input.page_start("NextToken")?;
    let groups = call.engine.page_of_users_groups(pool_id, call.input.needed("Username"), (&start, size)).await?;
    let mut answer = Map::new();
    let described = groups.entries.iter().map(|group| describe::group(group, pool_id));
    put(&mut answer, "Groups", Some(described.collect()));
    put(&mut answer, "NextToken", groups.next.map(|next| json!(page_token(&next))));
    Ok(Value::Object(answer))
}

pub(in super::super) async fn set_membership(call: &Call<'_>, is_member: bool) -> Result<Value, CognitoError> {
    let who = (call.input.needed("Username"), call.input.needed("GroupName"));
    call.engine.set_membership(call.input.needed("UserPoolId"), who, is_member).await?;
    Ok(json!({}))
}
