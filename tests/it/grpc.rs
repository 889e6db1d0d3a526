//! gRPC through the gate: HTTP/2 from the client by TLS, and HTTP/2 to the upstream, with or without TLS.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig};
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::server::HealthReporter;

use crate::support::{Authority, Setup, TestGateway, free_ports, until};

const NAME: &str = "gate.example";

const CONFIG: &str = r#"
upstreams:
  grpc: {endpoints: ["@UPSTREAM@"], http2: true@MORE@}
routes:
  - {name: grpc, match: {path: "/grpc.health.v1.Health/{method}"}, access: public, upstream: grpc}
"#;

struct World {
    runtime: Runtime,
    authority: Authority,
    reporter: HealthReporter,
    gate: TestGateway,
}

/// A gRPC server behind a gate.
fn world(tls: bool) -> World {
    // tonic asks for one that is there for the whole process; another test may have made it so.
    let _there = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = Runtime::new().unwrap();
    let (authority, (reporter, service)) = (Authority::new(), tonic_health::server::health_reporter());
    let address = SocketAddr::from(([127, 0, 0, 1], free_ports::<1>()[0]));
    let mut server = Server::builder();
    if tls {
        let identity = authority.identity("grpc.internal");
        let identity = Identity::from_pem(identity.certificate, identity.key);
        server = server.tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
    }
    runtime.spawn(server.add_service(service).serve(address));
    until("the upstream", || std::net::TcpStream::connect(address).ok());
    let identity = authority.identity(NAME);
    let more = if tls { ", tls: {server_name: grpc.internal, ca: ca.pem}" } else { "" };
    let setup = Setup::of(CONFIG).put("UPSTREAM", address).put("MORE", more).file("ca.pem", authority.pem());
    let gate = setup.tls().file("tls.crt", identity.certificate).file("tls.key", identity.key).start();
    World { runtime, authority, reporter, gate }
}

impl World {
    async fn client(&self) -> HealthClient<Channel> {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(self.authority.pem())).domain_name(NAME);
        let endpoint = Endpoint::from_shared(format!("https://{}", self.gate.address())).unwrap();
        let endpoint = endpoint.origin(format!("https://{NAME}").parse().unwrap()).tls_config(tls).unwrap();
        HealthClient::new(endpoint.timeout(Duration::from_secs(20)).connect().await.unwrap())
    }
}

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[test]
fn calls_streams_errors_and_trailers_pass() {
    for tls in [false, true] {
        let world = world(tls);
        world.runtime.block_on(async {
            let mut client = world.client().await;
            assert_eq!(client.check(of("")).await.unwrap().into_inner().status, ServingStatus::Serving as i32);
            let unknown = client.check(of("nothing")).await.unwrap_err();
            assert_eq!(unknown.code(), Code::NotFound, "the status is in the trailers: {unknown}");
            let mut watched = client.watch(of("")).await.unwrap().into_inner();
            assert_eq!(watched.message().await.unwrap().unwrap().status, ServingStatus::Serving as i32);
            world.reporter.set_service_status("", ServingStatus::NotServing).await;
            assert_eq!(watched.message().await.unwrap().unwrap().status, ServingStatus::NotServing as i32);
        });
    }
}

#[test]
fn many_calls_at_once_pass_on_few_connections() {
    let world = world(false);
    world.runtime.block_on(async {
        let client = world.client().await;
        let mut watched = Vec::new();
        for _ in 0..60 {
            let mut stream = client.clone().watch(of("")).await.unwrap().into_inner();
            stream.message().await.unwrap().unwrap();
            watched.push(stream);
        }
        let mut calls = JoinSet::new();
        for _ in 0..200 {
            let mut client = world.client().await;
            calls.spawn(async move { client.check(of("")).await.unwrap().into_inner().status });
        }
        assert!(calls.join_all().await.into_iter().all(|status| status == ServingStatus::Serving as i32));
        drop(watched);
    });
}
