//! What a stranger learns of a pool, and what the gateway is given without HTTP.

use serde_json::Value;

use super::support::{TestIssuer, claims};

#[tokio::test]
async fn discovery_states_the_issuer_of_the_tokens_and_only_endpoints_that_exist() {
    let issuer = TestIssuer::start().await;
    let id = issuer.pool_id("demo");
    let answer = issuer.get(&format!("/{id}/.well-known/openid-configuration")).await;
    assert_eq!((answer.status, answer.headers["content-type"].to_str().unwrap()), (200, "application/json"));
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    let document = answer.body.as_object().unwrap();
    let stated = document["issuer"].as_str().unwrap();
    assert_eq!(stated, format!("http://issuer.test/{id}"));
    assert_eq!(issuer.issuer.issuer_url("demo").unwrap(), stated);
    assert_eq!(claims(&issuer.sign_in("web", "alice").await.token("IdToken"))["iss"], stated);
    assert_eq!(document["jwks_uri"], format!("{stated}/.well-known/jwks.json"));
    for required in ["response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported"] {
        assert!(document[required].as_array().is_some_and(|values| !values.is_empty()), "{required}");
    }
    for (name, value) in document {
        let endpoint = name.ends_with("_endpoint") || name.ends_with("_uri");
        if let (true, Some(url)) = (endpoint, value.as_str()) {
            let path = url.strip_prefix("http://issuer.test").unwrap();
            assert_eq!(issuer.get(path).await.status, 200, "{name}");
        }
    }
}

#[tokio::test]
async fn no_host_that_a_client_sends_gets_into_a_document() {
    let issuer = TestIssuer::start().await;
    let url = format!("{}/{}/.well-known/openid-configuration", issuer.url, issuer.pool_id("demo"));
    let client = reqwest::Client::new();
    let request = client.get(url).header("host", "evil.example").header("x-forwarded-host", "evil.example");
    let body = issuer.send(request).await.body;
    assert!(!body.to_string().contains("evil.example"));
}

#[tokio::test]
async fn two_keys_are_published_and_each_kind_of_token_has_its_own() {
    let issuer = TestIssuer::start().await;
    let answer = issuer.get(&format!("/{}/.well-known/jwks.json", issuer.pool_id("demo"))).await;
    let keys = answer.body["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    for key in keys {
        let mut names: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["alg", "e", "kid", "kty", "n", "use"]);
        assert_eq!((&key["alg"], &key["use"], &key["e"]), (&"RS256".into(), &"sig".into(), &"AQAB".into()));
    }
    let kid = |token: &str| {
        let jws = crate::jose::CompactJws::parse(token, 8).unwrap();
        Value::from(jws.header().kid.clone().unwrap())
    };
    let signed_in = issuer.sign_in("web", "alice").await;
    assert_eq!(kid(&signed_in.token("IdToken")), keys[0]["kid"]);
    assert_eq!(kid(&signed_in.token("AccessToken")), keys[1]["kid"]);
}

#[tokio::test]
async fn the_gateway_is_given_the_same_keys_without_http() {
    let issuer = TestIssuer::start().await;
    let receiver = issuer.issuer.keys_of("demo").unwrap();
    let given: Vec<String> = receiver.borrow().kids().map(str::to_owned).collect();
    let answer = issuer.get(&format!("/{}/.well-known/jwks.json", issuer.pool_id("demo"))).await;
    let published: Vec<&str> =
        answer.body["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(given, published);
    assert!(issuer.issuer.keys_of("nosuch").is_none() && issuer.issuer.issuer_url("nosuch").is_none());
    let beta: Vec<String> = issuer.issuer.keys_of("beta").unwrap().borrow().kids().map(str::to_owned).collect();
    assert!(beta.iter().all(|kid| !given.contains(kid)), "pools share no key");
}

#[tokio::test]
async fn other_paths_are_not_there() {
    let issuer = TestIssuer::start().await;
    let id = issuer.pool_id("demo");
    for path in [
        "/nosuch/.well-known/jwks.json".to_owned(),
        "/demo/.well-known/openid-configuration".to_owned(),
        format!("/{id}"),
        format!("/{id}/.well-known/other"),
        format!("/{}/.well-known/jwks.json", id.to_lowercase()),
        "/%2e%2e/.well-known/jwks.json".to_owned(),
        "/oauth2/token".to_owned(),
    ] {
        assert_eq!(issuer.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(issuer.get("/").await.status, 405);
}
