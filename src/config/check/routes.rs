//! Routes: what they match, where they lead, and rules that someone can fulfil.

use std::collections::{BTreeSet, HashMap};

use super::cors::check_cors;
use super::findings::Findings;
use super::headers::{check_identity_headers, is_token};
use super::path;
use super::upstreams::is_host_name;
use super::url::objection;
use crate::authorizer::{
    AccessConfig, AccessRules, MatchConfig, NamedResourceConfig, ProtectedResourceConfig, Requirement, RouteConfig,
};
use crate::config::mistake::Reason;
use crate::config::places::ConfigPath;
use crate::config::sections::Config;

pub(crate) fn check_routes(config: &Config, findings: &mut Findings<'_>) {
    let routes = ConfigPath::new("routes");
    if config.routes.is_empty() {
        findings.wrong(&routes, "at least one route is needed");
    }
    let mut seen = HashMap::new();
    for (index, route) in config.routes.iter().enumerate() {
        let at = routes.item(index);
        check_name(&at.key("name"), &route.name, findings);
        if let Some(first) = seen.insert(route.name.as_str(), index) {
            let name = at.key("name");
            let quoted = findings.quote(&name, &route.name);
            findings.add(&name, Reason::DuplicateName, format!("{quoted} is already the name of `routes[{first}]`"));
        }
        check_route(&at, route, config, findings);
    }
}

/// The name stands in policies beside the actions' own names and groups, in metrics and in logs.
fn check_name(path: &ConfigPath, name: &str, findings: &mut Findings<'_>) {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !(1..=128).contains(&name.len()) || !name.bytes().all(fits) {
        findings.wrong(path, "must be 1 to 128 letters, digits, `-`, `_` and `.`");
    }
    if matches!(name, "read" | "write") {
        // `Action::"read"` holds every GET: a policy for the route would open all of them.
        findings.wrong(path, format!("`{name}` is a group of actions in policies; take another name"));
    }
}

fn check_route(at: &ConfigPath, route: &RouteConfig, config: &Config, findings: &mut Findings<'_>) {
    check_match(&at.key("match"), &route.matches, findings);
    if !config.upstreams.contains_key(&route.upstream) {
        findings.unknown_name(&at.key("upstream"), "upstream", &route.upstream, config.upstreams.keys());
    }
    let upstream = config.upstreams.get(&route.upstream);
    if !route.upgrade.is_empty() && upstream.is_some_and(|upstream| upstream.http2) {
        let message =
            format!("a WebSocket is opened over HTTP/1.1; upstream `{}` is spoken to with HTTP/2", route.upstream);
        findings.add(&at.key("upgrade"), Reason::Contradiction, message);
    }
    if let AccessConfig::Rules(rules) = &route.access {
        check_rules(&at.key("access"), rules, config, findings);
    }
    if let Some(cors) = &route.cors {
        check_cors(&at.key("cors"), cors, findings);
    }
    check_protected_resource(at, route, findings);
    if let Some(identity) = &route.identity {
        check_identity_headers(&at.key("identity").key("headers"), &identity.headers, findings);
    }
}

fn check_protected_resource(at: &ConfigPath, route: &RouteConfig, findings: &mut Findings<'_>) {
    let Some(resource) = &route.protected_resource else { return };
    let at = at.key("protected_resource");
    if matches!(route.access, AccessConfig::Public) && !matches!(resource, ProtectedResourceConfig::Off) {
        findings.add(&at, Reason::Contradiction, "a public route asks for no token");
    }
    check_resource(&at, resource, findings);
}

/// Checks the general `protected_resource`, or that of a route.
pub(crate) fn check_resource(at: &ConfigPath, resource: &ProtectedResourceConfig, findings: &mut Findings<'_>) {
    let ProtectedResourceConfig::Named(NamedResourceConfig { resource, name: _, documentation }) = resource else {
        return;
    };
    // RFC 9728 section 1.2: https, no fragment, and a query is better left out.
    let bad =
        objection(resource, false).or(resource.contains(['?', '"', '\\', ' ']).then_some("must not carry a query"));
    findings.object(&at.key("resource"), resource, bad);
    if let Some(url) = documentation {
        findings.object(&at.key("documentation"), url, objection(url, true));
    }
}

fn check_match(at: &ConfigPath, matches: &MatchConfig, findings: &mut Findings<'_>) {
    let MatchConfig { hosts, path, methods } = matches;
    findings.not_written_empty(&at.key("hosts"), hosts, "any host");
    for (index, host) in hosts.iter().enumerate() {
        check_host(&at.key("hosts").item(index), host, findings);
    }
    if let Some(objection) = path::objection(path) {
        let at = at.key("path");
        let quoted = findings.quote(&at, path);
        findings.wrong(&at, format!("{quoted} {objection}"));
    }
    findings.not_written_empty(&at.key("methods"), methods, "the usual methods");
    for (index, method) in methods.iter().enumerate() {
        check_method(&at.key("methods").item(index), method, findings);
    }
}

fn check_host(path: &ConfigPath, host: &str, findings: &mut Findings<'_>) {
    let quoted = findings.quote(path, host);
    let name = host.strip_prefix("*.").unwrap_or(host);
    if host.contains("://") || host.contains('/') {
        findings.wrong(path, format!("{quoted} must be a host name alone, without scheme and path"));
    } else if name.contains('*') {
        findings.wrong(path, format!("{quoted}: `*` stands only at the front, as in `*.example.org`"));
    } else if name.contains(':') && !name.starts_with('[') {
        findings.wrong(path, format!("{quoted}: a route matches on any port; leave the port out"));
    } else if !is_host_name(name) && !is_bracketed_address(name) {
        findings.wrong(path, format!("{quoted} is not a host name"));
    } else if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        findings.wrong(path, format!("{quoted} must be written in lower case"));
    }
}

