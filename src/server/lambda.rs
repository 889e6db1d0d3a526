//! Serves the runtime API of AWS Lambda instead of sockets.

use std::io::stdout;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{info, warn};

use super::build::{Ground, House, build};
use super::error::ServerError;
use super::mistakes::mistakes;
use super::serve::{background, salt};
use crate::authorizer::SharedCountsTask;
use crate::clock::Clock;
use crate::config::{Config, Loaded};
use crate::ext_authz::{Decider, LambdaError, RuntimeApi};
use crate::telemetry::{AccessLog, DecisionLog, TraceExport};

/// How long the first event may wait for keys: Lambda gives the whole start ten seconds.
const KEYS: Duration = Duration::from_secs(8);
const LAST_LINES: Duration = Duration::from_secs(1);

/// All that answers events.
struct Function {
    loaded: Loaded,
    ground: Ground,
    house: House,
    log: AccessLog,
    counting: Option<SharedCountsTask>,
    exporting: Option<TraceExport>,
}

/// Answers authorizer events by the config at this path until the environment ends. `runtime_api` is the value of
/// `AWS_LAMBDA_RUNTIME_API`.
///
/// # Errors
/// [`ServerError`] where the config has mistakes or a room could not be built, which Lambda is told too, or where the runtime
/// API is gone.
pub fn serve_lambda(config: &Path, runtime_api: &str) -> Result<(), ServerError> {
    let runtime = background()?;
    let api = RuntimeApi::new(runtime_api, Clock::system()).map_err(ServerError::Lambda)?;
    let function = open(config, &runtime).inspect_err(|error| {
        // What is wrong is said by whoever called, whether or not Lambda hears of it.
        if let Err(untold) = runtime.block_on(api.fail(&reason(error))) {
            warn!(error = %untold, "Lambda could not be told that the start failed");
        }
    })?;
    let (log, decisions) = (function.log.clone(), function.ground.decisions.clone());
    let traces = function.ground.traces.clone();
    let served = runtime.block_on(serve(function, &api));
    if !runtime.block_on(traces.close(LAST_LINES)) {
        warn!("the last traces could not be told in time");
    }
    runtime.shutdown_timeout(LAST_LINES);
    let _written = (log.close(LAST_LINES), decisions.close(LAST_LINES));
    served.map_err(ServerError::Lambda)
}

fn open(config: &Path, runtime: &Runtime) -> Result<Function, ServerError> {
    let loaded = Config::load(config)?;
    crate::telemetry::start(&loaded.config.telemetry)?;
    let (mut ground, telemetry, salt) = (Ground::new()?, &loaded.config.telemetry, salt()?);
    ground.decisions = DecisionLog::start(telemetry, salt, &ground.metrics)?;
    let counting = ground.count_together(&loaded.config)?;
    let exporting = ground.record_traces(&loaded.config)?;
    let house = runtime.block_on(build(&loaded, &ground))?;
    let log = AccessLog::start(telemetry, salt, &ground.metrics, Box::new(stdout()))?;
    Ok(Function { loaded, ground, house, log, counting, exporting })
}

/// Every mistake with its place, in one line.
fn reason(error: &ServerError) -> String {
    let told = mistakes(error).into_iter().map(|mistake| {
        let text = |name: &str| mistake.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |name: &str| mistake.get(name).and_then(Value::as_u64);
        match (number("line"), number("column")) {
            (Some(line), Some(column)) => format!("{}:{line}:{column}: {}", text("file"), text("message")),
            _ => text("message"),
        }
    });
    told.collect::<Vec<_>>().join("; ")
}

async fn serve(function: Function, api: &RuntimeApi) -> Result<(), LambdaError> {
    let Function { loaded, ground, house, log, counting, exporting } = function;
    let (_stop, stopped) = watch::channel(false);
    counting.map(|task| tokio::spawn(task.run(stopped)));
    exporting.map(|export| tokio::spawn(export.run()));
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
