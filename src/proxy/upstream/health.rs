//! Active health checks: asks each endpoint again and again, by the peer that requests use.

use std::sync::{Arc, Weak};

use http::header::{HOST, USER_AGENT};
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::protocols::http::client::HttpSession;
use pingora::time::timeout;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::endpoint::Endpoint;
use super::service::{Upstream, about};
use crate::proxy::config::HealthConfig;

/// How long the HTTP/2 connection of a check is kept for the next one: its streams cannot be closed otherwise.
const KEPT: std::time::Duration = std::time::Duration::from_secs(1);

/// Checks every endpoint again and again, for as long as anyone has the upstream.
pub(super) async fn check_health(upstream: Weak<Upstream>, config: HealthConfig) {
    let (connector, config) = (Arc::new(Connector::new(None)), Arc::new(config));
    loop {
        let Some(checked) = upstream.upgrade() else { return };
        let mut checks = JoinSet::new();
        for endpoint in checked.endpoints() {
            let (connector, config) = (connector.clone(), config.clone());
            let host = checked.parts.health_host(&endpoint.configured).to_owned();
            checks.spawn(async move {
                let good = timeout(config.timeout, is_good(&connector, &endpoint, &host, &config)).await;
                (endpoint, matches!(good, Ok(Ok(true))))
            });
        }
        while let Some(done) = checks.join_next().await {
            let Ok((endpoint, good)) = done else { continue };
            if endpoint.health.checked(good, &config) {
                say(checked.name(), &endpoint, good);
            }
        }
        drop(checked);
        tokio::time::sleep(about(config.every)).await;
    }
}

fn say(upstream: &str, endpoint: &Endpoint, good: bool) {
    let endpoint = &endpoint.label;
    if good {
        info!(upstream, endpoint, "an endpoint is healthy again");
    } else {
        warn!(upstream, endpoint, "an endpoint is not healthy, and gets no requests");
    }
}

/// Asks once.
async fn is_good(
    connector: &Connector,
    endpoint: &Endpoint,
    host: &str,
    config: &HealthConfig,
) -> pingora::Result<bool> {
    let mut peer = endpoint.peer.clone();
    // The time for all of it bounds each part.
    for part in [&mut peer.options.connection_timeout, &mut peer.options.total_connection_timeout] {
        *part = Some(config.timeout);
    }
    let (mut session, _) = connector.get_http_session(&peer).await?;
    let mut request = RequestHeader::build("GET", config.path.as_bytes(), None)?;
    request.insert_header(HOST, host)?;
    request.insert_header(USER_AGENT, concat!("lychgate-health/", env!("CARGO_PKG_VERSION")))?;
    session.write_request_header(Box::new(request)).await?;
    session.finish_request_body().await?;
    session.read_response_header().await?;
    let status = session.response_header().map(|response| response.status);
    if matches!(session, HttpSession::H2(_)) {
        connector.release_http_session(session, &peer, Some(KEPT)).await;
    } else {
        session.shutdown().await;
    }
    Ok(status.is_some_and(|status| match config.expect.as_slice() {
        [] => status.is_success(),
        expected => expected.contains(&status.as_u16()),
    }))
}
