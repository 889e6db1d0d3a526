//! What comes of a session: refresh, `GetUser`, `RevokeToken`, `GlobalSignOut`.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::support::{Answer, NOW, PASSWORD, SECRET, TestIssuer, at_once, claims, secret_hash};
use crate::jose::SigningKey;

const HOUR: Duration = Duration::from_hours(1);
const REVOKED: (&str, &str) = ("NotAuthorizedException", "Access Token has been revoked");
const INVALID: (&str, &str) = ("NotAuthorizedException", "Invalid Access Token");
const INVALID_REFRESH: (&str, &str) = ("NotAuthorizedException", "Invalid Refresh Token");
const REVOKED_REFRESH: (&str, &str) = ("NotAuthorizedException", "Refresh Token has been revoked");

#[tokio::test]
async fn a_refresh_continues_the_session_with_new_tokens() {
    let issuer = TestIssuer::start().await;
    let signed_in = issuer.sign_in("web", "alice").await;
    issuer.clock.advance(HOUR);
    for flow in ["REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"] {
        let parameters = json!({"REFRESH_TOKEN": signed_in.token("RefreshToken")});
        let refreshed = issuer.initiate("web", flow, &parameters).await;
        assert_eq!(refreshed.body["AuthenticationResult"].get("RefreshToken"), None);
        for token in ["AccessToken", "IdToken"] {
            let (before, after) =
                (claims(&signed_in.token(token)), issuer.verified(&refreshed.token(token), "demo").await);
            let same = ["sub", "origin_jti", "event_id", "auth_time", "cognito:groups", "token_use"];
            assert!(same.iter().all(|name| before[*name] == after[*name]), "{before:?} {after:?}");
            assert_ne!(before["jti"], after["jti"]);
            assert_eq!((&after["iat"], &after["exp"]), (&json!(NOW + 3600), &json!(NOW + 7200)));
        }
        assert_eq!(issuer.user_of(&refreshed.token("AccessToken")).await.status, 200);
    }
}

#[tokio::test]
async fn a_refresh_token_serves_its_own_client_alone() {
    let issuer = TestIssuer::start().await;
    let token = issuer.sign_in("web", "alice").await.token("RefreshToken");
    for client in ["other", "betaweb", "gate"] {
        assert_eq!(issuer.refresh(client, &token).await.refusal(), INVALID_REFRESH);
    }
    for token in ["", "x", &token[1..], &token.to_lowercase(), &format!("{token}A")] {
        assert_eq!(issuer.refresh("web", token).await.refusal(), INVALID_REFRESH);
    }
    assert_eq!(issuer.refresh("web", &token).await.status, 200);
}

#[tokio::test]
async fn a_confidential_client_proves_itself_at_a_refresh_too() {
    let issuer = TestIssuer::start().await;
    let hash = secret_hash("alice", "server", SECRET);
    let parameters = json!({"USERNAME": "alice", "PASSWORD": PASSWORD, "SECRET_HASH": hash});
    let signed_in = issuer.initiate("server", "USER_PASSWORD_AUTH", &parameters).await;
    let token = signed_in.token("RefreshToken");
    let sub = claims(&signed_in.token("AccessToken"))["sub"].as_str().unwrap().to_owned();
    let refresh = async |hash: String| {
        let parameters = json!({"REFRESH_TOKEN": token, "SECRET_HASH": hash});
        issuer.initiate("server", "REFRESH_TOKEN_AUTH", &parameters).await
    };
    assert_eq!(refresh(hash).await.status, 200);
    assert_eq!(refresh(secret_hash(&sub, "server", SECRET)).await.status, 200);
    let wrong = ("NotAuthorizedException", "Unable to verify secret hash for client server");
    assert_eq!(refresh(secret_hash("bob", "server", SECRET)).await.refusal(), wrong);
    let none = "Client server is configured with secret but SECRET_HASH was not received";
    assert_eq!(issuer.refresh("server", &token).await.refusal(), ("NotAuthorizedException", none));
}

