//! How long a stream may say nothing: longer than an answer may take to begin.

use std::time::Instant;

use http::HeaderMap;
use http::header::ACCEPT;
use pingora::proxy::Session;
use pingora::upstreams::peer::HttpPeer;

use super::grpc::is_grpc;
use super::right::is_of_events;
use crate::proxy::config::TimeoutsConfig;
use crate::proxy::wire::Line;

/// Has the upstream of a request that asks for a stream keep silent for as long as a stream may. pingora takes one bound for all
/// that is read of an answer, so what the answer turns out to be comes too late.
///
/// A call is a conversation from its first byte on. What else may become a stream still has to begin like any other answer; where
/// a body goes before it, the upload counts as life.
pub(in crate::proxy) fn be_patient(
    peer: &mut HttpPeer,
    session: &mut Session,
    line: &Line,
    upgrades: bool,
    timeouts: &TimeoutsConfig,
) {
    let is_call = is_grpc(session.req_header());
    if !is_call && !upgrades && !asks_for_events(&session.req_header().headers) {
        return;
    }
    peer.options.read_timeout = Some(timeouts.stream_idle);
    if !is_call && (upgrades || session.is_body_done()) {
        line.expect_answer(Instant::now() + timeouts.read);
    }
}

/// Whether the client says that it reads events: `text/event-stream` by name.
fn asks_for_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(is_of_events)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn who_reads_events_says_so_by_name() {
        let asks = |accept: &[&'static str]| {
            asks_for_events(&accept.iter().map(|value| (ACCEPT, HeaderValue::from_static(value))).collect())
        };
        for accept in
            [&["text/event-stream"][..], &["application/json, Text/Event-Stream; q=0.5"], &["a/b", "text/event-stream"]]
        {
            assert!(asks(accept), "{accept:?}");
        }
        for accept in [&[][..], &["*/*"], &["text/*"], &["text/event-streams"], &["application/json"]] {
            assert!(!asks(accept), "{accept:?}");
        }
    }
}
