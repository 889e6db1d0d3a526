//! Cross-origin rules: origins as browsers write them, and nothing opened by accident.

use std::collections::HashSet;
use std::time::Duration;

use super::findings::Findings;
use super::headers::is_token;
use super::routes::check_method;
use super::upstreams::is_host_name;
use crate::authorizer::CorsConfig;
use crate::config::mistake::Reason;
use crate::config::places::ConfigPath;

/// No browser keeps a preflight answer longer.
const LONGEST_MAX_AGE: Duration = Duration::from_hours(24);

pub(crate) fn check_cors(at: &ConfigPath, cors: &CorsConfig, findings: &mut Findings<'_>) {
    let CorsConfig { origins, methods, headers, expose, credentials, max_age } = cors;
    check_origins(&at.key("origins"), origins, *credentials, findings);
    findings.not_written_empty(&at.key("methods"), methods, "the route's own methods");
    for (index, method) in methods.iter().enumerate() {
        check_method(&at.key("methods").item(index), method, findings);
    }
    for (key, names) in [("headers", headers), ("expose", expose)] {
        check_names(&at.key(key), names, *credentials, findings);
    }
    if max_age.is_some_and(|max_age| max_age > LONGEST_MAX_AGE) {
        findings.wrong(&at.key("max_age"), "must be at most `24h`: no browser keeps it longer");
    }
}

fn check_origins(path: &ConfigPath, origins: &[String], credentials: bool, findings: &mut Findings<'_>) {
    if origins.is_empty() {
        findings.wrong(path, "must name at least one origin; leave `cors` out where no other may call");
    }
    let mut seen = HashSet::new();
    for (index, origin) in origins.iter().enumerate() {
        let at = path.item(index);
        if !seen.insert(origin) {
            findings.add(&at, Reason::DuplicateName, "this origin is already listed");
        }
        match origin.as_str() {
            "*" | "null" if credentials => findings.add(
                &at,
                Reason::Contradiction,
                format!("with `credentials`, `{origin}` would let any page read answers in the user's name; name the origins"),
            ),
            "*" if origins.len() > 1 => findings.add(&at, Reason::Contradiction, "`*` is every origin and stands alone"),
            "*" | "null" => {}
            origin => findings.object(&at, origin, objection(origin)),
        }
    }
}

/// Why no browser would send this as an `Origin` (the ASCII serialisation of RFC 6454 section 6.2).
fn objection(origin: &str) -> Option<&'static str> {
    let Some((scheme, rest)) = origin.split_once("://") else {
        return Some("must be an origin, such as `https://app.example`");
    };
    if !matches!(scheme, "https" | "http") {
        return Some("must begin with `https://` or `http://`");
    }
    if rest.contains(['/', '?', '#', '@']) {
        return Some("must be scheme, host and port alone: an origin has no path, not even `/`");
    }
    if rest.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some("must be written in lower case, as browsers send it");
    }
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let default = if scheme == "https" { "443" } else { "80" };
    match port {
        Some(port) if port == default => return Some("names the scheme's own port, which browsers leave out"),
        Some(port) if port.parse::<u16>().is_err() || port.starts_with(['+', '0']) => return Some("has an odd port"),
        _ => {}
    }
    match host.strip_prefix("*.") {
        Some(suffix) if !is_host_name(suffix) => {
            Some("`*` stands for whole labels at the front, as in `https://*.example.com`")
        }
        Some(suffix) if !suffix.contains('.') => Some("would take the origins of everyone under that top-level domain"),
        None if !is_host_name(host) && !is_address(host) => Some("has no host name"),
        _ => None,
    }
}

fn is_address(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inner.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
}

fn check_names(path: &ConfigPath, names: &[String], credentials: bool, findings: &mut Findings<'_>) {
    for (index, name) in names.iter().enumerate() {
        let at = path.item(index);
        if name == "*" && credentials {
            findings.add(
                &at,
                Reason::Contradiction,
                "with `credentials`, browsers read `*` as a name; name the headers",
            );
        } else if !is_token(name) {
            findings.wrong(&at, "is not the name of a header");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::objection;

    #[test]
    fn an_origin_is_written_as_browsers_send_it() {
        for origin in [
            "https://app.example",
            "http://localhost:3000",
            "https://*.example.com",
            "https://*.example.com:8443",
            "http://127.0.0.1:8080",
            "https://[::1]:8443",
        ] {
            assert_eq!(objection(origin), None, "{origin}");
        }
        for origin in [
            "",
            "app.example",
            "https://",
            "ftp://app.example",
            "https://app.example/",
            "https://app.example/a",
            "https://App.example",
            "https://app.example:443",
            "http://app.example:80",
            "https://app.example:+1",
            "https://app.example:99999",
            "https://u@app.example",
            "https://*",
            "https://*.com",
            "https://a.*.example.com",
            "https://*a.example.com",
            "https://*.*.example.com",
        ] {
            assert!(objection(origin).is_some(), "{origin}");
        }
    }
}
