//! Upstreams: endpoints that can be connected to, and TLS files that are there.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::findings::Findings;
use crate::config::mistake::Reason;
use crate::config::places::ConfigPath;
use crate::config::sections::Config;
use crate::proxy::{
    BalanceConfig, EjectionConfig, EndpointConfig, HashConfig, HealthConfig, TimeoutsConfig, UpstreamConfig,
    UpstreamLimitsConfig, UpstreamTlsConfig,
};

pub(crate) fn check_upstreams(config: &Config, findings: &mut Findings<'_>) {
    for (name, upstream) in &config.upstreams {
        let at = ConfigPath::new("upstreams").key(name);
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            findings.wrong_key(&at, "an upstream needs a name without control characters");
        }
        check_upstream(&at, upstream, !config.listeners.is_empty(), findings);
    }
}

fn check_upstream(at: &ConfigPath, upstream: &UpstreamConfig, is_proxied_to: bool, findings: &mut Findings<'_>) {
    let endpoints = at.key("endpoints");
    if is_proxied_to && upstream.endpoints.is_empty() && upstream.dns.is_none() {
        findings.add(
            if findings.places.is_written(&endpoints) { &endpoints } else { at },
            Reason::MissingKey,
            "at least one endpoint is needed",
        );
    }
    for (index, endpoint) in upstream.endpoints.iter().enumerate() {
        check_endpoint(&endpoints.item(index), endpoint, findings);
    }
    if let Some(name) = &upstream.dns {
        let path = at.key("dns");
        findings.object(&path, name, objection(name));
        if !upstream.endpoints.is_empty() {
            findings.add(
                &path,
                Reason::Contradiction,
                "stands in place of `endpoints`; name it there, beside the others",
            );
        }
    }
    if let Some(tls) = &upstream.tls {
        check_tls(&at.key("tls"), tls, findings);
    }
    if let BalanceConfig::ConsistentHash(by) = &upstream.balance {
        check_hash(&at.key("balance").key("consistent_hash"), by, findings);
    }
    if let Some(health) = &upstream.health {
        check_health(&at.key("health"), health, findings);
    }
    check_ejection(&at.key("ejection"), &upstream.ejection, findings);
    check_limits(&at.key("limits"), &upstream.limits, findings);
    let TimeoutsConfig { connect, read, write, idle, stream_idle } = upstream.timeouts;
    let timeouts =
        [("connect", connect), ("read", read), ("write", write), ("idle", idle), ("stream_idle", stream_idle)];
    for (key, timeout) in timeouts {
        findings.duration(&at.key("timeouts").key(key), timeout, Duration::from_millis(1));
    }
    findings.between(&at.key("retries").key("attempts"), upstream.retries.attempts as u64, 0, 10);
}

fn check_hash(at: &ConfigPath, by: &HashConfig, findings: &mut Findings<'_>) {
    match by {
        HashConfig::Sub => {}
        HashConfig::Claim(name) => findings.not_empty(&at.key("claim"), name),
        HashConfig::Header(name) => {
            if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
                let quoted = findings.quote(at, name);
                findings.wrong(at, format!("{quoted} is neither `sub` nor the name of a header"));
            }
        }
    }
}

fn check_health(at: &ConfigPath, health: &HealthConfig, findings: &mut Findings<'_>) {
    let HealthConfig { path, every, timeout, unhealthy_after, healthy_after, expect, host } = health;
    if !path.starts_with('/') || path.parse::<http::uri::PathAndQuery>().is_err() {
        findings.wrong(&at.key("path"), "must be a path such as `/healthz`");
    }
    findings.duration(&at.key("every"), *every, Duration::from_millis(10));
    findings.duration(&at.key("timeout"), *timeout, Duration::from_millis(1));
    findings.between(&at.key("unhealthy_after"), u64::from(*unhealthy_after), 1, 1000);
    findings.between(&at.key("healthy_after"), u64::from(*healthy_after), 1, 1000);
    for (index, status) in expect.iter().enumerate() {
        findings.between(&at.key("expect").item(index), u64::from(*status), 200, 599);
    }
    if host.as_ref().is_some_and(|host| host.parse::<http::uri::Authority>().is_err()) {
        findings.wrong(&at.key("host"), "is not a host");
    }
}

