//! Hangs the doors and keeps them open until told to stop.

use std::future::IntoFuture;
use std::io::stdout;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use aws_lc_rs::rand;
use pingora::server::{RunArgs, Server};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tracing::error;

use super::build::{Ground, build};
use super::error::ServerError;
use super::listen::Listeners;
use super::reload::{Attempts, InForce, Reloader};
use super::status::status;
use super::stop::{Heard, Signals, hangups};
use crate::admin::{AdminConfig, AdminState, Revocable, RevocationsDoor};
use crate::config::Loaded;
use crate::proxy::Gateway;
use crate::telemetry::AccessLog;

const BACKGROUND_THREADS: usize = 2;

/// Serves until SIGTERM or SIGINT. `opened` is called once, when every door is open.
///
/// # Errors
/// [`ServerError`] where a room could not be built or a door not be hung.
pub fn serve(loaded: &Loaded, opened: impl FnOnce()) -> Result<(), ServerError> {
    let ground = Ground::new()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(BACKGROUND_THREADS)
        .thread_name("background")
        .enable_all()
        .build()
        .map_err(ServerError::Threads)?;
    let house = runtime.block_on(build(loaded, &ground))?;
    let log = AccessLog::start(&loaded.config.telemetry, salt()?, &ground.metrics, Box::new(stdout()))?;
    let (stop, stopped) = watch::channel(false);
    let in_flight = Arc::new(AtomicUsize::new(0));
    // Before any door opens: whoever sees one open may send a signal.
    let within = runtime.enter();
    let (heard, hangup) = Heard::begin().and_then(|heard| Ok((heard, hangups()?))).map_err(ServerError::Signals)?;
    drop(within);
    let attempts = Arc::new(Attempts::none(loaded, ground.clock.clone(), ground.metrics.clone()));
    let in_force = InForce::begin(house, &ground.metrics, runtime.handle());
    let doors = Doors { loaded, ground: &ground, runtime: &runtime, stopped: stopped.clone(), in_force, attempts };
    let server = doors.hang(log.clone(), &in_flight)?;
    let Doors { in_force, attempts, .. } = doors;
    let readiness = in_force.readiness().clone();
    runtime.spawn(Reloader::new(loaded.clone(), ground.clone(), in_force, attempts).run(hangup, stopped));
    opened();
    // pingora's own runtimes serve the proxy; this thread waits for the signal inside.
    server.run(RunArgs { shutdown_signal: Box::new(Signals { readiness, in_flight, heard: heard.into() }) });
    stop.send_replace(true);
    runtime.shutdown_timeout(Duration::from_secs(5));
    if !log.close(Duration::from_secs(5)) {
        error!("the last lines of the access log could not be written in time");
    }
    Ok(())
}

/// Without randomness subjects could be guessed from the log: then there is no gate.
fn salt() -> Result<[u8; 32], ServerError> {
    let mut salt = [0; 32];
    rand::fill(&mut salt).map_err(|_| ServerError::Randomness)?;
    Ok(salt)
}

struct Doors<'a> {
    loaded: &'a Loaded,
    ground: &'a Ground,
    runtime: &'a Runtime,
    stopped: watch::Receiver<bool>,
    in_force: Arc<InForce>,
    attempts: Arc<Attempts>,
}

impl Doors<'_> {
    fn hang(&self, log: AccessLog, in_flight: &Arc<AtomicUsize>) -> Result<Server, ServerError> {
        let config = &self.loaded.config;
        self.count_when_scraped();
        if let AdminConfig::At { address, .. } = &config.admin {
            self.open(*address, "the operator's door", crate::admin::router(self.admin_state()))?;
        }
        if let (Some(issuer), Some(settings)) = (&self.in_force.house().issuer, &config.issuer) {
            self.open(settings.address, "the embedded issuer", issuer.router())?;
        }
        let current = self.in_force.snapshot().clone();
        let gateway = Gateway::new(current, log, self.ground.clock.clone(), in_flight.clone());
        Listeners {
            loaded: self.loaded,
            runtime: self.runtime,
            stopped: self.stopped.clone(),
            metrics: &self.ground.metrics,
        }
        .hang(gateway)
    }

    fn admin_state(&self) -> AdminState {
        let (clock, background) = (self.ground.clock.clone(), self.runtime.handle().clone());
        AdminState {
            metrics: self.ground.metrics.clone(),
            readiness: self.in_force.readiness().clone(),
            status: Arc::new(status(self.in_force.clone(), self.attempts.clone(), clock, background)),
            revocations: Arc::new(self.revocations_door()),
        }
    }

    /// A revocation that does not say how long it matters does so for as long as the issuer's tokens can be, or a day.
    fn revocations_door(&self) -> impl Fn() -> Option<RevocationsDoor> + Send + Sync + 'static {
        const DAY: u64 = 24 * 60 * 60;
        let (clock, revocations) = (self.ground.clock.clone(), self.ground.revocations.clone());
        let in_force = self.in_force.clone();
        move || {
            let house = in_force.house();
            let (clock, issuers) = (clock.clone(), house.issuers.clone());
            let revocable = move |text: &str| {
                let (issuer, max_age) = issuers.meant_by(text)?;
                Some(Revocable { issuer, until: clock.unix_seconds().saturating_add(max_age.unwrap_or(DAY)) })
            };
            let token = house.revocations.as_ref()?.token.clone();
            Some(RevocationsDoor { token, revocations: revocations.clone(), issuers: Arc::new(revocable) })
        }
    }

    /// Gauges are read from where their truth is, whenever somebody looks.
    fn count_when_scraped(&self) {
        let (revocations, in_force) = (self.ground.revocations.clone(), self.in_force.clone());
        self.ground.metrics.before_scrape(move |metrics| {
            metrics.revocations(revocations.len());
            in_force.count();
        });
    }

    fn open(&self, address: SocketAddr, door: &'static str, router: axum::Router) -> Result<(), ServerError> {
        let listener = self.runtime.block_on(TcpListener::bind(address));
        let listener = listener.map_err(|source| ServerError::Listen { address, door, source })?;
        let mut stopped = self.stopped.clone();
        let until = async move {
            let _stopped = stopped.wait_for(|stopped| *stopped).await;
        };
        self.runtime.spawn(async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(until).into_future();
            if let Err(error) = serving.await {
                error!(%error, door, "a door has closed");
            }
        });
        Ok(())
    }
}
