//! The pools that are served: each with its URL and keys, found by id or by the `iss` of a token.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::key_ring::KeyRing;
use crate::issuer::pool::UserPool;

/// A pool with its URL and keys.
#[derive(Debug)]
pub(crate) struct ServedPool {
    pub pool: UserPool,
    /// The `iss` of its tokens.
    pub issuer_url: String,
    /// Where its discovery document and its keys are; the same as `issuer_url` unless the pool states its own.
    pub served_at: String,
    pub keys: Arc<KeyRing>,
}

/// All pools that are served, as they are now: they come, change and go while calls are answered.
#[derive(Debug, Default)]
pub(crate) struct ServedPools(RwLock<HashMap<String, Arc<ServedPool>>>);

impl ServedPools {
    /// The pool with this id.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<ServedPool>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// The pool whose tokens have this `iss`.
    pub(crate) fn by_issuer_url(&self, issuer_url: &str) -> Option<Arc<ServedPool>> {
        let pools = self.0.read().unwrap_or_else(PoisonError::into_inner);
        pools.values().find(|pool| pool.issuer_url == issuer_url).cloned()
    }

    /// Serves this pool, in place of the one that had its id.
    pub(crate) fn put(&self, pool: ServedPool) {
        let mut pools = self.0.write().unwrap_or_else(PoisonError::into_inner);
        pools.insert(pool.pool.id.clone(), Arc::new(pool));
    }

    /// Serves the pool with this id no more, and takes its keys from those who trust it.
    pub(crate) fn remove(&self, id: &str) {
        let gone = self.0.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        if let Some(pool) = gone {
            pool.keys.withdraw();
        }
    }

    /// The ids of all.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}
