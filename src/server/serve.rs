//! Hangs the doors and keeps them open until told to stop.

use std::io::stdout;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::middleware::map_response;
use axum::response::Response;
use pingora::server::{RunArgs, Server};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{error, warn};

use super::build::{Ground, build};
use super::doors::{DoorFrame, DoorSockets};
use super::error::ServerError;
use super::explain::explainer;
use super::lifetime::{Exits, Greeting, HandOver, Heard, Inherited, Life, Predecessor, Sockets, hangups};
use super::listen::Listeners;
use super::own_doors::OwnDoor;
use super::reload::{Attempts, InForce, Reloader};
use super::status::status;
use crate::admin::{AdminConfig, AdminState, Messages, Revocable, RevocationsDoor};
use crate::authorizer::Evaluation;
use crate::config::Loaded;
use crate::ext_authz::{Decider, ExtAuthzConfig};
use crate::issuer::{Issuer, Recorder};
use crate::proxy::Gateway;
use crate::telemetry::{AccessLog, AuditLog, DecisionLog};

const BACKGROUND_THREADS: usize = 2;

/// Serves until SIGTERM or SIGINT, or until another process has taken over. `evaluation` says how bundles are asked; `inherited`
/// is what the process was started with, or none where it could not be started anew; `opened` is called once, when every door is
/// open.
///
/// # Errors
/// [`ServerError`] where a room could not be built or a door not be hung.
pub fn serve(
    loaded: &Loaded,
    evaluation: Evaluation,
    inherited: Option<Inherited>,
    opened: impl FnOnce(),
) -> Result<(), ServerError> {
    let mut ground = Ground::new()?;
    let (telemetry, salt) = (&loaded.config.telemetry, salt()?);
    ground.evaluation = evaluation;
    ground.decisions = DecisionLog::start(telemetry, salt, &ground.metrics)?;
    let counting = ground.count_together(&loaded.config)?;
    let exporting = ground.record_traces(&loaded.config)?;
    let runtime = background()?;
    let (exits, hand_over, mut predecessor) = begin(inherited, &mut ground, &runtime)?;
    let house = runtime.block_on(build(loaded, &ground))?;
    let log = AccessLog::start(telemetry, salt, &ground.metrics, Box::new(stdout()))?;
    let audit = AuditLog::start(telemetry, salt, &ground.metrics, Box::new(stdout()))?;
    let telling = house.issuer.as_ref().map(|issuer| issuer.recorder(audit.clone(), ground.metrics.identity()));
    let (recorder, writing) = telling.unzip();
    let writing = writing.map(|lines| runtime.spawn(lines.run()));
    let (stop, stopped) = watch::channel(false);
    counting.map(|task| runtime.spawn(task.run(stopped.clone())));
    exporting.map(|export| runtime.spawn(export.run()));
    // Before any door opens: whoever sees one open may send a signal.
    let heard = runtime.block_on(async { Heard::begin() }).map_err(ServerError::Signals)?;
    let hangups = runtime.block_on(async { hangups() }).map_err(ServerError::Signals)?;
    let attempts = Arc::new(Attempts::none(loaded, ground.clock.clone(), ground.metrics.clone()));
    let in_force = InForce::begin(house, &ground.metrics, runtime.handle());
    let reloader = Reloader::new(loaded.clone(), ground.clone(), in_force.clone(), attempts.clone());
    let readiness = in_force.readiness().clone();
    if let Some(predecessor) = &mut predecessor {
        runtime.block_on(predecessor.ready(&readiness, &ground.revocations));
    }
    let doors = Doors {
        loaded,
        ground: &ground,
        runtime: &runtime,
        stopped: stopped.clone(),
        recorder,
        in_force: in_force.clone(),
        attempts,
        exits: &exits,
    };
    let server = doors.hang(log.clone())?;
    // Only the issuer's door holds a recorder now: when it has closed, the last line is written.
    drop(doors);
    runtime.spawn(reloader.run(hangups, stopped));
    opened();
    // pingora's own runtimes serve the proxy; this thread waits for the signal inside.
    let life = Life {
        readiness,
        exits,
        heard: heard.into(),
        shutdown: Box::new(move || in_force.house().shutdown),
        hand_over,
        predecessor: predecessor.into(),
        revocations: ground.revocations.clone(),
    };
    server.run(RunArgs { shutdown_signal: Box::new(life) });
    stop.send_replace(true);
    if let Some(writing) = writing {
        // Late or not, what remains is written below.
        let _ = runtime.block_on(async { timeout(Duration::from_secs(2), writing).await });
    }
    if !runtime.block_on(ground.traces.close(Duration::from_secs(5))) {
        error!("the last traces could not be told in time");
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

/// The ways out, the one to a new process if there is any, and the process whose place this one takes.
type Passages = (Arc<Exits>, Option<HandOver>, Option<Predecessor>);

/// Takes over what the process was started with, and gets ready to hand it over one day.
fn begin(inherited: Option<Inherited>, ground: &mut Ground, runtime: &Runtime) -> Result<Passages, ServerError> {
    let can_be_started_anew = inherited.is_some();
    let Inherited { listeners, predecessor: line } = inherited.unwrap_or_default();
    let met = line.and_then(|line| runtime.block_on(Predecessor::meet(line)));
    let predecessor = met.map(|(predecessor, greeting)| {
        ground.nonce_secret = greeting.nonce_secret;
        predecessor
    });
    let greeting = Greeting { nonce_secret: ground.nonce_secret };
    let hand_over = can_be_started_anew.then(|| HandOver::prepare(greeting, ground.revocations.clone()));
    let hand_over = hand_over.transpose().map_err(ServerError::Program)?;
    Ok((Arc::new(Exits::of(Sockets::inheriting(listeners))), hand_over, predecessor))
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
    in_force: Arc<InForce>,
    attempts: Arc<Attempts>,
    exits: &'a Exits,
}

impl Doors<'_> {
    fn hang(&self, log: AccessLog) -> Result<Server, ServerError> {
        let config = &self.loaded.config;
        self.count_when_scraped();
        let house = self.in_force.house();
        if let (Some(issuer), Some(settings), Some(recorder)) = (&house.issuer, &config.issuer, &self.recorder) {
            let router = told_to_close(issuer.router(recorder.clone()), self.exits.hinges().closing.clone());
            let closes = self.exits.hinges().closing.clone();
            let serving = self.open(settings.address, "the embedded issuer", router, (closes, LAST_REST))?;
            self.exits.serving.blocking_lock().push(serving);
            self.runtime.spawn(issuer.clone().follow(self.ground.metrics.identity(), self.stopped.clone()));
        }
        let current = self.in_force.snapshot().clone();
        let hinges = self.exits.hinges();
        let (in_flight, stopping) = (hinges.in_flight.clone(), hinges.stopping.clone());
        let gateway = Gateway::new(current, log.clone(), self.ground.clock.clone(), in_flight, stopping);
        let mut server = Listeners {
            loaded: self.loaded,
            runtime: self.runtime,
            stopped: self.stopped.clone(),
            metrics: &self.ground.metrics,
            sockets: &self.exits.sockets,
            hinges,
        }
        .hang(gateway)?;
        if let Some(ext_authz) = &config.ext_authz {
            server.add_service(self.doors_for_proxies(ext_authz, log)?);
        }
        // The last of all: who reads here that the gate is ready may ask at every other door.
        if let AdminConfig::At { address, .. } = &config.admin {
            let router = crate::admin::router(self.admin_state());
            let closes = hinges.operators_closing.clone();
            let serving = self.open(*address, "the operator's door", router, (closes, Duration::ZERO))?;
            self.exits.operators.blocking_lock().replace(serving);
        }
        for address in self.exits.sockets.close_unclaimed() {
            warn!(%address, "a socket that was open when the gate started is of none of its doors, and was closed");
        }
        Ok(server)
    }

    /// The doors at which other proxies ask; they decide by what the gate itself decides by at that moment.
    fn doors_for_proxies(&self, config: &ExtAuthzConfig, log: AccessLog) -> Result<DoorSockets, ServerError> {
        let Ground { clock, metrics, .. } = self.ground;
        let in_force = self.in_force.snapshot().clone();
        let current = Arc::new(move || in_force.load().point.clone());
        let hinges = self.exits.hinges();
        let decider = Decider::new(current, log, clock.clone(), hinges.in_flight.clone(), metrics.checks());
        let frame = DoorFrame {
            loaded: self.loaded,
            runtime: self.runtime,
            stopped: self.stopped.clone(),
            clock: clock.clone(),
            readiness: self.in_force.readiness().clone(),
            sockets: &self.exits.sockets,
            hinges,
        };
        frame.open(config, &decider)
    }

    fn admin_state(&self) -> AdminState {
        let in_force = self.in_force.clone();
        let point = move || in_force.house().snapshot.point.clone();
        let (in_force, explain) = (self.in_force.clone(), explainer(point));
        let explains = move || matches!(in_force.house().admin, AdminConfig::At { explain: true, .. });
        AdminState {
            metrics: self.ground.metrics.clone(),
            readiness: self.in_force.readiness().clone(),
            status: Arc::new(status(
                self.in_force.clone(),
                self.attempts.clone(),
                self.ground,
                self.runtime.handle().clone(),
            )),
            revocations: Arc::new(self.revocations_door()),
            messages: self.in_force.house().issuer.clone().filter(Issuer::is_for_development).map(messages_of),
            explain: Arc::new(move || explains().then(|| explain.clone())),
        }
    }

    /// A revocation that does not say how long it matters does so for as long as the issuer's tokens can be, or a day.
    fn revocations_door(&self) -> impl Fn() -> Option<RevocationsDoor> + Send + Sync + 'static {
        const DAY: u64 = 24 * 60 * 60;
        let (clock, revocations) = (self.ground.clock.clone(), self.ground.revocations.clone());
        let in_force = self.in_force.clone();
        move || {
            let house = in_force.house();
            let AdminConfig::At { revocations: Some(settings), .. } = &house.admin else { return None };
            let (clock, issuers) = (clock.clone(), house.issuers.clone());
            let revocable = move |text: &str| {
                let (issuer, max_age) = issuers.meant_by(text)?;
                Some(Revocable { issuer, until: clock.unix_seconds().saturating_add(max_age.unwrap_or(DAY)) })
            };
            let (token, revocations) = (settings.token.clone(), revocations.clone());
            Some(RevocationsDoor { token, revocations, issuers: Arc::new(revocable) })
        }
    }

    /// Gauges are read from where their truth is, whenever somebody looks.
    fn count_when_scraped(&self) {
        let (revocations, upstreams) = (self.ground.revocations.clone(), self.ground.upstreams.clone());
        let in_force = self.in_force.clone();
        self.ground.metrics.before_scrape(move |metrics| {
            metrics.revocations(revocations.len());
            upstreams.report();
            in_force.count();
        });
    }

    /// Serves a door until it closes, and then what is on its way there; connections without a request are kept for `rest`.
    fn open(
        &self,
        address: SocketAddr,
        door: &'static str,
        router: Router,
        (mut closes, rest): (watch::Receiver<bool>, Duration),
    ) -> Result<JoinHandle<()>, ServerError> {
        let _within = self.runtime.enter();
        let listener = self.exits.sockets.listen(address, self.runtime.handle()).and_then(TcpListener::from_std);
        let listener = listener.map_err(|source| ServerError::Listen { address, door, source })?;
        let own = OwnDoor::new(router, self.loaded.config.limits.connections_per_ip, rest);
        let ending = async move {
            let _told = closes.wait_for(|closes| *closes).await;
        };
        Ok(self.runtime.spawn(own.serve(listener, ending)))
    }
}

/// How long connections without a request are kept at a door that closes.
const LAST_REST: Duration = Duration::from_secs(3);

/// Tells whoever asks while the door closes to make no use of the connection again.
fn told_to_close(router: Router, closing: watch::Receiver<bool>) -> Router {
    router.layer(map_response(move |mut response: Response| {
        let closes = *closing.borrow();
        async move {
            if closes {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        }
    }))
}
