//! Documents of any shape: the config is always one that our check takes, and lets nobody in whom API Gateway would not.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::convert::import;
use super::tests::args;
use super::yaml::yaml;
use crate::authorizer::{AskedRequest, Presented};
use crate::config::Config;
use crate::server::{Ground, build};

const PATHS: [&str; 12] = [
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/a/{id}",
    "/a/{key}/c",
    "/a/{proxy+}",
    "/{x}",
    "/{x}/b",
    "/{proxy+}",
    "/a/{id}/{rest+}",
    "/$default",
];
const METHODS: [&str; 4] = ["get", "post", "options", "x-amazon-apigateway-any-method"];
const ASKED: [&str; 12] =
    ["/", "/a", "/a/", "/a/b", "/a/b/", "/a/7", "/a/7/c", "/a/b/c", "/a/b/c/d", "/z", "/z/b", "/z/y/x"];

/// One operation: what guards it, and whether its integration can be carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Open,
    Token,
    Lambda,
    OpenElsewhere,
}

fn operation(path: &str, kind: Kind) -> Value {
    let security = match kind {
        Kind::Open | Kind::OpenElsewhere => json!([]),
        Kind::Token => json!([{"jwt": []}]),
        Kind::Lambda => json!([{"lambda": []}]),
    };
    let kept = path.replace('+', "");
    let uri = if kind == Kind::OpenElsewhere { "/elsewhere" } else { &kept };
    let mut integration = json!({"type": "http_proxy", "httpMethod": "ANY", "uri": format!("http://127.0.0.1:1{uri}")});
    if path == "/$default" && kind != Kind::OpenElsewhere {
        integration["requestParameters"] = json!({"overwrite:path": "$request.path"});
    }
    json!({"security": security, "x-amazon-apigateway-integration": integration})
}

type Operations = Vec<(usize, usize, Kind)>;

fn operations() -> impl Strategy<Value = Operations> {
    let kind = prop_oneof![
        3 => Just(Kind::Open),
        2 => Just(Kind::Token),
        2 => Just(Kind::Lambda),
        1 => Just(Kind::OpenElsewhere)
    ];
    prop::collection::vec((0..PATHS.len(), 0..METHODS.len(), kind), 1..12)
}

fn document(operations: &Operations) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for (path, method, kind) in operations {
        let (path, method) = (PATHS[*path], METHODS[*method]);
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[method] = operation(path, *kind);
    }
    json!({"openapi": "3.0.1", "paths": paths, "components": {"securitySchemes": {
        "jwt": {"type": "oauth2", "x-amazon-apigateway-authorizer": {"type": "jwt",
            "jwtConfiguration": {"issuer": "http://127.0.0.1:1", "audience": ["api"]}}},
        "lambda": {"type": "apiKey", "x-amazon-apigateway-authorizer": {"type": "request"}},
    }}})
}

/// How specific a template takes a path, or not at all: for each segment a literal before a parameter before a greedy one.
fn fit(template: &str, path: &str) -> Option<Vec<u8>> {
    if template == "/$default" {
        return Some(vec![0]);
    }
    let (own, asked): (Vec<_>, Vec<_>) = (template.split('/').skip(1).collect(), path.split('/').skip(1).collect());
    let mut fits = Vec::new();
    for (index, piece) in own.iter().enumerate() {
        let segment = asked.get(index)?;
        match piece.strip_prefix('{') {
            None if piece == segment => fits.push(3),
            Some(name) if name.ends_with("+}") => {
                // the first segment of what it takes is not empty
                return (!segment.is_empty()).then(|| [fits, vec![1]].concat());
            }
            Some(_) if !segment.is_empty() => fits.push(2),
            _ => return None,
        }
    }
    (own.len() == asked.len()).then_some(fits)
}

/// What API Gateway does with a request without a token: the most specific path, then its method.
fn at_api_gateway(document: &Value, method: &str, path: &str) -> Option<Kind> {
    let paths = document["paths"].as_object().unwrap();
    let (_, item) = paths
        .iter()
        .filter_map(|(template, item)| Some((fit(template, path)?, item)))
        .max_by_key(|(fit, _)| fit.clone())?;
    let operation = item.get(method).or_else(|| item.get("x-amazon-apigateway-any-method"))?;
    let uri = operation["x-amazon-apigateway-integration"]["uri"].as_str().unwrap();
    Some(match (operation["security"].as_array().unwrap().is_empty(), uri.ends_with("/elsewhere")) {
        (true, false) => Kind::Open,
        (true, true) => Kind::OpenElsewhere,
        _ => Kind::Token,
    })
}

