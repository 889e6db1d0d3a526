//! How long a stream may say nothing: longer than an answer may take to begin.

use std::time::{Duration, Instant};

use http::HeaderMap;
use http::header::ACCEPT;
use pingora::protocols::http::ServerSession;

use super::grpc::is_grpc;
use super::right::is_of_events;
use crate::proxy::config::TimeoutsConfig;
use crate::proxy::wire::Line;

/// How long the upstream of a request may keep silent: of one that asks for a stream for as long as a stream may. There is one bound
/// for all that is read of an answer, so what the answer turns out to be comes too late.
///
/// A call is a conversation from its first byte on. What else may become a stream still has to begin like any other answer; where
/// a body goes before it, the upload counts as life.
pub(in crate::proxy) fn patience(
    session: &mut ServerSession,
    line: &Line,
    upgrades: bool,
    timeouts: &TimeoutsConfig,
) -> Duration {
    let is_call = is_grpc(session.req_header());
    if !is_call && !upgrades && !asks_for_events(&session.req_header().headers) {
        return timeouts.read;
    }
    if !is_call && (upgrades || session.is_body_done()) {
        line.expect_answer(Instant::now() + timeouts.read);
    }
    timeouts.stream_idle
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
