//! Takes up a changed config: on SIGHUP, or when a file that it is read from has changed.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio::task::block_in_place;

use super::attempts::{Attempts, Cause};
use super::eyes::Eyes;
use super::in_force::InForce;
use super::restart;
use crate::config::{Config, Digest, Loaded, contents_of};
use crate::server::build::{Earlier, Ground, build_beside};
use crate::server::error::ServerError;

/// Takes up changed configs, one after the other.
pub(in crate::server) struct Reloader {
    /// The config in force.
    loaded: Loaded,
    ground: Ground,
    in_force: Arc<InForce>,
    attempts: Arc<Attempts>,
    /// What is watched: all that the last config was read from which could be read at all.
    reads: Vec<PathBuf>,
    /// What was there when it was last tried to take it up.
    seen: Digest,
}

impl Reloader {
    /// Follows the files of `loaded`, which is the config in force.
    pub(in crate::server) fn new(
        loaded: Loaded,
        ground: Ground,
        in_force: Arc<InForce>,
        attempts: Arc<Attempts>,
    ) -> Self {
        let reads = loaded.reads();
        let seen = contents_of(reads.iter().map(PathBuf::as_path));
        Self { loaded, ground, in_force, attempts, reads, seen }
    }

    /// Takes up whatever changes until `stop` turns true.
    pub(in crate::server) async fn run(mut self, mut hangup: Signal, mut stop: watch::Receiver<bool>) {
        let mut eyes = Eyes::open();
        eyes.look_at(&self.reads);
        loop {
            let cause = tokio::select! {
                _ = hangup.recv() => Cause::Signal,
                () = eyes.changed() => Cause::Files,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            // Before anything is read: what changes from here on is seen again.
            eyes.look_at(&self.reads);
            let now = block_in_place(|| self.contents());
            if cause == Cause::Files && now == self.seen {
                continue;
            }
            self.seen = now;
            self.take_up(cause).await;
            eyes.look_at(&self.reads);
        }
    }

    async fn take_up(&mut self, cause: Cause) {
        let loaded = match block_in_place(|| Config::load(self.loaded.file())) {
            Ok(loaded) => loaded,
            Err(error) => return self.attempts.failed(cause, None, &error.into()),
        };
        let reads = loaded.reads();
        if reads != self.reads {
            self.reads = reads;
            self.seen = block_in_place(|| self.contents());
        }
        match self.replace(&loaded).await {
            Ok(()) => {
                self.attempts.succeeded(cause, &loaded);
                self.loaded = loaded;
            }
            Err(error) => self.attempts.failed(cause, Some(&loaded.revision()), &error),
        }
    }

    async fn replace(&self, loaded: &Loaded) -> Result<(), ServerError> {
        loaded.check()?;
        restart::check(&self.loaded, loaded)?;
        let house = self.in_force.house();
        let earlier = Earlier { loaded: &self.loaded, house: &house };
        self.in_force.building();
        match build_beside(loaded, &self.ground, &earlier).await {
            Ok(house) => {
                self.in_force.replace(house).await;
                Ok(())
            }
            Err(error) => {
                self.in_force.keep();
                Err(error)
            }
        }
    }

    fn contents(&self) -> Digest {
        contents_of(self.reads.iter().map(PathBuf::as_path))
    }
}
