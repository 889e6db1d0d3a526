//! Whatever clients send, no series is added: each label of each family takes its values from the config or from a fixed vocabulary.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use serde_json::json;

use crate::support::{
    Connection, Key, Request, Setup, TestGateway, TestIssuer, TestUpstream, Token, encode, free_ports, now, until,
};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
  saas:
    issuer: "@SAAS@/{tenant}/v2.0"
    audience: [api]
    parameters: {tenant: {pattern: "[a-z0-9-]{1,40}"}}
    most_issuers: 5
    refresh: {timeout: 1s}
  demo: {issuer: "http://issuer.test/local_Demo12345", keys: {pool: demo}, client_ids: [web], algorithms: [ES256]}
credentials: [{header: authorization, scheme: Bearer}, {cookie: session}, {query: access_token}]
policies:
  tenants: {directory: tenants}
  trial: {directory: tenants, mode: shadow}
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
  away: {endpoints: ["127.0.0.1:1"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - {name: orders, match: {path: "/orders/{id}"}, upstream: echo}
  - {name: tenants, match: {path: "/tenants/{tenant}"}, access: {policy: tenants}, upstream: echo}
  - {name: trial, match: {path: "/trial/{tenant}"}, access: {policy: trial}, upstream: echo}
  - {name: away, match: {path: "/away/{*rest}"}, access: public, upstream: away}
  - {name: pages, match: {path: "/pages"}, access: public, upstream: echo, cors: {origins: ["https://app.example"]}}
identity: {headers: {x-auth-sub: sub, x-auth-groups: groups}}
ext_authz:
  http: [{address: "127.0.0.1:@HTTP@", forward_auth: [nginx, caddy, traefik, haproxy], api_gateway: true}]
issuer:
  address: "127.0.0.1:@ISSUER@"
  public_url: http://issuer.test
  database: issuer.db
  pools:
    demo:
      id: local_Demo12345
      token_algorithm: ES256
      clients: {web: {id: web, flows: [USER_PASSWORD_AUTH, REFRESH_TOKEN_AUTH]}}
      users: {alice: {password: correct horse battery}}
"#;

const POLICY: &str = r#"
@id("own-tenant")
permit (principal, action, resource) when { context.path.tenant == "acme" };
"#;

/// What every hostile value holds, so that none of them can hide in a label.
const MARK: &str = "zq7x";
/// Rounds of requests, each with values that no other has.
const ROUNDS: usize = 3;
/// Values of each kind in a round.
const VALUES: usize = 12;
/// Most values of one label: codes are the largest vocabulary.
const MOST_VALUES: usize = 40;

struct World {
    corp: TestIssuer,
    saas: TestIssuer,
    upstream: TestUpstream,
    gate: TestGateway,
    http: u16,
    issuer: u16,
}

impl World {
    fn start() -> Self {
        let (corp, saas, upstream) = (TestIssuer::start(), TestIssuer::start(), TestUpstream::start());
        let [http, issuer] = free_ports();
        let setup = Setup::of(CONFIG).put("CORP", corp.trust("")).put("SAAS", saas.url()).put("HTTP", http);
        let setup = setup.put("UPSTREAM", upstream.address()).put("ISSUER", issuer).file("tenants/a.cedar", POLICY);
        let gate = setup.start();
        Self { corp, saas, upstream, gate, http, issuer }
    }

    /// All series with their labels, once nothing is on its way any more.
    fn series(&self) -> BTreeSet<String> {
        let read = || {
            let text = self.gate.admin("/metrics").text();
            let series = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
            series.map(|(series, _)| series.to_owned()).collect::<BTreeSet<_>>()
        };
        let mut before = read();
        until("no more series", || {
            thread::sleep(std::time::Duration::from_millis(100));
            let now = read();
            let same = now == before;
            before = now;
            same.then(|| before.clone())
        })
    }

    /// Sends one request of each kind, each as strange as can be.
    fn round(&self, round: usize) {
        for number in 0..VALUES {
            let odd = format!("{MARK}-{round}-{number}");
            for request in Self::requests(&odd) {
                self.gate.ask(&request);
            }
            for token in self.tokens(&odd) {
                self.by_token(&token, &odd);
            }
            self.raw(&odd);
            self.doors(&odd);
            self.sign_ins(&odd);
        }
    }

    fn requests(odd: &str) -> Vec<Request> {
        let get = |target: &str| Request::get(&format!("{target}{odd}"));
        vec![
            get("/public/").header("User-Agent", odd).header("X-Forwarded-For", odd).header(odd, odd),
            get("/public/").host(&format!("{odd}.example")),
            get("/public/").header("X-Test-Status", "418"),
            get("/"),
            get("/orders/").header("Authorization", odd),
            get("/orders/").header("Cookie", &format!("session={odd}")),
            get("/orders/a?access_token="),
            get("/tenants/").header("X-Request-Id", odd),
            get("/away/"),
            get("/public/..;/"),
            get("/%2e%2e/"),
            Request::new(&odd.to_uppercase(), "/public/a"),
            Request::new(odd, "/orders/a"),
            Request::new("OPTIONS", "/pages")
                .header("Origin", &format!("https://{odd}"))
                .header("Access-Control-Request-Method", odd),
            Request::new("OPTIONS", "/pages")
                .header("Origin", "https://app.example")
                .header("Access-Control-Request-Method", "GET"),
            get("/public/").header("Upgrade", odd).header("Connection", "upgrade"),
            get("/public/").header("Content-Encoding", odd).body(odd.as_bytes()),
            get("/public/").header("Transfer-Encoding", odd),
            get("/public/").header("Expect", odd),
        ]
    }

    fn tokens(&self, odd: &str) -> Vec<String> {
        let corp = || self.corp.token();
        let tenant = format!("{}/{odd}/v2.0", self.saas.url());
        vec![
            corp().sub(odd).groups(&[odd]).scopes(odd).claim("client_id", odd).claim("jti", odd).mint(),
            corp().header("kid", odd).mint(),
            corp().header("alg", odd).mint(),
            corp().header("typ", odd).mint(),
            corp().header("crit", json!([odd])).header(odd, odd).mint(),
            corp().claim("iss", odd).mint(),
            corp().claim("iss", format!("https://{odd}.example")).mint(),
            corp().claim("aud", odd).mint(),
            corp().claim("exp", odd).mint(),
            corp().claim("nbf", now() + 9999).claim(odd, odd).mint(),
            corp().claim("cnf", json!({"jkt": odd})).mint(),
            corp().signed_by(&Key::es256(odd)).mint(),
            // an issuer that the pattern allows, and that has no keys: of these there may be a few only
            Token::of(&tenant, Key::es256(odd)).mint(),
            format!("{}.{}.{}", encode(odd.as_bytes()), encode(odd.as_bytes()), encode(odd.as_bytes())),
            odd.to_owned(),
        ]
    }

    fn by_token(&self, token: &str, odd: &str) {
        for path in ["/orders/", "/tenants/", "/trial/"] {
            self.gate.ask(&Request::get(&format!("{path}{odd}")).bearer(token));
        }
    }

    /// What is no request, or hardly.
    fn raw(&self, odd: &str) {
        for bytes in [
            format!("{odd}\r\n\r\n"),
            format!("GET /{odd} {odd}\r\n\r\n"),
            format!("GET / HTTP/1.1\r\n{odd}\r\n\r\n"),
            format!("GET http://{odd}/public/a HTTP/1.1\r\nHost: other-{odd}\r\n\r\n"),
            format!("CONNECT {odd}:443 HTTP/1.1\r\nHost: {odd}\r\n\r\n"),
            format!("PRI * HTTP/2.0\r\n\r\n{odd}\r\n\r\n"),
        ] {
            let mut connection = self.gate.connect();
            connection.send(bytes.as_bytes());
            // A refusal, or nothing: both are as good here.
            let _answer = connection.try_read(false);
        }
    }

    fn doors(&self, odd: &str) {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], self.http));
        let ask = |request: Request| Connection::open(address).ask(&request.header("Connection", "close"));
        for profile in ["nginx", "caddy", "traefik", "haproxy", odd] {
            let request = Request::get(&format!("/forward-auth/{profile}")).host("lychgate");
            let request =
                request.header("X-Original-Method", odd).header("X-Original-URL", &format!("http://{odd}/{odd}"));
            let request =
                request.header("X-Forwarded-Method", "GET").header("X-Forwarded-Uri", &format!("/orders/{odd}"));
            ask(request
                .header("X-Forwarded-Host", odd)
                .header("X-Forwarded-For", "127.0.0.1")
                .header("X-Forwarded-Proto", odd));
        }
        let event = json!({"type": "TOKEN", "authorizationToken": odd, "methodArn": format!("arn:aws:execute-api:{odd}:1:{odd}/{odd}/GET/{odd}")});
        let event = event.to_string();
        ask(Request::new("POST", "/authorizers/api-gateway")
            .header("Content-Type", "application/json")
            .body(event.as_bytes()));
    }

    fn sign_ins(&self, odd: &str) {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], self.issuer));
        let call = |target: &str, body: &serde_json::Value| {
            let request = Request::new("POST", "/").header("X-Amz-Target", target).header("Connection", "close");
            let request =
                request.header("Content-Type", "application/x-amz-json-1.1").body(body.to_string().as_bytes());
            Connection::open(address).ask(&request);
        };
        let service = "AWSCognitoIdentityProviderService";
        let parameters = json!({"USERNAME": odd, "PASSWORD": odd});
        call(&format!("{service}.{odd}"), &json!({}));
        call(
            &format!("{service}.InitiateAuth"),
            &json!({"ClientId": "web", "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters}),
        );
        call(
            &format!("{service}.InitiateAuth"),
            &json!({"ClientId": odd, "AuthFlow": odd, "AuthParameters": parameters}),
        );
        call(
            &format!("{service}.SignUp"),
            &json!({"ClientId": "web", "Username": odd, "Password": format!("{odd}-Aa1!")}),
        );
        call(
            &format!("{service}.RespondToAuthChallenge"),
            &json!({"ClientId": "web", "ChallengeName": odd, "Session": odd, "ChallengeResponses": {odd: odd}}),
        );
    }
}

