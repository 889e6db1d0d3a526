//! The gate's own signing keys over time: each is published before it signs, and for as long as what it signed may be read.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::json;
use tracing::{error, info};

use super::disk::KeysFile;
use super::error::AssertionError;
use crate::clock::Clock;
use crate::jose::{Algorithm, SigningKey};

/// For how long a key is published before it signs, and after it has stopped: as long as readers may keep a key set.
const MOST_OVERLAP: u64 = 60 * 60;

/// How keys are kept and rotated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RingSettings {
    /// The folder that keeps them; without one they end with the process.
    pub directory: Option<PathBuf>,
    /// How long a key signs.
    pub rotate_every: Duration,
}

/// The keys that sign assertions; its clones are one.
#[derive(Debug, Clone)]
pub struct AssertionKeys(Arc<Ring>);

#[derive(Debug)]
struct Ring {
    settings: RingSettings,
    file: Option<KeysFile>,
    clock: Clock,
    state: ArcSwap<State>,
    /// One change at a time.
    changing: Mutex<()>,
    is_changing: AtomicBool,
}

/// A key and when it was made, in Unix seconds.
#[derive(Debug, Clone)]
pub(super) struct Dated {
    pub(super) made_at: u64,
    pub(super) key: Arc<SigningKey>,
}

/// What holds until the next change.
#[derive(Debug)]
struct State {
    keys: Vec<Dated>,
    signing: Arc<SigningKey>,
    document: Arc<str>,
    /// Unix seconds.
    changes_at: u64,
}

impl AssertionKeys {
    /// Takes the keys from their folder, or makes the first one.
    ///
    /// # Errors
    /// [`AssertionError`] where the folder cannot be used, or what is in it is not ours alone.
    pub fn open(settings: RingSettings, clock: Clock) -> Result<Self, AssertionError> {
        let file = settings.directory.as_deref().map(KeysFile::new);
        let keys = file.as_ref().map_or(Ok(Vec::new()), KeysFile::read)?;
        let state = settle(&settings, keys, file.as_ref(), clock.unix_seconds())?;
        Ok(Self(Arc::new(Ring {
            settings,
            file,
            clock,
            state: ArcSwap::from_pointee(state),
            changing: Mutex::default(),
            is_changing: AtomicBool::default(),
        })))
    }

    /// Whether they are kept and rotated like this.
    #[must_use]
    pub fn fits(&self, settings: &RingSettings) -> bool {
        self.0.settings == *settings
    }

    /// The key that signs now.
    pub(super) fn signing(&self) -> Arc<SigningKey> {
        self.0.clone().look_ahead();
        self.0.state.load().signing.clone()
    }

    /// The public halves as a JWK Set (RFC 7517 section 5).
    #[must_use]
    pub fn document(&self) -> Arc<str> {
        self.0.clone().look_ahead();
        self.0.state.load().document.clone()
    }

    /// Makes the change that is due, if one is.
    #[cfg(test)]
    pub(super) fn change(&self) {
        self.0.change();
    }
}

impl Ring {
    /// A change that is due is made beside the requests, which go on with what there is: every change is made ahead of need.
    fn look_ahead(self: Arc<Self>) {
        if self.clock.unix_seconds() < self.state.load().changes_at || self.is_changing.swap(true, Ordering::AcqRel) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return self.is_changing.store(false, Ordering::Release);
        };
        runtime.spawn_blocking(move || {
            self.change();
            self.is_changing.store(false, Ordering::Release);
        });
    }

    fn change(&self) {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.unix_seconds();
        // Another gate on the same folder may have been first.
        let kept = self.file.as_ref().and_then(|file| file.read().ok()).filter(|kept| !kept.is_empty());
        let keys = kept.unwrap_or_else(|| self.state.load().keys.clone());
        match settle(&self.settings, keys, self.file.as_ref(), now) {
            Ok(state) => self.state.store(Arc::new(state)),
            Err(error) => {
                error!(%error, code = error.code(), "assertion keys could not be rotated; the old one signs on");
            }
        }
    }
}

fn overlap(settings: &RingSettings) -> u64 {
    (settings.rotate_every.as_secs() / 4).min(MOST_OVERLAP)
}

