//! From the moment that every door is open to the last word: what each signal does.

use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch};
use tokio::sync::Mutex;
use tracing::{error, info, warn};

use super::drain::Exits;
use super::hand_over::{HandOver, HandOverError, Successor};
use super::heard::{Heard, Told};
use super::supervisor;
use super::take_over::Predecessor;
use crate::config::ShutdownConfig;
use crate::telemetry::Readiness;
use crate::token::Revocations;

/// One gate's life; it is over when [`ShutdownSignalWatch::recv`] gives its signal.
pub(in crate::server) struct Life {
    pub(in crate::server) readiness: Readiness,
    pub(in crate::server) exits: Arc<Exits>,
    pub(in crate::server) heard: Mutex<Heard>,
    /// As the config in force has it.
    pub(in crate::server) shutdown: Box<dyn Fn() -> ShutdownConfig + Send + Sync>,
    /// None where the process cannot be started anew.
    pub(in crate::server) hand_over: Option<HandOver>,
    pub(in crate::server) predecessor: Mutex<Option<Predecessor>>,
    pub(in crate::server) revocations: Revocations,
}

/// How the serving came to its end.
enum Served {
    HandedOver(Successor),
    ToldToStop,
    ToldToEnd,
}

#[async_trait]
impl ShutdownSignalWatch for Life {
    async fn recv(&self) -> ShutdownSignal {
        if let Some(predecessor) = self.predecessor.lock().await.take() {
            predecessor.open(self.revocations.clone()).await;
        }
        supervisor::ready();
        let mut heard = self.heard.lock().await;
        let served = self.serve(&mut heard).await;
        let mut is_told_to_stop = matches!(served, Served::ToldToStop);
        let mut leaving = pin!(self.leave(served));
        loop {
            tokio::select! {
                signal = &mut leaving => return signal,
                told = heard.end() => {
                    if told == Told::End || is_told_to_stop {
                        warn!("told again to stop: what is on its way is cut off");
                        return ShutdownSignal::FastShutdown;
                    }
                    // A service manager tells every process, and one that has handed over for the first time then.
                    is_told_to_stop = true;
                }
            }
        }
    }
}

impl Life {
    async fn serve(&self, heard: &mut Heard) -> Served {
        loop {
            match heard.next().await {
                Told::End => return Served::ToldToEnd,
                Told::Stop => return Served::ToldToStop,
                Told::HandOver => {}
            }
            let Some(hand_over) = &self.hand_over else {
                warn!("SIGUSR2: this process cannot be started anew, and goes on");
                continue;
            };
            match hand_over.run(&self.exits.sockets, (self.shutdown)().hand_over, heard).await {
                Ok(successor) => return Served::HandedOver(successor),
                Err(HandOverError::Told(Told::End)) => return Served::ToldToEnd,
                Err(HandOverError::Told(_)) => return Served::ToldToStop,
                Err(failure) => {
                    let cause = std::error::Error::source(&failure).map(ToString::to_string).unwrap_or_default();
                    error!(cause, "{failure}: nothing was handed over, this process goes on");
                }
            }
        }
    }

    async fn leave(&self, served: Served) -> ShutdownSignal {
        match served {
            Served::HandedOver(successor) => self.leave_to(successor).await,
            Served::ToldToStop => self.retire().await,
            Served::ToldToEnd => return ShutdownSignal::FastShutdown,
        }
        ShutdownSignal::GracefulTerminate
    }

    /// Nobody takes the place: whoever sends requests is to find another gate first.
    async fn retire(&self) {
        let ShutdownConfig { delay, drain, .. } = (self.shutdown)();
        supervisor::stopping();
        self.readiness.drain();
        info!(?delay, ?drain, "told to stop: no longer ready");
        tokio::time::sleep(delay).await;
        self.exits.drain(drain).await;
    }

    /// The new process has every door: nobody has to look for another. The operator's is the first to close, so that none who
    /// asks there is told of a gate that goes.
    async fn leave_to(&self, mut successor: Successor) {
        self.exits.close_operators().await;
        if let Some(hand_over) = &self.hand_over {
            hand_over.tell_revoked(&mut successor).await;
        }
        self.exits.drain((self.shutdown)().drain).await;
    }
}
