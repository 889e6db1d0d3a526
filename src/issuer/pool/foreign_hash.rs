//! Hashes of passwords that other directories made, in the forms in which they are exported: bcrypt, PBKDF2 and scrypt.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use scrypt::{Params, scrypt};
use subtle::ConstantTimeEq;

/// Dearest hashes that are taken: about a second of one core each. A line of an import must not be able to take the machine at the
/// next sign-in.
const MOST_BCRYPT_COST: u32 = 14;
const LEAST_BCRYPT_COST: u32 = 4;
/// Iterations times the blocks that are derived.
const MOST_PBKDF2_ROUNDS: u32 = 2_000_000;
const MOST_SCRYPT_LOG_N: u8 = 17;
/// Of `128·r·N`: 128 MiB.
const MOST_SCRYPT_MEMORY: u64 = 128 * 1024 * 1024;
/// Of `N·r·p`.
const MOST_SCRYPT_WORK: u64 = 2 * 1024 * 1024;
/// Shortest and longest derived key, in bytes. A shorter one would be met by chance.
const DERIVED: std::ops::RangeInclusive<usize> = 16..=64;

/// A hash that others made; good until its owner signs in, when it is replaced by one of ours.
pub(super) enum ForeignHash<'a> {
    Bcrypt(&'a str),
    Pbkdf2 { algorithm: pbkdf2::Algorithm, iterations: NonZeroU32, salt: Vec<u8>, derived: Vec<u8> },
    Scrypt { params: Params, salt: Vec<u8>, derived: Vec<u8> },
}

impl<'a> ForeignHash<'a> {
    /// Reads one of these; `None` for everything else, and for what would cost too much to compare with:
    ///
    /// - `$2a$`, `$2b$` or `$2y$`, a cost and 53 letters
    /// - `$pbkdf2-sha256$i=600000,l=32$salt$hash`, or with `sha512`; Passlib's form with the bare count, and Django's with
    ///   `pbkdf2_sha256` in front and a salt in clear
    /// - `$scrypt$ln=16,r=8,p=1$salt$hash`
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let parts: Vec<&str> = text.split('$').collect();
        match parts.as_slice() {
            ["", "2a" | "2b" | "2y", cost, rest] => bcrypt_fits(cost, rest).then_some(Self::Bcrypt(text)),
            ["", "pbkdf2-sha256", count, salt, derived] => {
                Self::pbkdf2((PBKDF2_HMAC_SHA256, 32), count, bytes(salt)?, bytes(derived)?)
            }
            ["", "pbkdf2-sha512", count, salt, derived] => {
                Self::pbkdf2((PBKDF2_HMAC_SHA512, 64), count, bytes(salt)?, bytes(derived)?)
            }
            ["pbkdf2_sha256", count, salt, derived] => {
                Self::pbkdf2((PBKDF2_HMAC_SHA256, 32), count, salt.as_bytes().to_vec(), bytes(derived)?)
            }
            ["", "scrypt", params, salt, derived] => Self::scrypt(params, bytes(salt)?, bytes(derived)?),
            _ => None,
        }
    }

    fn pbkdf2(
        (algorithm, block): (pbkdf2::Algorithm, usize),
        count: &str,
        salt: Vec<u8>,
        derived: Vec<u8>,
    ) -> Option<Self> {
        let count = parameter(count, "i").unwrap_or(count);
        let iterations: NonZeroU32 = count.parse().ok()?;
        let blocks = u32::try_from(derived.len().div_ceil(block)).ok()?;
        let is_cheap = iterations.get().checked_mul(blocks).is_some_and(|rounds| rounds <= MOST_PBKDF2_ROUNDS);
        let fits = is_cheap && !salt.is_empty() && DERIVED.contains(&derived.len());
        fits.then_some(Self::Pbkdf2 { algorithm, iterations, salt, derived })
    }

    fn scrypt(params: &str, salt: Vec<u8>, derived: Vec<u8>) -> Option<Self> {
        let number = |name: &str| parameter(params, name)?.parse::<u32>().ok();
        let log_n = u8::try_from(number("ln")?).ok().filter(|log_n| *log_n <= MOST_SCRYPT_LOG_N)?;
        let (r, p) = (number("r")?, number("p")?);
        let work = (u64::from(r) << log_n).checked_mul(u64::from(p))?;
        let memory = (u64::from(r) << log_n).checked_mul(128)?;
        let fits = work <= MOST_SCRYPT_WORK
            && memory <= MOST_SCRYPT_MEMORY
            && !salt.is_empty()
            && DERIVED.contains(&derived.len());
        // Asked before: parameters beyond these overflow in the library.
        if !fits || work == 0 {
            return None;
        }
        let params = Params::new(log_n, r, p).ok()?;
        Some(Self::Scrypt { params, salt, derived })
    }

    /// Whether this is the hash of `password`. As much CPU and memory as it says: run it on bounded workers.
    pub(super) fn is_of(&self, password: &str) -> bool {
        match self {
            Self::Bcrypt(text) => bcrypt::verify(password, text).unwrap_or(false),
            Self::Pbkdf2 { algorithm, iterations, salt, derived } => {
                pbkdf2::verify(*algorithm, *iterations, salt, password.as_bytes(), derived).is_ok()
            }
            Self::Scrypt { params, salt, derived } => {
                let mut again = zeroize::Zeroizing::new(vec![0; derived.len()]);
                scrypt(password.as_bytes(), salt, params, &mut again).is_ok() && again.as_slice().ct_eq(derived).into()
            }
        }
    }
}

