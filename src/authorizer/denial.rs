//! Every reason for no, and what the client gets for it: status, code, challenge, and words that tell nothing they should not.

use std::fmt::Write;

use http::StatusCode;
use serde::Serialize;

use super::rate_limit::Exceeded;
use crate::token::{PROOF_ALGORITHMS, ProofError, TokenError};

/// Why a request goes no further. The one place where a reason becomes an HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// The message could be framed in two ways (RFC 9112 section 11.2).
    BadFraming(&'static str),
    /// The request target could be read in two ways.
    BadTarget(&'static str),
    /// The host is missing, doubled, malformed, or disagrees with the target.
    BadHost(&'static str),
    /// What another proxy says about the request that it asks about is missing, doubled, contradictory or unreadable.
    BadOriginalRequest {
        /// What it says.
        what: &'static str,
        /// What is wrong with it.
        flaw: &'static str,
    },
    /// The target is longer than `limits.target`.
    TargetTooLong,
    /// The header section is larger than `limits.header`, or has more fields than `limits.headers`.
    HeadersTooLarge,
    /// The body is larger than `limits.body`.
    BodyTooLarge,
    /// The client did not send its request in time.
    RequestTimeout,
    /// The client took nothing of its answer for as long as `limits.write_timeout`. Nobody reads it; it stands in logs and metrics.
    AnswerNotTaken,
    /// No route has this host and path.
    NoRoute,
    /// A route has this path, but not this method.
    MethodNotAllowed {
        /// The methods that it has.
        allow: Vec<String>,
    },
    /// The gate answers this request itself, and was asked about it at a door where it cannot: an answer there that is no
    /// refusal lets the request pass.
    AnsweredByTheGate,
    /// A preflight request of an origin that the route's `cors` does not name.
    OriginNotAllowed,
    /// More requests came than a `rate_limit` of the route lets come.
    RateLimited(Box<Exceeded>),
    /// The route needs a token and the request has none.
    MissingCredential,
    /// The credential is no good.
    Token(TokenError),
    /// The token is good, but this route does not take tokens of its issuer.
    IssuerNotAccepted,
    /// The token lacks a scope that the route names.
    InsufficientScope {
        /// The scopes that would do.
        scope: Vec<String>,
    },
    /// The caller is in none, or not in all, of the groups that the route names.
    MissingGroup {
        /// The groups that would do; for operators, never for the client.
        groups: Vec<String>,
    },
    /// The policies said no.
    Policy {
        /// The bundle that decided.
        bundle: String,
        /// What the deciding policy lets the client read.
        message: Option<String>,
    },
    /// A policy could not be evaluated, which is a no.
    PolicyError {
        /// The bundle that erred.
        bundle: String,
    },
    /// A claim cannot be written into a header without another meaning.
    ClaimNotForwardable {
        /// The claim.
        claim: String,
    },
    /// No endpoint of the upstream is there to be asked: none is healthy, or its name has no address.
    UpstreamUnavailable,
    /// The upstream has as many requests as its `limits` allow.
    UpstreamOverloaded,
    /// No endpoint of the upstream could be reached.
    UpstreamUnreachable,
    /// The upstream's answer was not HTTP, or broke off.
    UpstreamFailed,
    /// The upstream did not answer in time.
    UpstreamTimeout,
    /// The gate stops, and what was still open at the end of `shutdown.drain` is ended.
    Stopping,
    /// The gate itself failed.
    Internal,
}

/// Where on the way a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The request itself: its framing, target, host and size.
    Request,
    /// Finding the route.
    Route,
    /// How often requests may come.
    RateLimit,
    /// Finding the credential.
    Credential,
    /// Verifying the token.
    Token,
    /// The scopes that the route names.
    Scopes,
    /// The groups that the route names.
    Groups,
    /// The policies that the route names.
    Policy,
    /// Writing down what is told to the upstream.
    Permit,
    /// Asking the upstream.
    Upstream,
}

/// How a denial is written in HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// `WWW-Authenticate` (RFC 6750 section 3), `Allow`, `Retry-After`, where they belong.
    pub headers: Vec<(&'static str, String)>,
    /// `application/problem+json` (RFC 9457).
    pub body: String,
}

/// The members of a problem (RFC 9457 section 3.1), and two of our own.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: String,
    request_id: &'a str,
}

const REALM: &str = "lychgate";
/// Room for most bodies and challenges.
const USUAL_BODY: usize = 384;
const USUAL_CHALLENGE: usize = 128;

