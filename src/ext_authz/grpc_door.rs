//! A door over HTTP/2 for Envoy: `Check`, and the health of the gate in gRPC's own protocol.

use std::convert::Infallible;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::service::auth::v3::authorization_server::{Authorization, AuthorizationServer};
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tonic::codegen::Service;
use tonic::server::NamedService;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use super::config::ExtAuthzConfig;
use super::decider::{Decider, Door, Gives};
use super::envoy;
use super::prompt::Prompt;
use crate::telemetry::Readiness;

/// How long the client's preface may take, after which pings tell whether somebody is there.
const BEGIN: Duration = Duration::from_secs(10);
/// In octets (RFC 9113 section 3.4).
const PREFACE: usize = 24;
/// How often a connection is asked whether it still lives, and how long the answer may take.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_WITHIN: Duration = Duration::from_secs(20);
/// Questions on one connection at the same time: Envoy has one connection a worker thread.
const MOST_STREAMS: u32 = 10_000;
/// How often health is brought up to date.
const LOOK_EVERY: Duration = Duration::from_millis(250);

const DOOR: Door = Door { name: "envoy", gives: Gives::Both };

type Checks = AuthorizationServer<EnvoyDoor>;

/// A door for Envoy.
pub struct GrpcDoor {
    checks: Checks,
    health: HealthServer<HealthService>,
    reporter: HealthReporter,
}

struct EnvoyDoor(Decider);

#[tonic::async_trait]
impl Authorization for EnvoyDoor {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let point = self.0.point();
        let original = envoy::original_request(request.into_inner());
        let ruling = self.0.decide(DOOR, &point, original).await;
        Ok(Response::new(envoy::answer(&point, &ruling)))
    }
}

impl GrpcDoor {
    /// The door, whose health is unknown until [`GrpcDoor::report_health`] looks.
    #[must_use]
    pub fn new(decider: Decider, config: &ExtAuthzConfig) -> Self {
        let longest = usize::try_from(config.limits.message.as_u64()).unwrap_or(usize::MAX);
        let reporter = HealthReporter::new();
        Self {
            checks: AuthorizationServer::new(EnvoyDoor(decider)).max_decoding_message_size(longest),
            health: HealthServer::new(HealthService::from_health_reporter(reporter.clone())),
            reporter,
        }
    }

    /// Brings the health service up to date until `stop` turns true: it serves where the gate is ready.
    pub async fn report_health(self: Arc<Self>, readiness: Readiness, mut stop: watch::Receiver<bool>) {
        use tonic_health::ServingStatus::{NotServing, Serving};
        loop {
            let status = if readiness.missing().is_empty() { Serving } else { NotServing };
            for service in ["", Checks::NAME] {
                self.reporter.set_service_status(service, status).await;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Serves a connection of a peer that was let in, until it ends or `stop` turns true and the last answer is sent.
    pub async fn serve<S>(self: Arc<Self>, stream: S, mut stop: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let answering = service_fn(move |request| {
            let door = self.clone();
            async move { door.answer(request).await }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_WITHIN)
            .max_concurrent_streams(MOST_STREAMS)
            .serve_connection(TokioIo::new(Prompt::new(stream, PREFACE, BEGIN)), answering);
        let mut connection = pin!(connection);
        let stopping = async {
            let _told = stop.wait_for(|stop| *stop).await;
        };
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = stopping => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a connection of a proxy has failed");
        }
    }

    async fn answer(
        &self,
        request: http::Request<hyper::body::Incoming>,
    ) -> Result<http::Response<tonic::body::Body>, Infallible> {
        let service = request.uri().path().trim_start_matches('/').split('/').next().unwrap_or_default();
        if service == Checks::NAME {
            self.checks.clone().call(request).await
        } else if service == HealthServer::<HealthService>::NAME {
            self.health.clone().call(request).await
        } else {
            Ok(Status::unimplemented("no such service").into_http())
        }
    }
}

impl fmt::Debug for GrpcDoor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("GrpcDoor").finish_non_exhaustive()
    }
}
