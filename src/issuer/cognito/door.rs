//! `POST /`: reads the target and the body, calls the operation, answers in Cognito's shape, and logs once.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Map, Value};
use tracing::{error, info};
use uuid::Uuid;

use super::administer::{clients, groups, lists, pools, users};
use super::administration::Administration;
use super::error::CognitoError;
use super::input::Input;
use super::model::judge;
use super::operations::Target;
use super::{own, sessions, sign_in, sign_up};
use crate::issuer::administer::Refused;
use crate::issuer::flow::Engine;
use crate::issuer::record::{Over, Recorder, sub_before};

/// Largest body, in bytes: the largest that is meant to be sent has a pool's templates of 20,000 characters each.
const LARGEST_BODY: usize = 128 * 1024;
/// Longest wait for a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const AMZ_JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// One call of an operation: what was asked, by whom, of what.
pub(super) struct Call<'a> {
    pub engine: &'a Arc<Engine>,
    pub administration: &'a Administration,
    pub input: Input<'a>,
    /// Whether it was called by an administrator.
    pub is_administrative: bool,
    /// The region that an administrator called for.
    pub region: &'a str,
    /// Where the caller is, as far as it is known.
    pub address: Option<IpAddr>,
}

/// One call of the API. An `Authorization` header is read for administrative operations alone.
pub(crate) async fn call(
    State(engine): State<Arc<Engine>>,
    Extension(administration): Extension<Arc<Administration>>,
    Extension(recorder): Extension<Recorder>,
    request: Request<Body>,
) -> Response {
    let target = target(request.headers());
    let request_id = Uuid::new_v4().to_string();
    let source = request.extensions().get().map(|ConnectInfo(address): &ConnectInfo<SocketAddr>| address.ip());
    let mut asked = Asked::default();
    let answer = answer((&engine, &administration), target, request, &mut asked).await;
    log(target, &request_id, answer.as_ref().err());
    recorder.take(&Over {
        operation: target.name(),
        request_id: &request_id,
        at: engine.clock.unix_millis(),
        source,
        input: &asked.members,
        sub: asked.sub,
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

/// What was asked, as far as it was read, and of whom, where that is gone afterwards.
#[derive(Default)]
struct Asked {
    members: Map<String, Value>,
    sub: Option<String>,
}

/// The answer; `asked` becomes what was asked, as soon as that is read.
async fn answer(
    (engine, administration): (&Arc<Engine>, &Administration),
    target: Target,
    request: Request<Body>,
    asked: &mut Asked,
) -> Result<Value, CognitoError> {
    let (parts, body) = request.into_parts();
    // Read whatever was asked: a body that is left lying takes the connection with it, and the caller's next request.
    let body = read(body).await?;
    let operation = match target {
        Target::Built(operation) => operation,
        Target::NotBuilt(name) => return Err(CognitoError::not_built(name)),
        Target::Unknown => {
            let message = "X-Amz-Target names no operation of this service.";
            return Err(CognitoError::new("UnknownOperationException", "unknown-operation", message));
        }
    };
    // Who may not administer learns nothing of what was wrong with the request.
    let now = engine.clock.unix_seconds();
    let region = if operation.open { String::new() } else { administration.region_of(&parts, &body, now)? };
    asked.members = parse(&body)?;
    judge(operation, &asked.members)?;
    asked.sub = sub_before(engine, operation.name, &asked.members).await;
    let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
    let is_administrative = !operation.open;
    let input = Input(&asked.members);
    let call = Call { engine, administration, input, is_administrative, region: &region, address };
    let answer =
        if operation.open { of_users(&call, operation.name).await } else { of_pools(&call, operation.name).await };
    answer.unwrap_or_else(|| Err(CognitoError::not_built(operation.name)))
}

/// Does an administrator's operation for somebody who need not prove to be one.
pub(crate) async fn administer(
    (engine, administration): (&Arc<Engine>, &Administration),
    operation: &str,
    members: &Map<String, Value>,
) -> Result<Value, Refused> {
    let operation = match Target::read(&format!("AWSCognitoIdentityProviderService.{operation}")) {
        Target::Built(operation) if !operation.open => operation,
        _ => return Err(CognitoError::not_built(operation).into()),
    };
    judge(operation, members)?;
    let region = administration.own_region();
    let input = Input(members);
    let call = Call { engine, administration, input, is_administrative: true, region: &region, address: None };
    let answer = of_pools(&call, operation.name).await;
    Ok(answer.unwrap_or_else(|| Err(CognitoError::not_built(operation.name)))?)
}

type Answered = Option<Result<Value, CognitoError>>;

/// Operations that users call, with a password, a code or a token.
async fn of_users(call: &Call<'_>, operation: &str) -> Answered {
    Some(match operation {
        "AssociateSoftwareToken" => own::associate_software_token(call).await,
        "ChangePassword" => own::change_password(call).await,
        "ConfirmForgotPassword" => sign_up::confirm_forgot_password(call).await,
        "ConfirmSignUp" => sign_up::confirm_sign_up(call).await,
        "DeleteUser" => own::delete_user(call).await,
        "DeleteUserAttributes" => own::delete_user_attributes(call).await,
        "ForgotPassword" => sign_up::forgot_password(call).await,
        "GetTokensFromRefreshToken" => sign_in::tokens_from_refresh_token(call).await,
        "GetUser" => own::get_user(call).await,
        "GetUserAttributeVerificationCode" => own::get_user_attribute_verification_code(call).await,
        "GetUserAuthFactors" => own::get_user_auth_factors(call).await,
        "GlobalSignOut" => sign_in::global_sign_out(call).await,
        "InitiateAuth" => sign_in::initiate_auth(call).await,
        "ListUserSessions" => sessions::list_own(call).await,
        "ResendConfirmationCode" => sign_up::resend_confirmation_code(call).await,
        "RespondToAuthChallenge" => sign_in::respond_to_auth_challenge(call).await,
        "RevokeToken" => sign_in::revoke_token(call).await,
        "RevokeUserSession" => sessions::revoke_own(call).await,
        "SetUserMFAPreference" => own::set_user_mfa_preference(call).await,
        "SetUserSettings" => own::set_user_settings(call).await,
        "SignUp" => sign_up::sign_up(call).await,
        "UpdateUserAttributes" => own::update_user_attributes(call).await,
        "VerifySoftwareToken" => own::verify_software_token(call).await,
        "VerifyUserAttribute" => own::verify_user_attribute(call).await,
        _ => return None,
    })
}

/// Operations that administrators call on pools, clients and groups.
async fn of_pools(call: &Call<'_>, operation: &str) -> Answered {
    Some(match operation {
        "AddCustomAttributes" => pools::add_custom_attributes(call).await,
        "AddUserPoolClientSecret" => clients::add_user_pool_client_secret(call).await,
        "CreateGroup" => groups::create_group(call).await,
        "CreateUserPool" => pools::create_user_pool(call).await,
        "CreateUserPoolClient" => clients::create_user_pool_client(call).await,
        "DeleteGroup" => groups::delete_group(call).await,
        "DeleteUserPool" => pools::delete_user_pool(call).await,
        "DeleteUserPoolClient" => clients::delete_user_pool_client(call).await,
        "DeleteUserPoolClientSecret" => clients::delete_user_pool_client_secret(call).await,
        "DescribeUserPool" => pools::describe_user_pool(call).await,
        "DescribeUserPoolClient" => clients::describe_user_pool_client(call).await,
        "GetGroup" => groups::get_group(call).await,
        "GetUserPoolSessionConfiguration" => sessions::get_configuration(call).await,
        "GetUserPoolMfaConfig" => pools::get_user_pool_mfa_config(call).await,
        "ListGroups" => groups::list_groups(call).await,
        "ListTagsForResource" => pools::list_tags_for_resource(call).await,
        "ListUserPoolClientSecrets" => clients::list_user_pool_client_secrets(call).await,
        "ListUserPoolClients" => clients::list_user_pool_clients(call).await,
        "ListUserPools" => pools::list_user_pools(call).await,
        "ListUsers" => lists::list_users(call).await,
        "ListUsersInGroup" => lists::list_users_in_group(call).await,
        "SetUserPoolMfaConfig" => pools::set_user_pool_mfa_config(call).await,
        "SetUserPoolSessionConfiguration" => sessions::set_configuration(call).await,
        "TagResource" => pools::tag_resource(call).await,
        "UntagResource" => pools::untag_resource(call).await,
        "UpdateGroup" => groups::update_group(call).await,
        "UpdateUserPool" => pools::update_user_pool(call).await,
        "UpdateUserPoolClient" => clients::update_user_pool_client(call).await,
        _ => return of_accounts(call, operation).await,
    })
}

/// Operations that administrators call on users.
async fn of_accounts(call: &Call<'_>, operation: &str) -> Answered {
    Some(match operation {
        "AdminAddUserToGroup" => groups::set_membership(call, true).await,
        "AdminConfirmSignUp" => users::confirm_sign_up(call).await,
        "AdminCreateUser" => users::create_user(call).await,
        "AdminDeleteSoftwareToken" => users::delete_software_token(call).await,
        "AdminDeleteUser" => users::delete_user(call).await,
        "AdminDeleteUserAttributes" => users::delete_attributes(call).await,
        "AdminDisableUser" => users::set_enabled(call, false).await,
        "AdminEnableUser" => users::set_enabled(call, true).await,
        "AdminGetUser" => users::get_user(call).await,
        "AdminGetUserAuthFactors" => users::get_auth_factors(call).await,
        "AdminInitiateAuth" => sign_in::initiate_auth(call).await,
        "AdminListGroupsForUser" => groups::list_groups_for_user(call).await,
        "AdminListUserSessions" => sessions::list_by_admin(call).await,
        "AdminRemoveUserFromGroup" => groups::set_membership(call, false).await,
        "AdminResetUserPassword" => users::reset_password(call).await,
        "AdminRespondToAuthChallenge" => sign_in::respond_to_auth_challenge(call).await,
        "AdminRevokeUserSession" => sessions::revoke_by_admin(call).await,
        "AdminSetUserMFAPreference" => users::set_mfa_preference(call).await,
        "AdminSetUserPassword" => users::set_password(call).await,
        "AdminSetUserSettings" => users::set_settings(call).await,
        "AdminUpdateUserAttributes" => users::update_attributes(call).await,
        "AdminUserGlobalSignOut" => users::sign_out(call).await,
        _ => return None,
    })
}

/// The one target that a request names; several name none.
fn target(headers: &HeaderMap) -> Target {
    let mut targets = headers.get_all(TARGET).iter();
    match (targets.next().map(HeaderValue::to_str), targets.next()) {
        (Some(Ok(target)), None) => Target::read(target),
        _ => Target::Unknown,
    }
}

async fn read(body: Body) -> Result<Bytes, CognitoError> {
    let whole = to_bytes(body, LARGEST_BODY);
    let bytes = tokio::time::timeout(BODY_TIMEOUT, whole).await.map_err(|_| CognitoError::body_timeout())?;
    // A body that breaks off cannot be answered, so what is left is one that is too large.
    bytes.map_err(|_| CognitoError::body_too_large())
}

fn parse(bytes: &[u8]) -> Result<Map<String, Value>, CognitoError> {
    // serde_json goes 128 levels deep at most, so that no body can exhaust the stack.
    let value = serde_json::from_slice(bytes);
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