#[tokio::test]
async fn a_refresh_token_ends_at_its_time() {
    let issuer = TestIssuer::start().await;
    let token = issuer.sign_in("web", "alice").await.token("RefreshToken");
    issuer.clock.advance(Duration::from_millis(30 * 86_400_000 - 1));
    assert_eq!(issuer.refresh("web", &token).await.status, 200);
    issuer.clock.advance(Duration::from_millis(1));
    let expired = ("NotAuthorizedException", "Refresh Token has expired");
    assert_eq!(issuer.refresh("web", &token).await.refusal(), expired);
}

#[tokio::test]
async fn get_user_tells_the_bearer_who_it_is() {
    let issuer = TestIssuer::start().await;
    let token = issuer.sign_in("web", "alice").await.token("AccessToken");
    let answer = issuer.user_of(&token).await;
    let attributes = json!([
        {"Name": "sub", "Value": claims(&token)["sub"]},
        {"Name": "custom:tenant", "Value": "acme"},
        {"Name": "email", "Value": "alice@example.com"},
        {"Name": "email_verified", "Value": "true"},
    ]);
    assert_eq!(answer.body, json!({"Username": "alice", "UserAttributes": attributes}));
    issuer.clock.advance(HOUR);
    let expired = ("NotAuthorizedException", "Access Token has expired");
    assert_eq!(issuer.user_of(&token).await.refusal(), expired);
}

/// Signs claims with a key of the pool itself: what only the issuer could do, so that each check is tried alone.
fn signed_by_the_pool(issuer: &TestIssuer, claims: &Map<String, Value>) -> String {
    use crate::issuer::signing::Purpose;
    let pool = issuer.issuer.engine().pools.get(&issuer.pool_id("demo")).unwrap();
    pool.keys.key(Purpose::AccessToken, NOW * 1000).unwrap().sign(claims).unwrap()
}

#[tokio::test]
async fn an_access_token_is_checked_claim_by_claim() {
    let issuer = TestIssuer::start().await;
    let signed_in = issuer.sign_in("web", "alice").await;
    let good = claims(&signed_in.token("AccessToken"));
    assert_eq!(issuer.user_of(&signed_by_the_pool(&issuer, &good)).await.status, 200);
    let scope = ("NotAuthorizedException", "Access Token does not have required scopes");
    let expired = ("NotAuthorizedException", "Access Token has expired");
    let bobs = claims(&issuer.sign_in("web", "bob").await.token("AccessToken"));
    let changes = [
        ("iss", json!("http://issuer.test/local_x"), INVALID),
        ("iss", json!(issuer.issuer.issuer_url("beta").unwrap()), INVALID),
        ("iss", Value::Null, INVALID),
        ("token_use", json!("id"), INVALID),
        ("token_use", Value::Null, INVALID),
        ("exp", json!(NOW), expired),
        ("exp", json!("9999999999"), INVALID),
        ("exp", Value::Null, INVALID),
        ("scope", json!("openid"), scope),
        ("scope", json!("aws.cognito.signin.user.admins"), scope),
        ("scope", Value::Null, scope),
        ("origin_jti", json!("00000000-0000-4000-8000-000000000000"), INVALID),
        ("origin_jti", bobs["origin_jti"].clone(), INVALID),
        ("origin_jti", Value::Null, INVALID),
        ("sub", bobs["sub"].clone(), INVALID),
        ("sub", Value::Null, INVALID),
    ];
    for (name, value, refusal) in changes {
        let mut claims = good.clone();
        claims.insert(name.to_owned(), value.clone());
        let token = signed_by_the_pool(&issuer, &claims);
        assert_eq!(issuer.user_of(&token).await.refusal(), refusal, "{name}: {value}");
    }
    assert_eq!(issuer.user_of(&signed_in.token("IdToken")).await.refusal(), INVALID);
}

#[tokio::test]
async fn a_session_of_another_pool_is_no_session() {
    let issuer = TestIssuer::start().await;
    let mut here = claims(&issuer.sign_in("web", "alice").await.token("AccessToken"));
    let there = claims(&issuer.try_password("betaweb", "alice", "another battery").await.token("AccessToken"));
    for name in ["sub", "origin_jti", "jti"] {
        here[name] = there[name].clone();
    }
    assert_eq!(issuer.user_of(&signed_by_the_pool(&issuer, &here)).await.refusal(), INVALID);
}

