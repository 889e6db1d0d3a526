//! API Gateway's door: every shape of event, and both forms of answers.

use serde_json::{Value, json};

use super::asked::Asked;
use super::world::{DOORS, World};

const CONFIG: &str = r#"
trusted_issuers:
  corp:
    issuer: "https://corp.example"
    audience: [api]
    keys: {inline: @KEYS@}
    attributes: {tenant: {claim: tenant, type: string}, level: {claim: level, type: long}}
credentials: [{header: authorization, scheme: Bearer}, {query: access_token}, {cookie: session}]
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
identity: {headers: {x-auth-sub: sub, x-auth-groups: groups}}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - {name: orders, match: {path: "/orders/{id}"}, access: {scopes: {any: [orders/read]}}, upstream: echo}
  - {name: of-a-host, match: {hosts: [api.example.com], path: "/hosted"}, upstream: echo}
"#;

fn world(api_gateway: &str) -> World {
    World::of(&format!("{CONFIG}{DOORS}  api_gateway: {api_gateway}\n"))
}

fn good(world: &World) -> String {
    let token = world.token().scopes("orders/read orders/write").groups(&["sales", "staff"]);
    token.claim("tenant", "acme").claim("level", 3).mint()
}

fn token_event(asked: &Asked, token: &str) -> Value {
    json!({"type": "TOKEN", "authorizationToken": token, "methodArn": asked.arn()})
}

/// The policy is for what was asked about and nothing else.
fn assert_policy(answer: &Value, effect: &str, asked: &Asked) {
    let statement = json!({"Action": "execute-api:Invoke", "Effect": effect, "Resource": asked.arn()});
    assert_eq!(answer["policyDocument"], json!({"Version": "2012-10-17", "Statement": [statement]}), "{answer}");
    assert_scalars(answer);
}

/// API Gateway refuses a context with anything else in it.
fn assert_scalars(answer: &Value) {
    let context = answer["context"].as_object().unwrap();
    assert!(context.values().all(|value| value.is_string() || value.is_number() || value.is_boolean()), "{context:?}");
}

#[test]
fn a_token_event_is_decided_by_the_arn_it_names() {
    let world = world("{}");
    let (asked, token) = (Asked::get("/orders/7"), good(&world));
    let allowed = world.by_api_gateway(&token_event(&asked, &format!("Bearer {token}")));
    assert_policy(&allowed, "Allow", &asked);
    assert_eq!(allowed["principalId"], "corp|alice");
    for (name, value) in [
        ("sub", json!("alice")),
        ("issuer", json!("corp")),
        ("scopes", json!("orders/read orders/write")),
        ("groups", json!("sales,staff")),
        ("tenant", json!("acme")),
        ("level", json!(3)),
        ("x_auth_sub", json!("alice")),
        ("x_auth_groups", json!("sales,staff")),
        ("route", json!("orders")),
    ] {
        assert_eq!(allowed["context"][name], value, "{name}");
    }
    for (token, status, code) in [
        (String::new(), 401, "missing-credential"),
        (token.clone(), 401, "malformed-credential"),
        (format!("Basic {token}"), 401, "malformed-credential"),
        ("Bearer a.b.c".to_owned(), 401, "malformed-token"),
        (format!("Bearer {}", world.token().expired().mint()), 401, "token-expired"),
        (format!("Bearer {}", world.token().mint()), 403, "insufficient-scope"),
    ] {
        let denied = world.by_api_gateway(&token_event(&asked, &token));
        assert_policy(&denied, "Deny", &asked);
        assert_eq!((&denied["principalId"], &denied["context"]["status"]), (&json!("anonymous"), &json!(status)));
        assert_eq!(denied["context"]["code"], code);
        assert!(denied["context"]["www_authenticate"].as_str().unwrap().starts_with("Bearer realm="), "{denied}");
        assert!(denied["context"].get("sub").is_none() && denied["context"].get("x_auth_sub").is_none());
    }
    let elsewhere = Asked::get("/nowhere");
    let answer = world.by_api_gateway(&token_event(&elsewhere, &format!("Bearer {token}")));
    assert_policy(&answer, "Deny", &elsewhere);
    let open = Asked::get("/public/a");
    let answer = world.by_api_gateway(&token_event(&open, ""));
    assert_policy(&answer, "Allow", &open);
    assert_eq!(answer["principalId"], "anonymous");
    // without an ARN that can be named nothing passes
    let nameless = world.by_api_gateway(&json!({"type": "TOKEN", "authorizationToken": format!("Bearer {token}")}));
    assert_eq!(nameless["policyDocument"]["Statement"][0]["Resource"], "*");
    assert_eq!(nameless["policyDocument"]["Statement"][0]["Effect"], "Deny");
}