fn is_bracketed_address(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inner.is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok())
}

pub(crate) fn check_method(path: &ConfigPath, method: &str, findings: &mut Findings<'_>) {
    let upper = method.to_ascii_uppercase();
    if !is_token(method) {
        findings.wrong(path, "is not a method");
    } else if matches!(upper.as_str(), "TRACE" | "CONNECT") {
        findings.wrong(path, format!("{upper} is never let through"));
    } else if method != upper {
        // Methods are case-sensitive (RFC 9110 section 9.1).
        findings.wrong(path, "must be written in upper case");
    }
}

fn check_rules(at: &ConfigPath, rules: &AccessRules, config: &Config, findings: &mut Findings<'_>) {
    if config.trusted_issuers.is_empty() {
        let message =
            "no token can be valid, for there are no `trusted_issuers`; write `access: public` where anyone may pass";
        findings.add(at, Reason::Contradiction, message);
    }
    findings.not_written_empty(&at.key("issuers"), &rules.issuers, "every trusted issuer");
    for (index, issuer) in rules.issuers.iter().enumerate() {
        if !config.trusted_issuers.contains_key(issuer) {
            let path = at.key("issuers").item(index);
            findings.unknown_name(&path, "trusted issuer", issuer, config.trusted_issuers.keys());
        }
    }
    check_opaque(at, rules, config, findings);
    if let Some(policy) = rules.policy.as_ref().filter(|policy| !config.policies.contains_key(*policy)) {
        findings.unknown_name(&at.key("policy"), "policy bundle", policy, config.policies.keys());
    }
    if let Some(scopes) = &rules.scopes {
        each_required(&at.key("scopes"), scopes, findings, check_scope);
    }
    if let Some(groups) = &rules.groups {
        let reaching = issuers_that_reach(rules, config);
        each_required(&at.key("groups"), groups, findings, |path, group, findings| {
            check_group(path, group, &reaching, findings);
        });
    }
    check_optional(at, rules, findings);
}

/// An opaque token does not tell whose it is: were two asked, each would be shown the other's.
fn check_opaque(at: &ConfigPath, rules: &AccessRules, config: &Config, findings: &mut Findings<'_>) {
    let introspects = |name: &&str| config.trusted_issuers.get(*name).is_some_and(|one| one.introspection().is_some());
    let reaching: Vec<_> = issuers_that_reach(rules, config).into_iter().filter(introspects).collect();
    if reaching.len() > 1 {
        let names = reaching.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
        let message =
            format!("{names} introspect opaque tokens, which do not tell whose they are; name one in `issuers`");
        findings.add(&at.key("issuers"), Reason::Contradiction, message);
    }
}

/// Nobody is anonymous and in a group: such a rule would either shut out everyone whom `optional` lets in, or be skipped for them.
fn check_optional(at: &ConfigPath, rules: &AccessRules, findings: &mut Findings<'_>) {
    if rules.optional && (rules.scopes.is_some() || rules.groups.is_some()) {
        let message = "an anonymous caller holds no scope and is in no group; \
                       leave `scopes` and `groups` out and let a policy decide, or leave `optional` out";
        findings.add(&at.key("optional"), Reason::Contradiction, message);
    }
}

fn issuers_that_reach<'c>(rules: &'c AccessRules, config: &'c Config) -> Vec<&'c str> {
    if rules.issuers.is_empty() {
        return config.trusted_issuers.keys().map(String::as_str).collect();
    }
    let named: BTreeSet<&str> = rules.issuers.iter().map(String::as_str).collect();
    named.into_iter().collect()
}

fn each_required(
    path: &ConfigPath,
    requirement: &Requirement,
    findings: &mut Findings<'_>,
    mut check: impl FnMut(&ConfigPath, &str, &mut Findings<'_>),
) {
    let (key, names) = match requirement {
        Requirement::Any(names) => ("any", names),
        Requirement::All(names) => ("all", names),
    };
    let path = path.key(key);
    if names.is_empty() {
        findings.wrong(&path, "must name at least one");
    }
    for (index, name) in names.iter().enumerate() {
        check(&path.item(index), name, findings);
    }
}

/// A scope token of RFC 6749 section 3.3.
pub(crate) fn check_scope(path: &ConfigPath, scope: &str, findings: &mut Findings<'_>) {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    if scope.is_empty() || !scope.bytes().all(fits) {
        findings.wrong(path, "a scope is visible ASCII without blanks, `\"` and backslash");
    }
}

/// A bare group name would let any issuer that reaches the route put its users into the group.
fn check_group(path: &ConfigPath, group: &str, reaching: &[&str], findings: &mut Findings<'_>) {
    let quoted = findings.quote(path, group);
    match group.split_once('|') {
        Some((issuer, _)) if !reaching.contains(&issuer) => {
            let message = format!("what stands before `|` in {quoted} is no issuer whose tokens reach this route");
            findings.add(path, Reason::UnknownName, format!("{message}: {}", prefixes(reaching)));
        }
        None if reaching.len() > 1 => {
            let message = format!("several issuers reach this route, so {quoted} must say whose group it is");
            findings.add(path, Reason::Contradiction, format!("{message}: {}", prefixes(reaching)));
        }
        Some((_, "")) | None if group.is_empty() || group.ends_with('|') => findings.wrong(path, "must name a group"),
        _ => {}
    }
}

fn prefixes(issuers: &[&str]) -> String {
    issuers.iter().map(|issuer| format!("`{issuer}|…`")).collect::<Vec<_>>().join(" or ")
}
