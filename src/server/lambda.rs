//! Serves the runtime API of AWS Lambda instead of sockets.

use std::io::stdout;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{info, warn};

use super::build::{Ground, House, build};
use super::error::ServerError;
use super::serve::{background, salt};
use crate::config::Loaded;
use crate::ext_authz::{Decider, LambdaError, RuntimeApi};
use crate::telemetry::AccessLog;

/// How long the first event may wait for keys: Lambda gives the whole start ten seconds.
const KEYS: Duration = Duration::from_secs(8);
const LAST_LINES: Duration = Duration::from_secs(1);

/// Answers authorizer events until the environment ends. `runtime_api` is the value of `AWS_LAMBDA_RUNTIME_API`.
///
/// # Errors
/// [`ServerError`] where a room could not be built, which Lambda is told too, or where the runtime API is gone.
pub fn serve_lambda(loaded: &Loaded, runtime_api: &str) -> Result<(), ServerError> {
    let mut ground = Ground::new()?;
    let counting = ground.count_together(&loaded.config)?;
    let runtime = background()?;
    let api = RuntimeApi::new(runtime_api).map_err(ServerError::Lambda)?;
    let house = match runtime.block_on(build(loaded, &ground)) {
        Ok(house) => house,
        Err(error) => {
            // What is wrong is told to whoever reads the function's log too.
            runtime.block_on(api.fail(&error.to_string())).map_err(ServerError::Lambda)?;
            return Err(error);
        }
    };
    let log = AccessLog::start(&loaded.config.telemetry, salt()?, &ground.metrics, Box::new(stdout()))?;
    let (_stop, stopped) = watch::channel(false);
    counting.map(|task| runtime.spawn(task.run(stopped)));
    let served = runtime.block_on(serve(loaded, &ground, house, &api, log.clone()));
    runtime.shutdown_timeout(LAST_LINES);
    let _written = log.close(LAST_LINES);
    served.map_err(ServerError::Lambda)
}

async fn serve(
    loaded: &Loaded,
    ground: &Ground,
    house: House,
    api: &RuntimeApi,
    log: AccessLog,
) -> Result<(), LambdaError> {
    for task in house.refreshers {
        tokio::spawn(task.run());
    }
    let stores: Vec<_> = house.keys.into_values().collect();
    let all_keys = async {
        for store in &stores {
            store.available().await;
        }
    };
    if timeout(KEYS, all_keys).await.is_err() {
        warn!("some keys are not there yet: tokens of their issuers are refused until they are");
    }
    let point = house.snapshot.point.clone();
    let in_flight = Arc::new(AtomicUsize::new(0));
    let current = Arc::new(move || point.clone());
    let decider = Decider::new(current, log, ground.clock.clone(), in_flight, ground.metrics.checks());
    let config = loaded.config.ext_authz.clone().unwrap_or_default().api_gateway;
    info!("taking events from the runtime API");
    tokio::select! {
        served = api.serve(&decider, &config) => served,
        () = told_to_stop() => Ok(()),
    }
}

/// Lambda says SIGTERM where an extension is there, and nothing otherwise.
async fn told_to_stop() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}
