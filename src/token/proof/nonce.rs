//! Nonces that the gate gives out for proofs (RFC 9449 section 9), and need not remember: each is made of a secret and the time.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

/// How long a nonce is given out, in seconds; it is taken for as long again.
const PERIOD: u64 = 120;
const BYTES: usize = 18;

/// Makes nonces and knows them again.
#[derive(Debug, Clone)]
pub(super) struct Nonces(Key);

impl Nonces {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(Key::new(HMAC_SHA256, secret))
    }

    /// The nonce to be used now (Unix seconds).
    pub(super) fn current(&self, now: u64) -> String {
        self.of(now / PERIOD)
    }

    /// Whether this one was given out lately.
    pub(super) fn accepts(&self, nonce: &str, now: u64) -> bool {
        let period = now / PERIOD;
        [Some(period), period.checked_sub(1)]
            .into_iter()
            .flatten()
            .any(|period| bool::from(self.of(period).as_bytes().ct_eq(nonce.as_bytes())))
    }

    fn of(&self, period: u64) -> String {
        let tag = sign(&self.0, &period.to_be_bytes());
        URL_SAFE_NO_PAD.encode(tag.as_ref().get(..BYTES).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_taken_while_it_is_fresh_and_only_ours() {
        let nonces = Nonces::new(&[7; 32]);
        let nonce = nonces.current(1_800_000_000);
        assert!(nonces.accepts(&nonce, 1_800_000_000) && nonces.accepts(&nonce, 1_800_000_000 + PERIOD));
        assert!(!nonces.accepts(&nonce, 1_800_000_000 + 2 * PERIOD));
        assert!(!nonces.accepts(&nonce, 1_800_000_000 - PERIOD));
        assert!(!nonces.accepts(&Nonces::new(&[8; 32]).current(1_800_000_000), 1_800_000_000));
        assert!(!nonces.accepts("", 1_800_000_000));
    }
}
