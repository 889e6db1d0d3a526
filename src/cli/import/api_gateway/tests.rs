//! Documents and what becomes of them: what our check takes, what is left out, and that nothing is ever more open.

use std::path::Path;

use clap::Parser;
use serde_json::{Value, json};

use super::convert::{Imported, import};
use super::draft::NO_CLIENT;
use crate::cli::import::args::ApiGatewayArgs;
use crate::config::Config;

#[derive(Parser)]
struct Asked {
    #[command(flatten)]
    args: ApiGatewayArgs,
}

pub(super) fn args(more: &[&str]) -> ApiGatewayArgs {
    Asked::parse_from([&["import", "document"], more].concat()).args
}

fn imported(document: &Value, more: &[&str]) -> Imported {
    import(&document.to_string(), &args(more)).unwrap()
}

/// The config as a tree, and that our own check takes it.
fn config(imported: &Imported) -> Value {
    let text = imported.config.as_ref().expect("there is no config");
    let loaded =
        Config::parse(text, Path::new("lychgate.yaml"), &|_| None).unwrap_or_else(|error| panic!("{error}\n{text}"));
    loaded.check().unwrap_or_else(|error| panic!("{:?}\n{text}", error.mistakes()));
    serde_saphyr::from_str(text).unwrap()
}

/// `METHODS path → access` for each route, in their order.
fn routes(config: &Value) -> Vec<String> {
    let each = config["routes"].as_array().unwrap().iter().map(|route| {
        let methods = route["match"]["methods"].as_array().map_or("*".to_owned(), |methods| {
            methods.iter().map(|method| method.as_str().unwrap()).collect::<Vec<_>>().join(",")
        });
        let access = match &route["access"] {
            Value::String(word) => word.clone(),
            rules => {
                let scopes = rules["scopes"]["any"].as_array().map(|scopes| format!(" {}", json!(scopes)));
                format!("{}{}", rules["issuers"][0].as_str().unwrap(), scopes.unwrap_or_default())
            }
        };
        format!("{methods} {} → {access}", route["match"]["path"].as_str().unwrap())
    });
    each.collect()
}

fn codes(imported: &Imported) -> Vec<String> {
    imported.report.findings().iter().map(|finding| format!("{} {}", finding.cause.code, finding.at)).collect()
}

fn http(path: &str) -> Value {
    json!({"type": "http_proxy", "httpMethod": "ANY", "uri": format!("https://api.internal{path}")})
}

fn document(schemes: &Value, paths: &Value) -> Value {
    json!({"openapi": "3.0.1", "paths": paths, "components": {"securitySchemes": schemes}})
}

