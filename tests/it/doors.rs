//! One table of decisions, run through every door: the authorizer itself, the proxy, Envoy's check, each forward-auth
//! profile, and API Gateway. All give the same answer, row by row.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use envoy_types::pb::envoy::config::core::v3::address::Address;
use envoy_types::pb::envoy::config::core::v3::{
    Address as Wrapped, HeaderMap as RawHeaders, HeaderValue as RawHeader, SocketAddress,
};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request as Attributes};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use http::{HeaderMap, HeaderName, HeaderValue};
use lychgate::authorizer::{AccessRequest, ConnectionFacts, Decision, Denial, ReceivedRequest};
use lychgate::config::Config;
use lychgate::server::{Ground, House, build};
use serde_json::{Value, json};

use crate::support::{Connection, Key, Message, Request, Setup, TestGateway, TestUpstream, Token, free_ports};

const CONFIG: &str = r#"
trusted_issuers:
  corp: {issuer: "https://corp.example", audience: [api], keys: {inline: @CORP@}}
  partner: {issuer: "https://partner.example", audience: [api], keys: {inline: @PARTNER@}}
credentials: [{header: authorization, scheme: Bearer}, {cookie: session}, {query: access_token}]
policies:
  tenants: {directory: tenants}
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - {name: any, match: {path: "/any"}, upstream: echo}
  - {name: forwards, match: {path: "/forwards"}, forward_token: true, upstream: echo}
  - {name: corp-alone, match: {path: "/corp"}, access: {issuers: [corp]}, upstream: echo}
  - {name: scoped, match: {path: "/scoped", methods: [GET, POST]}, access: {scopes: {all: [orders/read, orders/write]}}, upstream: echo}
  - {name: grouped, match: {path: "/grouped"}, access: {groups: {any: ["corp|sales", "partner|admin"]}}, upstream: echo}
  - {name: tenants, match: {path: "/tenants/{tenant}"}, access: {policy: tenants}, upstream: echo}
  - {name: either, match: {path: "/either"}, access: {optional: true}, upstream: echo}
  - {name: of-a-host, match: {hosts: [other.example], path: "/hosted"}, upstream: echo}
  - {name: json, match: {path: "/json"}, identity: {headers: {x-auth-note: {claim: note, as: json}}}, upstream: echo}
  - {name: note, match: {path: "/note"}, identity: {headers: {x-auth-note: note}}, upstream: echo}
identity: {headers: {x-auth-sub: sub, x-auth-groups: groups, remote-user: sub}}
ext_authz:
  grpc: [{address: "127.0.0.1:@GRPC@"}]
  http: [{address: "127.0.0.1:@HTTP@", forward_auth: [nginx, caddy, traefik, haproxy], api_gateway: true}]
"#;

const POLICY: &str = r#"
@id("sales-read")
permit (principal in Group::"corp|sales", action in Action::"read", resource == Service::"echo")
when { context.path.tenant == "acme" && context.ip.isLoopback() };

@id("never-blocked")
@message("this tenant is closed")
forbid (principal, action, resource) when { context.path.tenant == "closed" };
"#;

const HOST: &str = "gate.example";

