//! The doors while the gate stops or takes up another config, and the bounds of what they take.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use tonic::Code;

use super::asked::{Asked, PROFILES};
use super::world::{DOORS, World, allowed, code};
use crate::support::{Connection, Reply, Request, TestIssuer, until};

const CONFIG: &str = r#"
trusted_issuers:
  corp: {issuer: "https://corp.example", audience: [api], keys: {inline: @KEYS@}}
  remote: @REMOTE@
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: orders, match: {path: "/orders/{id}"}, access: {scopes: {any: [orders/read]}}, upstream: echo}
"#;

fn world(doors: &str) -> (World, TestIssuer) {
    let issuer = TestIssuer::start();
    (World::with(&format!("{CONFIG}{doors}"), |setup| setup.put("REMOTE", issuer.trust(""))), issuer)
}

#[test]
fn what_is_asked_when_the_gate_stops_is_still_answered() {
    let (mut world, issuer) = world(DOORS);
    // a key that is not known is asked for, which takes its time
    issuer.keys_answer(Reply::new(200, "{\"keys\":[]}").after(Duration::from_millis(1500)));
    let fetches = issuer.key_fetches();
    let asked = Asked::get("/orders/7").bearer(&issuer.token().header("kid", "unknown").mint());
    let (grpc, http) = (world.grpc, world.http);
    let (check, request) = (asked.by_envoy(), asked.by_forward_auth("caddy"));
    let by_envoy = world.runtime.spawn(async move {
        let mut client = AuthorizationClient::connect(format!("http://{grpc}")).await.unwrap();
        client.check(check).await.unwrap().into_inner()
    });
    let by_caddy = thread::spawn(move || Connection::open(http).ask(&request));
    until("the fetch", || (issuer.key_fetches() > fetches).then_some(()));
    thread::sleep(Duration::from_millis(300));
    world.gate.signal("TERM");
    assert_eq!(code(&world.runtime.block_on(by_envoy).unwrap()), "unknown-key");
    assert_eq!(by_caddy.join().unwrap().code(), "unknown-key");
    assert_eq!(world.gate.wait().code(), Some(0));
    assert!([grpc, http].iter().all(|door| TcpStream::connect(door).is_err()));
}

#[test]
fn another_config_decides_at_every_door_at_once() {
    let (world, _issuer) = world(DOORS);
    let asked = Asked::get("/orders/7").bearer(&world.token().scopes("orders/read").mint());
    allowed(&world.by_envoy(&asked));
    world.gate.rewrite("lychgate.yaml", "orders/read", "orders/write");
    world.gate.signal("HUP");
    until("the word about it", || world.gate.stderr().contains("the changed config is in force").then_some(()));
    assert_eq!(code(&world.by_envoy(&asked)), "insufficient-scope");
    for profile in PROFILES {
        assert_eq!(world.by_forward_auth(profile, &asked).json()["code"], "insufficient-scope", "{profile}");
    }
    assert_eq!(world.by_api_gateway(&asked.event())["context"]["code"], "insufficient-scope");
}

#[test]
fn a_door_takes_so_many_connections_and_no_more() {
    let (world, _issuer) = world(&format!("{DOORS}  limits: {{connections: 2}}\n"));
    let kept = || {
        let mut connection = Connection::open(world.http);
        connection.send(&Request::get("/nowhere").bytes());
        connection.try_read(false).ok().flatten().map(|_| connection)
    };
    let held = [until("a place", kept), until("another", kept)];
    assert!(Connection::open(world.http).is_closed());
    // each door has places of its own
    assert_eq!(code(&world.by_envoy(&Asked::get("/orders/7"))), "missing-credential");
    drop(held);
    until("a place again", kept);
}

#[test]
fn envoys_door_keeps_no_place_for_a_connection_that_does_not_begin() {
    let (world, _issuer) = world(&format!("{DOORS}  limits: {{connections: 3}}\n"));
    let begun = |first: &[u8]| {
        let mut connection = TcpStream::connect(world.grpc).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        connection.write_all(first).ok().map(|()| connection)
    };
    // where a connection of before still has the place, this one is closed at once
    let mut whole = until("a place", || {
        let mut connection = begun(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")?;
        connection.read_exact(&mut [0; 9]).ok().map(|()| connection)
    });
    let silent = [begun(b""), begun(b"PRI * HTTP/2.0\r\n")];
    for mut connection in silent.map(Option::unwrap) {
        let mut said = Vec::new();
        let ended = connection.read_to_end(&mut said);
        assert!(ended.is_ok() || ended.unwrap_err().kind() == std::io::ErrorKind::ConnectionReset, "still open");
    }
    assert_eq!(code(&world.by_envoy(&Asked::get("/orders/7"))), "missing-credential");
    // one that has begun stays, though it asks nothing
    whole.set_nonblocking(true).unwrap();
    assert_eq!(whole.read_to_end(&mut Vec::new()).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_question_that_is_longer_than_the_bound_is_not_read() {
    let (world, _issuer) = world(&format!("{DOORS}  limits: {{message: 4KiB}}\n"));
    let asked = |length| Asked::get("/orders/7").header("x-long", &"a".repeat(length));
    assert_eq!(code(&world.by_envoy(&asked(2000))), "missing-credential");
    let long = asked(5000).by_envoy();
    let answer = world.runtime.block_on(async {
        let mut client = AuthorizationClient::connect(format!("http://{}", world.grpc)).await.unwrap();
        client.check(long).await
    });
    assert_eq!(answer.unwrap_err().code(), Code::OutOfRange);
    assert_eq!(world.by_api_gateway(&asked(1000).event())["context"]["code"], "missing-credential");
    assert_eq!(world.post_event(asked(5000).event().to_string().as_bytes()).code(), "body-too-large");
}
