//! The claims of Cognito's tokens, ID and access.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::issuer::pool::{Client, Session, User};

/// The scope that lets an access token call the user's own operations; API sign-ins always have it.
pub(crate) const USER_ADMIN_SCOPE: &str = "aws.cognito.signin.user.admin";

/// All that the tokens of one answer say.
#[derive(Debug)]
pub(crate) struct Mint<'a> {
    /// The `iss` of the pool.
    pub issuer: &'a str,
    pub client: &'a Client,
    pub user: &'a User,
    pub session: &'a Session,
    /// Unix seconds; the `iat` of both tokens.
    pub now: u64,
}

impl Mint<'_> {
    /// The claims of an ID token: who the user is.
    pub(crate) fn id_token(&self) -> Map<String, Value> {
        // Attributes first: whatever one is called, it cannot stand where a claim of the issuer's own stands.
        let read = self.user.attributes.only(|name| self.client.settings.may_read(name));
        let mut claims = read.claims();
        self.put_common(&mut claims, "id", self.client.lifetimes.id);
        claims.insert("aud".to_owned(), json!(self.client.id));
        claims.insert("cognito:username".to_owned(), json!(self.user.name));
        let roles = &self.user.roles;
        if !roles.all.is_empty() {
            claims.insert("cognito:roles".to_owned(), json!(roles.all));
        }
        claims.extend(roles.preferred.as_ref().map(|role| ("cognito:preferred_role".to_owned(), json!(role))));
        claims
    }

    /// The claims of an access token: what its bearer may do. It has no `aud`.
    pub(crate) fn access_token(&self) -> Map<String, Value> {
        let mut claims = self.user.attributes.claims_named(&self.client.access_token_attributes);
        self.put_common(&mut claims, "access", self.client.lifetimes.access);
        claims.insert("client_id".to_owned(), json!(self.client.id));
        claims.insert("username".to_owned(), json!(self.user.name));
        claims.insert("scope".to_owned(), json!(self.scope()));
        claims
    }

    fn put_common(&self, claims: &mut Map<String, Value>, token_use: &str, lifetime: u64) {
        let common = [
            ("sub", json!(self.user.sub)),
            ("iss", json!(self.issuer)),
            ("token_use", json!(token_use)),
            ("origin_jti", json!(self.session.id)),
            ("jti", json!(Uuid::new_v4().to_string())),
            ("event_id", json!(self.session.event_id)),
            ("auth_time", json!(self.session.signed_in_at / 1000)),
            ("iat", json!(self.now)),
            ("exp", json!(self.now.saturating_add(lifetime))),
        ];
        claims.extend(common.map(|(name, value)| (name.to_owned(), value)));
        if !self.user.groups.is_empty() {
            claims.insert("cognito:groups".to_owned(), json!(self.user.groups));
        }
    }

    fn scope(&self) -> String {
        let more = self.client.access_token_scopes.iter().map(String::as_str);
        std::iter::once(USER_ADMIN_SCOPE).chain(more).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::pool::{ClientSettings, Flow, Lifetimes, Roles, UserStatus};

    struct Everyone {
        client: Client,
        user: User,
        session: Session,
    }

    fn everyone() -> Everyone {
        let lifetimes = Lifetimes { access: 600, id: 1200, refresh: 3600 };
        let attributes = [("email", "a@example.com"), ("email_verified", "true"), ("custom:tenant", "acme")];
        Everyone {
            client: Client {
                id: "web".to_owned(),
                pool_id: "local_1".to_owned(),
                name: "web".to_owned(),
                confidential: false,
                flows: Flow::ALL.to_vec(),
                lifetimes,
                access_token_attributes: Vec::new(),
                access_token_scopes: Vec::new(),
                settings: ClientSettings::default(),
                created_at: 0,
                updated_at: 0,
            },
            user: User {
                sub: "s".to_owned(),
                name: "alice".to_owned(),
                enabled: true,
                status: UserStatus::Confirmed,
                created_at: 0,
                updated_at: 0,
                attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect(),
                groups: vec!["admin".to_owned(), "sales".to_owned()],
                roles: Roles::default(),
            },
            session: Session {
                id: "o".to_owned(),
                pool_id: "local_1".to_owned(),
                client_id: "web".to_owned(),
                sub: "s".to_owned(),
                event_id: "e".to_owned(),
                signed_in_at: 900_500,
                expires_at: 0,
                active_at: 0,
                revoked: false,
            },
        }
    }

    fn without_jti(mut claims: Map<String, Value>) -> Value {
        let jti = claims.remove("jti").unwrap();
        assert!(Uuid::parse_str(jti.as_str().unwrap()).is_ok());
        Value::Object(claims)
    }

    fn mint(everyone: &Everyone) -> Mint<'_> {
        let Everyone { client, user, session } = everyone;
        Mint { issuer: "http://issuer/local_1", client, user, session, now: 1000 }
    }

    #[test]
    fn an_id_token_says_who_the_user_is() {
        let expected = json!({
            "sub": "s", "iss": "http://issuer/local_1", "aud": "web", "token_use": "id", "cognito:username": "alice",
            "cognito:groups": ["admin", "sales"], "origin_jti": "o", "event_id": "e", "auth_time": 900, "iat": 1000,
            "exp": 2200, "email": "a@example.com", "email_verified": true, "custom:tenant": "acme",
        });
        assert_eq!(without_jti(mint(&everyone()).id_token()), expected);
    }

    #[test]
    fn an_access_token_has_no_audience_and_no_attributes() {
        let expected = json!({
            "sub": "s", "iss": "http://issuer/local_1", "client_id": "web", "token_use": "access", "username": "alice",
            "cognito:groups": ["admin", "sales"], "origin_jti": "o", "event_id": "e", "auth_time": 900, "iat": 1000,
            "exp": 1600, "scope": "aws.cognito.signin.user.admin",
        });
        assert_eq!(without_jti(mint(&everyone()).access_token()), expected);
    }

    #[test]
    fn a_client_may_ask_for_attributes_and_scopes_in_access_tokens() {
        let mut everyone = everyone();
        everyone.client.access_token_attributes = vec!["custom:tenant".to_owned(), "email_verified".to_owned()];
        everyone.client.access_token_scopes = vec!["orders/read".to_owned()];
        let claims = mint(&everyone).access_token();
        assert_eq!(claims["custom:tenant"], "acme");
        assert_eq!(claims["email_verified"], true);
        assert_eq!(claims["scope"], "aws.cognito.signin.user.admin orders/read");
        assert!(!claims.contains_key("email"));
    }

    #[test]
    fn roles_of_groups_are_in_the_id_token_alone() {
        let mut everyone = everyone();
        let role = |name: &str| format!("arn:aws:iam::000000000000:role/{name}");
        everyone.user.roles = Roles::of(&[(Some(1), role("admin")), (Some(2), role("sales"))]);
        let claims = mint(&everyone).id_token();
        assert_eq!(claims["cognito:roles"], json!([role("admin"), role("sales")]));
        assert_eq!(claims["cognito:preferred_role"], role("admin").as_str());
        everyone.user.roles.preferred = None;
        assert!(!mint(&everyone).id_token().contains_key("cognito:preferred_role"));
        assert!(!mint(&everyone).access_token().contains_key("cognito:roles"));
    }

    #[test]
    fn a_user_without_groups_has_no_groups_claim() {
        let mut everyone = everyone();
        everyone.user.groups.clear();
        assert!(!mint(&everyone).id_token().contains_key("cognito:groups"));
        assert!(!mint(&everyone).access_token().contains_key("cognito:groups"));
    }
}
