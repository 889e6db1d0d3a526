//! What became of each attempt to take up a changed config, for `/status`, the metrics and the log.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::config::Loaded;
use crate::server::error::ServerError;
use crate::server::mistakes::mistakes;
use crate::telemetry::{Metrics, ReloadResult};

/// Why a config was looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// SIGHUP.
    Signal,
    /// A file that it is read from has changed.
    Files,
}

/// The attempts so far.
pub(in crate::server) struct Attempts {
    clock: Clock,
    metrics: Metrics,
    told: Mutex<Told>,
}

struct Told {
    file: String,
    revision: String,
    /// Unix seconds.
    since: u64,
    succeeded: u64,
    failed: u64,
    last: Option<Value>,
}

impl Cause {
    fn name(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Files => "files",
        }
    }
}

impl Attempts {
    /// None yet: the first config is in force from now on.
    pub(in crate::server) fn none(loaded: &Loaded, clock: Clock, metrics: Metrics) -> Self {
        let told = Told {
            file: loaded.file().display().to_string(),
            revision: loaded.revision(),
            since: clock.unix_seconds(),
            succeeded: 0,
            failed: 0,
            last: None,
        };
        Self { clock, metrics, told: Mutex::new(told) }
    }

    /// The changed config is in force.
    pub(super) fn succeeded(&self, cause: Cause, loaded: &Loaded) {
        let (revision, now) = (loaded.revision(), self.clock.unix_seconds());
        self.metrics.reloaded(ReloadResult::Success);
        let mut told = self.told();
        told.last = Some(json!({ "at": now, "cause": cause.name(), "result": "success", "revision": revision }));
        (told.revision, told.since) = (revision.clone(), now);
        told.succeeded += 1;
        drop(told);
        for warning in loaded.warnings() {
            warn!("{warning}");
        }
        info!(cause = cause.name(), revision, "the changed config is in force");
    }

    /// The changed config was refused; `revision` is its, where it could be read.
    pub(super) fn failed(&self, cause: Cause, revision: Option<&str>, failure: &ServerError) {
        let mistakes = mistakes(failure);
        self.metrics.reloaded(ReloadResult::Failure);
        let mut told = self.told();
        told.failed += 1;
        told.last = Some(json!({
            "at": self.clock.unix_seconds(),
            "cause": cause.name(),
            "result": "failure",
            "revision": revision,
            "mistakes": mistakes,
        }));
        drop(told);
        for mistake in &mistakes {
            let text = |member| mistake.get(member).and_then(Value::as_str).unwrap_or_default();
            let number = |member| mistake.get(member).and_then(Value::as_u64).unwrap_or_default();
            let place = format!("{}:{}:{}", text("file"), number("line"), number("column"));
            let (code, reason) = (text("code"), text("message"));
            error!(cause = cause.name(), code, place, reason, "the changed config was refused");
        }
    }

    /// What `/status` tells.
    pub(in crate::server) fn status(&self) -> Value {
        let told = self.told();
        json!({
            "file": told.file,
            "revision": told.revision,
            "in_force_since": told.since,
            "reloads": { "success": told.succeeded, "failure": told.failed },
            "last_reload": told.last,
        })
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
