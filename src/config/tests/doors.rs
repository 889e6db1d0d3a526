//! The doors for other proxies: what may be written of them, and what may not.

use std::path::Path;

use super::good::EVERY_KEY;
use super::support::{assert_mistakes, load};
use crate::config::Config;
use crate::ext_authz::{ClaimedHeadersConfig, ProfileConfig};

#[test]
fn doors_are_read_with_their_defaults() {
    let doors = Config::parse(EVERY_KEY, Path::new("/etc/lychgate/lychgate.yaml"), &|_| None).unwrap().config.ext_authz;
    let doors = doors.unwrap();
    assert!(doors.grpc[0].peers.as_ref().unwrap()[1].contains([10, 1, 2, 3].into()));
    assert_eq!(
        doors.grpc[1].tls.as_ref().unwrap().client_ca.as_deref(),
        Some(Path::new("/etc/lychgate/tls/clients.pem"))
    );
    let askers: Vec<_> = doors.http[0].forward_auth.iter().map(|asker| (asker.profile, asker.path.as_str())).collect();
    let expected = [
        (ProfileConfig::Nginx, "/forward-auth/nginx"),
        (ProfileConfig::Caddy, "/forward-auth/caddy"),
        (ProfileConfig::Traefik, "/auth"),
        (ProfileConfig::Haproxy, "/forward-auth/haproxy"),
    ];
    assert_eq!(askers, expected);
    let refusing: Vec<_> = doors.http[0].forward_auth.iter().map(|asker| asker.claimed_headers).collect();
    let (kept, refused) = (ClaimedHeadersConfig::Drop, ClaimedHeadersConfig::Refuse);
    assert_eq!(refusing, [kept, refused, kept, kept]);
    assert!(doors.http[1].api_gateway && doors.http[1].forward_auth.is_empty());
    assert_eq!(doors.api_gateway.hosts["a1b2c3d4e5"], "api.example.com");
}

#[test]
fn with_doors_neither_listeners_nor_endpoints_are_needed() {
    let text = "listeners: []\nupstreams: {app: {}}\next_authz: {http: [{address: '127.0.0.1:1', api_gateway: true}]}";
    assert!(load(text).is_ok());
    assert!(load("listeners: []\nupstreams: {app: {}}\next_authz: {}").is_ok(), "for `lychgate lambda`");
    let with_a_listener = "upstreams: {▸app: {}}\next_authz: {http: [{address: '127.0.0.1:1', api_gateway: true}]}";
    assert_mistakes(with_a_listener, "missing-key", &["at least one endpoint"]);
}

#[test]
fn a_door_that_cannot_be_is_refused() {
    for (doors, code, fragment) in [
        ("http: [▸{address: '127.0.0.1:1'}]", "missing-key", "answers nobody"),
        ("http: [{address: '127.0.0.1:1', forward_auth: [▸apache]}]", "wrong-value", "not `apache`"),
        ("http: [{address: '127.0.0.1:1', forward_auth: [{profile: ▸ngix}]}]", "unknown-word", "did you mean `nginx`?"),
        (
            "http: [{address: '127.0.0.1:1', forward_auth: [{profile: nginx, path: ▸auth}]}]",
            "wrong-value",
            "begin with",
        ),
        (
            "http: [{address: '127.0.0.1:1', forward_auth: [{profile: nginx, path: ▸'/a?b'}]}]",
            "wrong-value",
            "begin with",
        ),
        ("http: [{address: '127.0.0.1:1', forward_auth: [nginx, ▸nginx]}]", "duplicate-name", "is taken already"),
        (
            "http: [{address: '127.0.0.1:1', api_gateway: true, forward_auth: [▸{profile: nginx, path: /authorizers/api-gateway}]}]",
            "duplicate-name",
            "is taken already",
        ),
        ("grpc: [{address: '127.0.0.1:1', ▸peers: []}]", "wrong-value", "lets nothing through"),
        ("grpc: [{address: '127.0.0.1:1', peers: [▸everyone]}]", "wrong-value", "is not an address or a network"),
        ("grpc: [{address: '127.0.0.1:1', tls: {certificate: ▸none.pem, key: k.pem}}]", "missing-file", "none.pem"),
        (
            "grpc: [{address: '127.0.0.1:1', tls: {certificate: c.pem, key: k.pem, client_ca: ▸none.pem}}]",
            "missing-file",
            "none.pem",
        ),
        ("grpc: [{address: ▸'127.0.0.1:9901'}]", "duplicate-name", "`admin.address`"),
        ("api_gateway: {hosts: {a1: ▸'API.example.com'}}", "wrong-value", "lower case"),
        ("api_gateway: {hosts: {▸'a/1': api.example.com}}", "wrong-value", "id of an API"),
        ("limits: {connections: ▸0}", "wrong-value", "from 1"),
        ("limits: {message: ▸1GiB}", "wrong-value", "from"),
        ("▸door: []", "unknown-key", "`door`"),
    ] {
        assert_mistakes(&format!("ext_authz: {{{doors}}}"), code, &[fragment]);
    }
}

#[test]
fn a_door_in_clear_to_the_outside_is_warned_of() {
    let warned = |doors: &str| load(&format!("ext_authz: {{{doors}}}")).unwrap().warnings().len();
    assert_eq!(warned("grpc: [{address: '0.0.0.0:1'}]"), 1);
    assert_eq!(warned("grpc: [{address: '127.0.0.1:1'}]"), 0);
    assert_eq!(warned("grpc: [{address: '0.0.0.0:1', tls: {certificate: c.pem, key: k.pem}}]"), 0);
}