#[tokio::test]
async fn a_single_revoked_token_is_refused_and_its_session_goes_on() {
    let issuer = TestIssuer::start().await;
    let signed_in = issuer.sign_in("web", "alice").await;
    let access = claims(&signed_in.token("AccessToken"));
    issuer.revocations.revoke_token(access["iss"].as_str().unwrap(), access["jti"].as_str().unwrap(), NOW + 3600);
    assert_eq!(issuer.user_of(&signed_in.token("AccessToken")).await.refusal(), REVOKED);
    let refreshed = issuer.refresh("web", &signed_in.token("RefreshToken")).await;
    assert_eq!(issuer.user_of(&refreshed.token("AccessToken")).await.status, 200);
}

#[tokio::test]
async fn what_another_node_wrote_counts_here() {
    let issuer = TestIssuer::start().await;
    let signed_in = issuer.sign_in("web", "alice").await;
    let (access, refresh) = (signed_in.token("AccessToken"), signed_in.token("RefreshToken"));
    let disabled = ("NotAuthorizedException", "User is disabled.");
    issuer.execute("UPDATE users SET enabled = FALSE WHERE name = 'alice'").await;
    assert_eq!(issuer.user_of(&access).await.refusal(), disabled);
    assert_eq!(issuer.refresh("web", &refresh).await.refusal(), disabled);
    issuer.execute("UPDATE users SET enabled = TRUE").await;
    assert_eq!(issuer.user_of(&access).await.status, 200);
    issuer.execute("UPDATE sessions SET revoked_at = 1").await;
    assert_eq!(issuer.user_of(&access).await.refusal(), REVOKED);
    assert_eq!(issuer.refresh("web", &refresh).await.refusal(), REVOKED_REFRESH);
    issuer.execute("DELETE FROM users WHERE name = 'alice'").await;
    assert_eq!(issuer.user_of(&access).await.refusal(), INVALID);
    assert_eq!(issuer.refresh("web", &refresh).await.refusal(), INVALID_REFRESH);
}