/// The values of each label of each family; the bounds of buckets are of their own, and fixed.
fn values(series: &BTreeSet<String>) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut values: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for one in series {
        let Some((family, labels)) = one.split_once('{') else { continue };
        for label in labels.trim_end_matches('}').split("\",") {
            let (name, value) = label.split_once("=\"").unwrap();
            let of = values.entry((family.to_owned(), name.to_owned())).or_default();
            of.insert(value.trim_end_matches('"').to_owned());
        }
    }
    values
}

#[test]
fn hostile_variety_adds_no_series() {
    let world = World::start();
    world.round(0);
    let first = world.series();
    for round in 1..ROUNDS {
        world.round(round);
    }
    let last = world.series();
    assert!(!world.upstream.received().is_empty());
    assert!(
        first.len() > 200
            && first.iter().any(|series| series.contains("unknown-kid") || series.contains("unknown-key")),
        "{first:?}"
    );
    let added: Vec<_> = last.difference(&first).collect();
    assert!(added.is_empty(), "what was asked in the first round is all that there is: {added:#?}");
    for ((family, label), values) in values(&last) {
        assert!(!values.iter().any(|value| value.contains(MARK)), "{family}{{{label}}}: {values:?}");
        assert!(values.len() <= MOST_VALUES, "{family}{{{label}}}: {values:?}");
        assert!(values.iter().all(|value| value.len() <= 64), "{family}{{{label}}}: {values:?}");
    }
}

