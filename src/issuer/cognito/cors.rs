//! CORS, as the Amplify libraries in a browser need it: any origin, because no call is authorized by a cookie.

use axum::http::StatusCode;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};

/// What the AWS libraries send from a page.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "content-type, x-amz-target, x-amz-user-agent, x-amz-date, x-amz-security-token, x-amz-content-sha256, \
     x-amzn-trace-id, authorization, cache-control, amz-sdk-invocation-id, amz-sdk-request",
);
/// What a page may read besides the body.
const RESPONSE_HEADERS: HeaderValue =
    HeaderValue::from_static("x-amzn-RequestId, x-amzn-ErrorType, x-amzn-ErrorMessage, date");
/// How long a browser may remember the answer, in seconds: a day.
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");
const ANY: HeaderValue = HeaderValue::from_static("*");

/// Answers the question that a browser asks before it calls.
pub(crate) async fn preflight() -> Response {
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, GET, OPTIONS")),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    (StatusCode::OK, headers).into_response()
}

/// Lets pages of any origin read the answer.
pub(crate) async fn allow_any_origin(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    response
}
