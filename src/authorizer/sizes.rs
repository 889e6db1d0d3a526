//! How large a request's target and header section may be, whichever way the request came.

use bytesize::ByteSize;
use http::HeaderMap;

use super::denial::Denial;

/// What the octets around a field count for (RFC 9113 section 6.5.2).
const AROUND_A_FIELD: usize = 32;

/// Bounds on a request whose fields have been read.
#[derive(Debug, Clone, Copy)]
pub struct SizeLimits {
    /// Longest request target.
    pub target: ByteSize,
    /// All header fields together: names, values, and 32 bytes for each.
    pub header: ByteSize,
    /// Number of header fields.
    pub headers: usize,
}

impl SizeLimits {
    /// Whether a request with this target and these fields is small enough.
    ///
    /// # Errors
    /// [`Denial::TargetTooLong`], [`Denial::HeadersTooLarge`].
    pub fn check(&self, target: &str, headers: &HeaderMap) -> Result<(), Denial> {
        if exceeds(target.len(), self.target) {
            return Err(Denial::TargetTooLong);
        }
        let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + AROUND_A_FIELD).sum();
        let is_small = headers.len() <= self.headers && !exceeds(size, self.header);
        if is_small { Ok(()) } else { Err(Denial::HeadersTooLarge) }
    }
}

fn exceeds(length: usize, limit: ByteSize) -> bool {
    u64::try_from(length).map_or(true, |length| length > limit.as_u64())
}