fn schemes() -> Value {
    json!({
        "jwt": {"type": "oauth2", "x-amazon-apigateway-authorizer": {
            "type": "jwt", "identitySource": "$request.header.Authorization",
            "jwtConfiguration": {"issuer": "https://idp.example", "audience": ["orders-api"]}}},
        "pool": {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "cognito_user_pools",
            "x-amazon-apigateway-authorizer": {"type": "cognito_user_pools", "providerARNs": [
                "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_AbCdEf123"]}},
        "lambda": {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "custom",
            "x-amazon-apigateway-authorizer": {"type": "token", "authorizerUri": "arn:aws:apigateway:x"}},
        "request": {"type": "apiKey", "name": "Unused", "in": "header",
            "x-amazon-apigateway-authorizer": {"type": "request", "identitySource": "method.request.header.X"}},
        "iam": {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"},
        "key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
        "oidc": {"type": "openIdConnect", "openIdConnectUrl": "https://idp.example/.well-known/openid-configuration"},
        "odd": {"type": "oauth2", "x-amazon-apigateway-authorizer": {"type": "magic"}},
    })
}

/// One operation with this security and integration, beside one that is carried over so that there is a config.
fn one(path: &str, security: &Value, integration: &Value) -> Value {
    document(
        &schemes(),
        &json!({
            "/other": {"get": {"security": [{"jwt": []}], "x-amazon-apigateway-integration": http("/other")}},
            path: {"get": {"security": security, "x-amazon-apigateway-integration": integration}},
        }),
    )
}

#[test]
fn authorizers_become_trusted_issuers_and_scopes_go_with_the_routes() {
    let with = |security: Value| one("/a", &security, &http("/a"));
    for (security, access) in [
        (json!([]), "public"),
        (json!([{}]), "public"),
        (json!([{"jwt": []}]), "jwt"),
        (json!([{"jwt": ["b", "a"]}]), r#"jwt ["a","b"]"#),
        (json!([{"pool": []}]), "pool"),
        (json!([{"pool": ["orders/read"]}]), r#"pool ["orders/read"]"#),
    ] {
        let config = config(&imported(&with(security.clone()), &[]));
        assert_eq!(routes(&config), ["GET /other → jwt".to_owned(), format!("GET /a → {access}")], "{security}");
    }
}

#[test]
fn what_the_gate_cannot_ask_for_closes_the_operation() {
    for (security, code) in [
        (json!([{"lambda": []}]), "lambda-authorizer"),
        (json!([{"request": []}]), "lambda-authorizer"),
        (json!([{"iam": []}]), "iam"),
        (json!([{"oidc": []}]), "no-authorizer"),
        (json!([{"odd": []}]), "unknown-authorizer"),
        (json!([{"nowhere": []}]), "unknown-scheme"),
        (json!([{"key": []}]), "api-key-alone"),
        (json!([{"jwt": [], "key": []}]), "api-key"),
        (json!([{"jwt": []}, {"key": []}]), "api-key"),
        (json!([{"jwt": []}, {"pool": []}]), "several-authorizers"),
        (json!([{"jwt": []}, {"lambda": []}]), "lambda-authorizer"),
        (json!([{}, {"lambda": []}]), "lambda-authorizer"),
        (json!({"jwt": []}), "security-not-understood"),
        (json!(["jwt"]), "security-not-understood"),
        (json!([{"jwt": "all"}]), "security-not-understood"),
        (json!([{"jwt": [1]}]), "security-not-understood"),
        (json!("none"), "security-not-understood"),
        (json!(null), "security-not-understood"),
        (json!([{"jwt": ["not a scope"]}]), "not-expressible"),
    ] {
        let made = imported(&one("/a", &security, &http("/a")), &[]);
        assert_eq!(routes(&config(&made)), ["GET /other → jwt", "GET /a → nobody"], "{security}");
        assert!(codes(&made).contains(&format!("{code} /paths/~1a/get")), "{security}: {:?}", codes(&made));
    }
}

#[test]
fn what_the_gate_cannot_do_with_a_request_closes_the_operation() {
    let uri = |uri: &str| json!({"type": "http_proxy", "httpMethod": "GET", "uri": uri});
    let with = |more: Value| {
        let mut integration = http("/a");
        integration.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        integration
    };
    for (integration, code) in [
        (json!({"type": "aws_proxy", "uri": "arn:aws:apigateway:x"}), "aws-integration"),
        (json!({"type": "AWS", "uri": "arn:aws:apigateway:x"}), "aws-integration"),
        (json!({"type": "mock"}), "mock"),
        (json!({"type": "magic"}), "unknown-integration"),
        (json!({}), "unknown-integration"),
        (json!({"$ref": "#/components/nowhere"}), "unresolved-reference"),
        (json!({"$ref": "https://example.com/a.json"}), "unresolved-reference"),
        (with(json!({"connectionType": "VPC_LINK"})), "vpc-link"),
        (with(json!({"httpMethod": "POST"})), "method-rewritten"),
        (uri("https://api.internal/b"), "path-rewritten"),
        (uri("https://api.internal"), "path-rewritten"),
        (uri("https://api.internal/a/"), "path-rewritten"),
        (uri("https://api.internal/a?b=c"), "query-added"),
        (uri("https://${stageVariables.host}/a"), "stage-variable"),
        (uri("https://{host}/a"), "uri-not-understood"),
        (uri("ftp://api.internal/a"), "uri-not-understood"),
        (uri("api.internal/a"), "uri-not-understood"),
        (uri(""), "uri-not-understood"),
        (uri("https://user@api.internal/a"), "uri-not-understood"),
        (uri("https://api.internal:99999/a"), "not-expressible"),
        (uri("https://api internal/a"), "not-expressible"),
        (with(json!({"requestParameters": {"overwrite:path": "/b"}})), "path-rewritten"),
        (
            with(json!({"requestParameters": {"integration.request.path.id": "method.request.header.id"}})),
            "path-rewritten",
        ),
    ] {
        let made = imported(&one("/a", &json!([]), &integration), &[]);
        assert_eq!(routes(&config(&made)), ["GET /other → jwt", "GET /a → nobody"], "{integration}");
        assert!(codes(&made).contains(&format!("{code} /paths/~1a/get")), "{integration}: {:?}", codes(&made));
    }
}

#[test]
fn an_operation_that_is_left_out_falls_to_no_vaguer_path() {
    let open = |path: &str| json!({"x-amazon-apigateway-any-method": {"x-amazon-apigateway-integration": http(path)}});
    let lambda = json!({"security": [{"lambda": []}], "x-amazon-apigateway-integration": http("/admin")});
    let made = imported(
        &document(
            &schemes(),
            &json!({
                "/{proxy+}": open("/{proxy}"),
                "/admin": {"get": lambda.clone(), "delete": {"x-amazon-apigateway-auth": {"type": "AWS_IAM"},
                    "x-amazon-apigateway-integration": http("/admin")}},
                "/internal/{id}": {"x-amazon-apigateway-any-method": lambda},
                "/empty": {},
                "/elsewhere": {"$ref": "other.json#/paths/a"},
            }),
        ),
        &[],
    );
    assert_eq!(
        routes(&config(&made)),
        [
            "* /{proxy} → public",
            "* /{proxy}/{*more} → public",
            "GET /admin → nobody",
            "DELETE /admin → nobody",
            "* /internal/{id} → nobody",
            "* /empty → nobody",
            "* /elsewhere → nobody",
        ]
    );
    assert!(!codes(&made).iter().any(|code| code.ends_with("/paths/~1empty")), "API Gateway refuses it too");
}

#[test]
fn a_path_of_one_segment_is_never_asked_of_a_greedy_one() {
    let open = |path: &str| json!({"security": [], "x-amazon-apigateway-integration": http(path)});
    let made = imported(
        &document(
            &schemes(),
            &json!({
                "/files/{proxy+}": {"x-amazon-apigateway-any-method": open("/files/{proxy}")},
                "/files/{id}": {"get": {"security": [{"jwt": []}], "x-amazon-apigateway-integration": http("/files/{id}")}},
                "/$default": {"x-amazon-apigateway-any-method": {"security": [{"lambda": []}], "x-amazon-apigateway-integration": http("/")}},
            }),
        ),
        &[],
    );
    assert_eq!(
        routes(&config(&made)),
        ["GET /files/{id} → jwt", "* /files/{proxy}/{*more} → public", "* /{*rest} → nobody",]
    );
}

#[test]
fn api_keys_and_a_resource_policy_are_given_up_only_where_that_is_said() {
    let key = one("/a", &json!([{"jwt": []}, {"key": []}]), &http("/a"));
    let made = imported(&key, &["--without", "api-keys"]);
    assert_eq!(routes(&config(&made)), ["GET /other → jwt", "GET /a → jwt"]);
    assert!(codes(&made).contains(&"api-key /paths/~1a/get".to_owned()), "it is said all the same");
    let alone = one("/a", &json!([{"key": []}]), &http("/a"));
    assert_eq!(routes(&config(&imported(&alone, &["--without", "api-keys"])))[1], "GET /a → nobody");
    let mut policy = one("/a", &json!([]), &http("/a"));
    policy["x-amazon-apigateway-policy"] = json!({"Statement": [{"Effect": "Deny"}]});
    let made = imported(&policy, &[]);
    assert!(made.config.is_none() && made.report.operations == 0);
    assert!(codes(&made).contains(&"resource-policy /paths/~1a/get".to_owned()));
    let made = imported(&policy, &["--without", "resource-policy"]);
    assert_eq!(routes(&config(&made)), ["GET /other → jwt", "GET /a → public"]);
    assert!(codes(&made).contains(&"resource-policy /x-amazon-apigateway-policy".to_owned()));
}

#[test]
fn what_the_whole_document_asks_for_is_asked_for() {
    let mut all = one("/a", &json!([]), &http("/a"));
    all["security"] = json!([{"jwt": ["all"]}]);
    all["paths"]["/b"] = json!({"get": {"x-amazon-apigateway-integration": http("/b")}});
    let made = imported(&all, &[]);
    assert_eq!(routes(&config(&made)), ["GET /other → jwt", "GET /a → public", r#"GET /b → jwt ["all"]"#]);
    assert!(codes(&made).contains(&"document-security /security".to_owned()));
}

#[test]
fn a_pools_tokens_are_of_one_kind_and_its_clients_are_named() {
    let issuer = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEf123";
    let id = imported(&one("/a", &json!([{"pool": []}]), &http("/a")), &["--client-id", "web", "--client-id", "ios"]);
    let trusted = &config(&id)["trusted_issuers"]["pool"];
    assert_eq!(*trusted, json!({"issuer": issuer, "audience": ["web", "ios"], "require_claims": {"token_use": "id"}}));
    let scoped = imported(&one("/a", &json!([{"pool": ["a/read"]}]), &http("/a")), &[]);
    let trusted = &config(&scoped)["trusted_issuers"]["pool"];
    assert_eq!(
        *trusted,
        json!({"issuer": issuer, "client_ids": [NO_CLIENT], "require_claims": {"token_use": "access"}})
    );
    assert!(codes(&scoped).contains(&"app-clients /components/securitySchemes/pool".to_owned()));
    let mut both = one("/a", &json!([{"pool": ["a/read"]}]), &http("/a"));
    both["paths"]["/b"] = json!({"get": {"security": [{"pool": []}], "x-amazon-apigateway-integration": http("/b")}});
    let made = imported(&both, &[]);
    assert_eq!(routes(&config(&made))[1..], [r#"GET /a → pool ["a/read"]"#, "GET /b → nobody"]);
    assert!(codes(&made).contains(&"id-token /paths/~1b/get".to_owned()));
}

#[test]
fn an_issuer_has_one_rule_and_a_token_one_place() {
    let jwt = |audience: &str, source: &str| {
        json!({"type": "oauth2", "x-amazon-apigateway-authorizer": {"type": "jwt", "identitySource": source,
            "jwtConfiguration": {"issuer": "https://idp.example", "audience": [audience]}}})
    };
    let header = "$request.header.Authorization";
    let get = |scheme: &str, path: &str| json!({"get": {"security": [{scheme: []}], "x-amazon-apigateway-integration": http(path)}});
    let paths = json!({"/a": get("a", "/a"), "/b": get("b", "/b")});
    let same = document(&json!({"a": jwt("api", header), "b": jwt("api", header)}), &paths);
    assert_eq!(routes(&config(&imported(&same, &[]))), ["GET /a → a", "GET /b → a"]);
    let other = document(&json!({"a": jwt("api", header), "b": jwt("else", header)}), &paths);
    let made = imported(&other, &[]);
    assert_eq!(routes(&config(&made)), ["GET /a → a", "GET /b → nobody"]);
    assert!(codes(&made).contains(&"issuer-twice /paths/~1b/get".to_owned()));
    let places = document(&json!({"a": jwt("api", "$request.header.X-Token"), "b": jwt("api", header)}), &paths);
    let made = imported(&places, &[]);
    assert_eq!(routes(&config(&made)), ["GET /b → b", "GET /a → nobody"]);
    assert!(codes(&made).contains(&"identity-source /paths/~1a/get".to_owned()));
    for (source, credential) in [
        ("$request.header.X-Token", json!({"header": "x-token"})),
        ("$request.querystring.token", json!({"query": "token"})),
    ] {
        let elsewhere = document(&json!({"a": jwt("api", source), "b": jwt("api", source)}), &paths);
        assert_eq!(config(&imported(&elsewhere, &[]))["credentials"], json!([credential]));
    }
}

#[test]
fn an_integration_says_where_and_how_requests_go() {
    let with = |integration: Value| {
        let made =
            imported(&one("/a/{id}", &json!([{"jwt": []}]), &integration), &["--stage-variable", "host=api.internal"]);
        let config = config(&made);
        let route = config["routes"][1].clone();
        let upstream = config["upstreams"][route["upstream"].as_str().unwrap()].clone();
        (route, upstream, codes(&made))
    };
    let plain = |uri: &str| json!({"type": "HTTP_PROXY", "httpMethod": "GET", "uri": uri});
    let (_, upstream, _) = with(plain("http://10.0.0.1:8080/a/{id}"));
    assert_eq!(upstream, json!({"endpoints": ["10.0.0.1:8080"]}));
    let (_, upstream, _) = with(plain("https://${stageVariables.host}/a/{id}"));
    assert_eq!(upstream, json!({"endpoints": ["api.internal:443"], "tls": {}}));
    let mut integration = plain("https://10.0.0.1/a/{key}");
    integration["timeoutInMillis"] = json!(2500);
    integration["tlsConfig"] = json!({"serverNameToVerify": "orders.internal"});
    integration["requestParameters"] = json!({
        "integration.request.path.key": "method.request.path.id",
        "integration.request.header.X-User": "context.authorizer.claims.sub",
        "overwrite:header.x-mail": "$context.authorizer.claims.email",
        "integration.request.header.X-Static": "'fixed'",
        "integration.request.header.Host": "context.authorizer.claims.host",
    });
    let (route, upstream, _) = with(integration.clone());
    let tls = json!({"server_name": "orders.internal"});
    assert_eq!(upstream, json!({"endpoints": ["10.0.0.1:443"], "tls": tls, "timeouts": {"read": "2500ms"}}));
    // A header that our check does not take costs the headers, and not the route.
    assert_eq!(route["identity"], Value::Null);
    integration["requestParameters"].as_object_mut().unwrap().remove("integration.request.header.Host");
    let (route, _, codes) = with(integration);
    assert_eq!(route["identity"], json!({"headers": {"x-user": "sub", "x-mail": "email"}}));
    let at =
        "/paths/~1a~1{id}/get/x-amazon-apigateway-integration/requestParameters/integration.request.header.X-Static";
    assert!(codes.contains(&format!("parameter-mapping {at}")), "{codes:?}");
}

#[test]
fn cross_origin_rules_come_from_the_document_or_from_a_paths_own_preflight() {
    let mut all = one("/a", &json!([]), &http("/a"));
    all["x-amazon-apigateway-cors"] = json!({"allowOrigins": ["https://app.example", "https://*"], "allowMethods": ["GET", "options"],
        "allowHeaders": ["authorization"], "exposeHeaders": ["x-page"], "allowCredentials": true, "maxAge": 600});
    let made = imported(&all, &[]);
    let cors = json!({"origins": ["https://app.example"], "methods": ["GET", "OPTIONS"], "headers": ["authorization"],
        "expose": ["x-page"], "credentials": true, "max_age": "600s"});
    assert_eq!(config(&made)["routes"][1]["cors"], cors);
    assert!(codes(&made).contains(&"origin /x-amazon-apigateway-cors".to_owned()));
    for (rules, expected) in [
        (
            json!({"allowOrigins": ["*", "https://a.example"], "maxAge": 999_999}),
            json!({"origins": ["*"], "max_age": "86400s"}),
        ),
        (json!({"allowOrigins": ["*"], "allowCredentials": true}), Value::Null),
        (
            json!({"allowOrigins": ["https://a.example"], "allowHeaders": ["*"], "allowCredentials": true}),
            json!({"origins": ["https://a.example"], "credentials": true}),
        ),
        (json!({"allowOrigins": ["not an origin"]}), Value::Null),
        (json!({"allowOrigins": []}), Value::Null),
        (json!(7), Value::Null),
    ] {
        all["x-amazon-apigateway-cors"] = rules.clone();
        assert_eq!(config(&imported(&all, &[]))["routes"][1]["cors"], expected, "{rules}");
    }
    let mut mock = one("/a", &json!([]), &http("/a"));
    mock["paths"]["/a"]["options"] = json!({"x-amazon-apigateway-integration": {"type": "mock", "responses": {"default": {
        "statusCode": "200", "responseParameters": {
            "method.response.header.Access-Control-Allow-Origin": "'https://app.example'",
            "method.response.header.Access-Control-Allow-Methods": "'GET,OPTIONS'",
            "method.response.header.Access-Control-Allow-Headers": "'Content-Type, Authorization'"}}}}});
    let made = imported(&mock, &[]);
    let config = config(&made);
    let cors = json!({"origins": ["https://app.example"], "methods": ["GET", "OPTIONS"], "headers": ["Content-Type", "Authorization"]});
    assert_eq!(config["routes"][1]["cors"], cors);
    assert_eq!(routes(&config)[2], "OPTIONS /a → nobody");
    assert!(!codes(&made).iter().any(|code| code.contains("options")), "its work is done by `cors`");
}

#[test]
fn a_base_path_is_kept_where_backends_are_asked_with_it() {
    for (base, with) in [
        (json!({"swagger": "2.0", "basePath": "/prod"}), "swagger"),
        (
            json!({"openapi": "3.0.1", "servers": [{"url": "https://a.example/{basePath}", "variables": {"basePath": {"default": "/prod"}}}]}),
            "openapi",
        ),
    ] {
        let get = |path: &str| json!({"get": {"security": [], "x-amazon-apigateway-integration": http(path)}});
        let mut document = base.clone();
        document["paths"] = json!({"/a": get("/a"), "/b/{id}": get("/b/{id}")});
        let made = imported(&document, &[]);
        assert_eq!(routes(&config(&made)), ["GET /a → public", "GET /b/{id} → public"], "{with}");
        assert!(
            codes(&made).contains(&"base-path ".to_owned()) && codes(&made).contains(&"any-host ".to_owned()),
            "{with}"
        );
        document["paths"] = json!({"/a": get("/prod/a"), "/b/{id}": get("/prod/b/{id}"), "/c": get("/c"), "/{proxy+}": get("/prod/{proxy}")});
        let made = imported(&document, &[]);
        let expected = [
            "GET /prod/a → public",
            "GET /prod/b/{id} → public",
            "GET /prod/{proxy} → public",
            "GET /prod/{proxy}/{*more} → public",
            "GET /prod/c → nobody",
        ];
        assert_eq!(routes(&config(&made)), expected, "{with}");
    }
}

#[test]
fn routes_are_for_the_hosts_that_are_named_closed_ones_too() {
    let lambda = one("/a", &json!([{"lambda": []}]), &http("/a"));
    let made = imported(&lambda, &["--host", "api.example.com", "--host", "*.example.org"]);
    for route in config(&made)["routes"].as_array().unwrap() {
        assert_eq!(route["match"]["hosts"], json!(["api.example.com", "*.example.org"]));
    }
    assert!(!codes(&made).contains(&"any-host ".to_owned()));
    let made = imported(&lambda, &["--host", "https://api.example.com"]);
    assert!(made.config.is_none() && codes(&made).contains(&"not-expressible /paths/~1other/get".to_owned()));
}

#[test]
fn a_pattern_for_clients_is_told() {
    let mut document = one("/a", &json!([{"pool": []}]), &http("/a"));
    document["components"]["securitySchemes"]["pool"]["x-amazon-apigateway-authorizer"]["identityValidationExpression"] =
        json!("web-.*");
    assert!(codes(&imported(&document, &[])).contains(&"client-pattern /components/securitySchemes/pool".to_owned()));
}

#[test]
fn documents_that_are_none_are_refused_in_words() {
    for (text, says) in [
        ("", "neither OpenAPI"),
        ("[]", "neither OpenAPI"),
        ("{", "not JSON"),
        ("a: [", "not YAML"),
        ("openapi: 2.5\npaths: {}", "neither OpenAPI"),
        (r#"{"openapi": "3.0.1", "paths": {"/a b": {"get": {}}}}"#, "/paths/~1a b"),
        (r#"{"openapi": "3.0.1", "paths": {"/{proxy+}/a": {"get": {}}}}"#, "greedy"),
    ] {
        let wrong = import(text, &args(&[])).map(|made| made.config).unwrap_err();
        assert!(wrong.contains(says), "{text}: {wrong}");
    }
    for text in [r#"{"openapi": "3.0.1"}"#, "swagger: 2.0\npaths: {}", "openapi: '3.1.0'\npaths: []"] {
        let made = import(text, &args(&[])).unwrap();
        assert!(made.config.is_none() && made.report.operations == 0, "{text}");
    }
}