fn bcrypt_fits(cost: &str, rest: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'/';
    let costs = cost.parse().is_ok_and(|cost| (LEAST_BCRYPT_COST..=MOST_BCRYPT_COST).contains(&cost));
    costs && cost.len() == 2 && rest.len() == 53 && rest.bytes().all(letter)
}

/// The value of `name=` among parameters with commas between them.
fn parameter<'p>(parameters: &'p str, name: &str) -> Option<&'p str> {
    let mut pairs = parameters.split(',').filter_map(|pair| pair.split_once('='));
    pairs.find_map(|(named, value)| (named == name).then_some(value))
}

/// Base64 with or without padding; Passlib has `.` for `+`.
fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text.trim_end_matches('=').replace('.', "+")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of "correct horse battery", by the C library and by OpenSSL.
    const HASHES: [&str; 7] = [
        "$2a$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.",
        "$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.",
        "$2y$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.",
        "$pbkdf2-sha256$i=1000,l=32$AAECAwQFBgcICQoLDA0ODw$AhaeZ02AwPxykuhhDI8XvhQN8GKvmqM+qF6qvs/98I0",
        "$pbkdf2-sha512$1000$AAECAwQFBgcICQoLDA0ODw$ToxFUi5y3fprZRW/V6CupR2uIDYfuy5rlsF9Z4E648lE68lw5lzmucru/HdPvmBJDSLroVh1Q2xCvjqd8NI/6Q",
        "pbkdf2_sha256$1000$NaClNaCl$0U0QGHXYR/FxhScylYf6BEdR44dJFYypdtNwd0UFJwI=",
        "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$hKGWL22WtdGfIbxEPAZ06BS2bWyYKuZIKvypfAlYOWk",
    ];

    #[test]
    fn only_the_password_itself_verifies() {
        for text in HASHES {
            let hash = ForeignHash::read(text).unwrap_or_else(|| panic!("{text}"));
            assert!(hash.is_of("correct horse battery"), "{text}");
            for wrong in ["", "correct horse batter", "correct horse battery ", "Correct horse battery"] {
                assert!(!hash.is_of(wrong), "{text}: {wrong}");
            }
        }
    }

    #[test]
    fn what_costs_too_much_or_is_none_of_these_is_not_taken() {
        let [bcrypt, .., pbkdf2_512, django, scrypt] = HASHES;
        let pbkdf2 = HASHES[3];
        for text in [
            &bcrypt.replace("$05$", "$31$"),
            &bcrypt.replace("$05$", "$15$"),
            &bcrypt.replace("$05$", "$03$"),
            &bcrypt.replace("$2a$", "$2x$"),
            &bcrypt[..59],
            &bcrypt.replace('.', "!"),
            &pbkdf2.replace("i=1000", "i=2000001"),
            &pbkdf2.replace("i=1000", "i=0"),
            &pbkdf2.replace("i=1000", "i=-1"),
            &pbkdf2_512.replace("$1000$", "$4294967295$"),
            &django.replace("$1000$", "$99999999999$"),
            &scrypt.replace("ln=10", "ln=31"),
            &scrypt.replace("ln=10", "ln=18"),
            &scrypt.replace("r=8", "r=4294967295"),
            &scrypt.replace("p=1", "p=4294967295"),
            &scrypt.replace("p=1", "p=0"),
            &scrypt.replace("r=8", "r=0"),
            &scrypt.replace("ln=10,", ""),
            // a derived key that is met by chance
            "$pbkdf2-sha256$i=1000$AAECAwQFBgcICQoLDA0ODw$AhaeZ0",
            "$pbkdf2-sha256$i=1000$$AhaeZ02AwPxykuhhDI8XvhQN8GKvmqM+qF6qvs/98I0",
            "$md5$x",
            "correct horse battery",
            "",
        ] {
            assert!(ForeignHash::read(text).is_none(), "{text}");
        }
    }
}
