//! The Cognito door itself: targets, bodies, members, headers, CORS.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{PASSWORD, TestIssuer};

const INITIATE_AUTH: &str = "AWSCognitoIdentityProviderService.InitiateAuth";

fn sign_in_as_alice() -> Value {
    json!({
        "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "web",
        "AuthParameters": {"USERNAME": "alice", "PASSWORD": PASSWORD},
    })
}

#[tokio::test]
async fn every_answer_has_cognitos_headers() {
    let issuer = TestIssuer::start().await;
    let good = issuer.call("InitiateAuth", &sign_in_as_alice()).await;
    let bad = issuer.try_password("web", "alice", "wrong password").await;
    for answer in [&good, &bad] {
        assert_eq!(answer.headers["content-type"], "application/x-amz-json-1.1");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        let exposed = answer.headers["access-control-expose-headers"].to_str().unwrap().to_lowercase();
        assert!(exposed.contains("x-amzn-errortype") && exposed.contains("x-amzn-requestid"));
        assert_eq!(answer.headers["x-amzn-requestid"].len(), 36);
    }
    assert_ne!(good.headers["x-amzn-requestid"], bad.headers["x-amzn-requestid"]);
    assert_eq!(bad.headers["x-amzn-errortype"], "NotAuthorizedException:");
    assert_eq!(bad.headers["x-amzn-errormessage"], "Incorrect username or password.");
    assert!(good.headers.get("x-amzn-errortype").is_none());
}

#[tokio::test]
async fn no_answer_has_a_null_in_it() {
    fn has_null(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Array(values) => values.iter().any(has_null),
            Value::Object(members) => members.values().any(has_null),
            _ => false,
        }
    }
    let issuer = TestIssuer::start().await;
    let signed_in = issuer.sign_in("web", "bob").await;
    let refreshed = issuer.refresh("web", &signed_in.token("RefreshToken")).await;
    let user = issuer.user_of(&signed_in.token("AccessToken")).await;
    for answer in [signed_in, refreshed, user] {
        assert!(!has_null(&answer.body), "{}", answer.body);
    }
}

#[tokio::test]
async fn users_need_no_authorization_header_and_none_is_read() {
    let issuer = TestIssuer::start().await;
    for authorization in [
        "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/cognito-idp/aws4_request, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=",
        "Bearer x",
        "",
        "\u{1}".trim(),
        "\t,;=",
    ] {
        let request = issuer.post(INITIATE_AUTH, sign_in_as_alice().to_string());
        let request = request.header("authorization", authorization.trim_matches(char::is_control));
        assert_eq!(issuer.send(request).await.status, 200, "{authorization}");
    }
}

#[tokio::test]
async fn an_unknown_target_is_an_unknown_operation() {
    let issuer = TestIssuer::start().await;
    let unknown = async |request| issuer.send(request).await.refusal().0 == "UnknownOperationException";
    for target in ["", "x", "AWSCognitoIdentityProviderService.Nothing", "AWSCognitoIdentityService.InitiateAuth"] {
        assert!(unknown(issuer.post(target, "{}")).await, "{target}");
    }
    assert!(unknown(issuer.post(INITIATE_AUTH, "{}").header("x-amz-target", INITIATE_AUTH)).await, "two targets");
    let bytes = reqwest::header::HeaderValue::from_bytes(b"\xFF").unwrap();
    let mut request = issuer.post(INITIATE_AUTH, "{}").build().unwrap();
    request.headers_mut().insert("x-amz-target", bytes);
    let response = reqwest::Client::new().execute(request).await.unwrap();
    assert_eq!(response.status().as_u16(), 400);
}

#[tokio::test]
async fn an_operation_that_is_not_built_says_so_in_cognitos_shape() {
    let issuer = TestIssuer::start().await;
    for operation in ["ListDevices", "CreateIdentityProvider", "AdminLinkProviderForUser"] {
        let answer = issuer.call(operation, &json!({})).await;
        let message = format!("The operation {operation} is not built in this issuer.");
        assert_eq!(answer.refusal(), ("UnsupportedOperationException", message.as_str()));
    }
    let answer = issuer.send(issuer.post("AWSCognitoIdentityService.GetId", "{}")).await;
    assert_eq!(answer.refusal().0, "UnsupportedOperationException");
}

