//! `lychgate serve`: a config, served until told to stop.

use tracing::{info, warn};

use super::args::ServeArgs;
use super::report::Failure;
use super::run::Verdict;
use crate::authorizer::Evaluation;
use crate::config::{Config, Loaded};
use crate::server::{Inherited, ServerError};

pub(super) fn run(args: &ServeArgs) -> Result<Verdict, Failure> {
    // Before there is a second thread.
    let inherited = Inherited::take();
    let loaded = Config::load(&args.file.config).map_err(ServerError::from)?;
    crate::telemetry::start(&loaded.config.telemetry).map_err(ServerError::from)?;
    for warning in loaded.warnings() {
        warn!("{warning}");
    }
    let evaluation = if args.evaluate_all { Evaluation::All } else { Evaluation::Selected };
    if args.evaluate_all {
        info!("every policy is evaluated for each decision, for comparison");
    }
    crate::server::serve(&loaded, evaluation, Some(inherited), || announce(&loaded))?;
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
