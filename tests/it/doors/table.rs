//! One table of decisions, run through every door: the authorizer itself, the proxy, Envoy's check, each forward-auth
//! profile, and API Gateway. All give the same answer, row by row.

use std::collections::BTreeMap;
use std::net::IpAddr;

use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use http::{HeaderMap, HeaderName, HeaderValue};
use lychgate::authorizer::{AccessRequest, ConnectionFacts, Decision, Denial, ReceivedRequest};
use lychgate::config::Config;
use lychgate::server::{Ground, House, build};
use serde_json::{Value, json};

use super::asked::{Asked, PROFILES};
use super::world::{DOORS, World, denied, status};
use crate::support::{Key, Message, Token};

const CONFIG: &str = r#"
trusted_issuers:
  corp: {issuer: "https://corp.example", audience: [api], keys: {inline: @KEYS@}}
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
"#;

const POLICY: &str = r#"
@id("sales-read")
permit (principal in Group::"corp|sales", action in Action::"read", resource == Service::"echo")
when { context.path.tenant == "acme" && context.ip.isLoopback() };

@id("never-blocked")
@message("this tenant is closed")
forbid (principal, action, resource) when { context.path.tenant == "closed" };
"#;

/// What would make an upstream read another request.
const OVERRIDES: [&str; 3] = ["x-http-method-override", "x_original_url", "x-rewrite-url"];

/// A request, and what must become of it.
struct Row {
    asked: Asked,
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

fn row(method: &str, target: &str, token: Option<String>, status: u16, code: &'static str) -> Row {
    let asked = Asked::new(method, target);
    let asked = token.into_iter().fold(asked, |asked, token| asked.bearer(&token));
    Row { asked, status, code }
}

impl Row {
    fn header(mut self, name: &str, value: &str) -> Self {
        self.asked = self.asked.header(name, value);
        self
    }

    fn of_host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.asked.host);
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
        row("GET", "/any", t(good()), 200, "").header(OVERRIDES[0], "DELETE").header(OVERRIDES[1], "/public/a"),
        row("GET", "/any", None, 401, "missing-credential").header(OVERRIDES[2], "/public/a"),
    ]
}

struct Doors {
    world: World,
    house: House,
}

fn open(partner: &Key) -> Doors {
    let world = World::with(&format!("{CONFIG}{DOORS}"), |setup| {
        setup.put("PARTNER", json!({"keys": [partner.jwk()]})).file("tenants/p.cedar", POLICY)
    });
    let loaded = Config::load(&world.gate.path("lychgate.yaml")).unwrap();
    let mut house = world.runtime.block_on(build(&loaded, &Ground::new().unwrap())).unwrap();
    for refresher in house.refreshers.drain(..) {
        world.runtime.spawn(refresher.run());
    }
    for keys in house.keys.values() {
        world.runtime.block_on(keys.available());
    }
    Doors { world, house }
}

fn refused(denial: &Denial) -> Said {
    let answer = denial.answer("");
    let challenge = answer.headers.into_iter().find(|(name, _)| *name == "www-authenticate").map(|(_, value)| value);
    Said { status: answer.status, code: denial.code().to_owned(), challenge, identity: BTreeMap::new() }
}

fn is_identity(name: &str) -> bool {
    name.starts_with("x-auth-") || name == "remote-user"
}

