//! The doors for other proxies: addresses, files, and paths that lead to one door each.

use super::findings::Findings;
use super::upstreams::is_host_name;
use crate::authorizer::NetworkConfig;
use crate::config::mistake::Reason;
use crate::config::places::ConfigPath;
use crate::ext_authz::{ApiGatewayConfig, DoorTlsConfig, ExtAuthzConfig, ForwardAuthConfig, HttpDoorConfig};

/// The path that API Gateway's events are taken at.
const API_GATEWAY: &str = "/authorizers/api-gateway";

pub(crate) fn check_doors(config: Option<&ExtAuthzConfig>, findings: &mut Findings<'_>) {
    let Some(config) = config else { return };
    let at = ConfigPath::new("ext_authz");
    for (index, door) in config.grpc.iter().enumerate() {
        let at = at.key("grpc").item(index);
        check_door(&at, door.tls.as_ref(), door.peers.as_deref(), findings);
    }
    for (index, door) in config.http.iter().enumerate() {
        let at = at.key("http").item(index);
        check_door(&at, door.tls.as_ref(), door.peers.as_deref(), findings);
        check_http(&at, door, findings);
    }
    check_hosts(&at.key("api_gateway"), &config.api_gateway, findings);
    let limits = at.key("limits");
    findings.between(&limits.key("connections"), config.limits.connections as u64, 1, 1 << 20);
    findings.between(&limits.key("message"), config.limits.message.as_u64(), 1 << 10, 64 << 20);
}

fn check_door(
    at: &ConfigPath,
    tls: Option<&DoorTlsConfig>,
    peers: Option<&[NetworkConfig]>,
    findings: &mut Findings<'_>,
) {
    findings.not_written_empty(&at.key("peers"), peers.unwrap_or_default(), "loopback alone");
    let Some(DoorTlsConfig { certificate, key, client_ca }) = tls else { return };
    let at = at.key("tls");
    findings.file(&at.key("certificate"), certificate);
    findings.file(&at.key("key"), key);
    if let Some(client_ca) = client_ca {
        findings.file(&at.key("client_ca"), client_ca);
    }
}

fn check_http(at: &ConfigPath, door: &HttpDoorConfig, findings: &mut Findings<'_>) {
    if door.forward_auth.is_empty() && !door.api_gateway {
        findings.add(at, Reason::MissingKey, "this door answers nobody: it needs `forward_auth` or `api_gateway`");
    }
    for (index, asker) in door.forward_auth.iter().enumerate() {
        let at = at.key("forward_auth").item(index);
        let ForwardAuthConfig { path, .. } = asker;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        if !path.starts_with('/') || !path.bytes().all(is_plain) {
            findings
                .wrong(&at.key("path"), "must begin with `/`, and hold letters, digits, `/`, `-`, `.`, `_` and `~`");
        }
        let earlier = door.forward_auth.iter().take(index).any(|earlier| earlier.path == *path);
        if earlier || (door.api_gateway && path == API_GATEWAY) {
            findings.add(&at, Reason::DuplicateName, format!("`{path}` is taken already"));
        }
    }
}

fn check_hosts(at: &ConfigPath, config: &ApiGatewayConfig, findings: &mut Findings<'_>) {
    for (api, host) in &config.hosts {
        let at = at.key("hosts").key(api);
        if api.is_empty() || !api.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            findings.wrong_key(&at, "is not the id of an API");
        }
        if !is_host_name(host) || host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            findings.wrong(&at, "is not a host name in lower case");
        }
    }
}
