//! Who may connect to the doors, by TLS and by certificate, and what gRPC's own health service says of the gate.

use std::net::SocketAddr;

use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity as ClientIdentity};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::asked::Asked;
use super::world::{World, allowed, code, runtime};
use crate::support::{Authority, Connection, Identity, Request, Setup, TestIssuer, TestUpstream, free_ports, until};

const CONFIG: &str = r#"
trusted_issuers:
  corp: {issuer: "https://corp.example", audience: [api], keys: {inline: @KEYS@}}
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: orders, match: {path: "/orders/{id}"}, upstream: echo}
ext_authz:
  grpc: [{address: "127.0.0.1:@GRPC@", tls: @TLS@@PEERS@}]
  http: [{address: "127.0.0.1:@HTTP@", forward_auth: [caddy], tls: @TLS@}]
"#;

const MUTUAL: &str = "{certificate: tls.crt, key: tls.key, client_ca: clients.pem}";
const ONE_SIDED: &str = "{certificate: tls.crt, key: tls.key}";
const CHECKS: &str = "envoy.service.auth.v3.Authorization";

struct Authorities {
    servers: Authority,
    clients: Authority,
}

impl Authorities {
    fn new() -> Self {
        Self { servers: Authority::new(), clients: Authority::new() }
    }

    fn world(&self, tls: &str, peers: &str) -> World {
        let server = self.servers.identity("lychgate.internal");
        World::with(CONFIG, |setup| {
            let setup = setup.put("TLS", tls).put("PEERS", peers);
            let setup = setup.file("tls.crt", server.certificate).file("tls.key", server.key);
            setup.file("clients.pem", self.clients.pem())
        })
    }

    fn tls(&self, identity: Option<&Identity>) -> ClientTlsConfig {
        let tls = ClientTlsConfig::new().domain_name("lychgate.internal");
        let tls = tls.ca_certificate(Certificate::from_pem(self.servers.pem()));
        identity.iter().fold(tls, |tls, one| tls.identity(ClientIdentity::from_pem(&one.certificate, &one.key)))
    }
}

async fn connect(address: SocketAddr, tls: Option<ClientTlsConfig>) -> Result<Channel, tonic::transport::Error> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))?;
    let endpoint = tls.map_or(Ok(endpoint.clone()), |tls| endpoint.tls_config(tls))?;
    endpoint.connect().await
}

/// The code of a refusal, empty for a yes; an error where nobody answered.
fn ask(world: &World, tls: Option<ClientTlsConfig>) -> Result<String, String> {
    let asked = Asked::get("/orders/7").bearer(&world.token().mint());
    let answer = world.runtime.block_on(async {
        let channel = connect(world.grpc, tls).await.map_err(|error| format!("{error:?}"))?;
        let answer = AuthorizationClient::new(channel).check(asked.by_envoy()).await;
        answer.map_err(|status: Status| status.to_string())
    })?;
    let answer = answer.into_inner();
    if answer.status.as_ref().unwrap().code != 0 {
        return Ok(code(&answer));
    }
    allowed(&answer);
    Ok(String::new())
}

#[test]
fn only_certificates_of_the_named_authority_may_ask() {
    let authorities = Authorities::new();
    let world = authorities.world(MUTUAL, "");
    let right = authorities.clients.identity("envoy.internal");
    assert_eq!(ask(&world, Some(authorities.tls(Some(&right)))), Ok(String::new()));
    let of_the_servers = authorities.servers.identity("envoy.internal");
    let self_made = Authority::new().identity("envoy.internal");
    for (what, identity) in [("none", None), ("the servers'", Some(&of_the_servers)), ("self-made", Some(&self_made))] {
        ask(&world, Some(authorities.tls(identity))).expect_err(what);
    }
    ask(&world, None).expect_err("without TLS");
    // forward-auth has the same door
    let request = Asked::get("/orders/7").by_forward_auth("caddy");
    let by_http = |identity| {
        let client = authorities.servers.client_with(identity, &["http/1.1"]);
        let mut connection = Connection::open_tls(world.http, "lychgate.internal", client).ok()?;
        connection.send(&request.bytes());
        connection.try_read(false).ok().flatten()
    };
    assert_eq!(by_http(&right).unwrap().code(), "missing-credential");
    assert!(by_http(&of_the_servers).is_none() && by_http(&self_made).is_none());
    let counted =
        |outcome| world.gate.metric(&format!("lychgate_checks_total{{door=\"envoy\",outcome=\"{outcome}\"}}"));
    assert!((counted("allowed") - 1.0).abs() < f64::EPSILON && counted("denied") < 1.0, "none of the others was asked");
}

