//! `ListUsers` with its filters, and `ListUsersInGroup`.

use serde_json::{Map, Value, json};

use super::super::answers::{listed_user, put};
use super::super::door::Call;
use super::super::error::CognitoError;
use super::super::input::page_token;
use crate::issuer::store::{Page, UserFilter};

/// Attributes that a filter may name.
const SEARCHABLE: [&str; 6] = ["email", "phone_number", "name", "given_name", "family_name", "preferred_username"];

pub(in super::super) async fn list_users(call: &Call<'_>) -> Result<Value, CognitoError> {
    let filter = match call.input.text("Filter").filter(|filter| !filter.trim().is_empty()) {
        None => UserFilter::All,
        Some(text) => filter(text).ok_or_else(|| CognitoError::invalid_parameter("Error while parsing filter"))?,
    };
    let start = call.input.page_start("PaginationToken")?;
    let size = call.input.page_size("Limit");
    let page = call.engine.page_of_users(call.input.needed("UserPoolId"), &filter, (&start, size)).await?;
    Ok(answer(call, page, "PaginationToken"))
}

pub(in super::super) async fn list_users_in_group(call: &Call<'_>) -> Result<Value, CognitoError> {
    let (pool_id, group) = (call.input.needed("UserPoolId"), call.input.needed("GroupName"));
    call.engine.group(pool_id, group).await?;
    let filter = UserFilter::InGroup(group.to_owned());
    let start = call.input.page_start("NextToken")?;
    let page = call.engine.page_of_users(pool_id, &filter, (&start, call.input.page_size("Limit"))).await?;
    Ok(answer(call, page, "NextToken"))
}

fn answer(call: &Call<'_>, page: Page, token: &str) -> Value {
    let wanted = call.input.list("AttributesToGet");
    let is_wanted = |name: &str| call.input.get("AttributesToGet").is_none() || wanted.contains(&name);
    let mut answer = Map::new();
    put(&mut answer, "Users", Some(page.users.iter().map(|user| listed_user(user, is_wanted)).collect()));
    put(&mut answer, token, page.next.map(|next| json!(page_token(&next))));
    Value::Object(answer)
}

/// `name = "value"` or `name ^= "value"`; a quote in the value stands after a backslash.
fn filter(text: &str) -> Option<UserFilter> {
    let (name, rest) = text.split_once('=')?;
    let (name, prefix) = match name.trim_end().strip_suffix('^') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let name = name.trim().trim_matches('"');
    let quoted = rest.trim().strip_prefix('"')?.strip_suffix('"')?;
    let value = unescaped(quoted)?;
    Some(match name {
        "username" => UserFilter::Name { value, prefix },
        "sub" => UserFilter::Sub { value, prefix },
        "cognito:user_status" if !prefix => UserFilter::Status(value.to_uppercase()),
        "status" if !prefix => UserFilter::Enabled(match value.as_str() {
            "Enabled" => true,
            "Disabled" => false,
            _ => return None,
        }),
        name if SEARCHABLE.contains(&name) => UserFilter::Attribute { name: name.to_owned(), value, prefix },
        _ => return None,
    })
}

fn unescaped(quoted: &str) -> Option<String> {
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => value.push(characters.next()?),
            '"' => return None,
            other => value.push(other),
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_as_cognito_reads_them() {
        let attribute = |name: &str, value: &str, prefix| {
            Some(UserFilter::Attribute { name: name.to_owned(), value: value.to_owned(), prefix })
        };
        assert_eq!(filter(r#"email = "a@b""#), attribute("email", "a@b", false));
        assert_eq!(filter(r#"family_name="O\"Neil=x""#), attribute("family_name", "O\"Neil=x", false));
        assert_eq!(filter(r#"phone_number ^= "+49""#), attribute("phone_number", "+49", true));
        assert_eq!(filter(r#""email"^="x""#), attribute("email", "x", true));
        let name = UserFilter::Name { value: "al".to_owned(), prefix: true };
        assert_eq!(filter(r#"username ^= "al""#), Some(name));
        assert_eq!(filter(r#"cognito:user_status = "Confirmed""#), Some(UserFilter::Status("CONFIRMED".to_owned())));
        assert_eq!(filter(r#"status = "Disabled""#), Some(UserFilter::Enabled(false)));
    }

    #[test]
    fn what_is_no_filter_is_none() {
        for text in [
            "email",
            "email = a@b",
            r#"email = "a"#,
            r#"email = "a" x"#,
            r#"custom:x = "a""#,
            r#"status = "x""#,
            r#"= "a""#,
            r#"email = "a"b""#,
            r#"address = "a""#,
        ] {
            assert_eq!(filter(text), None, "{text}");
        }
    }
}
