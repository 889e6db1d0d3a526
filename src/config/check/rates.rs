//! Rate limits: that what is counted can be told, and that gates can count together.

use std::time::Duration;

use http::Uri;
use secrecy::ExposeSecret;

use super::findings::Findings;
use crate::authorizer::{AccessConfig, CountedBy, RateLimitConfig, RouteConfig, SharedCountsConfig};
use crate::config::mistake::Reason;
use crate::config::places::ConfigPath;
use crate::config::sections::Config;

const MOST_AT_ONCE: u64 = 1_000_000;
/// Beyond, a bucket is hardly meant to be filled again.
const LONGEST_FILL: Duration = Duration::from_hours(24 * 366);

pub(crate) fn check_rates(config: &Config, findings: &mut Findings<'_>) {
    for (index, route) in config.routes.iter().enumerate() {
        check_route(&ConfigPath::new("routes").item(index).key("rate_limit"), route, findings);
    }
    if let Some(shared) = &config.rate_limits.shared {
        check_shared(&ConfigPath::new("rate_limits").key("shared"), shared, findings);
    }
}

fn check_route(at: &ConfigPath, route: &RouteConfig, findings: &mut Findings<'_>) {
    findings.not_written_empty(at, &route.rate_limit, "no limit");
    let is_list = findings.places.is_written(&at.item(0));
    for (index, limit) in route.rate_limit.iter().enumerate() {
        let at = if is_list { at.item(index) } else { at.clone() };
        check_limit(&at, limit, route, findings);
    }
}

fn check_limit(at: &ConfigPath, limit: &RateLimitConfig, route: &RouteConfig, findings: &mut Findings<'_>) {
    let RateLimitConfig { by, rate, burst } = limit;
    if by.needs_a_caller() && matches!(route.access, AccessConfig::Public) {
        let message = "nobody proves who calls a public route; count by `address` or `route`";
        findings.add(&at.key("by"), Reason::Contradiction, message);
    }
    if matches!(by, CountedBy::Claim(name) if name.is_empty()) {
        findings.wrong(&at.key("by"), "must be `sub`, `address`, `route` or the name of a claim");
    }
    let Some(burst) = burst else { return };
    findings.between(&at.key("burst"), u64::from(*burst), 1, MOST_AT_ONCE);
    if rate.period.saturating_mul(*burst) / rate.count.max(1) > LONGEST_FILL {
        findings.wrong(&at.key("burst"), "takes more than a year to be earned at this rate");
    }
}

fn check_shared(at: &ConfigPath, shared: &SharedCountsConfig, findings: &mut Findings<'_>) {
    let SharedCountsConfig { url, timeout, ca, prefix } = shared;
    let is_map = ["url", "timeout", "ca", "prefix"].iter().any(|key| findings.places.is_written(&at.key(key)));
    let url_at = if is_map { at.key("url") } else { at.clone() };
    let url = url.expose_secret();
    // It may hold a password: what is wrong with it is said, and not what it is.
    if let Some(objection) = objection(url) {
        findings.wrong(&url_at, objection);
    }
    if !(Duration::from_millis(1)..=Duration::from_secs(1)).contains(timeout) {
        findings.wrong(&at.key("timeout"), "must be from `1ms` to `1s`: requests wait for it");
    }
    if let Some(file) = ca {
        findings.file(&at.key("ca"), file);
        if !is_by_tls(url) {
            findings.wrong_key(&at.key("ca"), "only `rediss://` and `valkeys://` show a certificate");
        }
    }
    if prefix.len() > 128 || prefix.chars().any(|character| character.is_control() || character == ' ') {
        findings.wrong(&at.key("prefix"), "must be at most 128 bytes without blanks and control characters");
    }
}

fn is_by_tls(url: &str) -> bool {
    ["rediss://", "valkeys://"].iter().any(|scheme| url.starts_with(scheme))
}

/// Why `url` is not that of a Redis or Valkey.
fn objection(url: &str) -> Option<&'static str> {
    const NO_URL: &str = "is no URL such as `redis://redis.internal:6379`";
    let Ok(uri) = url.parse::<Uri>() else { return Some(NO_URL) };
    let has_host = uri.host().is_some_and(|host| !host.is_empty());
    let is_ours = matches!(uri.scheme_str(), Some("redis" | "rediss" | "valkey" | "valkeys"));
    if !has_host || !is_ours {
        return Some(NO_URL);
    }
    // The client reads `#insecure`, and settings in a query: no certificate goes unchecked here.
    if url.contains(['#', '?']) {
        return Some("must not carry a query or a fragment");
    }
    let database = uri.path().trim_start_matches('/');
    (!database.is_empty() && database.parse::<u32>().is_err())
        .then_some("must name its database by number: `redis://host:6379/0`")
}

#[cfg(test)]
mod tests {
    use super::objection;

    #[test]
    fn a_redis_is_named_by_scheme_host_and_database() {
        for url in [
            "redis://127.0.0.1",
            "redis://h:6379/2",
            "rediss://user:p%40ss@h:6380/",
            "valkey://:pass@[::1]:1",
            "valkeys://h",
        ] {
            assert_eq!(objection(url), None, "{url}");
        }
        for url in [
            "",
            "h:6379",
            "http://h",
            "redis://",
            "redis:///0",
            "redis+unix:///s",
            "rediss://h/#insecure",
            "redis://h/?protocol=resp3",
            "redis://h/orders",
        ] {
            assert!(objection(url).is_some(), "{url}");
        }
    }
}
