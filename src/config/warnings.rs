//! What does not stop the gate, but may not be meant: more is open than it looks.

use std::collections::HashSet;
use std::net::SocketAddr;

use secrecy::ExposeSecret;

use super::check::is_loopback;
use super::mistake::{Mistake, Reason};
use super::places::{ConfigPath, Places};
use super::sections::Config;
use crate::admin::AdminConfig;
use crate::authorizer::AccessConfig;
use crate::token::{CredentialConfig, KeysConfig, TrustedIssuerConfig};

/// All warnings about `config`.
pub(crate) fn warnings(config: &Config, places: &Places) -> Vec<Mistake> {
    let mut warnings = Warnings { places, all: Vec::new() };
    warnings.open_sockets(config);
    warnings.insecure_keys(config);
    warnings.counts_in_clear(config);
    warnings.traces_in_clear(config);
    warnings.tokens_in_queries(&config.credentials);
    warnings.unused_bundles(config);
    warnings.all
}

struct Warnings<'a> {
    places: &'a Places,
    all: Vec<Mistake>,
}

impl Warnings<'_> {
    fn add(&mut self, path: &ConfigPath, reason: Reason, message: &str) {
        let message = format!("`{path}`: {message}");
        self.all.push(Mistake { code: reason.code(), place: self.places.of(path), message, help: None });
    }

    fn open_sockets(&mut self, config: &Config) {
        for (index, listener) in config.listeners.iter().enumerate() {
            if listener.tls.is_none() && is_open(listener.address) {
                let path = ConfigPath::new("listeners").item(index).key("address");
                self.add(&path, Reason::Exposed, "without `tls`, tokens come in clear from outside this machine");
            }
        }
        self.open_doors(config);
        if let AdminConfig::At { address, explain: true, .. } = config.admin
            && is_open(address)
        {
            let path = ConfigPath::new("admin").key("explain");
            let message = "anyone who reaches this door from outside this machine can ask who may do what, and why not";
            self.add(&path, Reason::Exposed, message);
        }
        if let AdminConfig::At { address, .. } = config.admin
            && is_open(address)
        {
            let path = ConfigPath::new("admin").key("address");
            self.add(
                &path,
                Reason::Exposed,
                "metrics and status can be read from outside this machine by anyone who reaches it",
            );
        }
        if let Some(issuer) = &config.issuer
            && is_open(issuer.address)
            && !issuer.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
        {
            let path = ConfigPath::new("issuer").key("address");
            self.add(
                &path,
                Reason::Exposed,
                "passwords come in clear from outside this machine, unless TLS ends before it",
            );
        }
    }

    fn open_doors(&mut self, config: &Config) {
        let Some(doors) = &config.ext_authz else { return };
        let at = |kind: &str, index| ConfigPath::new("ext_authz").key(kind).item(index).key("address");
        let grpc = doors.grpc.iter().enumerate();
        let grpc = grpc.map(|(index, door)| (at("grpc", index), door.address, door.tls.is_none()));
        let http = doors.http.iter().enumerate();
        let http = http.map(|(index, door)| (at("http", index), door.address, door.tls.is_none()));
        for (path, _, _) in grpc.chain(http).filter(|(_, address, is_clear)| *is_clear && is_open(*address)) {
            self.add(&path, Reason::Exposed, "without `tls`, tokens come in clear from outside this machine");
        }
    }

    fn insecure_keys(&mut self, config: &Config) {
        for (name, trusted) in &config.trusted_issuers {
            if keys_over_http(trusted) {
                let path = ConfigPath::new("trusted_issuers").key(name).key("allow_insecure");
                let message = match trusted.introspection() {
                    None => "keys come over plain http: whoever is on the way can put in keys of their own",
                    Some(_) => "tokens go over plain http: whoever is on the way can use them, and say what they are",
                };
                self.add(&path, Reason::Exposed, message);
            }
        }
    }

    fn counts_in_clear(&mut self, config: &Config) {
        let Some(shared) = &config.rate_limits.shared else { return };
        let uri = shared.url.expose_secret().parse::<http::Uri>().ok();
        let is_clear = |uri: &http::Uri| {
            let by_tls = matches!(uri.scheme_str(), Some("rediss" | "valkeys"));
            !by_tls && !uri.host().is_some_and(is_loopback)
        };
        if uri.as_ref().is_some_and(is_clear) {
            let path = ConfigPath::new("rate_limits").key("shared");
            let message = "without TLS, whoever is on the way reads the password and can free callers of their limits";
            self.add(&path, Reason::Exposed, message);
        }
    }

    fn traces_in_clear(&mut self, config: &Config) {
        let Some(traces) = config.telemetry.traces.as_ref().filter(|traces| !traces.headers.is_empty()) else { return };
        let uri = traces.otlp.parse::<http::Uri>().ok();
        if uri.is_some_and(|uri| uri.scheme_str() == Some("http") && !uri.host().is_some_and(is_loopback)) {
            let path = ConfigPath::new("telemetry").key("traces").key("otlp");
            let message = "over plain http, whoever is on the way reads what `headers` hold";
            self.add(&path, Reason::Exposed, message);
        }
    }

    fn tokens_in_queries(&mut self, credentials: &[CredentialConfig]) {
        for (index, credential) in credentials.iter().enumerate() {
            if matches!(credential, CredentialConfig::Query(_)) {
                let path = ConfigPath::new("credentials").item(index);
                self.add(
                    &path,
                    Reason::Exposed,
                    "a token in the URL ends up in logs and histories (RFC 6750 section 5.3)",
                );
            }
        }
    }

    fn unused_bundles(&mut self, config: &Config) {
        let used: HashSet<&String> = config
            .routes
            .iter()
            .filter_map(|route| match &route.access {
                AccessConfig::Rules(rules) => rules.policy.as_ref(),
                AccessConfig::Public => None,
            })
            .collect();
        for name in config.policies.keys().filter(|name| !used.contains(name)) {
            self.add(
                &ConfigPath::new("policies").key(name),
                Reason::Unused,
                "no route names this bundle, so it decides nothing",
            );
        }
    }
}

fn is_open(address: SocketAddr) -> bool {
    !address.ip().is_loopback()
}

fn keys_over_http(trusted: &TrustedIssuerConfig) -> bool {
    let trusted = trusted.of_some_tenant();
    let url = match &trusted.keys {
        KeysConfig::Discovery => &trusted.issuer,
        KeysConfig::JwksUri(url) => url,
        KeysConfig::Introspection(introspection) => &introspection.endpoint,
        KeysConfig::File(_) | KeysConfig::Inline(_) | KeysConfig::Pool(_) => return false,
    };
    let host = url.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    url.starts_with("http://") && !host.is_some_and(|host| is_loopback(&host))
}
