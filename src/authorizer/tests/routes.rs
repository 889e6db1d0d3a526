//! Which route a request takes.

use std::sync::Arc;

use http::header::HOST;
use http::{HeaderMap, HeaderValue};

use crate::authorizer::access::Access;
use crate::authorizer::config::AccessConfig;
use crate::authorizer::identity_headers::IdentityHeaders;
use crate::authorizer::rate_limit::RouteLimits;
use crate::authorizer::request::{AccessRequest, ConnectionFacts, ReceivedRequest};
use crate::authorizer::route::{Found, Route, RouteTable, parameters_of};

fn route(name: &str, path: &str, methods: &[&str]) -> Arc<Route> {
    Arc::new(Route {
        name: name.into(),
        upstream: "backend".into(),
        path: path.to_owned(),
        methods: methods.iter().map(|method| (*method).to_owned()).collect(),
        parameters: parameters_of(path),
        limits: RouteLimits::default(),
        access: Access::new(&AccessConfig::Public, &std::collections::BTreeMap::new()).unwrap(),
        forward_token: false,
        upgrade: Vec::new(),
        outlive_token: false,
        identity: IdentityHeaders::new([]),
        cors: None,
        resource: None,
    })
}

type Row = (&'static [&'static str], &'static str, &'static [&'static str]);

const ROWS: [Row; 14] = [
    (&[], "/", &["GET"]),
    (&[], "/orders", &["GET", "POST"]),
    (&[], "/orders/{order_id}", &["GET"]),
    (&[], "/orders/{id}", &["DELETE"]),
    (&[], "/orders/latest", &["GET"]),
    (&[], "/orders/{order_id}/lines/{line}", &["GET"]),
    (&[], "/public/{*rest}", &["GET"]),
    (&[], "/{*rest}", &["GET"]),
    (&[], "/caf%C3%A9", &["GET"]),
    (&["api.example"], "/orders/{order_id}", &["GET"]),
    (&["*.example"], "/orders/{order_id}", &["GET"]),
    (&["*.example"], "/wide", &["GET"]),
    (&["*.deep.example"], "/orders/{order_id}", &["GET"]),
    (&["API.example"], "/only-here", &["GET"]),
];

fn table(rows: &[Row]) -> RouteTable {
    let mut table = RouteTable::default();
    for (hosts, path, methods) in rows {
        let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let name = format!("{}{path} {}", hosts.concat(), methods.concat());
        table.insert(&hosts, &route(&name, path, methods)).unwrap();
    }
    table
}

/// The route's name with the parameters' values, the methods that would do, or nothing.
fn find(table: &RouteTable, method: &str, host: &'static str, path: &str) -> String {
    let headers: HeaderMap = [(HOST, HeaderValue::from_static(host))].into_iter().collect();
    let client = std::net::IpAddr::from([127, 0, 0, 1]);
    let received = ReceivedRequest {
        method,
        target: path.as_bytes(),
        authority: None,
        headers: &headers,
        client,
        connection: ConnectionFacts::default(),
    };
    let request = AccessRequest::read(received).unwrap();
    match table.find(&request, request.target().segments()) {
        Found::Route(route, values) => {
            let values: Vec<_> = values.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            format!("{}{}", route.name, values.concat())
        }
        Found::OtherMethods(allow) => format!("allow {}", allow.join(",")),
        Found::Nothing => "nothing".to_owned(),
    }
}

const FINDS: [(&str, &str, &str, &str); 24] = [
    ("GET", "x", "/", "/ GET"),
    ("GET", "x", "/orders", "/orders GETPOST"),
    ("GET", "x", "/orders/7", "/orders/{order_id} GET order_id=7"),
    ("DELETE", "x", "/orders/7", "/orders/{id} DELETE id=7"),
    ("PUT", "x", "/orders/7", "allow DELETE,GET"),
    ("get", "x", "/orders/7", "allow DELETE,GET"),
    ("GET", "x", "/orders/latest", "/orders/latest GET"),
    ("DELETE", "x", "/orders/latest", "allow GET"),
    ("GET", "x", "/orders/%6catest", "/orders/latest GET"),
    ("GET", "x", "/orders/7/lines/%41", "/orders/{order_id}/lines/{line} GET order_id=7 line=%41"),
    ("GET", "x", "/orders/latest/lines/1", "/orders/{order_id}/lines/{line} GET order_id=latest line=1"),
    ("GET", "x", "/orders/", "/{*rest} GET rest=orders/"),
    ("GET", "x", "/public/", "/public/{*rest} GET rest="),
    ("GET", "x", "/public/a/b/", "/public/{*rest} GET rest=a/b/"),
    ("GET", "x", "/public", "/{*rest} GET rest=public"),
    ("POST", "x", "/public/a", "allow GET"),
    ("GET", "x", "/caf%c3%a9", "/caf%C3%A9 GET"),
    ("GET", "API.EXAMPLE:8080", "/orders/7", "api.example/orders/{order_id} GET order_id=7"),
    ("GET", "b.example", "/orders/7", "*.example/orders/{order_id} GET order_id=7"),
    ("GET", "a.deep.example.", "/orders/7", "*.deep.example/orders/{order_id} GET order_id=7"),
    ("GET", "a.b.deep.example", "/wide", "*.example/wide GET"),
    ("GET", "deep.example", "/orders/7", "*.example/orders/{order_id} GET order_id=7"),
    ("GET", "example", "/orders/7", "/orders/{order_id} GET order_id=7"),
    ("GET", "api.example", "/only-here", "API.example/only-here GET"),
];

#[test]
fn the_most_specific_route_is_found_whatever_the_order() {
    let mut rows = ROWS;
    for turn in 0..rows.len() {
        let table = table(&rows);
        for (method, host, path, found) in FINDS {
            assert_eq!(find(&table, method, host, path), found, "{method} {host}{path}, turn {turn}");
        }
        rows.rotate_left(1);
    }
}

#[test]
fn without_a_default_route_nothing_is_found() {
    let table = table(&[(&["api.example"], "/a/{b}", &["GET"]), (&[], "/public/{*rest}", &["GET"])]);
    let nowhere = [
        ("x", "/"),
        ("x", "/a/b"),
        ("api.example", "/a"),
        ("api.example", "/a/"),
        ("api.example", "/a/b/c"),
        ("x", "/public"),
    ];
    for (host, path) in nowhere {
        assert_eq!(find(&table, "GET", host, path), "nothing", "{host}{path}");
    }
}

#[test]
fn two_routes_for_the_same_request_are_a_conflict() {
    let conflicts = [("/a/{b}", "/a/{c}"), ("/a", "/a"), ("/a/{*b}", "/a/{*c}"), ("/%61", "/a")];
    for (first, second) in conflicts {
        let mut table = RouteTable::default();
        table.insert(&[], &route("first", first, &["GET", "PUT"])).unwrap();
        let conflict = table.insert(&[], &route("second", second, &["POST", "PUT"])).unwrap_err();
        assert_eq!(conflict.method, "PUT", "{first} {second}");
        table.insert(&["x".to_owned()], &route("third", second, &["PUT"])).unwrap();
        table.insert(&[], &route("fourth", second, &["DELETE"])).unwrap();
    }
}
