//! Hangs the doors and keeps them open until told to stop.

use std::collections::BTreeMap;
use std::future::IntoFuture;
use std::io::stdout;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::rand;
use pingora::server::{RunArgs, Server};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::error;

use super::build::{Ground, House, build};
use super::doors::{DoorFrame, DoorSockets};
use super::error::ServerError;
use super::explain::explainer;
use super::listen::Listeners;
use super::status::status;
use super::stop::{Heard, Signals};
use crate::admin::{AdminConfig, AdminState, Messages, Revocable, RevocationsConfig, RevocationsDoor};
use crate::config::Loaded;
use crate::ext_authz::{Decider, ExtAuthzConfig};
use crate::issuer::{Issuer, Recorder};
use crate::proxy::{Gateway, Snapshot};
use crate::telemetry::{AccessLog, AuditLog, DecisionLog, Metrics, Readiness};
use crate::token::{Issuers, KeyStore};

const BACKGROUND_THREADS: usize = 2;

type KeyStores = BTreeMap<Arc<str>, Arc<KeyStore>>;

/// Serves until SIGTERM or SIGINT. `opened` is called once, when every door is open.
///
/// # Errors
/// [`ServerError`] where a room could not be built or a door not be hung.
pub fn serve(loaded: &Loaded, opened: impl FnOnce()) -> Result<(), ServerError> {
    let mut ground = Ground::new()?;
    let (telemetry, salt) = (&loaded.config.telemetry, salt()?);
    ground.decisions = DecisionLog::start(telemetry, salt, &ground.metrics)?;
    let runtime = background()?;
    let house = runtime.block_on(build(loaded, &ground))?;
    ground.metrics.bundle_revisions(house.revisions());
    let log = AccessLog::start(telemetry, salt, &ground.metrics, Box::new(stdout()))?;
    let audit = AuditLog::start(telemetry, salt, &ground.metrics, Box::new(stdout()))?;
    let telling = house.issuer.as_ref().map(|issuer| issuer.recorder(audit.clone(), ground.metrics.identity()));
    let (recorder, writing) = telling.unzip();
    let writing = writing.map(|lines| runtime.spawn(lines.run()));
    let (stop, stopped) = watch::channel(false);
    let doors = Doors { loaded, ground: &ground, runtime: &runtime, stopped, recorder };
    let in_flight = Arc::new(AtomicUsize::new(0));
    // Before any door opens: whoever sees one open may tell us to stop.
    let heard = runtime.block_on(async { Heard::begin() }).map_err(ServerError::Signals)?;
    let (server, readiness) = doors.hang(house, log.clone(), &in_flight)?;
    // Only the issuer's door holds a recorder now: when it has closed, the last line is written.
    drop(doors);
    opened();
    // pingora's own runtimes serve the proxy; this thread waits for the signal inside.
    server.run(RunArgs { shutdown_signal: Box::new(Signals { readiness, in_flight, heard: heard.into() }) });
    stop.send_replace(true);
    if let Some(writing) = writing {
        // Late or not, what remains is written below.
        let _ = runtime.block_on(async { timeout(Duration::from_secs(2), writing).await });
    }
    runtime.shutdown_timeout(Duration::from_secs(5));
    if !log.close(Duration::from_secs(5)) || !audit.close(Duration::from_secs(5)) {
        error!("the last lines of the access log or the audit log could not be written in time");
    }
    if !ground.decisions.close(Duration::from_secs(5)) {
        error!("the last lines of the decision log could not be written in time");
    }
    Ok(())
}

/// The threads of everything that is not on a request's way.
pub(super) fn background() -> Result<Runtime, ServerError> {
    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(BACKGROUND_THREADS)
        .thread_name("background")
        .enable_all()
        .build();
    threads.map_err(ServerError::Threads)
}

/// Reads the messages of an issuer in development.
fn messages_of(issuer: Issuer) -> Messages {
    Arc::new(move || {
        let issuer = issuer.clone();
        Box::pin(async move { issuer.messages().await.ok().flatten() })
    })
}

/// Without randomness subjects could be guessed from the log: then there is no gate.
pub(super) fn salt() -> Result<[u8; 32], ServerError> {
    let mut salt = [0; 32];
    rand::fill(&mut salt).map_err(|_| ServerError::Randomness)?;
    Ok(salt)
}

struct Doors<'a> {
    loaded: &'a Loaded,
    ground: &'a Ground,
    runtime: &'a Runtime,
    stopped: watch::Receiver<bool>,
    /// There is one where there is an embedded issuer.
    recorder: Option<Recorder>,
}

