//! What was read of a request's body, for a second try.

use bytes::{Bytes, BytesMut};

/// Bytes of a body that are kept.
const MOST: usize = 64 * 1024;

/// A body as far as it was read, while it is small enough to be sent once more.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// A copy: what was read may be a byte in a buffer of many, which it would keep alive.
    bytes: BytesMut,
    length: usize,
    on: bool,
}

impl Kept {
    /// From now on it is kept. What was read before can no longer be.
    pub(super) fn begin(&mut self) {
        self.on = self.on || self.length == 0;
    }

    /// Some of it was read.
    pub(super) fn keep(&mut self, part: &[u8]) {
        self.length = self.length.saturating_add(part.len());
        if self.is_whole() {
            self.bytes.extend_from_slice(part);
        } else {
            self.bytes = BytesMut::new();
        }
    }

    /// Whether all that was read is here.
    pub(super) fn is_whole(&self) -> bool {
        self.length <= MOST && (self.on || self.length == 0)
    }

    /// All that was read; none where that is nothing, or no longer here.
    pub(super) fn all(&self) -> Option<Bytes> {
        (self.is_whole() && !self.bytes.is_empty()).then(|| Bytes::copy_from_slice(&self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_kept_from_its_beginning_while_it_is_small() {
        let (part, large) = (b"ab", vec![0; MOST]);
        let mut kept = Kept::default();
        assert!(kept.is_whole());
        kept.begin();
        kept.keep(part);
        kept.keep(part);
        assert_eq!((kept.all().as_deref(), kept.is_whole()), (Some(&b"abab"[..]), true));
        kept.keep(&large);
        assert_eq!((kept.all(), kept.is_whole(), kept.bytes.capacity()), (None, false, 0));

        let mut late = Kept::default();
        late.keep(part);
        late.begin();
        late.keep(part);
        assert_eq!((late.all(), late.is_whole()), (None, false));
    }
}
