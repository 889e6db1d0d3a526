//! Errors in Cognito's shape: a type, a message, and the same again in headers.

use std::error::Error;

use axum::http::StatusCode;
use axum::http::header::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;

use crate::issuer::administer::Refused;
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

impl From<CognitoError> for Refused {
    fn from(error: CognitoError) -> Self {
        match error.cause {
            Some(cause) => Self::House(*cause),
            None => Self::No { kind: error.kind, code: error.code, message: error.message },
        }
    }
}

impl CognitoError {
    pub(super) fn new(kind: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind, message: message.into(), code, cause: None }
    }

    pub(super) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", "invalid-parameter", message)
    }

    /// An operation that Cognito has and this issuer has not.
    pub(super) fn not_built(name: &str) -> Self {
        let message = format!("The operation {name} is not built in this issuer.");
        Self::new("UnsupportedOperationException", "operation-not-built", message)
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
        let (kind, message) = match refusal {
            Refusal::House(error) => return error.into(),
            refusal => said(refusal),
        };
        Self::new(kind, code, message)
    }
}

/// The exception and the words that Cognito has for a refusal.
fn said(refusal: Refusal) -> (&'static str, String) {
    const INVALID: &str = "InvalidParameterException";
    const NOT_FOUND: &str = "ResourceNotFoundException";
    match refusal {
        Refusal::UnknownPool(id) => (NOT_FOUND, format!("User pool {id} does not exist.")),
        Refusal::UnknownClient(id) => (NOT_FOUND, format!("User pool client {id} does not exist.")),
        Refusal::UnknownGroup => (NOT_FOUND, "Group not found.".to_owned()),
        Refusal::FlowNotEnabled(flow) => (INVALID, format!("{flow} flow not enabled for this client")),
        Refusal::MissingParameter(name) => (INVALID, format!("Missing required parameter {name}")),
        Refusal::Invalid(message) => (INVALID, message),
        Refusal::WeakPassword(objection) => {
            ("InvalidPasswordException", format!("Password did not conform with policy: {objection}"))
        }
        Refusal::AliasTaken(attribute) => {
            ("AliasExistsException", format!("An account with the given {attribute} already exists."))
        }
        Refusal::NoClientProof(id) => {
            (NOT_AUTHORIZED, format!("Client {id} is configured with secret but SECRET_HASH was not received"))
        }
        Refusal::WrongClientProof(id) => (NOT_AUTHORIZED, format!("Unable to verify secret hash for client {id}")),
        refusal => {
            let (kind, message) = always_said(&refusal);
            (kind, message.to_owned())
        }
    }
}

const NOT_AUTHORIZED: &str = "NotAuthorizedException";

/// The same for refusals that name nothing.
fn always_said(refusal: &Refusal) -> (&'static str, &'static str) {
    match refusal {
        Refusal::NotThisClient => ("UnauthorizedException", "The client is not authorized to revoke this token."),
        Refusal::NotARefreshToken => ("UnsupportedTokenTypeException", "Only refresh tokens can be revoked."),
        Refusal::UnknownUser => ("UserNotFoundException", "User does not exist."),
        Refusal::UnknownUserOfClient => ("UserNotFoundException", "Username/client id combination not found."),
        Refusal::NotConfirmed => ("UserNotConfirmedException", "User is not confirmed."),
        Refusal::ResetRequired => ("PasswordResetRequiredException", "Password reset required for the user"),
        Refusal::UserExists => ("UsernameExistsException", "User already exists"),
        Refusal::UsedPassword => (
            "PasswordHistoryPolicyViolationException",
            "Password has already been used. Please choose a different password.",
        ),
        Refusal::WrongCode => ("CodeMismatchException", "Invalid verification code provided, please try again."),
        Refusal::ExpiredCode => ("ExpiredCodeException", "Invalid code provided, please request a code again."),
        Refusal::TooOften => ("LimitExceededException", "Attempt limit exceeded, please try after some time."),
        Refusal::NoDelivery => ("CodeDeliveryFailureException", "A code could not be sent to the user."),
        Refusal::NoFactor => ("MFAMethodNotFoundException", "The user has no MFA method that the user pool takes."),
        Refusal::NoTotp => ("SoftwareTokenMFANotFoundException", "Software Token MFA has not been set up by the user."),
        Refusal::WrongTotpSetup => ("EnableSoftwareTokenMFAException", "Code mismatch"),
        Refusal::WrongState(message) => ("UnsupportedUserStateException", message),
        Refusal::GroupExists => ("GroupExistsException", "A group with the name already exists."),
        Refusal::TooMany(message) => ("LimitExceededException", message),
        Refusal::SessionsNotTracked => {
            ("OperationNotEnabledException", "User session tracking is not enabled for this user pool.")
        }
        Refusal::UnknownSession => ("ResourceNotFoundException", "Session does not exist."),
        Refusal::RefreshTokenReused => ("RefreshTokenReuseException", "Refresh Token has been used before"),
        Refusal::NotAllowed(message) => (NOT_AUTHORIZED, message),
        Refusal::TemporaryPasswordExpired => {
            (NOT_AUTHORIZED, "Temporary password has expired and must be reset by an administrator.")
        }
        Refusal::InvalidSession => (NOT_AUTHORIZED, "Invalid session for the user."),
        Refusal::Locked => (NOT_AUTHORIZED, "Password attempts exceeded"),
        Refusal::UserDisabled => (NOT_AUTHORIZED, "User is disabled."),
        Refusal::InvalidRefreshToken => (NOT_AUTHORIZED, "Invalid Refresh Token"),
        Refusal::RefreshTokenRevoked => (NOT_AUTHORIZED, "Refresh Token has been revoked"),
        Refusal::RefreshTokenExpired => (NOT_AUTHORIZED, "Refresh Token has expired"),
        Refusal::InvalidAccessToken => (NOT_AUTHORIZED, "Invalid Access Token"),
        Refusal::AccessTokenExpired => (NOT_AUTHORIZED, "Access Token has expired"),
        Refusal::AccessTokenRevoked => (NOT_AUTHORIZED, "Access Token has been revoked"),
        Refusal::ScopeMissing => (NOT_AUTHORIZED, "Access Token does not have required scopes"),
        _ => (NOT_AUTHORIZED, "Incorrect username or password."),
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