#[test]
fn http_apis_ask_in_format_1_and_2_and_take_policies_or_simple_answers() {
    for (simple, config) in [(false, "{}"), (true, "{simple_responses: true}")] {
        let world = world(config);
        let token = good(&world);
        let asked = |token: &str| Asked::get("/orders/7?a=b").bearer(token);
        let format_1 = |asked: &Asked| {
            let mut event = asked.event();
            event["version"] = json!("1.0");
            event
        };
        let allowed = world.by_api_gateway(&format_1(&asked(&token)));
        assert_policy(&allowed, "Allow", &asked(&token));
        let allowed = world.by_api_gateway(&asked(&token).event_2());
        let denied = world.by_api_gateway(&asked("a.b.c").event_2());
        if simple {
            assert_eq!((&allowed["isAuthorized"], &denied["isAuthorized"]), (&json!(true), &json!(false)));
            assert!(allowed.get("policyDocument").is_none() && denied.get("policyDocument").is_none());
            assert_scalars(&allowed);
        } else {
            assert_policy(&allowed, "Allow", &asked(&token));
            assert_policy(&denied, "Deny", &asked("a.b.c"));
        }
        assert_eq!(
            (&allowed["context"]["sub"], &denied["context"]["code"]),
            (&json!("alice"), &json!("malformed-token"))
        );
        assert!(denied["context"].get("sub").is_none());
        // a REST API never takes the simple form
        assert_policy(&world.by_api_gateway(&asked("a.b.c").event()), "Deny", &asked("a.b.c"));
    }
}

#[test]
fn format_2_has_cookies_and_the_query_of_its_own() {
    let world = world("{}");
    let token = good(&world);
    let mut by_cookie = Asked::get("/orders/7").event_2();
    by_cookie["cookies"] = json!(["a=b", format!("session={token}")]);
    assert_eq!(world.by_api_gateway(&by_cookie)["context"]["sub"], "alice");
    let by_query = Asked::get(&format!("/orders/7?x=1&access_token={token}"));
    assert_eq!(world.by_api_gateway(&by_query.event_2())["context"]["sub"], "alice");
    assert_eq!(world.by_api_gateway(&by_query.event())["context"]["sub"], "alice");
    let mut both = by_query.event_2();
    both["cookies"] = json!([format!("session={token}")]);
    let answer = world.by_api_gateway(&both);
    assert_eq!(answer["context"]["code"], "several-credentials");
    // the path stands alone where the stage is `$default`
    let mut default = Asked::get("/orders/7").bearer(&token).event_2();
    default["rawPath"] = json!("/orders/7");
    default["requestContext"]["http"]["path"] = json!("/orders/7");
    default["routeArn"] = json!("arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/GET/orders/7");
    assert_eq!(world.by_api_gateway(&default)["context"]["sub"], "alice");
}

#[test]
fn the_host_is_the_apis_unless_the_config_says_otherwise() {
    let token = |world: &World| format!("Bearer {}", good(world));
    let named = world("{hosts: {abc123: api.example.com}}");
    let asked = Asked::get("/hosted");
    for event in [asked.clone().bearer(&good(&named)).event(), token_event(&asked, &token(&named))] {
        assert_policy(&named.by_api_gateway(&event), "Allow", &asked);
    }
    let nameless = world("{}");
    let answer = nameless.by_api_gateway(&token_event(&asked, &token(&nameless)));
    assert_eq!(answer["context"]["code"], "no-route");
    let mut domain = asked.bearer(&good(&nameless)).event();
    domain["requestContext"]["domainName"] = json!("api.example.com");
    assert_policy(&nameless.by_api_gateway(&domain), "Allow", &Asked::get("/hosted"));
}

#[test]
fn the_door_takes_events_by_post_alone() {
    let world = world("{}");
    let answer = world.at_the_door(&crate::support::Request::get("/authorizers/api-gateway"));
    assert_eq!((answer.status(), answer.header("allow")), (405, Some("POST")));
    let mut slow = crate::support::Connection::open(world.http);
    slow.send(b"POST /authorizers/api-gateway HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    assert_eq!(slow.read().code(), "request-timeout");
    let answer = world.post_event(Asked::get("/public/a").event().to_string().as_bytes());
    assert_eq!(
        (answer.header("content-type"), answer.header("cache-control")),
        (Some("application/json"), Some("no-store"))
    );
}