impl Doors {
    fn directly(&self, asked: &Asked) -> Said {
        let host = [("host".to_owned(), asked.host.clone())];
        let pairs = host.iter().chain(&asked.headers);
        let headers: HeaderMap = pairs
            .map(|(name, value)| {
                (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let request = AccessRequest::read(ReceivedRequest {
            method: &asked.method,
            target: asked.target.as_bytes(),
            authority: None,
            headers: &headers,
            client: IpAddr::from([127, 0, 0, 1]),
            connection: ConnectionFacts::default(),
        });
        let authorizer = &self.house.snapshot.point.authorizer;
        let outcome = match &request {
            Err(denial) => Err(denial.clone()),
            Ok(request) => {
                let Decision { outcome, .. } = self.world.runtime.block_on(authorizer.authorize(request));
                outcome
            }
        };
        match outcome {
            Err(denial) => refused(&denial),
            Ok(permit) => {
                let set = permit.set().iter().filter(|(name, _)| is_identity(name.as_str()));
                let identity =
                    set.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
                Said { status: 200, code: String::new(), challenge: None, identity }
            }
        }
    }

    fn by_proxy(&self, asked: &Asked) -> Said {
        let answer = self.world.by_the_gate(asked);
        let mut said = said(&answer, "", asked.method == "HEAD");
        if answer.status() == 200 {
            let got = self.world.upstream.last();
            let fields = got.fields().into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
            said.identity = fields.filter(|(name, _)| is_identity(&name.replace('_', "-"))).collect();
            let query = got.target().split_once('?').map_or("", |(_, query)| query);
            assert!(!query.contains("access_token"), "{}", got.target());
        }
        said
    }

    fn by_forward_auth(&self, profile: &str, asked: &Asked) -> Said {
        let answer = self.world.by_forward_auth(profile, asked);
        let mut said = said(&answer, profile, false);
        if said.status == 200 {
            let fields = answer.fields().into_iter().filter(|(name, _)| is_identity(name));
            said.identity = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let authorization = answer.header("authorization");
            assert_eq!(authorization.is_some(), asked.target == "/forwards", "{}", asked.target);
            assert!(!answer.header("cookie").unwrap_or_default().contains("session"));
        }
        said
    }

    fn by_api_gateway(&self, asked: &Asked) -> Said {
        let answer = self.world.by_api_gateway(&asked.event());
        let statement = &answer["policyDocument"]["Statement"][0];
        let context = &answer["context"];
        let is_allowed = statement["Effect"] == "Allow";
        assert!(
            context.as_object().unwrap().values().all(|value| !value.is_object() && !value.is_array()),
            "{context}"
        );
        assert_eq!(statement["Resource"], asked.arn());
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

fn from_envoy(answer: &CheckResponse, asked: &Asked) -> Said {
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
            // Envoy may show a part of the headers alone: what a client could claim is named though nobody has seen it.
            for name in ["x-auth-sub", "x-auth-groups", "x-auth-note", "remote-user"] {
                let is_gone = ok.headers_to_remove.iter().any(|gone| gone == name);
                assert!(is_gone != identity.contains_key(name), "{name}");
            }
            for (name, _) in &asked.headers {
                let name = name.to_ascii_lowercase();
                let is_override = OVERRIDES.contains(&name.as_str());
                assert!(!is_override || ok.headers_to_remove.contains(&name), "{name} stays");
                let is_claimed = is_identity(&name.replace('_', "-"));
                let is_gone = ok.headers_to_remove.contains(&name) || identity.contains_key(&name);
                assert!(!is_claimed || is_gone, "{name} stays");
                let is_credential =
                    name == "authorization" && asked.target != "/forwards" && !asked.target.starts_with("/public");
                assert!(!is_credential || ok.headers_to_remove.contains(&name), "{name} stays");
            }
            if asked.target.contains("access_token") {
                assert_eq!(ok.query_parameters_to_remove, ["access_token"]);
            }
            Said { status: 200, code: String::new(), challenge: None, identity }
        }
        HttpResponse::DeniedResponse(_) => {
            let denied = denied(answer);
            let body: Value = serde_json::from_str(&denied.body).unwrap();
            let headers = denied.headers.iter().filter_map(|option| option.header.as_ref());
            let mut challenge = headers.filter(|header| header.key == "www-authenticate");
            Said {
                status: u16::try_from(status(denied)).unwrap(),
                code: body["code"].as_str().unwrap().to_owned(),
                challenge: challenge.next().map(|header| header.value.clone()),
                identity: BTreeMap::new(),
            }
        }
        HttpResponse::ErrorResponse(_) => panic!("an error"),
    }
}

#[test]
fn every_door_gives_the_same_answer() {
    let partner = Key::es256("partner");
    let doors = open(&partner);
    let rows = rows(&doors.world.key, &partner);
    assert!(rows.len() >= 60, "{}", rows.len());
    for (index, Row { asked, status, code }) in rows.iter().enumerate() {
        let expected = doors.directly(asked);
        let name = format!("row {index}: {} {} {:?}", asked.method, asked.target, asked.headers);
        assert_eq!((expected.status, expected.code.as_str()), (*status, *code), "{name}");
        let by_proxy = doors.by_proxy(asked);
        let of_head = Said { code: String::new(), ..expected.clone() };
        assert_eq!(by_proxy, if asked.method == "HEAD" { of_head } else { expected.clone() }, "the proxy, {name}");
        assert_eq!(from_envoy(&doors.world.by_envoy(asked), asked), expected, "Envoy, {name}");
        for profile in PROFILES {
            assert_eq!(doors.by_forward_auth(profile, asked), expected, "{profile}, {name}");
        }
        assert_eq!(doors.by_api_gateway(asked), expected, "API Gateway, {name}");
    }
    let checks = rows.len();
    let series = |door, outcome| format!("lychgate_checks_total{{door=\"{door}\",outcome=\"{outcome}\"}}");
    let gate = &doors.world.gate;
    for door in ["envoy", "nginx", "api-gateway"] {
        let counted = gate.metric(&series(door, "allowed")) + gate.metric(&series(door, "denied"));
        assert!((counted - f64::from(u32::try_from(checks).unwrap())).abs() < f64::EPSILON, "{door}: {counted}");
    }
}
