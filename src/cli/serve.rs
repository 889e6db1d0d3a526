//! `lychgate serve`: a config, served until told to stop.

use tracing::{info, warn};

use super::args::ConfigArgs;
use super::report::Failure;
use super::run::Verdict;
use crate::config::{Config, Loaded};
use crate::server::ServerError;

pub(super) fn run(args: &ConfigArgs) -> Result<Verdict, Failure> {
    let loaded = Config::load(&args.config).map_err(ServerError::from)?;
    crate::telemetry::start(&loaded.config.telemetry).map_err(ServerError::from)?;
    for warning in loaded.warnings() {
        warn!("{warning}");
    }
    crate::server::serve(&loaded, || announce(&loaded))?;
    Ok(Verdict::Good)
}

fn announce(loaded: &Loaded) {
    for listener in &loaded.config.listeners {
        let scheme = if listener.tls.is_some() { "https" } else { "http" };
        info!(address = %listener.address, scheme, "listening");
    }
    let Some(doors) = &loaded.config.ext_authz else { return };
    for door in &doors.grpc {
        info!(address = %door.address, tls = door.tls.is_some(), "listening for Envoy");
    }
    for door in &doors.http {
        info!(address = %door.address, tls = door.tls.is_some(), "listening for other proxies");
    }
}