#[test]
fn a_certificate_opens_no_door_to_one_who_is_no_peer() {
    let authorities = Authorities::new();
    let world = authorities.world(MUTUAL, ", peers: [192.0.2.0/24]");
    let right = authorities.clients.identity("envoy.internal");
    ask(&world, Some(authorities.tls(Some(&right)))).expect_err("from loopback");
}

#[test]
fn by_tls_without_certificates_loopback_may_ask() {
    let authorities = Authorities::new();
    let world = authorities.world(ONE_SIDED, "");
    assert_eq!(ask(&world, Some(authorities.tls(None))), Ok(String::new()));
    ask(&world, None).expect_err("without TLS");
    let client = authorities.servers.client(&["http/1.1"]);
    let mut connection = Connection::open_tls(world.http, "lychgate.internal", client).unwrap();
    assert_eq!(connection.ask(&Asked::get("/orders/7").by_forward_auth("caddy")).code(), "missing-credential");
    // of HTTP/2 and HTTP/1.1 each door speaks its own
    let client = authorities.servers.client(&["h2", "http/1.1"]);
    assert_eq!(Connection::negotiate(world.grpc, "lychgate.internal", client.clone()).unwrap().unwrap(), b"h2");
    assert_eq!(Connection::negotiate(world.http, "lychgate.internal", client).unwrap().unwrap(), b"http/1.1");
}

const UNREADY: &str = r#"
trusted_issuers:
  corp: @CORP@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: orders, match: {path: "/orders/{id}"}, upstream: echo}
ext_authz:
  grpc: [{address: "127.0.0.1:@GRPC@"}]
"#;

#[test]
fn the_health_service_says_what_readiness_says() {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    issuer.goes_down();
    let [grpc] = free_ports();
    let setup = Setup::of(UNREADY).put("CORP", issuer.trust("refresh: {every: 1s, timeout: 1s}"));
    let gate = setup.put("UPSTREAM", upstream.address()).put("GRPC", grpc).start_unready();
    let runtime = runtime();
    let address = SocketAddr::from(([127, 0, 0, 1], grpc));
    let channel = until("the door to open", || runtime.block_on(connect(address, None)).ok());
    let mut client = HealthClient::new(channel);
    let mut health = |service: &str| {
        let request = HealthCheckRequest { service: service.to_owned() };
        runtime.block_on(client.check(request)).map(|answer| answer.into_inner().status())
    };
    for service in ["", CHECKS] {
        until("the first look", || (health(service).unwrap() == ServingStatus::NotServing).then_some(()));
    }
    assert_eq!(gate.admin("/readyz").status(), 503);
    assert_eq!(health("grpc.health.v1.Other").unwrap_err().code(), Code::NotFound);
    issuer.answers_well();
    for service in ["", CHECKS] {
        until("the keys", || (health(service).unwrap() == ServingStatus::Serving).then_some(()));
    }
    assert_eq!(gate.ask(&Request::get("/orders/7").bearer(&issuer.token().mint())).status(), 200);
}

#[test]
fn a_service_that_is_not_there_is_unimplemented() {
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let [grpc] = free_ports();
    let setup = Setup::of(UNREADY).put("CORP", issuer.trust("")).put("UPSTREAM", upstream.address());
    let _gate = setup.put("GRPC", grpc).start();
    let runtime = runtime();
    let ask = || {
        runtime.block_on(async {
            let channel = connect(SocketAddr::from(([127, 0, 0, 1], grpc)), None)
                .await
                .map_err(|_| Status::unknown("no door"))?;
            // the origin's path stands before that of the call
            let mut client = HealthClient::with_origin(channel, "http://gate.example/other".parse().unwrap());
            client.check(HealthCheckRequest::default()).await
        })
    };
    until("the door to open", || (ask().unwrap_err().code() == Code::Unimplemented).then_some(()));
}
