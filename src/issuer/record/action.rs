//! An identity action as it went: what was called, with what, and what came of it.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::jose::CompactJws;

/// Our own tokens nest three levels at most.
const MAX_DEPTH: usize = 8;

/// A call of an operation that is over.
#[derive(Debug)]
pub(crate) struct Call {
    pub operation: &'static str,
    pub request_id: String,
    /// Unix milliseconds.
    pub at: u64,
    pub source: Option<IpAddr>,
    /// The stable code of the refusal, where it was refused.
    pub refused: Option<&'static str>,
    /// What the caller named, as far as it is told on.
    pub(super) named: Named,
}

/// Whom and what a call names. Nothing of it is secret.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) pool_id: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) user_name: Option<String>,
    pub(super) sub: Option<String>,
    /// The `iss` of the token, by which the pool is found.
    pub(super) issuer: Option<String>,
    pub(super) challenge: Option<String>,
    is_refresh: bool,
    gives_tokens: bool,
}

/// Longest value that is told on, in bytes: what is longer is no id of ours.
const LONGEST: usize = 256;

impl Named {
    /// Reads what is told on out of a call and its answer. A token is believed only in a call that was answered well: then it was
    /// verified, or made by us.
    pub(super) fn read(operation: &str, input: &Map<String, Value>, answer: Option<&Value>) -> Self {
        let parameters = input.get("AuthParameters").or(input.get("ChallengeResponses"));
        let flow = text(input.get("AuthFlow"));
        let is_refresh_flow = flow.is_some_and(|flow| flow.starts_with("REFRESH_TOKEN"));
        let user_name = text(input.get("Username")).or(text(parameters.and_then(|all| all.get("USERNAME"))));
        let mut named = Self {
            pool_id: owned(text(input.get("UserPoolId"))),
            client_id: owned(text(input.get("ClientId"))),
            user_name: owned(user_name),
            is_refresh: is_refresh_flow || operation == "GetTokensFromRefreshToken",
            ..Self::default()
        };
        if let Some(answer) = answer {
            named.read_answer(input, answer);
        }
        named
    }

    fn read_answer(&mut self, input: &Map<String, Value>, answer: &Value) {
        let made = answer.get("AuthenticationResult").and_then(|result| result.get("AccessToken"));
        self.gives_tokens = made.is_some();
        self.challenge = owned(text(answer.get("ChallengeName")));
        self.sub = owned(text(answer.get("UserSub")));
        let token = made.or(input.get("AccessToken")).and_then(Value::as_str);
        let claims = token.and_then(|token| CompactJws::parse(token, MAX_DEPTH).ok()).map(CompactJws::into_claims);
        let claim = |name: &str| claims.as_ref().and_then(|claims| owned(text(claims.get(name))));
        self.sub = self.sub.take().or(claim("sub"));
        self.issuer = claim("iss");
        self.client_id = self.client_id.take().or(claim("client_id"));
    }
}

impl Call {
    /// Cognito's event type where it has one for the operation, else the operation's own name.
    pub(super) fn event(&self) -> &'static str {
        match self.operation {
            _ if self.named.is_refresh => "TokenRefresh",
            "InitiateAuth" | "AdminInitiateAuth" | "RespondToAuthChallenge" | "AdminRespondToAuthChallenge" => "SignIn",
            "ForgotPassword" | "ConfirmForgotPassword" | "AdminResetUserPassword" => "ForgotPassword",
            "ChangePassword" | "AdminSetUserPassword" => "PasswordChange",
            "ResendConfirmationCode" | "GetUserAttributeVerificationCode" => "ResendCode",
            "GlobalSignOut" | "AdminUserGlobalSignOut" => "SignOut",
            operation => operation,
        }
    }

    /// `success`, `challenge` or `failure`.
    pub(super) fn result(&self) -> &'static str {
        match (self.refused, &self.named.challenge) {
            (Some(_), _) => "failure",
            (None, Some(_)) => "challenge",
            (None, None) => "success",
        }
    }

    /// What its outcome is counted as.
    pub(super) fn outcome(&self) -> &'static str {
        self.refused.unwrap_or(self.result())
    }

    /// By what tokens were given, where some were.
    pub(super) fn tokens_by(&self) -> Option<&'static str> {
        self.named.gives_tokens.then_some(if self.named.is_refresh { "refresh" } else { "sign-in" })
    }
}

fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str).filter(|text| !text.is_empty() && text.len() <= LONGEST)
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(operation: &'static str, input: &Value, answer: Option<&Value>) -> Call {
        let refused = answer.is_none().then_some("wrong-credentials");
        let named = Named::read(operation, input.as_object().unwrap(), answer);
        Call { operation, request_id: String::new(), at: 0, source: None, refused, named }
    }

    #[test]
    fn events_have_cognitos_names() {
        let good = json!({});
        for (operation, event) in [
            ("InitiateAuth", "SignIn"),
            ("AdminRespondToAuthChallenge", "SignIn"),
            ("SignUp", "SignUp"),
            ("ConfirmForgotPassword", "ForgotPassword"),
            ("ChangePassword", "PasswordChange"),
            ("ResendConfirmationCode", "ResendCode"),
            ("GlobalSignOut", "SignOut"),
            ("AdminDisableUser", "AdminDisableUser"),
            ("GetTokensFromRefreshToken", "TokenRefresh"),
        ] {
            assert_eq!(call(operation, &json!({}), Some(&good)).event(), event, "{operation}");
        }
        let refresh = json!({"AuthFlow": "REFRESH_TOKEN_AUTH"});
        assert_eq!(call("InitiateAuth", &refresh, Some(&good)).event(), "TokenRefresh");
    }

    #[test]
    fn a_challenge_is_neither_success_nor_failure() {
        let challenge = json!({"ChallengeName": "SMS_MFA", "Session": "s"});
        let challenged = call("InitiateAuth", &json!({"AuthParameters": {"USERNAME": "alice"}}), Some(&challenge));
        assert_eq!((challenged.result(), challenged.outcome()), ("challenge", "challenge"));
        assert_eq!(challenged.named.user_name.as_deref(), Some("alice"));
        let refused = call("InitiateAuth", &json!({}), None);
        assert_eq!((refused.result(), refused.outcome()), ("failure", "wrong-credentials"));
    }

    #[test]
    fn a_token_of_a_call_that_was_refused_is_not_believed() {
        // {"alg":"RS256"}.{"sub":"mallory"}.
        let input = json!({"AccessToken": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtYWxsb3J5In0.AAAA"});
        assert_eq!(call("GetUser", &input, None).named.sub, None);
        assert_eq!(call("GetUser", &input, Some(&json!({}))).named.sub.as_deref(), Some("mallory"));
    }

    #[test]
    fn what_is_longer_than_any_id_is_not_told_on() {
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(call("SignUp", &json!({"ClientId": long}), None).named.client_id, None);
    }
}