/// The head comes first and the body a little later, as from most clients; then the next request on the same connection.
#[tokio::test]
async fn a_connection_goes_on_after_an_operation_that_is_not_built() {
    let issuer = TestIssuer::start().await;
    let mut connection = TcpStream::connect(issuer.url.trim_start_matches("http://")).await.unwrap();
    for target in ["AWSCognitoIdentityProviderService.ListDevices", "Nobody.Knows", "AWSCognitoIdentityService.GetId"] {
        let body = json!({"AccessToken": "a".repeat(2000)}).to_string();
        let head =
            format!("POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: {target}\r\ncontent-length: {}\r\n\r\n", body.len());
        connection.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        connection.write_all(body.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let read = connection.read(&mut answer).await.unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 400 "), "{target}: {:?}", &answer[..read]);
    }
}

#[tokio::test]
async fn a_body_that_is_not_a_json_object_is_refused() {
    let issuer = TestIssuer::start().await;
    let deep = format!("{{\"a\":{}", "[".repeat(50_000));
    for body in ["", "null", "[]", "\"x\"", "{", "{'a':1}", "{}{}", "\u{feff}{}", deep.as_str()] {
        let answer = issuer.send(issuer.post(INITIATE_AUTH, body.to_owned())).await;
        assert_eq!(answer.refusal().0, "SerializationException", "{}", &body[..body.len().min(20)]);
    }
    let answer = issuer.send(issuer.post(INITIATE_AUTH, vec![b'"', 0xFF, b'"'])).await;
    assert_eq!(answer.refusal().0, "SerializationException");
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_refused() {
    let issuer = TestIssuer::start().await;
    let body = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
    let answer = issuer.send(issuer.post(INITIATE_AUTH, body(128 * 1024))).await;
    assert_eq!(answer.status, 400);
    let answer = issuer.send(issuer.post(INITIATE_AUTH, body(128 * 1024 + 1))).await;
    assert_eq!((answer.status, answer.body["__type"].as_str()), (413, Some("SerializationException")));
    assert_eq!(issuer.try_password("web", "bob", PASSWORD).await.status, 200, "and it goes on serving");
}

#[tokio::test]
async fn members_are_judged_by_the_model() {
    let issuer = TestIssuer::start().await;
    let null = |member: &str| format!("Value null at '{member}' failed to satisfy constraint: Member must not be null");
    for (operation, input, said) in [
        ("InitiateAuth", json!({}), [null("authFlow"), null("clientId")].join("; ")),
        ("InitiateAuth", json!({"AuthFlow": null, "ClientId": "web"}), null("authFlow")),
        ("GetUser", json!({}), null("accessToken")),
        ("GlobalSignOut", json!({}), null("accessToken")),
        ("RevokeToken", json!({"ClientId": "web"}), null("token")),
        (
            "InitiateAuth",
            json!({"AuthFlow": "X", "ClientId": "web"}),
            "Member must satisfy enum value set: [".to_owned(),
        ),
        (
            "InitiateAuth",
            json!({"AuthFlow": "USER_AUTH", "ClientId": "x".repeat(129)}),
            "less than or equal to 128".to_owned(),
        ),
        ("InitiateAuth", json!({"AuthFlow": "USER_AUTH", "ClientId": ""}), "greater than or equal to 1".to_owned()),
        ("InitiateAuth", json!({"AuthFlow": "USER_AUTH", "ClientId": "a'b"}), r"pattern: [\w+]+".to_owned()),
        ("InitiateAuth", json!({"AuthFlow": 1, "ClientId": "web"}), "at 'authFlow'".to_owned()),
        (
            "InitiateAuth",
            json!({"AuthFlow": "USER_AUTH", "ClientId": "web", "AuthParameters": {"A": 1}}),
            "at 'authParameters'".to_owned(),
        ),
        ("GetUser", json!({"AccessToken": "a b"}), "pattern: [A-Za-z0-9-_=.]+".to_owned()),
        ("GetUser", json!({"AccessToken": ["a"]}), "at 'accessToken'".to_owned()),
        (
            "RevokeToken",
            json!({"ClientId": "web", "Token": "x", "ClientSecret": "short"}),
            "at 'clientSecret'".to_owned(),
        ),
    ] {
        let answer = issuer.call(operation, &input).await;
        let (kind, message) = answer.refusal();
        assert_eq!(kind, "InvalidParameterException");
        assert!(message.contains(&said) && message.contains(" validation error"), "{message} should say {said}");
    }
}

#[tokio::test]
async fn amplify_may_call_from_a_page() {
    let issuer = TestIssuer::start().await;
    let answer = issuer
        .options(&[
            ("origin", "https://app.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "cache-control,content-type,x-amz-target,x-amz-user-agent"),
        ])
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    assert!(answer.headers["access-control-allow-methods"].to_str().unwrap().contains("POST"));
    let allowed = answer.headers["access-control-allow-headers"].to_str().unwrap();
    for header in [
        "content-type",
        "x-amz-target",
        "x-amz-user-agent",
        "cache-control",
        "amz-sdk-request",
        "amz-sdk-invocation-id",
    ] {
        assert!(allowed.split(", ").any(|allowed| allowed == header), "{header}");
    }
    assert!(answer.headers.get("access-control-allow-credentials").is_none());
}

#[tokio::test]
async fn a_failure_of_our_own_is_500_and_tells_nothing() {
    let issuer = TestIssuer::start().await;
    issuer.issuer.engine().database.close().await;
    let answer = issuer.try_password("web", "alice", PASSWORD).await;
    let expected = json!({"__type": "InternalErrorException", "message": "The service cannot do this now."});
    assert_eq!((answer.status, answer.body), (500, expected));
    assert_eq!(answer.headers["x-amzn-errortype"], "InternalErrorException:");
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_says_what_was_asked_and_never_a_name_a_password_or_a_token() {
    let written = Written::default();
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer({
        let written = written.clone();
        move || written.clone()
    });
    let _log = tracing::subscriber::set_default(log.finish());
    let issuer = TestIssuer::start().await;
    // Tests beside this one have no subscriber; what they reached first would stay silent here too.
    issuer.sign_in("web", "alice").await;
    issuer.try_password("web", "alice", "wrong password").await;
    tracing::callsite::rebuild_interest_cache();
    let signed_in = issuer.sign_in("web", "alice").await;
    let (access, refresh) = (signed_in.token("AccessToken"), signed_in.token("RefreshToken"));
    issuer.try_password("web", "alice", "wrong password").await;
    issuer.user_of(&access).await;
    issuer.refresh("web", &refresh).await;
    issuer.call("RevokeToken", &json!({"Token": refresh, "ClientId": "web"})).await;
    issuer.user_of(&access).await;
    let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let ours: Vec<&str> = log.lines().filter(|line| line.contains("lychgate")).collect();
    for said in ["InitiateAuth", "RevokeToken", "GetUser", "wrong-credentials", "access-token-revoked"] {
        assert!(ours.iter().any(|line| line.contains(said)), "{said}: {ours:#?}");
    }
    for secret in [PASSWORD, "wrong password", "alice", access.as_str(), refresh.as_str(), "$argon2id$"] {
        assert!(!log.contains(secret), "{secret}");
    }
}