#[tokio::test]
async fn a_token_that_this_pool_did_not_sign_is_no_token() {
    let issuer = TestIssuer::start().await;
    let good = issuer.sign_in("web", "alice").await.token("AccessToken");
    let parts: Vec<&str> = good.split('.').collect();
    let foreign = SigningKey::generate().unwrap();
    let header = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let kid = URL_SAFE_NO_PAD.decode(parts[0]).unwrap();
    let kid: Value = serde_json::from_slice(&kid).unwrap();
    let none = header(&json!({"alg": "none", "kid": kid["kid"]}).to_string());
    let hmac = header(&json!({"alg": "HS256", "kid": kid["kid"]}).to_string());
    // Good in all but the signature, which is of other claims or of another key.
    let other_claims = json!({"more": 1}).as_object().unwrap().clone().into_iter().chain(claims(&good));
    let other_claims = header(&Value::Object(other_claims.collect()).to_string());
    let of_foreign_key = foreign.sign(&claims(&good)).unwrap();
    let foreign_signature = of_foreign_key.rsplit('.').next().unwrap();
    for token in [
        of_foreign_key.clone(),
        format!("{}.{}.{foreign_signature}", parts[0], parts[1]),
        format!("{}.{other_claims}.{}", parts[0], parts[2]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{hmac}.{}.{}", parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], header("{}"), parts[2]),
        format!("{}.{}", parts[0], parts[1]),
        "x".repeat(100_000),
        ".".repeat(100_000),
    ] {
        assert_eq!(issuer.user_of(&token).await.refusal(), INVALID);
    }
}

#[tokio::test]
async fn revoking_a_refresh_token_ends_its_session_here_and_at_the_gateway() {
    let issuer = TestIssuer::start().await;
    let (one, two) = (issuer.sign_in("web", "alice").await, issuer.sign_in("web", "alice").await);
    let refreshed = issuer.refresh("web", &one.token("RefreshToken")).await.token("AccessToken");
    let revoke = json!({"Token": one.token("RefreshToken"), "ClientId": "web"});
    let answer = issuer.call("RevokeToken", &revoke).await;
    assert_eq!((answer.status, answer.body), (200, json!({})));
    for token in [one.token("AccessToken"), one.token("IdToken"), refreshed.clone()] {
        assert!(issuer.is_revoked(&token));
    }
    assert_eq!(issuer.user_of(&one.token("AccessToken")).await.refusal(), REVOKED);
    assert_eq!(issuer.user_of(&refreshed).await.refusal(), REVOKED);
    assert_eq!(issuer.refresh("web", &one.token("RefreshToken")).await.refusal(), REVOKED_REFRESH);
    assert_eq!(issuer.call("RevokeToken", &revoke).await.status, 200, "revoking again changes nothing");

    assert!(!issuer.is_revoked(&two.token("AccessToken")), "other sessions go on");
    assert_eq!(issuer.user_of(&two.token("AccessToken")).await.status, 200);
    assert_eq!(issuer.refresh("web", &two.token("RefreshToken")).await.status, 200);
}

#[tokio::test]
async fn only_the_client_of_a_refresh_token_may_revoke_it() {
    let issuer = TestIssuer::start().await;
    let signed_in = issuer.sign_in("web", "alice").await;
    let refresh_token = signed_in.token("RefreshToken");
    for input in [
        json!({"Token": refresh_token, "ClientId": "other"}),
        json!({"Token": refresh_token, "ClientId": "betaweb"}),
        json!({"Token": refresh_token, "ClientId": "nosuch"}),
        json!({"Token": refresh_token, "ClientId": "web", "ClientSecret": SECRET}),
        json!({"Token": refresh_token, "ClientId": "server"}),
        json!({"Token": refresh_token, "ClientId": "server", "ClientSecret": "abcdefghijklmnopqrstuvwxyz"}),
        json!({"Token": refresh_token, "ClientId": "server", "ClientSecret": SECRET}),
    ] {
        assert_eq!(issuer.call("RevokeToken", &input).await.refusal().0, "UnauthorizedException", "{input}");
    }
    let unsupported = json!({"Token": signed_in.token("AccessToken"), "ClientId": "web"});
    assert_eq!(issuer.call("RevokeToken", &unsupported).await.refusal().0, "UnsupportedTokenTypeException");
    let unknown = json!({"Token": "nosuchtoken", "ClientId": "web"});
    assert_eq!(issuer.call("RevokeToken", &unknown).await.status, 200);
    assert_eq!(issuer.refresh("web", &refresh_token).await.status, 200);
    assert!(issuer.revocations.is_empty());
}

#[tokio::test]
async fn a_confidential_client_revokes_with_its_secret() {
    let issuer = TestIssuer::start().await;
    let hash = secret_hash("alice", "server", SECRET);
    let parameters = json!({"USERNAME": "alice", "PASSWORD": PASSWORD, "SECRET_HASH": hash});
    let signed_in = issuer.initiate("server", "USER_PASSWORD_AUTH", &parameters).await;
    let revoke = json!({"Token": signed_in.token("RefreshToken"), "ClientId": "server", "ClientSecret": SECRET});
    assert_eq!(issuer.call("RevokeToken", &revoke).await.status, 200);
    assert!(issuer.is_revoked(&signed_in.token("AccessToken")));
}

#[tokio::test]
async fn a_global_sign_out_ends_all_sessions_of_the_user_and_nobody_elses() {
    let issuer = TestIssuer::start().await;
    let mine = [issuer.sign_in("web", "alice").await, issuer.sign_in("other", "alice").await];
    let bobs = issuer.sign_in("web", "bob").await;
    let beta = issuer.try_password("betaweb", "alice", "another battery").await;
    let answer = issuer.sign_out(&mine[0].token("AccessToken")).await;
    assert_eq!((answer.status, answer.body), (200, json!({})));
    for (session, client) in mine.iter().zip(["web", "other"]) {
        assert!(issuer.is_revoked(&session.token("AccessToken")) && issuer.is_revoked(&session.token("IdToken")));
        assert_eq!(issuer.user_of(&session.token("AccessToken")).await.refusal(), REVOKED);
        assert_eq!(issuer.refresh(client, &session.token("RefreshToken")).await.refusal(), REVOKED_REFRESH);
    }
    assert_eq!(issuer.sign_out(&mine[1].token("AccessToken")).await.refusal(), REVOKED);
    for (session, client) in [(bobs, "web"), (beta, "betaweb")] {
        assert!(!issuer.is_revoked(&session.token("AccessToken")));
        assert_eq!(issuer.user_of(&session.token("AccessToken")).await.status, 200);
        assert_eq!(issuer.refresh(client, &session.token("RefreshToken")).await.status, 200);
    }
    assert_eq!(issuer.user_of(&issuer.sign_in("web", "alice").await.token("AccessToken")).await.status, 200);
}

#[tokio::test]
async fn sign_out_wants_a_genuine_access_token() {
    let issuer = TestIssuer::start().await;
    let signed_in = issuer.sign_in("web", "alice").await;
    let forged = SigningKey::generate().unwrap().sign(&claims(&signed_in.token("AccessToken"))).unwrap();
    for token in [forged, signed_in.token("IdToken"), signed_in.token("RefreshToken")] {
        assert_eq!(issuer.sign_out(&token).await.refusal(), INVALID);
    }
    assert!(issuer.revocations.is_empty());
    assert_eq!(issuer.refresh("web", &signed_in.token("RefreshToken")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_refresh_gives_beside_a_sign_out_is_revoked() {
    let issuer = Arc::new(TestIssuer::start().await);
    for _ in 0..5 {
        let signed_in = issuer.sign_in("web", "alice").await;
        let (access, refresh) = (signed_in.token("AccessToken"), signed_in.token("RefreshToken"));
        let refreshes = tokio::spawn(at_once(12, {
            let issuer = Arc::clone(&issuer);
            move || refreshed(Arc::clone(&issuer), refresh.clone())
        }));
        assert_eq!(issuer.sign_out(&access).await.status, 200);
        assert!(issuer.is_revoked(&access), "known to the gateway when the call has answered");
        let answers = refreshes.await.unwrap();
        let (given, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert!(given.iter().all(|answer| issuer.is_revoked(&answer.token("AccessToken"))));
        assert!(given.iter().all(|answer| issuer.is_revoked(&answer.token("IdToken"))));
        assert!(refused.iter().all(|answer| answer.refusal() == REVOKED_REFRESH));
    }
}

async fn refreshed(issuer: Arc<TestIssuer>, refresh_token: String) -> Answer {
    issuer.refresh("web", &refresh_token).await
}

#[tokio::test(flavor = "multi_thread")]
async fn refreshes_at_the_same_time_all_succeed_with_tokens_of_their_own() {
    let issuer = Arc::new(TestIssuer::start().await);
    let refresh = issuer.sign_in("web", "alice").await.token("RefreshToken");
    let answers = at_once(16, || refreshed(Arc::clone(&issuer), refresh.clone())).await;
    let mut ids: Vec<_> =
        answers.iter().map(|answer| claims(&answer.token("AccessToken"))["jti"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_whose_caller_hangs_up_is_whole_or_was_never_begun() {
    let issuer = Arc::new(TestIssuer::start().await);
    for patience in 0..10 {
        let signed_in = issuer.sign_in("web", "alice").await;
        let engine = issuer.issuer.engine();
        let access = signed_in.token("AccessToken");
        let hang_up = Duration::from_micros(100 * patience);
        let _ = tokio::time::timeout(hang_up, engine.sign_out_everywhere(&access)).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let refused = issuer.refresh("web", &signed_in.token("RefreshToken")).await.status != 200;
        assert_eq!(refused, issuer.is_revoked(&access), "the gateway and the database agree");
    }
}

#[tokio::test]
async fn sessions_that_can_no_longer_matter_are_cleared_away() {
    let issuer = TestIssuer::start().await;
    let token = issuer.sign_in("web", "alice").await.token("RefreshToken");
    issuer.clock.advance(31 * 24 * HOUR);
    issuer.sign_in("web", "bob").await;
    assert_eq!(issuer.refresh("web", &token).await.refusal(), INVALID_REFRESH);
}

#[tokio::test]
async fn sessions_are_told_and_ended_one_by_one_where_the_pool_tracks_them() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.pool_id("demo");
    let first = issuer.sign_in("web", "alice").await;
    let list = async |token: &str| issuer.call("ListUserSessions", &json!({"AccessToken": token})).await;
    let not_tracked = "OperationNotEnabledException";
    assert_eq!(list(&first.token("AccessToken")).await.refusal().0, not_tracked);
    let before = issuer.admin("GetUserPoolSessionConfiguration", &json!({"UserPoolId": pool})).await.body;
    assert_eq!(
        (&before["UserSessionTracking"], &before["TokenSession"]["MaxPerUser"]),
        (&json!("DISABLED"), &json!(20))
    );
    let set = json!({"UserPoolId": pool, "UserSessionTracking": "ENABLED", "TokenSession": {"MaxPerUser": 3}});
    assert_eq!(issuer.admin("SetUserPoolSessionConfiguration", &set).await.body["UserSessionTracking"], "ENABLED");
    issuer.clock.advance(Duration::from_secs(1));
    let second = issuer.sign_in("other", "alice").await;
    let bob = issuer.sign_in("web", "bob").await;
    let told = list(&second.token("AccessToken")).await.body["Sessions"].as_array().unwrap().clone();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!((&told[0]["ClientId"], &told[0]["IsCurrentSession"]), (&json!("other"), &json!(true)));
    assert_eq!((&told[1]["ClientId"], &told[1]["IsCurrentSession"]), (&json!("web"), &json!(false)));

    let revoke = async |token: &str, id: &Value| {
        issuer.call("RevokeUserSession", &json!({"AccessToken": token, "SessionId": id})).await
    };
    let (own, other) = (second.token("AccessToken"), told[1]["SessionId"].clone());
    assert_eq!(revoke(&own, &told[0]["SessionId"]).await.refusal().0, "InvalidParameterException", "the current one");
    assert_eq!(
        revoke(&bob.token("AccessToken"), &other).await.refusal().0,
        "ResourceNotFoundException",
        "another user's"
    );
    assert!(!issuer.is_revoked(&first.token("AccessToken")));
    assert_eq!(revoke(&own, &other).await.status, 200);
    assert!(issuer.is_revoked(&first.token("AccessToken")) && !issuer.is_revoked(&own));
    assert_eq!(issuer.refresh("web", &first.token("RefreshToken")).await.refusal().1, "Refresh Token has been revoked");
    assert_eq!(revoke(&own, &other).await.refusal().0, "ResourceNotFoundException", "once");
    let named = json!({"UserPoolId": pool, "Username": "bob"});
    let bobs = issuer.admin("AdminListUserSessions", &named).await.body["Sessions"].as_array().unwrap().clone();
    let end = json!({"UserPoolId": pool, "Username": "alice", "SessionId": bobs[0]["SessionId"]});
    assert_eq!(issuer.admin("AdminRevokeUserSession", &end).await.refusal().0, "ResourceNotFoundException");
    let end = json!({"UserPoolId": pool, "Username": "bob", "SessionId": bobs[0]["SessionId"]});
    assert_eq!(issuer.admin("AdminRevokeUserSession", &end).await.status, 200);
    assert!(issuer.is_revoked(&bob.token("AccessToken")));
}

#[tokio::test]
async fn beyond_the_most_of_a_user_the_session_that_was_used_longest_ago_ends() {
    let issuer = TestIssuer::start().await;
    let pool = issuer.pool_id("demo");
    let set = json!({"UserPoolId": pool, "UserSessionTracking": "ENABLED", "TokenSession": {"MaxPerUser": 2}});
    assert_eq!(issuer.admin("SetUserPoolSessionConfiguration", &set).await.status, 200);
    let first = issuer.sign_in("web", "alice").await;
    issuer.clock.advance(Duration::from_secs(1));
    let second = issuer.sign_in("web", "alice").await;
    issuer.clock.advance(Duration::from_secs(1));
    assert_eq!(issuer.refresh("web", &first.token("RefreshToken")).await.status, 200);
    issuer.clock.advance(Duration::from_secs(1));
    let third = issuer.sign_in("web", "alice").await;
    let revoked = [&first, &second, &third].map(|session| issuer.is_revoked(&session.token("AccessToken")));
    assert_eq!(revoked, [false, true, false]);
}
