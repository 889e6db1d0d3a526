//! What is told of the original request, at every door: too much, too little, twice, or two things at once is a no.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::asked::{Asked, PROFILES};
use super::world::{DOORS, World, code};
use crate::support::{Connection, Request, until};

const CONFIG: &str = r#"
trusted_issuers:
  corp: {issuer: "https://corp.example", audience: [api], keys: {inline: @KEYS@}}
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - {name: any, match: {path: "/any"}, upstream: echo}
limits: {target: 1KiB, header: 8KiB, headers: 40}
"#;

fn world() -> World {
    World::of(&format!("{CONFIG}{DOORS}"))
}

type Field<'a> = (&'a str, String);

/// What the door says to these fields; every answer is a refusal.
fn ask(world: &World, profile: &str, fields: &[Field<'_>]) -> String {
    let request = Request::get(&format!("/forward-auth/{profile}")).header("Connection", "close");
    let request = fields.iter().fold(request, |request, (name, value)| request.header(name, value));
    let answer = Connection::open(world.http).ask(&request);
    assert!(answer.status() >= 400, "{profile} {fields:?}: {}", answer.head);
    assert!(answer.header("x-auth-sub").is_none() && answer.header("authorization").is_none());
    // the body has the status of the denial, whatever nginx is told
    answer.json()["code"].as_str().unwrap().to_owned()
}

/// What a proxy of this profile tells of a request without a token, with these fields in place of those of their names.
fn told<'a>(profile: &str, instead: &[(&'a str, &str)]) -> Vec<Field<'a>> {
    let told = Asked::get("/any").told(profile).into_iter();
    let kept = told.filter(|(name, _)| instead.iter().all(|(other, _)| other != name));
    kept.chain(instead.iter().map(|(name, value)| (*name, (*value).to_owned()))).collect()
}

#[test]
fn what_is_missing_doubled_or_contradictory_is_refused() {
    let world = world();
    for profile in PROFILES {
        let whole = told(profile, &[]);
        assert_eq!(ask(&world, profile, &whole), "missing-credential", "{profile}");
        for (index, (name, value)) in whole.iter().enumerate() {
            let mut without = whole.clone();
            without.remove(index);
            assert_eq!(ask(&world, profile, &without), "bad-original-request", "{profile} without {name}");
            assert_eq!(ask(&world, profile, &told(profile, &[(name, "")])), "bad-original-request", "{profile} {name}");
            for second in [value.as_str(), "/public/a", ""] {
                let mut twice = whole.clone();
                twice.push((name, second.to_owned()));
                assert_eq!(ask(&world, profile, &twice), "bad-original-request", "{profile} twice {name}");
                // before the proxy's own it is no better
                twice.rotate_right(1);
                assert_eq!(ask(&world, profile, &twice), "bad-original-request", "{profile} twice {name}");
            }
        }
        // the words of another profile are nobody's
        let others = if profile == "nginx" {
            [("X-Forwarded-Uri", "/public/a"), ("X-Forwarded-Method", "GET"), ("X-Forwarded-Host", "x")]
        } else {
            [("X-Original-URI", "/public/a"), ("X-Original-Method", "GET"), ("X-Original-URL", "http://x/public/a")]
        };
        let others = others.map(|(name, value)| (name, value.to_owned()));
        assert_eq!(ask(&world, profile, &[whole, others.to_vec()].concat()), "missing-credential", "{profile}");
    }
}