impl Doors<'_> {
    fn hang(
        &self,
        house: House,
        log: AccessLog,
        in_flight: &Arc<AtomicUsize>,
    ) -> Result<(Server, Readiness), ServerError> {
        let config = &self.loaded.config;
        let readiness = self.keep_keys_fresh(&house.keys);
        for upstream in house.snapshot.upstreams.values() {
            upstream.tend(self.runtime.handle());
        }
        let status = status(&house, self.ground);
        self.count_when_scraped(house.keys.clone(), house.issuers.clone(), house.count_cache);
        for refresher in house.refreshers {
            self.runtime.spawn(refresher.run(self.stopped.clone()));
        }
        if let AdminConfig::At { address, revocations, explain } = &config.admin {
            let point = house.snapshot.point.clone();
            let state = AdminState {
                metrics: self.ground.metrics.clone(),
                readiness: readiness.clone(),
                status: Arc::new(status),
                revocations: revocations.as_ref().map(|settings| self.revocations_door(settings, house.issuers)),
                messages: house.issuer.clone().filter(Issuer::is_for_development).map(messages_of),
                explain: explain.then(|| explainer(move || point.clone())),
            };
            self.open(*address, "the operator's door", crate::admin::router(state))?;
        }
        if let (Some(issuer), Some(settings), Some(recorder)) = (&house.issuer, &config.issuer, &self.recorder) {
            self.open(settings.address, "the embedded issuer", issuer.router(recorder.clone()))?;
            self.runtime.spawn(issuer.clone().follow(self.ground.metrics.identity(), self.stopped.clone()));
        }
        let current = Arc::new(ArcSwap::from_pointee(house.snapshot));
        let gateway = Gateway::new(current.clone(), log.clone(), self.ground.clock.clone(), in_flight.clone());
        let mut server = Listeners {
            loaded: self.loaded,
            runtime: self.runtime,
            stopped: self.stopped.clone(),
            metrics: &self.ground.metrics,
        }
        .hang(gateway)?;
        if let Some(ext_authz) = &config.ext_authz {
            server.add_service(self.doors_for_proxies(ext_authz, current, log, in_flight, &readiness)?);
        }
        Ok((server, readiness))
    }

    /// The doors at which other proxies ask; they decide by what the gate itself decides by at that moment.
    fn doors_for_proxies(
        &self,
        config: &ExtAuthzConfig,
        current: Arc<ArcSwap<Snapshot>>,
        log: AccessLog,
        in_flight: &Arc<AtomicUsize>,
        readiness: &Readiness,
    ) -> Result<DoorSockets, ServerError> {
        let Ground { clock, metrics, .. } = self.ground;
        let current = Arc::new(move || current.load().point.clone());
        let decider = Decider::new(current, log, clock.clone(), in_flight.clone(), metrics.checks());
        let frame = DoorFrame {
            loaded: self.loaded,
            runtime: self.runtime,
            stopped: self.stopped.clone(),
            clock: clock.clone(),
            readiness: readiness.clone(),
        };
        frame.open(config, &decider)
    }

    /// A revocation that does not say how long it matters does so for as long as the issuer's tokens can be, or a day.
    fn revocations_door(&self, settings: &RevocationsConfig, issuers: Arc<Issuers>) -> RevocationsDoor {
        const DAY: u64 = 24 * 60 * 60;
        let clock = self.ground.clock.clone();
        let revocable = move |text: &str| {
            let (issuer, max_age) = issuers.meant_by(text)?;
            Some(Revocable { issuer, until: clock.unix_seconds().saturating_add(max_age.unwrap_or(DAY)) })
        };
        RevocationsDoor {
            token: settings.token.clone(),
            revocations: self.ground.revocations.clone(),
            issuers: Arc::new(revocable),
        }
    }

    /// Gauges are read from where their truth is, whenever somebody looks.
    fn count_when_scraped(&self, stores: KeyStores, issuers: Arc<Issuers>, count_cache: Box<dyn Fn() + Send + Sync>) {
        let (revocations, upstreams) = (self.ground.revocations.clone(), self.ground.upstreams.clone());
        self.ground.metrics.before_scrape(move |metrics| {
            count_cache();
            metrics.revocations(revocations.len());
            upstreams.report();
            for (name, store) in &stores {
                let status = store.status();
                let of_issuer = metrics.issuer(name);
                of_issuer.keys(status.keys);
                of_issuer.keys_age(Duration::from_secs(status.age.unwrap_or_default()));
            }
            count_tenants(metrics, &issuers);
        });
    }

    /// Readiness waits for each issuer's keys once; afterwards stale keys serve, and the issuer alone answers 503.
    fn keep_keys_fresh(&self, stores: &KeyStores) -> Readiness {
        let readiness = Readiness::awaiting(stores.keys().map(|name| format!("keys:{name}")));
        for (name, store) in stores.clone() {
            let readiness = readiness.clone();
            self.runtime.spawn(async move {
                store.available().await;
                readiness.met(&format!("keys:{name}"));
            });
        }
        readiness
    }

    fn open(&self, address: SocketAddr, door: &'static str, router: axum::Router) -> Result<(), ServerError> {
        let listener = self.runtime.block_on(TcpListener::bind(address));
        let listener = listener.map_err(|source| ServerError::Listen { address, door, source })?;
        let mut stopped = self.stopped.clone();
        let until = async move {
            let _stopped = stopped.wait_for(|stopped| *stopped).await;
        };
        self.runtime.spawn(async move {
            let serving = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
                .with_graceful_shutdown(until)
                .into_future();
            if let Err(error) = serving.await {
                error!(%error, door, "a door has closed");
            }
        });
        Ok(())
    }
}

/// Of many tenants under one name: all keys together, and the age of the oldest.
fn count_tenants(metrics: &Metrics, issuers: &Issuers) {
    let tenants = issuers.tenant_keys();
    for name in issuers.names_with_tenants() {
        let of_name = || tenants.iter().filter(|tenant| tenant.name == name).map(|tenant| tenant.keys.status());
        let of_issuer = metrics.issuer(&name);
        of_issuer.tenants(of_name().count());
        of_issuer.keys(of_name().map(|status| status.keys).sum());
        of_issuer.keys_age(Duration::from_secs(of_name().filter_map(|status| status.age).max().unwrap_or_default()));
    }
}
