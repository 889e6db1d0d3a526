//! Which token: its SHA-256, which no two tokens share and which tells nothing of what is in it.

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256 of a whole token as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(super) fn of(token: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(hash)
    }

    /// The hash itself.
    pub(super) fn bytes(self) -> [u8; 32] {
        self.0
    }
}
