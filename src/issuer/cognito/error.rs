//! Errors in Cognito's shape: a type, a message, and the same again in headers.

use std::error::Error;

use axum::http::StatusCode;
use axum::http::header::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;

use crate::issuer::error::IssuerError;
use crate::issuer::flow::Refusal;

/// What a Cognito client is told when it is told no.
#[derive(Debug)]
pub(super) struct CognitoError {
    pub status: StatusCode,
    /// The name of the exception in the service model.
    pub kind: &'static str,
    pub message: String,
    /// Our own name of the reason, for logs.
    pub code: &'static str,
    /// What went wrong in the house, for logs; never told to the caller.
    pub cause: Option<Box<IssuerError>>,
}

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-amzn-errormessage");
/// Longest message in a header, in bytes; the body has all of it.
const LONGEST_HEADER: usize = 512;

impl CognitoError {
    pub(super) fn new(kind: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind, message: message.into(), code, cause: None }
    }

    pub(super) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", "invalid-parameter", message)
    }

    /// The body cannot be read as this protocol's JSON.
    pub(super) fn serialization(code: &'static str, message: &str) -> Self {
        Self::new("SerializationException", code, message)
    }

    /// The body did not arrive in time.
    pub(super) fn body_timeout() -> Self {
        let error = Self::serialization("body-timeout", "The request body did not arrive in time.");
        Self { status: StatusCode::REQUEST_TIMEOUT, ..error }
    }

    /// The body is larger than any that an operation could want.
    pub(super) fn body_too_large() -> Self {
        let error = Self::serialization("body-too-large", "The request body is too large.");
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, ..error }
    }

    /// The one kind of answer that is not the caller's fault.
    fn internal(cause: IssuerError) -> Self {
        let error = Self::new("InternalErrorException", cause.code(), "The service cannot do this now.");
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, cause: Some(Box::new(cause)), ..error }
    }

    /// What went wrong in the house, with all that led to it.
    pub(super) fn cause(&self) -> String {
        let mut said = Vec::new();
        let mut next = self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static));
        while let Some(cause) = next {
            said.push(cause.to_string());
            next = cause.source();
        }
        said.join(": ")
    }
}

impl From<Refusal> for CognitoError {
    fn from(refusal: Refusal) -> Self {
        let code = refusal.code();
        let not_authorized = |message: String| Self::new("NotAuthorizedException", code, message);
        let text = match refusal {
            Refusal::UnknownClient(id) => {
                let message = format!("User pool client {id} does not exist.");
                return Self::new("ResourceNotFoundException", code, message);
            }
            Refusal::FlowNotEnabled(flow) => {
                let message = format!("{flow} flow not enabled for this client");
                return Self::new("InvalidParameterException", code, message);
            }
            Refusal::MissingParameter(name) => {
                return Self::new("InvalidParameterException", code, format!("Missing required parameter {name}"));
            }
            Refusal::NoClientProof(id) => {
                return not_authorized(format!(
                    "Client {id} is configured with secret but SECRET_HASH was not received"
                ));
            }
            Refusal::WrongClientProof(id) => {
                return not_authorized(format!("Unable to verify secret hash for client {id}"));
            }
            Refusal::NotThisClient => {
                return Self::new("UnauthorizedException", code, "The client is not authorized to revoke this token.");
            }
            Refusal::NotARefreshToken => {
                return Self::new("UnsupportedTokenTypeException", code, "Only refresh tokens can be revoked.");
            }
            Refusal::House(error) => return error.into(),
            Refusal::WrongCredentials => "Incorrect username or password.",
            Refusal::Locked => "Password attempts exceeded",
            Refusal::UserDisabled => "User is disabled.",
            Refusal::InvalidRefreshToken => "Invalid Refresh Token",
            Refusal::RefreshTokenRevoked => "Refresh Token has been revoked",
            Refusal::RefreshTokenExpired => "Refresh Token has expired",
            Refusal::InvalidAccessToken => "Invalid Access Token",
            Refusal::AccessTokenExpired => "Access Token has expired",
            Refusal::AccessTokenRevoked => "Access Token has been revoked",
            Refusal::ScopeMissing => "Access Token does not have required scopes",
        };
        not_authorized(text.to_owned())
    }
}

impl From<IssuerError> for CognitoError {
    fn from(error: IssuerError) -> Self {
        match error {
            IssuerError::Busy(_) => Self::new("TooManyRequestsException", error.code(), "Too many requests"),
            _ => Self::internal(error),
        }
    }
}

impl IntoResponse for CognitoError {
    fn into_response(self) -> Response {
        let body = Json(json!({"__type": self.kind, "message": self.message}));
        let mut response = (self.status, body).into_response();
        let kind = HeaderValue::from_str(&format!("{}:", self.kind));
        let headers = response.headers_mut();
        headers.extend(kind.ok().map(|kind| (ERROR_TYPE, kind)));
        headers.extend(header_text(&self.message).map(|message| (ERROR_MESSAGE, message)));
        response
    }
}

/// The message as a header can carry it: visible ASCII and blanks, the rest replaced, and not too long.
fn header_text(message: &str) -> Option<HeaderValue> {
    let plain = |character: char| if character == ' ' || character.is_ascii_graphic() { character } else { '?' };
    let text: String = message.chars().map(plain).take(LONGEST_HEADER).collect();
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_the_same_in_body_and_headers() {
        let response = CognitoError::from(Refusal::WrongCredentials).into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers()["x-amzn-errortype"], "NotAuthorizedException:");
        assert_eq!(response.headers()["x-amzn-errormessage"], "Incorrect username or password.");
    }

    #[test]
    fn only_our_own_failures_are_500_and_they_say_nothing() {
        let error = CognitoError::from(Refusal::from(IssuerError::Kept("secret thing")));
        assert_eq!(error.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!error.message.contains("secret thing") && error.cause().contains("secret thing"));
        let busy = CognitoError::from(Refusal::from(IssuerError::Busy("hashing")));
        assert_eq!((busy.status, busy.kind), (StatusCode::BAD_REQUEST, "TooManyRequestsException"));
    }

    #[test]
    fn no_message_can_break_a_header() {
        for message in ["a\r\nx-evil: 1", "ä\u{0}", &"x".repeat(100_000)] {
            let response = CognitoError::invalid_parameter(message).into_response();
            let header = &response.headers()["x-amzn-errormessage"];
            assert!(header.len() <= LONGEST_HEADER && header.to_str().is_ok());
        }
    }
}