/// A request, and what must become of it.
struct Row {
    method: &'static str,
    target: String,
    host: &'static str,
    headers: Vec<(&'static str, String)>,
    status: u16,
    code: &'static str,
}

/// What a door said: the status, the code of a denial, its challenge, and the identity that goes upstream.
#[derive(Debug, PartialEq, Eq, Clone)]
struct Said {
    status: u16,
    code: String,
    challenge: Option<String>,
    identity: BTreeMap<String, String>,
}

fn row(method: &'static str, target: &str, token: Option<String>, status: u16, code: &'static str) -> Row {
    let headers = token.map(|token| ("authorization", format!("Bearer {token}"))).into_iter().collect();
    Row { method, target: target.to_owned(), host: HOST, headers, status, code }
}

impl Row {
    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn of_host(mut self, host: &'static str) -> Self {
        self.host = host;
        self
    }
}

fn rows(corp: &Key, partner: &Key) -> Vec<Row> {
    let mut rows = of_requests_and_tokens(corp, partner);
    rows.extend(of_rights(corp, partner));
    let good = Token::of("https://corp.example", corp.clone()).mint();
    for target in
        ["/a/../any", "/%2e%2e/any", "/public/..;/any", "/public//any", "/public/a%2fb", "/a%00", "/a%252e", "/a%zz"]
    {
        rows.push(row("GET", target, Some(good.clone()), 400, "bad-target"));
    }
    rows
}

/// Where a request leads, and whether its token is genuine.
fn of_requests_and_tokens(corp: &Key, partner: &Key) -> Vec<Row> {
    let good = || Token::of("https://corp.example", corp.clone());
    let other = || Token::of("https://partner.example", partner.clone());
    let t = |token: Token| Some(token.mint());
    vec![
        row("GET", "/public/a", None, 200, ""),
        row("GET", "/public/", None, 200, ""),
        row("POST", "/public/a/b?c=d", None, 200, ""),
        row("GET", "/public/a", t(good().expired()), 200, ""),
        row("GET", "/public", None, 404, "no-route"),
        row("GET", "/nowhere", t(good()), 404, "no-route"),
        row("TRACE", "/any", t(good()), 405, "method-not-allowed"),
        row("DELETE", "/scoped", t(good()), 405, "method-not-allowed"),
        row("PROPFIND", "/any", t(good()), 405, "method-not-allowed"),
        row("GET", "/any", None, 401, "missing-credential"),
        row("GET", "/any", t(good()), 200, ""),
        row("HEAD", "/any", t(good()), 200, ""),
        row("POST", "/any", t(good()), 200, ""),
        row("OPTIONS", "/any", None, 401, "missing-credential"),
        row("GET", "/any", t(other()), 200, ""),
        row("GET", "/%61ny", t(good()), 200, ""),
        row("GET", "/any?x=%2e%2e/&y", t(good()), 200, ""),
        row("GET", "/any/", t(good()), 404, "no-route"),
        row("GET", "/ANY", t(good()), 404, "no-route"),
        row("GET", "/any", t(good().expired()), 401, "token-expired"),
        row("GET", "/any", t(good().claim("nbf", 4_000_000_000_u64)), 401, "token-not-yet-valid"),
        row("GET", "/any", t(good().claim("aud", "other")), 401, "wrong-audience"),
        row("GET", "/any", t(good().claim("iss", "https://evil.example")), 401, "unknown-issuer"),
        row("GET", "/any", t(good().claim("exp", ())), 401, "missing-claim"),
        row("GET", "/any", t(good().sub("")), 401, "invalid-subject"),
        row("GET", "/any", t(good().sub("a\nb")), 401, "invalid-subject"),
        row("GET", "/any", t(good().sub("é")), 401, "claim-not-forwardable"),
        row("GET", "/any", t(good().header("alg", "none")), 401, "unsupported-algorithm"),
        row("GET", "/any", t(good().header("crit", json!(["exp"]))), 401, "critical-header"),
        row("GET", "/any", t(good().header("typ", "logout+jwt")), 401, "wrong-token-type"),
        row("GET", "/any", t(good().header("kid", "nobody")), 401, "unknown-key"),
        row("GET", "/any", t(good().signed_by(partner).header("kid", corp.kid())), 401, "bad-signature"),
        row("GET", "/any", t(other().claim("iss", "https://corp.example")), 401, "unknown-key"),
        row("GET", "/any", Some("a.b.c".to_owned()), 401, "malformed-token"),
        row("GET", "/any", Some("a b".to_owned()), 401, "malformed-credential"),
    ]
}

/// What a genuine token lets its bearer do, and what goes upstream.
fn of_rights(corp: &Key, partner: &Key) -> Vec<Row> {
    let good = || Token::of("https://corp.example", corp.clone());
    let other = || Token::of("https://partner.example", partner.clone());
    let t = |token: Token| Some(token.mint());
    vec![
        row("GET", "/corp", t(good()), 200, ""),
        row("GET", "/corp", t(other()), 401, "issuer-not-accepted"),
        row("GET", "/scoped", t(good()), 403, "insufficient-scope"),
        row("GET", "/scoped", t(good().scopes("orders/read")), 403, "insufficient-scope"),
        row("POST", "/scoped", t(good().scopes("orders/read orders/write")), 200, ""),
        row("GET", "/grouped", t(good()), 403, "missing-group"),
        row("GET", "/grouped", t(good().groups(&["sales", "staff"])), 200, ""),
        row("GET", "/grouped", t(good().groups(&["admin"])), 403, "missing-group"),
        row("GET", "/grouped", t(other().groups(&["admin"])), 200, ""),
        row("GET", "/grouped", t(good().groups(&["sales", "a,b"])), 401, "claim-not-forwardable"),
        row("GET", "/tenants/acme", t(good().groups(&["sales"])), 200, ""),
        row("GET", "/tenants/acme", t(good()), 403, "denied-by-policy"),
        row("GET", "/tenants/acme", t(other().groups(&["sales"])), 403, "denied-by-policy"),
        row("PUT", "/tenants/acme", t(good().groups(&["sales"])), 403, "denied-by-policy"),
        row("GET", "/tenants/other", t(good().groups(&["sales"])), 403, "denied-by-policy"),
        row("GET", "/tenants/closed", t(good().groups(&["sales"])), 403, "denied-by-policy"),
        row("GET", "/tenants/acme", None, 401, "missing-credential"),
        row("GET", "/either", None, 200, ""),
        row("GET", "/either", t(good()), 200, ""),
        row("GET", "/either", t(good().expired()), 401, "token-expired"),
        row("GET", "/hosted", t(good()), 404, "no-route"),
        row("GET", "/hosted", t(good()), 200, "").of_host("other.example"),
        row("GET", "/hosted", None, 401, "missing-credential").of_host("OTHER.example"),
        row("GET", "/json", t(good().claim("note", "é")), 200, ""),
        row("GET", "/note", t(good().claim("note", "a\r\nx: y")), 401, "claim-not-forwardable"),
        row("GET", "/forwards", t(good()), 200, ""),
        row("GET", &format!("/any?access_token={}&x=1", good().mint()), None, 200, ""),
        row("GET", "/any?access_token=a.b.c", t(good()), 400, "several-credentials"),
        row("GET", "/any", None, 200, "").header("cookie", &format!("a=b; session={}; c=d", good().mint())),
        row("GET", "/any", t(good()), 400, "several-credentials").header("authorization", "Bearer a.b.c"),
        row("GET", "/any", None, 401, "malformed-credential").header("authorization", "Basic YTpi"),
        row("GET", "/any", t(good()), 200, "").header("x-auth-sub", "root").header("remote-user", "root"),
        row("GET", "/public/a", None, 200, "").header("x-auth-sub", "root").header("X_Auth_Sub", "root"),
        row("GET", "/either", None, 200, "").header("x-auth-other", "root"),
    ]
}

struct Doors {
    house: House,
    gateway: TestGateway,
    upstream: TestUpstream,
    grpc: String,
    http: SocketAddr,
    runtime: tokio::runtime::Runtime,
}

fn open(corp: &Key, partner: &Key) -> Doors {
    let upstream = TestUpstream::start();
    let [grpc, http] = free_ports();
    let setup = Setup::of(CONFIG)
        .put("CORP", json!({"keys": [corp.jwk()]}))
        .put("PARTNER", json!({"keys": [partner.jwk()]}))
        .put("UPSTREAM", upstream.address())
        .put("GRPC", grpc)
        .put("HTTP", http)
        .file("tenants/p.cedar", POLICY);
    let gateway = setup.start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let loaded = Config::load(&gateway.path("lychgate.yaml")).unwrap();
    let mut house = runtime.block_on(build(&loaded, &Ground::new().unwrap())).unwrap();
    for refresher in house.refreshers.drain(..) {
        runtime.spawn(refresher.run());
    }
    for keys in house.keys.values() {
        runtime.block_on(keys.available());
    }
    let http = SocketAddr::from(([127, 0, 0, 1], http));
    Doors { house, gateway, upstream, grpc: format!("http://127.0.0.1:{grpc}"), http, runtime }
}

fn denied(denial: &Denial) -> Said {
    let answer = denial.answer("");
    let challenge = answer.headers.into_iter().find(|(name, _)| *name == "www-authenticate").map(|(_, value)| value);
    Said { status: answer.status, code: denial.code().to_owned(), challenge, identity: BTreeMap::new() }
}

fn is_identity(name: &str) -> bool {
    name.starts_with("x-auth-") || name == "remote-user"
}

impl Doors {
    fn directly(&self, row: &Row) -> Said {
        let host = [("host", row.host.to_owned())];
        let pairs = host.iter().chain(&row.headers);
        let headers: HeaderMap = pairs
            .map(|(name, value)| {
                (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let request = AccessRequest::read(ReceivedRequest {
            method: row.method,
            target: row.target.as_bytes(),
            authority: None,
            headers: &headers,
            client: IpAddr::from([127, 0, 0, 1]),
            connection: ConnectionFacts::default(),
        });
        let authorizer = &self.house.snapshot.point.authorizer;
        let outcome = match &request {
            Err(denial) => Err(denial.clone()),
            Ok(request) => {
                let Decision { outcome, .. } = self.runtime.block_on(authorizer.authorize(request));
                outcome
            }
        };
        match outcome {
            Err(denial) => denied(&denial),
            Ok(permit) => {
                let set = permit.set().iter().filter(|(name, _)| is_identity(name.as_str()));
                let identity =
                    set.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
                Said { status: 200, code: String::new(), challenge: None, identity }
            }
        }
    }

    fn by_proxy(&self, row: &Row) -> Said {
        let request =
            row.headers.iter().fold(Request::new(row.method, &row.target).host(row.host), |request, (name, value)| {
                request.header(name, value)
            });
        let answer = self.gateway.ask(&request);
        let mut said = said(&answer, "", row.method == "HEAD");
        if answer.status() == 200 {
            let got = self.upstream.last();
            let fields = got.fields().into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
            said.identity = fields.filter(|(name, _)| is_identity(&name.replace('_', "-"))).collect();
            let query = got.target().split_once('?').map_or("", |(_, query)| query);
            assert!(!query.contains("access_token"), "{}", got.target());
        }
        said
    }

    fn by_forward_auth(&self, profile: &str, row: &Row) -> Said {
        let path = format!("/forward-auth/{profile}");
        let told = if profile == "nginx" {
            vec![
                ("X-Original-Method", row.method.to_owned()),
                ("X-Original-URL", format!("http://{}{}", row.host, row.target)),
                ("X-Real-IP", "127.0.0.1".to_owned()),
            ]
        } else {
            vec![
                ("X-Forwarded-Method", row.method.to_owned()),
                ("X-Forwarded-Uri", row.target.clone()),
                ("X-Forwarded-Host", row.host.to_owned()),
                ("X-Forwarded-For", "127.0.0.1".to_owned()),
                ("X-Forwarded-Proto", "http".to_owned()),
            ]
        };
        let request = Request::get(&path).host("lychgate").header("Connection", "close");
        let fields = told.iter().chain(&row.headers);
        let request = fields.fold(request, |request, (name, value)| request.header(name, value));
        let answer = Connection::open(self.http).ask(&request);
        let mut said = said(&answer, profile, false);
        if said.status == 200 {
            let fields = answer.fields().into_iter().filter(|(name, _)| is_identity(name));
            said.identity = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let authorization = answer.header("authorization");
            assert_eq!(authorization.is_some(), row.target == "/forwards", "{}", row.target);
            assert!(!answer.header("cookie").unwrap_or_default().contains("session"));
        }
        said
    }

    fn by_envoy(&self, client: &mut AuthorizationClient<tonic::transport::Channel>, row: &Row) -> Said {
        let answer = self.runtime.block_on(client.check(check(row))).unwrap().into_inner();
        from_envoy(&answer, row)
    }

    fn by_api_gateway(&self, row: &Row) -> Said {
        let body = event(row).to_string();
        let request =
            Request::new("POST", "/authorizers/api-gateway").header("Connection", "close").body(body.as_bytes());
        let answer = Connection::open(self.http).ask(&request);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let answer = answer.json();
        let statement = &answer["policyDocument"]["Statement"][0];
        let context = &answer["context"];
        let is_allowed = statement["Effect"] == "Allow";
        assert!(
            context.as_object().unwrap().values().all(|value| !value.is_object() && !value.is_array()),
            "{context}"
        );
        assert_eq!(statement["Resource"], arn(row));
        let text = |name: &str| context[name].as_str().map(str::to_owned);
        let identity = ["x-auth-sub", "x-auth-groups", "x-auth-note", "remote-user"].into_iter();
        let identity = identity.filter_map(|name| Some((name.to_owned(), text(&name.replace('-', "_"))?))).collect();
        Said {
            status: if is_allowed { 200 } else { u16::try_from(context["status"].as_u64().unwrap()).unwrap() },
            code: text("code").unwrap_or_default(),
            challenge: text("www_authenticate"),
            identity,
        }
    }
}

/// An HTTP answer; nginx's statuses are told apart by a header.
fn said(answer: &Message, profile: &str, is_head: bool) -> Said {
    let status = answer.header("x-lychgate-status").filter(|_| profile == "nginx");
    let status = status.map_or(answer.status(), |status| status.parse().unwrap());
    if profile == "nginx" {
        assert!([200, 401, 403].contains(&answer.status()), "{}", answer.head);
    }
    let code = if is_head || answer.status() == 200 {
        String::new()
    } else {
        answer.json()["code"].as_str().unwrap().to_owned()
    };
    let challenge = answer.header("www-authenticate").map(str::to_owned);
    Said { status, code, challenge, identity: BTreeMap::new() }
}

fn check(row: &Row) -> CheckRequest {
    let pseudo = [(":method", row.method), (":path", &row.target), (":authority", row.host), (":scheme", "http")];
    let fields = pseudo.into_iter().chain(row.headers.iter().map(|(name, value)| (*name, value.as_str())));
    // Envoy tells names in lower case.
    let fields = fields.map(|(name, value)| RawHeader {
        key: name.to_ascii_lowercase(),
        raw_value: value.as_bytes().to_vec(),
        ..RawHeader::default()
    });
    let http = HttpRequest {
        method: row.method.to_owned(),
        path: row.target.clone(),
        host: row.host.to_owned(),
        scheme: "http".to_owned(),
        header_map: Some(RawHeaders { headers: fields.collect() }),
        ..HttpRequest::default()
    };
    let address = SocketAddress { address: "127.0.0.1".to_owned(), ..SocketAddress::default() };
    let source = Peer { address: Some(Wrapped { address: Some(Address::SocketAddress(address)) }), ..Peer::default() };
    let request = Some(Attributes { http: Some(http), time: None });
    CheckRequest { attributes: Some(AttributeContext { source: Some(source), request, ..AttributeContext::default() }) }
}

fn from_envoy(answer: &CheckResponse, row: &Row) -> Said {
    let is_ok = answer.status.as_ref().unwrap().code == 0;
    match answer.http_response.as_ref().unwrap() {
        HttpResponse::OkResponse(ok) => {
            assert!(is_ok);
            let mut identity = BTreeMap::new();
            for option in &ok.headers {
                assert_eq!(option.append_action, 2, "overwritten, not appended");
                let header = option.header.as_ref().unwrap();
                if is_identity(&header.key) {
                    identity.insert(header.key.clone(), header.value.clone());
                }
            }
            for (name, _) in &row.headers {
                let name = name.to_ascii_lowercase();
                let is_claimed = is_identity(&name.replace('_', "-"));
                let is_gone = ok.headers_to_remove.contains(&name) || identity.contains_key(&name);
                assert!(!is_claimed || is_gone, "{name} stays");
                let is_credential =
                    name == "authorization" && row.target != "/forwards" && !row.target.starts_with("/public");
                assert!(!is_credential || ok.headers_to_remove.contains(&name), "{name} stays");
            }
            if row.target.contains("access_token") {
                assert_eq!(ok.query_parameters_to_remove, ["access_token"]);
            }
            Said { status: 200, code: String::new(), challenge: None, identity }
        }
        HttpResponse::DeniedResponse(denied) => {
            assert!(!is_ok);
            let body: Value = serde_json::from_str(&denied.body).unwrap();
            let headers = denied.headers.iter().filter_map(|option| option.header.as_ref());
            let mut challenge = headers.filter(|header| header.key == "www-authenticate");
            Said {
                status: u16::try_from(denied.status.as_ref().unwrap().code).unwrap(),
                code: body["code"].as_str().unwrap().to_owned(),
                challenge: challenge.next().map(|header| header.value.clone()),
                identity: BTreeMap::new(),
            }
        }
        HttpResponse::ErrorResponse(_) => panic!("an error"),
    }
}

fn arn(row: &Row) -> String {
    let path = row.target.split('?').next().unwrap();
    format!("arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/{}{path}", row.method)
}

/// A REST API's `REQUEST` event.
fn event(row: &Row) -> Value {
    let mut many: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in &row.headers {
        many.entry(name).or_default().push(value);
    }
    let single: BTreeMap<&str, &str> = many.iter().map(|(name, values)| (*name, *values.last().unwrap())).collect();
    let (path, query) = row.target.split_once('?').unwrap_or((&row.target, ""));
    let query: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name, [value])).collect();
    json!({
        "type": "REQUEST", "methodArn": arn(row), "path": path, "httpMethod": row.method, "resource": "/{proxy+}",
        "headers": single, "multiValueHeaders": many, "multiValueQueryStringParameters": query,
        "requestContext": {
            "apiId": "abc123", "stage": "prod", "httpMethod": row.method, "domainName": row.host,
            "identity": {"sourceIp": "127.0.0.1"},
        },
    })
}

#[test]
fn every_door_gives_the_same_answer() {
    let (corp, partner) = (Key::es256("corp"), Key::es256("partner"));
    let doors = open(&corp, &partner);
    let mut client = doors.runtime.block_on(AuthorizationClient::connect(doors.grpc.clone())).unwrap();
    let rows = rows(&corp, &partner);
    assert!(rows.len() >= 60, "{}", rows.len());
    for (index, row) in rows.iter().enumerate() {
        let expected = doors.directly(row);
        let name = format!("row {index}: {} {} {:?}", row.method, row.target, row.headers);
        assert_eq!((expected.status, expected.code.as_str()), (row.status, row.code), "{name}");
        let by_proxy = doors.by_proxy(row);
        let of_head = Said { code: String::new(), ..expected.clone() };
        assert_eq!(by_proxy, if row.method == "HEAD" { of_head } else { expected.clone() }, "the proxy, {name}");
        assert_eq!(doors.by_envoy(&mut client, row), expected, "Envoy, {name}");
        for profile in ["nginx", "caddy", "traefik", "haproxy"] {
            assert_eq!(doors.by_forward_auth(profile, row), expected, "{profile}, {name}");
        }
        assert_eq!(doors.by_api_gateway(row), expected, "API Gateway, {name}");
    }
    let checks = rows.len();
    let series = |door, outcome| format!("lychgate_checks_total{{door=\"{door}\",outcome=\"{outcome}\"}}");
    for door in ["envoy", "nginx", "api-gateway"] {
        let counted = doors.gateway.metric(&series(door, "allowed")) + doors.gateway.metric(&series(door, "denied"));
        assert!((counted - f64::from(u32::try_from(checks).unwrap())).abs() < f64::EPSILON, "{door}: {counted}");
    }
}

#[test]
fn what_a_client_sends_beside_the_proxys_own_words_changes_nothing_or_is_refused() {
    let (corp, partner) = (Key::es256("corp"), Key::es256("partner"));
    let doors = open(&corp, &partner);
    let nginx =
        [("X-Original-Method", "GET"), ("X-Original-URL", "http://gate.example/any"), ("X-Real-IP", "127.0.0.1")];
    let forwarded = [
        ("X-Forwarded-Method", "GET"),
        ("X-Forwarded-Uri", "/any"),
        ("X-Forwarded-Host", "gate.example"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Proto", "http"),
    ];
    let ask = |profile: &str, fields: &[(&str, &str)]| {
        let request = Request::get(&format!("/forward-auth/{profile}")).header("Connection", "close");
        let request = fields.iter().fold(request, |request, (name, value)| request.header(name, value));
        Connection::open(doors.http).ask(&request).json()["code"].as_str().unwrap().to_owned()
    };
    for (profile, told) in
        [("nginx", &nginx[..]), ("caddy", &forwarded), ("traefik", &forwarded), ("haproxy", &forwarded)]
    {
        assert_eq!(ask(profile, told), "missing-credential", "{profile}");
        for (index, (name, value)) in told.iter().enumerate() {
            let without: Vec<_> =
                told.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, pair)| *pair).collect();
            assert_eq!(ask(profile, &without), "bad-original-request", "{profile} without {name}");
            assert_eq!(
                ask(profile, &[told, &[(*name, *value)]].concat()),
                "bad-original-request",
                "{profile} twice {name}"
            );
            assert_eq!(
                ask(profile, &[told, &[(*name, "/public/a")]].concat()),
                "bad-original-request",
                "{profile} two {name}"
            );
        }
        // The words of another profile are nobody's.
        let others = if profile == "nginx" {
            [("X-Forwarded-Uri", "/public/a"), ("X-Forwarded-Host", "x")]
        } else {
            [("X-Original-URI", "/public/a"), ("X-Original-URL", "http://x/public/a")]
        };
        assert_eq!(ask(profile, &[told, &others].concat()), "missing-credential", "{profile}");
    }
    assert_eq!(ask("nginx", &[&nginx[..], &[("X-Original-URI", "/any")]].concat()), "bad-original-request");
    let long = format!("/{}", "a".repeat(9000));
    let mut oversized = forwarded;
    oversized[1].1 = &long;
    assert_eq!(ask("caddy", &oversized), "target-too-long");
    let nowhere = Connection::open(doors.http).ask(&Request::get("/forward-auth/other").header("Connection", "close"));
    assert_eq!(nowhere.status(), 404);
}

#[test]
fn a_connection_from_none_of_the_peers_is_closed() {
    let (corp, partner) = (Key::es256("corp"), Key::es256("partner"));
    let upstream = TestUpstream::start();
    let [grpc, http] = free_ports();
    let text = CONFIG.replace("api_gateway: true", "api_gateway: true, peers: [192.0.2.0/24]");
    let gateway = Setup::of(&text)
        .put("CORP", json!({"keys": [corp.jwk()]}))
        .put("PARTNER", json!({"keys": [partner.jwk()]}))
        .put("UPSTREAM", upstream.address())
        .put("GRPC", grpc)
        .put("HTTP", http)
        .file("tenants/p.cedar", POLICY)
        .start();
    let mut connection = Connection::open(SocketAddr::from(([127, 0, 0, 1], http)));
    assert!(connection.is_closed());
    crate::support::until("a warning", || gateway.stderr().contains("none of its `peers`").then_some(()));
}