/// What a challenge says beside its reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Challenge {
    /// Whether the client is to use, or has used, the scheme `DPoP` (RFC 9449 section 7.1).
    pub by_dpop: bool,
    /// Where the metadata of the resource stands that was asked for (RFC 9728 section 5.1).
    pub resource_metadata: Option<String>,
}

impl Denial {
    /// The stable name of this reason, in answers, logs and metrics alike.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadFraming(_) => "bad-framing",
            Self::BadTarget(_) => "bad-target",
            Self::BadHost(_) => "bad-host",
            Self::BadOriginalRequest { .. } => "bad-original-request",
            Self::TargetTooLong => "target-too-long",
            Self::HeadersTooLarge => "headers-too-large",
            Self::BodyTooLarge => "body-too-large",
            Self::RequestTimeout => "request-timeout",
            Self::AnswerNotTaken => "answer-not-taken",
            Self::NoRoute => "no-route",
            Self::MethodNotAllowed { .. } => "method-not-allowed",
            Self::AnsweredByTheGate => "answered-by-the-gate",
            Self::OriginNotAllowed => "origin-not-allowed",
            Self::RateLimited(_) => "rate-limited",
            Self::MissingCredential => "missing-credential",
            Self::Token(error) => error.code(),
            Self::IssuerNotAccepted => "issuer-not-accepted",
            Self::InsufficientScope { .. } => "insufficient-scope",
            Self::MissingGroup { .. } => "missing-group",
            Self::Policy { .. } => "denied-by-policy",
            Self::PolicyError { .. } => "policy-error",
            Self::ClaimNotForwardable { .. } => "claim-not-forwardable",
            Self::UpstreamUnavailable => "upstream-unavailable",
            Self::UpstreamOverloaded => "upstream-overloaded",
            Self::UpstreamUnreachable => "upstream-unreachable",
            Self::UpstreamFailed => "upstream-failed",
            Self::UpstreamTimeout => "upstream-timeout",
            Self::Stopping => "gate-stopping",
            Self::Internal => "internal",
        }
    }

    /// Where on the way it came up.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::BadFraming(_)
            | Self::BadTarget(_)
            | Self::BadHost(_)
            | Self::BadOriginalRequest { .. }
            | Self::TargetTooLong
            | Self::HeadersTooLarge
            | Self::BodyTooLarge
            | Self::RequestTimeout => Stage::Request,
            Self::NoRoute | Self::MethodNotAllowed { .. } | Self::AnsweredByTheGate | Self::OriginNotAllowed => {
                Stage::Route
            }
            Self::RateLimited(_) => Stage::RateLimit,
            Self::MissingCredential
            | Self::Token(TokenError::SeveralCredentials | TokenError::MalformedCredential(_)) => Stage::Credential,
            Self::Token(_) | Self::IssuerNotAccepted => Stage::Token,
            Self::InsufficientScope { .. } => Stage::Scopes,
            Self::MissingGroup { .. } => Stage::Groups,
            Self::Policy { .. } | Self::PolicyError { .. } => Stage::Policy,
            Self::ClaimNotForwardable { .. } => Stage::Permit,
            Self::AnswerNotTaken
            | Self::UpstreamUnavailable
            | Self::UpstreamOverloaded
            | Self::UpstreamUnreachable
            | Self::UpstreamFailed
            | Self::UpstreamTimeout
            | Self::Stopping
            | Self::Internal => Stage::Upstream,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::BadFraming(_)
            | Self::BadTarget(_)
            | Self::BadHost(_)
            | Self::BadOriginalRequest { .. }
            | Self::Token(TokenError::SeveralCredentials) => 400,
            Self::Token(
                TokenError::KeysUnavailable(_)
                | TokenError::IntrospectionUnavailable(_)
                | TokenError::Proof(ProofError::TooMany),
            )
            | Self::UpstreamUnavailable
            | Self::UpstreamOverloaded
            | Self::Stopping => 503,
            Self::MissingCredential | Self::Token(_) | Self::IssuerNotAccepted | Self::ClaimNotForwardable { .. } => {
                401
            }
            Self::InsufficientScope { .. }
            | Self::MissingGroup { .. }
            | Self::Policy { .. }
            | Self::PolicyError { .. }
            | Self::OriginNotAllowed => 403,
            Self::NoRoute => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::RequestTimeout | Self::AnswerNotTaken => 408,
            Self::BodyTooLarge => 413,
            Self::TargetTooLong => 414,
            Self::AnsweredByTheGate => 421,
            Self::RateLimited(_) => 429,
            Self::HeadersTooLarge => 431,
            Self::Internal => 500,
            Self::UpstreamUnreachable | Self::UpstreamFailed => 502,
            Self::UpstreamTimeout => 504,
        }
    }

    /// The gRPC status code, for callers that read no other: what its specification calls `UNAUTHENTICATED` and so on.
    #[must_use]
    pub fn grpc_status(&self) -> u16 {
        match self.status() {
            401 => 16,
            403 => 7,
            // Of a call that leads nowhere gRPC says that it is not implemented.
            404 | 405 => 12,
            413 | 414 | 429 | 431 => 8,
            408 | 504 => 4,
            502 | 503 => 14,
            status if status < 500 => 3,
            _ => 13,
        }
    }

    /// The HTTP status, as a code to be set.
    #[must_use]
    pub fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The status for `auth_request` of nginx, which passes on 401 and 403 and makes everything else its own 500.
    #[must_use]
    pub fn status_code_for_nginx(&self) -> StatusCode {
        match self.status_code() {
            other if other.is_client_error() && other != StatusCode::UNAUTHORIZED => StatusCode::FORBIDDEN,
            status => status,
        }
    }

    /// Whether the client may come back with credentials, or with better ones.
    #[must_use]
    pub fn asks_for_credentials(&self) -> bool {
        self.status_code() == StatusCode::UNAUTHORIZED
    }

    /// Whether the gate or an upstream failed, rather than refused.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.status() >= 500
    }

    /// Whether the client's connection must end with the answer, because its next bytes could be read in two ways.
    #[must_use]
    pub fn closes_connection(&self) -> bool {
        matches!(
            self,
            Self::BadFraming(_)
                | Self::BodyTooLarge
                | Self::HeadersTooLarge
                | Self::RequestTimeout
                | Self::AnswerNotTaken
        )
    }

    /// The whole answer, with the id that leads an operator to the log line.
    #[must_use]
    pub fn answer(&self, request_id: &str) -> Answer {
        self.answer_with(request_id, &Challenge::default())
    }

    /// The same where more is known that a challenge should say.
    pub(super) fn answer_with(&self, request_id: &str, challenge: &Challenge) -> Answer {
        let mut headers = Vec::new();
        if let Some(challenge) = self.challenge(challenge) {
            headers.push(("www-authenticate", challenge));
        }
        if let Self::MethodNotAllowed { allow } = self {
            headers.push(("allow", allow.join(", ")));
        }
        if self.status() == 503 {
            headers.push(("retry-after", "5".to_owned()));
        }
        if let Self::RateLimited(exceeded) = self {
            headers.push(("retry-after", exceeded.retry_after.to_string()));
            headers.extend(exceeded.fields.clone());
        }
        let problem = Problem {
            r#type: format!("urn:lychgate:problem:{}", self.code()),
            title: self.title(),
            status: self.status(),
            code: self.code(),
            detail: self.detail(),
            request_id,
        };
        let mut body = Vec::with_capacity(USUAL_BODY);
        // Texts and a number: writing them does not fail.
        let _infallible = serde_json::to_writer(&mut body, &problem);
        // The line ends, for those who read it in a terminal.
        body.push(b'\n');
        Answer { status: self.status(), headers, body: String::from_utf8(body).unwrap_or_default() }
    }

    /// RFC 6750 section 3: no `error` when there was no credential, since nothing was wrong with it. RFC 9449 section 7.1 has
    /// the same with its own scheme.
    fn challenge(&self, about: &Challenge) -> Option<String> {
        let error = match self {
            Self::MissingCredential => None,
            Self::Token(
                TokenError::KeysUnavailable(_)
                | TokenError::IntrospectionUnavailable(_)
                | TokenError::Proof(ProofError::TooMany),
            ) => return None,
            Self::Token(TokenError::SeveralCredentials) => Some("invalid_request"),
            Self::Token(TokenError::Proof(ProofError::Nonce)) => Some("use_dpop_nonce"),
            Self::Token(TokenError::Proof(_)) => Some("invalid_dpop_proof"),
            Self::Token(_) | Self::IssuerNotAccepted | Self::ClaimNotForwardable { .. } => Some("invalid_token"),
            Self::InsufficientScope { .. } => Some("insufficient_scope"),
            _ => return None,
        };
        let scheme = if about.by_dpop { "DPoP" } else { "Bearer" };
        let mut challenge = String::with_capacity(USUAL_CHALLENGE);
        // Writing to a string does not fail.
        let _infallible = write!(challenge, "{scheme} realm=\"{REALM}\"");
        if let Some(error) = error {
            let _infallible = write!(challenge, ", error=\"{error}\", error_description=\"{}\"", self.detail());
        }
        if let Self::InsufficientScope { scope } = self {
            let _infallible = write!(challenge, ", scope=\"{}\"", scope.join(" "));
        }
        if about.by_dpop {
            let _infallible = write!(challenge, ", algs=\"{}\"", PROOF_ALGORITHMS.join(" "));
        }
        if let Some(url) = &about.resource_metadata {
            let _infallible = write!(challenge, ", resource_metadata=\"{url}\"");
        }
        Some(challenge)
    }

    fn title(&self) -> &'static str {
        match self.status() {
            400 => "Bad request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not found",
            405 => "Method not allowed",
            408 => "Request timeout",
            413 => "Content too large",
            414 => "URI too long",
            421 => "Misdirected request",
            429 => "Too many requests",
            431 => "Request header fields too large",
            502 => "Bad gateway",
            503 => "Service unavailable",
            504 => "Gateway timeout",
            _ => "Internal error",
        }
    }

    /// What the client may read: what it can do better, nothing about keys, policies or other users.
    ///
    /// Never a quote or a backslash, so that it stands in a challenge as it is.
    #[must_use]
    pub fn detail(&self) -> String {
        let text = match self {
            Self::BadFraming(reason) => return format!("the request cannot be framed safely: {reason}"),
            Self::BadTarget(reason) => return format!("the request target is not accepted: {reason}"),
            Self::BadHost(reason) => return format!("the host is not accepted: {reason}"),
            Self::BadOriginalRequest { what, flaw } => {
                return format!("the original request cannot be read: {what} is {flaw}");
            }
            Self::Policy { message: Some(message), .. } => return message.replace(['"', '\\'], "'"),
            Self::TargetTooLong => "the request target is too long",
            Self::HeadersTooLarge => "the request header fields are too many or too large",
            Self::BodyTooLarge => "the request body is too large",
            Self::RequestTimeout => "the request took too long to arrive",
            Self::AnswerNotTaken => "the client took nothing of the answer",
            Self::NoRoute => "nothing is served at this host and path",
            Self::MethodNotAllowed { .. } => "this path does not take this method",
            Self::AnsweredByTheGate => "the gate answers this request itself: it is to be sent there",
            Self::OriginNotAllowed => "pages of this origin may not call this path",
            Self::RateLimited(_) => "too many requests have come; come again later",
            Self::MissingCredential => "this path needs a token",
            Self::Token(error) => return token_detail(error),
            Self::IssuerNotAccepted => "this path does not take tokens of this issuer",
            Self::InsufficientScope { .. } => "the token lacks a scope",
            Self::MissingGroup { .. } => "the caller is not in a group that may do this",
            Self::Policy { message: None, .. } | Self::PolicyError { .. } => "the caller may not do this",
            Self::ClaimNotForwardable { .. } => "a claim of the token cannot be passed on safely",
            Self::UpstreamUnavailable => "the service behind the gate is not available",
            Self::UpstreamOverloaded => "the service behind the gate has too much to do",
            Self::UpstreamUnreachable => "the service behind the gate cannot be reached",
            Self::UpstreamFailed => "the service behind the gate did not answer properly",
            Self::UpstreamTimeout => "the service behind the gate did not answer in time",
            Self::Stopping => "the gate is about to stop",
            Self::Internal => "the gate failed",
        };
        text.to_owned()
    }
}

/// The token's bearer may know what is wrong with it, but not which keys are there.
fn token_detail(error: &TokenError) -> String {
    match error {
        TokenError::UnknownKey | TokenError::Jose(_) | TokenError::UnknownIssuer => {
            "the token could not be verified".to_owned()
        }
        TokenError::KeysUnavailable(_) | TokenError::IntrospectionUnavailable(_) => {
            "tokens of this issuer cannot be verified at the moment".to_owned()
        }
        other => other.to_string().replace('`', "").replace(['"', '\\'], "'"),
    }
}

#[cfg(test)]
mod tests;