const CHANGING: &str = r#"
trusted_issuers:
  issuer-0: {issuer: "https://idp-0.example", audience: [api], keys: {inline: {keys: []}}}
upstreams:
  upstream-0: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: route-0, match: {path: "/public/{*rest}"}, access: public, upstream: upstream-0}
"#;

#[test]
fn what_reloads_take_out_is_gone_and_comes_back_with_no_request_that_ends_late() {
    let upstream = TestUpstream::start();
    let gate = Setup::of(CHANGING).put("UPSTREAM", upstream.address()).start_unready();
    let mut late = Vec::new();
    for number in 0..6 {
        let mut connection = gate.connect();
        late.push(thread::spawn(move || {
            connection.ask(&Request::get("/public/a").header("X-Test-Delay", "1500")).status()
        }));
        let arrived = || upstream.received().iter().filter(|request| request.target() == "/public/a").count();
        until("the request to arrive", || (arrived() > number).then_some(()));
        for name in ["issuer", "idp", "upstream", "route"] {
            rewrite_all(&gate, &format!("{name}-{number}"), &format!("{name}-{}", number + 1));
        }
        gate.signal("HUP");
        let next = format!("route=\"route-{}\"", number + 1);
        until("the next config", || {
            gate.ask(&Request::get("/public/b"));
            gate.admin("/metrics").text().contains(&next).then_some(())
        });
    }
    for request in late {
        assert_eq!(request.join().unwrap(), 200);
    }
    until("all that was taken out to be gone", || {
        gate.ask(&Request::get("/public/b"));
        let shown = gate.admin("/metrics").text();
        (0..6).all(|number| !shown.contains(&format!("-{number}\""))).then_some(())
    });
    assert!(gate.metric(r#"lychgate_requests_total{code="2xx",outcome="allowed",route="route-6"}"#) >= 1.0);
}

fn rewrite_all(gate: &TestGateway, from: &str, to: &str) {
    let (file, new) = (gate.path("lychgate.yaml"), gate.path(".new"));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{from}: {text}");
    std::fs::write(&new, text.replace(from, to)).unwrap();
    std::fs::rename(new, file).unwrap();
}
