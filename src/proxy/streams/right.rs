//! The right by which a stream goes on: the token that opened it, asked again now and then.
//!
//! An answer that is over within a moment pays for none of this. What is of a streaming kind is watched from its head on, any
//! other from the first of its bytes that passes later than that moment; between them no byte passes without the question.

use std::time::Duration;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use pingora::http::ResponseHeader;
use pingora::{Error, ErrorType};

use super::grpc::has_grpc_type;
use crate::authorizer::{Denial, Permit};
use crate::proxy::context::RequestContext;
use crate::proxy::stopping::Stopping;
use crate::proxy::wire::Ended;

/// For this long after its first byte a request goes on with the decision that it began with.
const MOMENT: Duration = Duration::from_secs(1);

/// Watches an answer of a kind that may never end.
pub(in crate::proxy) fn watch_if_it_streams(
    answer: &ResponseHeader,
    context: &mut RequestContext,
    stopping: &Stopping,
) {
    if is_event_stream(&answer.headers) || has_grpc_type(&answer.headers) {
        watch(context, stopping);
    }
}

/// Lets bytes pass, in either direction, while the right holds.
pub(in crate::proxy) fn let_pass(context: &mut RequestContext, stopping: &Stopping) -> pingora::Result<()> {
    if context.watched || context.started.elapsed() < MOMENT {
        return Ok(());
    }
    watch(context, stopping);
    let right = context.permit.as_ref().and_then(Permit::right);
    let lost = right.and_then(|right| context.snapshot.point.authorizer.still_holds(right).err());
    lost.map_or(Ok(()), |denial| {
        let cause = std::io::Error::other(Ended(denial));
        Err(Error::because(ErrorType::new("RightLost"), "the token holds no longer", cause))
    })
}

/// From now on the request ends within a second after its token has, and at the gate's last call.
pub(in crate::proxy) fn watch(context: &mut RequestContext, stopping: &Stopping) {
    context.watched = true;
    let right = context.permit.as_ref().and_then(Permit::right).cloned();
    let (point, stopping) = (context.snapshot.point.clone(), stopping.clone());
    context.line.watch(Box::new(move || {
        if stopping.is_last_call() {
            return Err(Denial::Stopping);
        }
        right.as_ref().map_or(Ok(()), |right| point.authorizer.still_holds(right))
    }));
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(is_of_events)
}

/// Whether a media type, with whatever parameters, is that of event streams.
pub(super) fn is_of_events(kind: &str) -> bool {
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
}
