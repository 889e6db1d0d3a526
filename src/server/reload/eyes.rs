//! Sees that files have changed: told by the system where it can, and by looking again where it cannot.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf, absolute};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::warn;

/// Files change one after the other; they are read when nothing has changed for so long.
const QUIET: Duration = Duration::from_millis(300);
/// Files that never keep still are read all the same.
const LONGEST: Duration = Duration::from_secs(3);
/// Where the system does not tell, as on network file systems, it is looked so often.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Watches the files and folders that a config is read from.
pub(super) struct Eyes {
    /// None where the system gives no such watch.
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
    known: Arc<Mutex<BTreeSet<PathBuf>>>,
    changed: Arc<Notify>,
}

impl Eyes {
    pub(super) fn open() -> Self {
        let known: Arc<Mutex<BTreeSet<PathBuf>>> = Arc::default();
        let changed = Arc::new(Notify::new());
        let (theirs, tell) = (Arc::clone(&known), changed.clone());
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let known = theirs.lock().unwrap_or_else(PoisonError::into_inner);
            if event.is_ok_and(|event| concerns(&event, &known)) {
                tell.notify_one();
            }
        });
        let watcher = watcher.inspect_err(|error| warn!(%error, "changed files are only seen every ten seconds")).ok();
        Self { watcher, folders: BTreeSet::new(), known, changed }
    }

    /// Watches these from now on. The folders that they lie in are watched and not the files: an editor or Kubernetes puts a
    /// new file in the place of the old one, and a watch would stay with the old one.
    pub(super) fn look_at(&mut self, paths: &[PathBuf]) {
        // The system names what has changed by the path that was watched, so both must be written alike.
        let paths: BTreeSet<PathBuf> = paths.iter().filter_map(|path| absolute(path).ok()).collect();
        let parents = paths.iter().filter_map(|path| path.parent());
        let folders = paths.iter().map(PathBuf::as_path).filter(|path| path.is_dir()).chain(parents);
        let folders: BTreeSet<_> = folders.map(Path::to_owned).collect();
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = paths;
        let Some(watcher) = &mut self.watcher else { return };
        // Also those that were watched before: where a folder has been replaced, the watch is on the one that is gone.
        for folder in std::mem::take(&mut self.folders) {
            let _gone_already = watcher.unwatch(&folder);
        }
        for folder in &folders {
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                warn!(folder = %folder.display(), %error, "changes in a folder are only seen every ten seconds");
            }
        }
        self.folders = folders;
    }

    /// Waits until something may have changed, and then until it has settled.
    pub(super) async fn changed(&self) {
        tokio::select! {
            () = self.changed.notified() => {}
            () = sleep(LOOK_EVERY) => return,
        }
        let settled = async { while timeout(QUIET, self.changed.notified()).await.is_ok() {} };
        let _settled_or_not = timeout(LONGEST, settled).await;
    }
}

/// Whether the event may be about one of these. That we read a file is an event too, and would have us read it for ever.
fn concerns(event: &Event, known: &BTreeSet<PathBuf>) -> bool {
    if matches!(event.kind, EventKind::Access(_)) {
        return false;
    }
    // Kubernetes swaps `..data`, and through it all files of the folder.
    let is_swap = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".."));
    let is_ours = |path: &Path| known.contains(path) || path.parent().is_some_and(|folder| known.contains(folder));
    event.need_rescan() || event.paths.iter().any(|path| is_ours(path) || is_swap(path))
}