/// Whether the gate lets a request through that carries no token.
fn at_the_gate(config: &str) -> Vec<(&'static str, &'static str, bool)> {
    let loaded = Config::parse(config, Path::new("lychgate.yaml"), &|_| None).unwrap();
    loaded.check().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let house = build(&loaded, &Ground::new().unwrap()).await.unwrap();
        let mut passed = Vec::new();
        for (method, path) in
            ASKED.iter().flat_map(|path| ["GET", "POST", "OPTIONS", "DELETE"].map(|method| (method, *path)))
        {
            let request = format!("{method} http://gate.example{path}");
            let asked = AskedRequest::read(&request, [], IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
            let explained = house.snapshot.point.authorizer.explain(&asked, Presented::AsSent).await;
            passed.push((method, path, explained.outcome.is_ok()));
        }
        passed
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nobody_is_let_in_whom_api_gateway_would_not_let_in(operations in operations(), of_a_host in any::<bool>()) {
        let document = document(&operations);
        let hosts: &[&str] = if of_a_host { &["--host", "gate.example"] } else { &[] };
        let made = import(&document.to_string(), &args(hosts)).unwrap();
        let Some(config) = made.config else { return Ok(()) };
        for (method, path, passed) in at_the_gate(&config) {
            let there = at_api_gateway(&document, &method.to_ascii_lowercase(), path);
            prop_assert_eq!(passed, there == Some(Kind::Open), "{} {} of {:#}\n{}", method, path, document, config);
        }
    }

    #[test]
    fn whatever_a_document_holds_there_is_no_panic_and_no_bad_config(
        words in prop::collection::vec("\\PC{0,12}|[${}\"'#:*&!|>%@`\\[\\], \\-]{0,6}", 6),
        origin in "\\PC{0,16}", port in 0_u32..70_000,
    ) {
        let [name, issuer, audience, scope, header, host] = <[String; 6]>::try_from(words).unwrap();
        let integration = json!({"type": "http_proxy", "uri": format!("http://{host}:{port}/a"), "requestParameters": {
            format!("overwrite:header.{header}"): format!("$context.authorizer.claims.{audience}")}});
        let good = json!({"type": "http_proxy", "uri": "http://127.0.0.1:1/b"});
        let document = json!({
            "openapi": "3.0.1",
            "x-amazon-apigateway-cors": {"allowOrigins": [origin], "allowHeaders": [header], "allowMethods": [name]},
            "paths": {
                "/a": {"get": {"operationId": name, "security": [{name.clone(): [scope]}], "x-amazon-apigateway-integration": integration}},
                "/b": {"get": {"operationId": scope, "security": [], "x-amazon-apigateway-integration": good}},
            },
            "components": {"securitySchemes": {name: {"x-amazon-apigateway-authorizer": {"type": "jwt",
                "jwtConfiguration": {"issuer": issuer, "audience": [audience]}}}}},
        });
        // A config that our check does not take would be an error.
        let made = import(&document.to_string(), &args(&[])).unwrap();
        let config = made.config.unwrap();
        let loaded = Config::parse(&config, Path::new("lychgate.yaml"), &|_| None).unwrap();
        prop_assert!(loaded.check().is_ok());
        prop_assert!(!made.report.text().chars().any(|letter| letter.is_control() && letter != '\n'));
    }

    #[test]
    fn text_comes_back_from_yaml_as_it_was(key in "[a-z]{1,4}", text in "\\PC{0,20}|[\\x00-\\x7f]{0,10}|true|no|~|1e3|0x1|- a|\\$\\{A\\}") {
        let value = json!({key.clone(): {"b": {"c": text, "d": [text]}}, "z": [{"name": text, "x": {"y": text}}, text, {}, []]});
        let written = yaml(&value);
        let read: Value = serde_saphyr::from_str(&written).unwrap_or_else(|error| panic!("{error}\n{written}"));
        let unescaped: Value = serde_json::from_str(&read.to_string().replace("$${", "${")).unwrap();
        prop_assert_eq!(unescaped, value, "{}", written);
    }
}
