//! The paths in a config: each starts at the config file's folder, and some are followed when what they name changes.

use std::path::{Path, PathBuf};

use super::sections::Config;
use crate::ext_authz::DoorTlsConfig;
use crate::issuer::{DatabaseConfig, IssuerConfig, MessagesConfig, WriteMessagesTo};
use crate::proxy::{CertificateConfig, ListenerTlsConfig, UpstreamConfig, UpstreamTlsConfig};
use crate::token::{KeysConfig, TrustedIssuerConfig};

/// Puts `folder` before every relative path.
pub(crate) fn resolve(config: &mut Config, folder: &Path) {
    for path in paths(config) {
        *path = folder.join(&*path);
    }
}

/// Every path that the config holds.
fn paths(config: &mut Config) -> Vec<&mut PathBuf> {
    let mut paths = Vec::new();
    for tls in config.listeners.iter_mut().filter_map(|listener| listener.tls.as_mut()) {
        let ListenerTlsConfig { certificate, key, client_ca, certificates, client_auth: _, min_version: _ } = tls;
        paths.extend([certificate, key].into_iter().chain(client_ca));
        paths.extend(certificates.iter_mut().flat_map(|CertificateConfig { certificate, key }| [certificate, key]));
    }
    for tls in config.ext_authz.iter_mut().flat_map(|doors| {
        let http = doors.http.iter_mut().filter_map(|door| door.tls.as_mut());
        doors.grpc.iter_mut().filter_map(|door| door.tls.as_mut()).chain(http)
    }) {
        let DoorTlsConfig { certificate, key, client_ca } = tls;
        paths.extend([certificate, key].into_iter().chain(client_ca));
    }
    for trusted in config.trusted_issuers.values_mut() {
        if let KeysConfig::File(file) = &mut trusted.keys {
            paths.push(file);
        }
        paths.extend(&mut trusted.fetch.ca);
        paths.extend(&mut trusted.cache_directory);
    }
    for bundle in config.policies.values_mut() {
        paths.push(&mut bundle.directory);
        paths.extend(bundle.candidate.as_mut().map(|candidate| &mut candidate.directory));
    }
    paths.extend(&mut config.telemetry.decisions.file);
    paths.extend(config.telemetry.traces.as_mut().and_then(|traces| traces.ca.as_mut()));
    for tls in config.upstreams.values_mut().filter_map(|upstream| upstream.tls.as_mut()) {
        let UpstreamTlsConfig { server_name: _, ca, certificate, key } = tls;
        paths.extend([ca, certificate, key].into_iter().flatten());
    }
    paths.extend(config.rate_limits.shared.as_mut().and_then(|shared| shared.ca.as_mut()));
    paths.extend(config.identity.assertion.as_mut().and_then(|assertion| assertion.state_directory.as_mut()));
    if let Some(IssuerConfig { database, messages: MessagesConfig { email, write_to, .. }, .. }) = &mut config.issuer {
        paths.extend(match database {
            DatabaseConfig::Sqlite(file) => Some(file),
            DatabaseConfig::Postgres(_) => None,
        });
        paths.extend(email.as_mut().and_then(|email| email.smtp.ca.as_mut()));
        paths.extend(write_to.as_mut().and_then(|to| match to {
            WriteMessagesTo::File(file) => Some(file),
            WriteMessagesTo::Console => None,
        }));
    }
    paths
}

/// The files and folders whose content is part of what the config says, so that a change in them is a change of the config.
pub(crate) fn files_taken_up(config: &Config) -> Vec<&Path> {
    let issuers = config.trusted_issuers.values().flat_map(issuer_files);
    let bundles = config.policies.values().flat_map(|bundle| {
        let candidate = bundle.candidate.as_ref().map(|candidate| candidate.directory.as_path());
        std::iter::once(bundle.directory.as_path()).chain(candidate)
    });
    let upstreams = config.upstreams.values().flat_map(upstream_files);
    issuers.chain(bundles).chain(upstreams).collect()
}

/// The files that a trusted issuer is made from.
#[must_use]
pub fn issuer_files(trusted: &TrustedIssuerConfig) -> Vec<&Path> {
    let keys = match &trusted.keys {
        KeysConfig::File(file) => Some(file.as_path()),
        _ => None,
    };
    keys.into_iter().chain(trusted.fetch.ca.as_deref()).collect()
}

fn upstream_files(upstream: &UpstreamConfig) -> Vec<&Path> {
    let tls = upstream.tls.iter().flat_map(|tls| [&tls.ca, &tls.certificate, &tls.key]);
    tls.filter_map(Option::as_deref).collect()
}