fn check_ejection(at: &ConfigPath, ejection: &EjectionConfig, findings: &mut Findings<'_>) {
    findings.duration(&at.key("first"), ejection.first, Duration::from_millis(1));
    findings.duration(&at.key("longest"), ejection.longest, ejection.first);
}

/// The upper bound is what a semaphore can hold, and no machine.
fn check_limits(at: &ConfigPath, limits: &UpstreamLimitsConfig, findings: &mut Findings<'_>) {
    let UpstreamLimitsConfig { connections, pending } = limits;
    for (key, limit, least) in [("connections", connections, 1), ("pending", pending, u64::from(connections.is_none()))]
    {
        if let Some(limit) = limit {
            findings.between(&at.key(key), *limit as u64, least, 1_000_000);
        }
    }
}

fn check_endpoint(at: &ConfigPath, endpoint: &EndpointConfig, findings: &mut Findings<'_>) {
    let address = at.key("address");
    if let Some(objection) = objection(&endpoint.address) {
        let quoted = findings.quote(&address, &endpoint.address);
        findings.wrong(&address, format!("{quoted} {objection}"));
    }
    if endpoint.weight == 0 {
        findings.wrong(&at.key("weight"), "must be at least 1; leave an endpoint out that shall get nothing");
    } else if endpoint.weight > 1000 {
        findings.wrong(&at.key("weight"), "must be at most 1000");
    }
}

/// Why `address` is no `host:port`, or `None` where it is.
fn objection(address: &str) -> Option<&'static str> {
    if address.contains("://") {
        return Some("must be `host:port`; for HTTPS the upstream has the key `tls`");
    }
    let Some((host, port)) = address.rsplit_once(':') else {
        return Some("must be `host:port`");
    };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) || port.parse::<u16>().unwrap_or(0) == 0 {
        return Some("must end in a port from 1 to 65535");
    }
    if !is_host(host) {
        return Some("must be `host:port`, the host a name, an IPv4 address, or an IPv6 address in brackets");
    }
    None
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(bracketed) => bracketed.strip_suffix(']').is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok()),
        None => host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4()) || (is_host_name(host) && !is_number(host)),
    }
}

/// A last label of digits alone makes it an IPv4 address, and one that does not parse (WHATWG URL section 3.5).
fn is_number(host: &str) -> bool {
    host.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A host name of RFC 1123 section 2.1; `_` is taken too, since service names in the field have it.
pub(crate) fn is_host_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

fn check_tls(at: &ConfigPath, tls: &UpstreamTlsConfig, findings: &mut Findings<'_>) {
    let UpstreamTlsConfig { server_name, ca, certificate, key } = tls;
    if server_name.as_ref().is_some_and(|name| !is_host_name(name)) {
        findings.wrong(&at.key("server_name"), "is not a host name");
    }
    for (name, file) in [("ca", ca), ("certificate", certificate), ("key", key)] {
        if let Some(file) = file {
            findings.file(&at.key(name), file);
        }
    }
    if certificate.is_some() != key.is_some() {
        findings.add(at, Reason::Contradiction, "`certificate` and `key` go together");
    }
}

#[cfg(test)]
mod tests {
    use super::objection;

    #[test]
    fn a_host_with_a_port_is_an_endpoint() {
        for address in ["10.0.0.1:8080", "[::1]:1", "orders:80", "orders.svc.cluster.local:65535", "my_service:80"] {
            assert_eq!(objection(address), None, "`{address}`");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for address in [
            "",
            ":",
            "orders",
            "orders:",
            ":80",
            "orders:0",
            "orders:65536",
            "orders:+80",
            "http://orders:80",
            "::1:80",
            "[::1]",
            "[::1:80",
            "[10.0.0.1]:80",
            "10.0.0.256:80",
            "1.2.3:80",
            "or ders:80",
            "-a:80",
            "a..b:80",
            "user@orders:80",
            "orders:80/path",
            "ördérs:80",
        ] {
            assert!(objection(address).is_some(), "`{address}`");
        }
    }
}
