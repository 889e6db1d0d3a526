//! What a running gate cannot change: it is named, and the changed config waits for a restart as a whole.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::admin::AdminConfig;
use crate::config::{Config, ConfigError, ConfigPath, Loaded};

/// The sections that are taken up while the gate runs. Any other is read at start, so that none is ever half in force.
const LIVE: [&str; 11] = [
    "credentials",
    "dpop",
    "identity",
    "limits",
    "policies",
    "protected_resource",
    "routes",
    "shutdown",
    "trusted_issuers",
    "trusted_proxies",
    "upstreams",
];

/// Refuses a config that differs where only a restart helps. The rest of it is not taken up either: a gate that runs neither
/// the old file nor the new one could not be told from the outside.
///
/// # Errors
/// Every such section, with its place in the changed file.
pub(super) fn check(before: &Loaded, now: &Loaded) -> Result<(), ConfigError> {
    let sections: BTreeSet<_> = before.sections().into_iter().chain(now.sections()).collect();
    let read_at_start = sections.iter().filter(|name| !LIVE.contains(&name.as_str()) && *name != "admin");
    let mut paths: Vec<_> = read_at_start
        .map(|name| ConfigPath::new(name))
        .filter(|section| before.digest(section) != now.digest(section))
        .collect();
    if admin_address(&before.config) != admin_address(&now.config) {
        paths.push(ConfigPath::new("admin").key("address"));
    }
    if paths.is_empty() {
        return Ok(());
    }
    let mistakes = paths.iter().map(|path| {
        let message = format!(
            "`{path}`: a change here needs a restart (or SIGUSR2), and until then nothing of this file is taken up"
        );
        now.mistake(path, "needs-restart", message)
    });
    Err(now.refuse(mistakes.collect()))
}

fn admin_address(config: &Config) -> Option<SocketAddr> {
    match config.admin {
        AdminConfig::At { address, .. } => Some(address),
        AdminConfig::Off => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const PLAIN: &str = "
listeners: [{address: 127.0.0.1:1}]
upstreams: {app: {endpoints: ['127.0.0.1:3']}}
routes: [{name: all, match: {path: '/{*rest}'}, access: public, upstream: app}]
";

    fn named(changed: &str) -> Vec<String> {
        let load = |text: &str| Config::parse(text, Path::new("lychgate.yaml"), &|_| None).unwrap();
        let refused = check(&load(PLAIN), &load(changed));
        let mistakes = refused.as_ref().err().map_or(&[][..], ConfigError::mistakes);
        mistakes.iter().map(|mistake| mistake.message().split(':').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_needs_a_restart_is_named() {
        for (changed, name) in [
            (PLAIN.replace("127.0.0.1:1", "127.0.0.1:2"), "`listeners`"),
            (format!("{PLAIN}threads: 3\n"), "`threads`"),
            (format!("{PLAIN}admin: off\n"), "`admin.address`"),
            (format!("{PLAIN}admin: {{address: '127.0.0.1:9'}}\n"), "`admin.address`"),
            (format!("{PLAIN}telemetry: {{access_log: off}}\n"), "`telemetry`"),
            (format!("{PLAIN}issuer: {{address: '127.0.0.1:8'}}\n"), "`issuer`"),
            (format!("{PLAIN}rate_limits: {{shared: 'redis://127.0.0.1:7'}}\n"), "`rate_limits`"),
        ] {
            assert_eq!(named(&changed), [name], "{changed}");
        }
    }

    #[test]
    fn whatever_else_changes_needs_none() {
        let revocations = "admin: {address: '127.0.0.1:9901', revocations: {token: '0123456789abcdef'}}\n";
        for changed in [
            PLAIN.replace("127.0.0.1:3", "127.0.0.1:4"),
            PLAIN.replace("name: all", "name: every"),
            format!("{PLAIN}limits: {{body: 1MiB}}\ntrusted_proxies: [10.0.0.0/8]\nidentity: {{prefix: x-id-}}\n"),
            format!("{PLAIN}credentials: [{{cookie: session}}]\ntrusted_issuers: {{}}\npolicies: {{}}\n"),
            format!("{PLAIN}dpop: {{nonce: true}}\nshutdown: {{delay: 0s}}\nprotected_resource: true\n"),
            format!("# a word\n{PLAIN}{revocations}"),
        ] {
            assert_eq!(named(&changed), [""; 0], "{changed}");
        }
    }
}
