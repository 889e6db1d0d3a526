//! Time-based one-time passwords (RFC 6238) with SHA-1, 30 seconds and six digits, as authenticator apps have them.

use aws_lc_rs::{hmac, rand};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::issuer::error::IssuerError;

const STEP_SECONDS: u64 = 30;
/// Steps before and after the one of now that are taken too: clocks of phones drift.
const WINDOW: u64 = 1;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The seed that an authenticator app and we share: 160 bits.
#[derive(Clone)]
pub(crate) struct TotpSecret(Zeroizing<Vec<u8>>);

impl TotpSecret {
    pub(crate) fn generate() -> Result<Self, IssuerError> {
        let mut bytes = Zeroizing::new(vec![0; 20]);
        rand::fill(&mut bytes).map_err(|_| IssuerError::Randomness)?;
        Ok(Self(bytes))
    }

    pub(crate) fn of(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As the app is told: base32 (RFC 4648 section 6) without padding, which 160 bits do not need.
    pub(crate) fn base32(&self) -> String {
        let bits: String = self.0.iter().map(|byte| format!("{byte:08b}")).collect();
        let letter = |bits: &[u8]| {
            let index = bits.iter().fold(0_usize, |index, bit| 2 * index + usize::from(*bit == b'1'));
            ALPHABET.get(index).copied().map(char::from)
        };
        bits.as_bytes().chunks(5).filter_map(letter).collect()
    }

    /// The step that this code is of, where it is one that was not used before. `now` is in Unix seconds.
    pub(crate) fn step_of(&self, code: &str, now: u64, used: Option<u64>) -> Option<u64> {
        let current = now / STEP_SECONDS;
        let steps = current.saturating_sub(WINDOW)..=current.saturating_add(WINDOW);
        let unused = steps.filter(|step| used.is_none_or(|used| *step > used));
        // All are compared, whichever fits.
        unused.fold(None, |found, step| if self.is_of(code, step) { Some(step) } else { found })
    }

    fn is_of(&self, code: &str, step: u64) -> bool {
        self.code(step).as_bytes().ct_eq(code.as_bytes()).into()
    }

    /// The code of a step (RFC 4226 section 5.3).
    pub(crate) fn code(&self, step: u64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag.last().copied().unwrap_or_default() & 0x0f);
        let chosen = tag.iter().skip(offset).take(4).fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
        format!("{:06}", (chosen & 0x7fff_ffff) % 1_000_000)
    }
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TotpSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector() -> TotpSecret {
        TotpSecret::of(Zeroizing::new(b"12345678901234567890".to_vec()))
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // appendix B, the last six of eight digits
        for (at, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            assert_eq!(vector().code(at / 30), code);
        }
        assert_eq!(vector().base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn a_code_counts_once_and_only_near_its_time() {
        let code = vector().code(100);
        assert_eq!(vector().step_of(&code, 100 * 30, None), Some(100));
        assert_eq!(vector().step_of(&code, 101 * 30 + 29, None), Some(100));
        assert_eq!(vector().step_of(&code, 102 * 30, None), None);
        assert_eq!(vector().step_of(&code, 98 * 30, None), None);
        assert_eq!(vector().step_of(&code, 100 * 30, Some(100)), None, "used");
        assert_eq!(vector().step_of(&vector().code(99), 100 * 30, Some(100)), None, "older than one that was used");
        for wrong in ["", "000000", "1234567", &code[1..]] {
            assert_eq!(vector().step_of(wrong, 100 * 30, None), None, "{wrong}");
        }
    }
}