/// The keys as they should be at `now`: the next one made, those that nobody needs dropped, all of it kept.
fn settle(
    settings: &RingSettings,
    mut keys: Vec<Dated>,
    file: Option<&KeysFile>,
    now: u64,
) -> Result<State, AssertionError> {
    let (every, overlap) = (settings.rotate_every.as_secs(), overlap(settings));
    let before: Vec<u64> = keys.iter().map(|key| key.made_at).collect();
    // Made one overlap before it is to sign. A date in the future is of a clock that was set back: it counts as now.
    let is_due = keys.last().is_none_or(|last| now >= last.made_at.min(now).saturating_add(every));
    if is_due {
        let key = Arc::new(SigningKey::generate_for(Algorithm::Es256)?);
        info!(kid = key.kid(), "a new key for assertions");
        keys.push(Dated { made_at: now, key });
    }
    // A key is needed until the next one has signed for an overlap.
    let replaced_at: Vec<u64> = keys.iter().skip(1).map(|next| next.made_at.saturating_add(2 * overlap)).collect();
    let mut place = 0;
    keys.retain(|_| {
        let needed = replaced_at.get(place).is_none_or(|end| now < *end);
        place += 1;
        needed
    });
    if let Some(file) = file
        && before != keys.iter().map(|key| key.made_at).collect::<Vec<_>>()
    {
        file.write(&keys)?;
    }
    state(keys, every, overlap, now)
}

fn state(keys: Vec<Dated>, every: u64, overlap: u64, now: u64) -> Result<State, AssertionError> {
    let signs = |key: &&Dated| key.made_at.saturating_add(overlap) <= now;
    let signing = keys.iter().rfind(signs).or(keys.first());
    let signing = signing.map(|key| key.key.clone()).ok_or(crate::jose::JoseError::SigningKey("found"))?;
    let changes =
        keys.iter().flat_map(|key| [overlap, 2 * overlap, every].map(|after| key.made_at.saturating_add(after)));
    let changes_at = changes.filter(|at| *at > now).min().unwrap_or(now.saturating_add(every));
    let document = json!({"keys": keys.iter().map(|key| key.key.public_jwk()).collect::<Vec<_>>()});
    Ok(State { signing, document: document.to_string().into(), changes_at, keys })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const DAY: Duration = Duration::from_hours(24);
    const HOUR: Duration = Duration::from_hours(1);

    fn open(directory: Option<PathBuf>, clock: &Clock) -> Result<AssertionKeys, AssertionError> {
        AssertionKeys::open(RingSettings { directory, rotate_every: DAY }, clock.clone())
    }

    fn published(keys: &AssertionKeys) -> usize {
        keys.document().matches("\"kid\"").count()
    }

    #[test]
    fn a_key_is_published_before_it_signs_and_after_it_has_stopped() {
        let clock = Clock::standing_at(1_800_000_000);
        let keys = open(None, &clock).unwrap();
        let first = keys.signing();
        assert_eq!(published(&keys), 1);
        let after = |by| {
            clock.advance(by);
            keys.change();
            (keys.signing().kid() == first.kid(), published(&keys))
        };
        assert_eq!(after(DAY), (true, 2), "the next one is published, and does not sign yet");
        assert_eq!(after(HOUR), (false, 2), "it signs, and the first can still be read");
        assert_eq!(after(HOUR), (false, 1), "what the first has signed has expired");
    }

    #[test]
    fn keys_outlive_the_process_in_a_file_for_their_owner_alone() {
        let clock = Clock::standing_at(1_800_000_000);
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("state");
        let kid = open(Some(directory.clone()), &clock).unwrap().signing().kid().to_owned();
        let file = directory.join("assertion-keys.json");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(open(Some(directory.clone()), &clock).unwrap().signing().kid(), kid);

        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(open(Some(directory.clone()), &clock).unwrap_err().code(), "assertion-keys-exposed");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&file, "[{}]").unwrap();
        assert_eq!(open(Some(directory), &clock).unwrap_err().code(), "assertion-keys-broken");
    }

    #[test]
    fn no_private_half_is_published() {
        let keys = open(None, &Clock::standing_at(1_800_000_000)).unwrap();
        assert!(!keys.document().contains("\"d\""));
    }
}