#[test]
fn nginx_tells_of_the_target_in_one_form() {
    let world = world();
    let form = |fields: &[(&'static str, &str)]| {
        let mut told = told("nginx", &[]);
        told.retain(|(name, _)| *name != "X-Original-URL");
        told.extend(fields.iter().map(|(name, value)| (*name, (*value).to_owned())));
        ask(&world, "nginx", &told)
    };
    assert_eq!(form(&[("X-Original-URI", "/any"), ("X-Original-Host", "gate.example")]), "missing-credential");
    for contradictory in [
        &[("X-Original-URI", "/any")][..],
        &[("X-Original-Host", "gate.example")],
        &[("X-Original-URL", "http://gate.example/any"), ("X-Original-URI", "/any")],
        &[("X-Original-URL", "http://gate.example/any"), ("X-Original-Host", "gate.example")],
        &[("X-Original-URI", "/any"), ("X-Original-URI", "/any"), ("X-Original-Host", "gate.example")],
        &[("X-Original-URI", "/any"), ("X-Original-Host", "a.example"), ("X-Original-Host", "b.example")],
        &[("X-Original-URL", "gate.example/any")],
        &[("X-Original-URL", "ftp://gate.example/any")],
        &[("X-Original-URL", "http://gate.example")],
        &[("X-Original-URL", "//gate.example/any")],
    ] {
        assert_eq!(form(contradictory), "bad-original-request", "{contradictory:?}");
    }
}

#[test]
fn what_cannot_be_read_in_one_way_is_refused() {
    let world = world();
    for (name, value, expected) in [
        ("X-Forwarded-Method", "GET /public/a", "bad-original-request"),
        ("X-Forwarded-Method", "GET,POST", "bad-original-request"),
        ("X-Forwarded-Method", "CONNECT", "method-not-allowed"),
        ("X-Forwarded-Uri", "public/a", "bad-target"),
        ("X-Forwarded-Uri", "*", "bad-target"),
        ("X-Forwarded-Uri", "/public/../any", "bad-target"),
        ("X-Forwarded-Uri", "/public/%2e%2e/any", "bad-target"),
        ("X-Forwarded-Uri", "/public/a, /any", "bad-target"),
        ("X-Forwarded-Uri", "/public/a#/any", "bad-target"),
        ("X-Forwarded-Uri", "http://other.example/public/a", "bad-host"),
        ("X-Forwarded-Host", "gate.example, other.example", "bad-host"),
        ("X-Forwarded-Host", "user@gate.example", "bad-host"),
        ("X-Forwarded-Host", "gate example", "bad-host"),
        ("X-Forwarded-For", "unknown", "bad-original-request"),
        ("X-Forwarded-For", "192.0.2.1, nobody", "bad-original-request"),
        ("X-Forwarded-Proto", "https, http", "bad-original-request"),
        ("X-Forwarded-Proto", "HTTPS", "bad-original-request"),
        ("X-Original-Method", "GET POST", "bad-original-request"),
        ("X-Original-Method", "TRACE", "method-not-allowed"),
        ("X-Original-URL", "http://gate.example/public/../any", "bad-target"),
        ("X-Original-URL", "http://gate.example/public//any", "bad-target"),
        ("X-Original-URL", "http://user@gate.example/any", "bad-host"),
        ("X-Original-URL", "http:///any", "bad-host"),
        ("X-Original-URL", "http://gate.example, http://x/any", "bad-target"),
        ("X-Real-IP", "192.0.2.1, 192.0.2.2", "bad-original-request"),
        ("X-Real-IP", "gate.example", "bad-original-request"),
    ] {
        for profile in PROFILES.into_iter().filter(|profile| (*profile == "nginx") != name.starts_with("X-Forwarded-"))
        {
            let said = ask(&world, profile, &told(profile, &[(name, value)]));
            let is_no = said == expected || (expected == "bad-target" && said == "bad-host");
            assert!(is_no, "{profile} {name}: {value}: {said}");
        }
    }
    // octets beyond ASCII say nothing that two programs read alike
    for profile in PROFILES {
        for (index, (name, _)) in told(profile, &[]).iter().enumerate() {
            let mut head =
                format!("GET /forward-auth/{profile} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n").into_bytes();
            for (other, (field, value)) in told(profile, &[]).iter().enumerate() {
                head.extend_from_slice(format!("{field}: {value}").as_bytes());
                head.extend_from_slice(if other == index { b"\xff\r\n" } else { b"\r\n" });
            }
            head.extend_from_slice(b"\r\n");
            let mut connection = Connection::open(world.http);
            connection.send(&head);
            assert_eq!(connection.read().json()["code"], "bad-original-request", "{profile} {name}");
        }
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let world = world();
    let long = |length: usize| "a".repeat(length);
    for profile in PROFILES {
        let target = if profile == "nginx" { "X-Original-URL" } else { "X-Forwarded-Uri" };
        let before = if profile == "nginx" { "http://gate.example/" } else { "/" };
        let oversized = told(profile, &[(target, &format!("{before}{}", long(2000)))]);
        assert_eq!(ask(&world, profile, &oversized), "target-too-long", "{profile}");
        let heavy = [told(profile, &[]), vec![("x-heavy", long(9000))]].concat();
        assert_eq!(ask(&world, profile, &heavy), "headers-too-large", "{profile}");
        let names: Vec<_> = (0..41).map(|number| format!("x-{number}")).collect();
        let many = names.iter().map(|name| (name.as_str(), String::new()));
        let many: Vec<_> = told(profile, &[]).into_iter().chain(many).collect();
        assert_eq!(ask(&world, profile, &many), "headers-too-large", "{profile}");
        // beyond what is read at all
        let request = Request::get(&format!("/forward-auth/{profile}")).header("x-long", &long(200_000));
        let mut connection = Connection::open(world.http);
        connection.send(&request.bytes());
        let answer = connection.try_read(false).ok().flatten();
        assert!(answer.is_none_or(|answer| answer.status() >= 400), "{profile}");
    }
    let asked = Asked::get(&format!("/public/{}", long(2000)));
    assert_eq!(code(&world.by_envoy(&asked)), "target-too-long");
    assert_eq!(world.by_api_gateway(&asked.event())["context"]["code"], "target-too-long");
    let asked = Asked::get("/public/a").header("x-heavy", &long(9000));
    assert_eq!(code(&world.by_envoy(&asked)), "headers-too-large");
    assert_eq!(world.by_api_gateway(&asked.event())["context"]["code"], "headers-too-large");
    let mut event = Asked::get("/public/a").event();
    event["x"] = json!(long(1 << 20));
    assert_eq!(world.post_event(event.to_string().as_bytes()).code(), "body-too-large");
}

#[test]
fn an_event_that_contradicts_itself_is_refused() {
    let world = world();
    let token = world.token().mint();
    let format_1 = Asked::get("/any?a=b").bearer(&token).event();
    let format_2 = Asked::get("/any?a=b").bearer(&token).event_2();
    for event in [&format_1, &format_2] {
        let answer = world.by_api_gateway(event);
        assert_eq!(answer["policyDocument"]["Statement"][0]["Effect"], "Allow", "{answer}");
    }
    let of_1: [(&str, Value); 16] = [
        ("/methodArn", json!("arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/*")),
        ("/methodArn", json!("arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/POST/any")),
        ("/methodArn", json!("arn:aws:execute-api:eu-west-1:123456789012:other/prod/GET/any")),
        ("/methodArn", Value::Null),
        ("/type", json!("OTHER")),
        ("/type", Value::Null),
        ("/version", json!("3.0")),
        ("/path", json!("/public/a")),
        ("/path", Value::Null),
        ("/httpMethod", json!("POST")),
        ("/requestContext/httpMethod", json!("POST")),
        ("/requestContext/identity/sourceIp", json!("nowhere")),
        ("/requestContext/identity/sourceIp", Value::Null),
        ("/requestContext/domainName", json!("")),
        ("/multiValueHeaders/authorization", json!(["Bearer a.b.c"])),
        ("/requestContext", Value::Null),
    ];
    let of_2: [(&str, Value); 8] = [
        ("/routeArn", json!("arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/public/a")),
        ("/routeArn", Value::Null),
        ("/rawPath", json!("/prod/public/a")),
        ("/requestContext/http/path", json!("/prod/public/a")),
        ("/requestContext/http/method", json!("POST")),
        ("/requestContext/http/sourceIp", json!("192.0.2.1, 192.0.2.2")),
        ("/requestContext/apiId", json!("other")),
        ("/requestContext/http", Value::Null),
    ];
    let of_1 = of_1.into_iter().map(|(place, value)| (&format_1, place, value));
    let of_2 = of_2.into_iter().map(|(place, value)| (&format_2, place, value));
    for (whole, place, value) in of_1.chain(of_2) {
        let mut event = whole.clone();
        put(&mut event, place, value.clone());
        let answer = world.by_api_gateway(&event);
        assert_eq!(answer["policyDocument"]["Statement"][0]["Effect"], "Deny", "{place} {value}");
        assert_eq!(answer["context"]["code"], "bad-original-request", "{place} {value}");
    }
    let mut both = format_1.clone();
    both["routeArn"] = format_1["methodArn"].clone();
    assert_eq!(world.by_api_gateway(&both)["context"]["code"], "bad-original-request");
    // a name that is there twice, in any spelling, and in the JSON itself
    let mut spelled = format_2.clone();
    spelled["headers"]["Authorization"] = json!("Bearer a.b.c");
    assert_eq!(world.by_api_gateway(&spelled)["context"]["code"], "bad-original-request");
    let text = format_2.to_string();
    let doubled = text.replacen("\"headers\":{", "\"headers\":{\"authorization\":\"Bearer a.b.c\",", 1);
    for nothing in [doubled.as_str(), "", "null", "{", "\u{feff}{}"] {
        let answer = world.post_event(nothing.as_bytes());
        assert_eq!((answer.status(), answer.code().as_str()), (400, "bad-original-request"), "{nothing}");
    }
}

/// Puts a value at a place that may be new.
fn put(event: &mut Value, place: &str, value: Value) {
    let (parent, name) = place.rsplit_once('/').unwrap();
    event.pointer_mut(parent).unwrap()[name] = value;
}

#[test]
fn a_client_that_claims_an_identity_is_refused_where_the_proxy_could_not_keep_it_back() {
    let profiles = PROFILES.map(|profile| format!("{{profile: {profile}, claimed_headers: refuse}}")).join(", ");
    let doors = DOORS.replace("nginx, caddy, traefik, haproxy", &profiles);
    let config = CONFIG.replace("routes:", "identity: {headers: {x-auth-sub: sub, remote-user: sub}}\nroutes:");
    for (config, is_refused) in [(format!("{config}{doors}"), true), (format!("{config}{DOORS}"), false)] {
        let world = World::of(&config);
        for profile in PROFILES {
            for claimed in ["X-Auth-Sub", "X-Auth-Other", "X_Auth-Sub", "x.auth.sub", "Remote-User", "remote_user"] {
                let answer = world.by_forward_auth(profile, &Asked::get("/public/a").header(claimed, "root"));
                if is_refused {
                    assert_eq!(answer.json()["code"], "bad-original-request", "{profile} {claimed}");
                    assert!([400, 403].contains(&answer.status()), "{}", answer.head);
                } else {
                    assert_eq!(answer.status(), 200, "{profile} {claimed}");
                }
                assert!(answer.fields().iter().all(|(_, value)| *value != "root"), "{}", answer.head);
            }
            let unclaimed = Asked::get("/public/a").header("x-author", "root").header("x-remote-user", "root");
            assert_eq!(world.by_forward_auth(profile, &unclaimed).status(), 200, "{profile}");
        }
    }
}

#[test]
fn a_connection_from_none_of_the_peers_is_closed() {
    let doors = DOORS.replace("api_gateway: true", "api_gateway: true, peers: [192.0.2.0/24]");
    let world = World::of(&format!("{CONFIG}{doors}"));
    let address: SocketAddr = world.http;
    assert!(Connection::open(address).is_closed());
    until("a warning", || world.gate.stderr().contains("none of its `peers`").then_some(()));
}
