//! The signals that a gate listens to.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end the gate, or have it hand over. From the moment that this is made, they are heard and kept until someone
/// waits for them.
pub(in crate::server) struct Heard {
    terminate: Signal,
    interrupt: Signal,
    hand_over: Signal,
}

/// What the gate is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// SIGTERM: stop, and fail nobody.
    Stop,
    /// SIGINT: end at once.
    End,
    /// SIGUSR2: start the binary anew, and leave everything to it.
    HandOver,
}

impl Heard {
    /// Begins to listen, on the runtime that it is called in.
    ///
    /// # Errors
    /// What the system said; a gate that cannot be told to stop must not run.
    pub(in crate::server) fn begin() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hand_over: signal(SignalKind::user_defined2())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::End,
            _ = self.terminate.recv() => Told::Stop,
            _ = self.hand_over.recv() => Told::HandOver,
        }
    }

    /// The next one that ends the gate.
    pub(super) async fn end(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::End,
            _ = self.terminate.recv() => Told::Stop,
        }
    }
}

/// The signal that asks for a reload. From the moment that this is made it no longer ends the process.
///
/// # Errors
/// What the system said.
pub(in crate::server) fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}
