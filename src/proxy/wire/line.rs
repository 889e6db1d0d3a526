//! What the gateway tells the wire about one request on its way: that raw bytes may pass, how patient to be, when its answer is
//! due, and by what right its stream goes on.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::authorizer::Denial;

/// How often a stream's right is asked for again.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Says that a stream may go on, or why not.
type StillHolds = Box<dyn Fn() -> Result<(), Denial> + Send + Sync>;

/// The error by which the wire ends a request, with what the client would have been told.
#[derive(Debug, thiserror::Error)]
#[error("ended by the gate: {}", .0.code())]
pub(in crate::proxy) struct Ended(pub(in crate::proxy) Denial);

/// What holds for one request.
#[derive(Default)]
pub(in crate::proxy) struct Line {
    tunnel: AtomicBool,
    unhurried: AtomicBool,
    right: OnceLock<StillHolds>,
    answer_by: OnceLock<Instant>,
    answered: AtomicBool,
    whole: AtomicBool,
    last: AtomicBool,
}

impl Line {
    /// From now on the connection's bytes are another protocol's, and pass as they come.
    pub(in crate::proxy) fn open_tunnel(&self) {
        self.tunnel.store(true, Ordering::Release);
    }

    pub(super) fn is_tunnel(&self) -> bool {
        self.tunnel.load(Ordering::Acquire)
    }

    /// The body may take its time: it is one half of a conversation.
    pub(in crate::proxy) fn take_time(&self) {
        self.unhurried.store(true, Ordering::Release);
    }

    pub(super) fn is_hurried(&self) -> bool {
        !self.unhurried.load(Ordering::Acquire)
    }

    /// The answer is to begin by then, or the request ends as one whose upstream took too long.
    pub(in crate::proxy) fn expect_answer(&self, by: std::time::Instant) {
        // The first one stands: further tries do not make a client wait for longer.
        let _already_expected = self.answer_by.set(by.into());
    }

    /// The answer has begun.
    pub(in crate::proxy) fn answered(&self) {
        self.answered.store(true, Ordering::Release);
    }

    /// The client was given all of its answer.
    pub(super) fn answer_is_whole(&self) {
        self.whole.store(true, Ordering::Release);
    }

    /// Whether it was, so that nothing that happens later changes what the client has.
    pub(in crate::proxy) fn has_whole_answer(&self) -> bool {
        self.whole.load(Ordering::Acquire)
    }

    /// The connection ends with the answer to this request.
    pub(in crate::proxy) fn end_connection(&self) {
        self.last.store(true, Ordering::Release);
    }

    pub(in crate::proxy) fn ends_connection(&self) -> bool {
        self.last.load(Ordering::Acquire)
    }

    fn awaits_answer(&self) -> Option<Instant> {
        self.answer_by.get().copied().filter(|_| !self.answered.load(Ordering::Acquire))
    }

    /// From now on the request goes on for as long as this says so.
    pub(in crate::proxy) fn watch(&self, right: StillHolds) {
        // The first one stands: a request has one right.
        let _already_watched = self.right.set(right);
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Line").field("tunnel", &self.tunnel).finish_non_exhaustive()
    }
}

/// Asks for the right of one request, now and then, and for its answer in time; nothing where nobody watches.
#[derive(Debug, Default)]
pub(super) struct Watch {
    look: Option<Pin<Box<Sleep>>>,
    late: Option<Pin<Box<Sleep>>>,
}

impl Watch {
    /// Ready once the right is lost, or the answer late.
    pub(super) fn poll_lost(&mut self, line: &Line, context: &mut Context<'_>) -> Poll<Ended> {
        if let Some(by) = line.awaits_answer() {
            let timer = self.late.get_or_insert_with(|| Box::pin(sleep_until(by)));
            if timer.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ended(Denial::UpstreamTimeout));
            }
        }
        let Some(right) = line.right.get() else { return Poll::Pending };
        let timer = self.look.get_or_insert_with(|| Box::pin(sleep(LOOK_EVERY)));
        loop {
            ready!(timer.as_mut().poll(context));
            if let Err(denial) = right() {
                return Poll::Ready(Ended(denial));
            }
            timer.as_mut().reset(Instant::now() + LOOK_EVERY);
        }
    }
}
