//! Makes every path in the config start at the config file's folder.

use std::path::{Path, PathBuf};

use super::sections::Config;
use crate::ext_authz::DoorTlsConfig;
use crate::issuer::{DatabaseConfig, IssuerConfig, MessagesConfig, WriteMessagesTo};
use crate::proxy::{ListenerTlsConfig, UpstreamTlsConfig};
use crate::token::KeysConfig;

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
        let ListenerTlsConfig { certificate, key, client_ca } = tls;
        paths.extend([certificate, key].into_iter().chain(client_ca));
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
    for tls in config.upstreams.values_mut().filter_map(|upstream| upstream.tls.as_mut()) {
        let UpstreamTlsConfig { server_name: _, ca, certificate, key } = tls;
        paths.extend([ca, certificate, key].into_iter().flatten());
    }
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
