//! A door over HTTP/1.1: finds out what is asked by the path, and answers it.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::timeout;

use super::api_gateway::{self, Asked, Event};
use super::config::{ApiGatewayConfig, ExtAuthzConfig, ForwardAuthConfig, HttpDoorConfig};
use super::decider::{Decider, Door, Gives, Ruled, Ruling};
use super::forward_auth::{self, problem, with_request_id};
use super::original_request::bad;
use crate::authorizer::Denial;

/// Where API Gateway's events are taken.
const API_GATEWAY: &str = "/authorizers/api-gateway";
/// API Gateway takes a yes or a no from an authorizer: what the gate would answer itself is a no.
const API_GATEWAY_DOOR: Door = Door { name: "api-gateway", gives: Gives::Decisions };
/// A connection that is kept without a question. Longer than proxies keep theirs, so that none is closed as it is used.
const KEPT: Duration = Duration::from_mins(5);
/// How long it is kept once the gate closes: whoever asks meanwhile is told to make no use of it again.
const LAST_REST: Duration = Duration::from_secs(3);
/// How long an event may take to arrive.
const EVENT: Duration = Duration::from_secs(5);
/// Fields of an asking request beyond those of the original one.
const OF_THE_ASKER: usize = 32;

/// A door for forward-auth, for API Gateway's authorizers and, at all other paths, for what the gate answers itself.
pub struct HttpDoor {
    decider: Decider,
    forward_auth: Vec<ForwardAuthConfig>,
    api_gateway: Option<ApiGatewayConfig>,
    longest_message: usize,
}

impl HttpDoor {
    /// The door that `door` describes.
    #[must_use]
    pub fn new(decider: Decider, door: &HttpDoorConfig, config: &ExtAuthzConfig) -> Self {
        Self {
            decider,
            forward_auth: door.forward_auth.clone(),
            api_gateway: door.api_gateway.then(|| config.api_gateway.clone()),
            longest_message: usize::try_from(config.limits.message.as_u64()).unwrap_or(usize::MAX),
        }
    }

    /// Serves a connection of a peer that was let in, until it ends or `stop` turns true and the last answer is sent.
    pub async fn serve<S>(self: Arc<Self>, stream: S, asker: IpAddr, mut stop: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let sizes = self.decider.point().sizes;
        let head = usize::try_from(sizes.header.as_u64().saturating_add(2 * sizes.target.as_u64()));
        let closing = stop.clone();
        let answering = service_fn(move |request| {
            let (door, closing) = (self.clone(), closing.clone());
            async move {
                let mut answer = door.answer(request, asker).await;
                if *closing.borrow() {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(KEPT)
            .max_headers(sizes.headers.saturating_add(OF_THE_ASKER))
            .max_buf_size(head.unwrap_or(usize::MAX / 2).saturating_add(16 << 10))
            .serve_connection(TokioIo::new(stream), answering);
        let mut connection = pin!(connection);
        let stopping = async {
            drop(stop.wait_for(|stop| *stop).await);
            tokio::time::sleep(LAST_REST).await;
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

    async fn answer(&self, request: Request<Incoming>, asker: IpAddr) -> Response<Body> {
        let path = request.uri().path();
        if let Some(door) = self.forward_auth.iter().find(|door| door.path == path) {
            let (parts, _no_body_is_asked_for) = request.into_parts();
            return forward_auth::answer(&self.decider, door, asker, parts.headers).await;
        }
        match &self.api_gateway {
            Some(config) if path == API_GATEWAY => self.authorize_event(config, request).await,
            _ => forward_auth::answer_itself(&self.decider, asker, request.into_parts().0).await,
        }
    }

    async fn authorize_event(&self, config: &ApiGatewayConfig, request: Request<Incoming>) -> Response<Body> {
        match self.ruling(config, request).await {
            Ok((ruling, asked)) => {
                let answer = api_gateway::answer(&ruling, &asked).to_string();
                let mut response = Response::new(Body::from(answer));
                let fields = response.headers_mut();
                fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                response
            }
            Err(Ruling { outcome: Ruled::Denial(denial), request_id, .. }) => refused(&denial, &request_id),
            Err(ruling) => refused(&Denial::Internal, &ruling.request_id),
        }
    }

    /// Decides about what is sent as an event. An error is a decision about what is no event at all.
    async fn ruling(&self, config: &ApiGatewayConfig, request: Request<Incoming>) -> Result<(Ruling, Asked), Ruling> {
        if request.method() != Method::POST {
            let denial = Denial::MethodNotAllowed { allow: vec![Method::POST.to_string()] };
            return Err(refuse(&self.decider, denial).await);
        }
        match timeout(EVENT, to_bytes(Body::new(request.into_body()), self.longest_message)).await {
            Ok(Ok(event)) => authorize_event(&self.decider, config, &event).await,
            Ok(Err(_)) => Err(refuse(&self.decider, Denial::BodyTooLarge).await),
            Err(_) => Err(refuse(&self.decider, Denial::RequestTimeout).await),
        }
    }
}

fn refused(denial: &Denial, request_id: &str) -> Response<Body> {
    with_request_id(problem(denial, denial.answer(request_id)), request_id)
}

/// Counts and logs what is no event.
async fn refuse(decider: &Decider, denial: Denial) -> Ruling {
    decider.decide(API_GATEWAY_DOOR, &decider.point(), Err(denial)).await
}

/// Decides about an event. An error is a decision about what is no event at all.
pub(super) async fn authorize_event(
    decider: &Decider,
    config: &ApiGatewayConfig,
    event: &[u8],
) -> Result<(Ruling, Asked), Ruling> {
    let Ok(event) = serde_json::from_slice::<Event>(event) else {
        return Err(refuse(decider, bad("the event", "no authorizer event")).await);
    };
    let original = api_gateway::original_request(&event, config);
    let ruling = decider.decide(API_GATEWAY_DOOR, &decider.point(), original).await;
    Ok((ruling, Asked::of(&event, config)))
}

impl fmt::Debug for HttpDoor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HttpDoor").field("forward_auth", &self.forward_auth).finish_non_exhaustive()
    }
}
