//! `POST /`: reads the target and the body, calls the operation, answers in Cognito's shape, and logs once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Map, Value};
use tracing::{error, info};
use uuid::Uuid;

use super::error::CognitoError;
use super::operations::{Operation, Target};
use super::{profile, sign_in, tokens};
use crate::issuer::flow::Engine;
use crate::issuer::record::{Over, Recorder};

/// Largest body, in bytes: the model's longest texts fit none of the operations that are built anyway.
const LARGEST_BODY: usize = 128 * 1024;
/// Longest wait for a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const AMZ_JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// One call of the API. An `Authorization` header is never read here: the operations that are built are unsigned.
pub(crate) async fn call(
    State(engine): State<Arc<Engine>>,
    Extension(recorder): Extension<Recorder>,
    request: Request<Body>,
) -> Response {
    let target = target(request.headers());
    let request_id = Uuid::new_v4().to_string();
    let source = request.extensions().get().map(|ConnectInfo(address): &ConnectInfo<SocketAddr>| address.ip());
    let mut input = Map::new();
    let answer = answer(&engine, target, request.into_body(), &mut input).await;
    log(target, &request_id, answer.as_ref().err());
    recorder.take(&Over {
        operation: target.name(),
        request_id: &request_id,
        at: engine.clock.unix_millis(),
        source,
        input: &input,
        answer: answer.as_ref().ok(),
        refused: answer.as_ref().err().map(|refusal| refusal.code),
    });
    let mut response = answer.map_or_else(CognitoError::into_response, |value| Json(value).into_response());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, AMZ_JSON);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(HeaderValue::from_str(&request_id).ok().map(|id| (REQUEST_ID, id)));
    response
}

/// The answer; `input` becomes what was asked, as soon as that is read.
async fn answer(
    engine: &Arc<Engine>,
    target: Target,
    body: Body,
    input: &mut Map<String, Value>,
) -> Result<Value, CognitoError> {
    let operation = match target {
        Target::Built(operation) => operation,
        Target::NotBuilt(name) => {
            let message = format!("The operation {name} is not built in this issuer.");
            return Err(CognitoError::new("UnsupportedOperationException", "operation-not-built", message));
        }
        Target::Unknown => {
            let message = "X-Amz-Target names no operation of this service.";
            return Err(CognitoError::new("UnknownOperationException", "unknown-operation", message));
        }
    };
    *input = read(body).await?;
    match operation {
        Operation::GetUser => profile::profile_of_bearer(engine, input).await,
        Operation::GlobalSignOut => tokens::global_sign_out(engine, input).await,
        Operation::InitiateAuth => sign_in::initiate_auth(engine, input).await,
        Operation::RevokeToken => tokens::revoke_token(engine, input).await,
    }
}

/// The one target that a request names; several name none.
fn target(headers: &HeaderMap) -> Target {
    let mut targets = headers.get_all(TARGET).iter();
    match (targets.next().map(HeaderValue::to_str), targets.next()) {
        (Some(Ok(target)), None) => Target::read(target),
        _ => Target::Unknown,
    }
}

async fn read(body: Body) -> Result<Map<String, Value>, CognitoError> {
    let whole = to_bytes(body, LARGEST_BODY);
    let bytes = tokio::time::timeout(BODY_TIMEOUT, whole).await.map_err(|_| CognitoError::body_timeout())?;
    // A body that breaks off cannot be answered, so what is left is one that is too large.
    let bytes = bytes.map_err(|_| CognitoError::body_too_large())?;
    // serde_json goes 128 levels deep at most, so that no body can exhaust the stack.
    let value = serde_json::from_slice(&bytes);
    match value.map_err(|_| CognitoError::serialization("body-not-json", "The request body is not JSON."))? {
        Value::Object(members) => Ok(members),
        _ => Err(CognitoError::serialization("body-not-an-object", "The request body is not a JSON object.")),
    }
}

/// Never a name, a token or a password: what was asked, and how it went.
fn log(target: Target, request_id: &str, refusal: Option<&CognitoError>) {
    let operation = target.name();
    match refusal {
        None => info!(operation, request_id, "cognito call"),
        Some(refusal) if refusal.status.is_server_error() => {
            error!(operation, request_id, code = refusal.code, cause = refusal.cause(), "cognito call failed");
        }
        Some(refusal) => info!(operation, request_id, code = refusal.code, "cognito call refused"),
    }
}
