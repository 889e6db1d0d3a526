//! Listeners, and every address that something listens at: no two may be the same.

use std::net::SocketAddr;

use secrecy::ExposeSecret;

use super::findings::Findings;
use crate::admin::{AdminConfig, RevocationsConfig};
use crate::config::mistake::Reason;
use crate::config::places::ConfigPath;
use crate::config::sections::Config;
use crate::proxy::ListenerTlsConfig;

pub(crate) fn check_sockets(config: &Config, findings: &mut Findings<'_>) {
    let listeners = ConfigPath::new("listeners");
    if config.listeners.is_empty() && config.ext_authz.is_none() {
        findings.wrong(&listeners, "at least one listener is needed, unless there is `ext_authz`");
    }
    for (index, listener) in config.listeners.iter().enumerate() {
        let at = listeners.item(index);
        if listener.proxy_protocol && config.trusted_proxies.is_empty() {
            let path = at.key("proxy_protocol");
            findings.add(
                &path,
                Reason::Contradiction,
                "only `trusted_proxies` may say who connected, and there is none",
            );
        }
        let Some(tls) = &listener.tls else { continue };
        if listener.h2c {
            let message = "`h2c` is HTTP/2 in the clear; this listener has `tls`, which offers HTTP/2 by itself";
            findings.add(&at.key("h2c"), Reason::Contradiction, message);
        }
        check_tls(&at.key("tls"), tls, findings);
    }
    check_admin(&config.admin, findings);
    check_addresses(&addresses(config), findings);
}

fn check_tls(at: &ConfigPath, tls: &ListenerTlsConfig, findings: &mut Findings<'_>) {
    findings.file(&at.key("certificate"), &tls.certificate);
    findings.file(&at.key("key"), &tls.key);
    for (index, other) in tls.certificates.iter().enumerate() {
        let at = at.key("certificates").item(index);
        findings.file(&at.key("certificate"), &other.certificate);
        findings.file(&at.key("key"), &other.key);
    }
    match &tls.client_ca {
        Some(file) => findings.file(&at.key("client_ca"), file),
        None if findings.places.is_written(&at.key("client_auth")) => {
            findings.add(
                &at.key("client_auth"),
                Reason::Contradiction,
                "asks for certificates of `client_ca`, which is missing",
            );
        }
        None => {}
    }
}

/// What opens a door must not be guessed, and must be able to stand in a header.
fn check_admin(admin: &AdminConfig, findings: &mut Findings<'_>) {
    const SHORTEST: usize = 16;
    let AdminConfig::At { revocations: Some(RevocationsConfig { token }), .. } = admin else { return };
    let token = token.expose_secret();
    if token.len() < SHORTEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let path = ConfigPath::new("admin").key("revocations").key("token");
        findings.wrong(&path, "must be at least 16 visible ASCII characters, without blanks");
    }
}

/// Every address that something listens at, listeners first.
fn addresses(config: &Config) -> Vec<(ConfigPath, SocketAddr)> {
    let listeners = config.listeners.iter().enumerate();
    let listeners = listeners.map(|(index, listener)| (ConfigPath::new("listeners").item(index), listener.address));
    let issuer = config.issuer.as_ref().map(|issuer| (ConfigPath::new("issuer"), issuer.address));
    let admin = match config.admin {
        AdminConfig::At { address, .. } => Some((ConfigPath::new("admin"), address)),
        AdminConfig::Off => None,
    };
    listeners
        .chain(issuer)
        .chain(admin)
        .chain(doors(config))
        .map(|(at, address)| (at.key("address"), address))
        .collect()
}

fn doors(config: &Config) -> Vec<(ConfigPath, SocketAddr)> {
    let Some(doors) = &config.ext_authz else { return Vec::new() };
    let at = |kind: &str, index| ConfigPath::new("ext_authz").key(kind).item(index);
    let grpc = doors.grpc.iter().enumerate().map(|(index, door)| (at("grpc", index), door.address));
    let http = doors.http.iter().enumerate().map(|(index, door)| (at("http", index), door.address));
    grpc.chain(http).collect()
}

fn check_addresses(addresses: &[(ConfigPath, SocketAddr)], findings: &mut Findings<'_>) {
    for (index, (path, address)) in addresses.iter().enumerate() {
        let taken = addresses.iter().take(index).find(|(_, earlier)| clash(earlier, address));
        let Some((earlier, _)) = taken else { continue };
        // A default is not written in the file: then the one that is written is shown.
        let (at, by) = if findings.places.is_written(path) { (path, earlier) } else { (earlier, path) };
        findings.add(at, Reason::DuplicateName, format!("this address is taken by `{by}`"));
    }
}

/// Whether both cannot be listened at. Port 0 takes a free port each time; the unspecified address takes its port on all.
fn clash(one: &SocketAddr, other: &SocketAddr) -> bool {
    let same_host = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && one.is_ipv4() == other.is_ipv4() && same_host
}
