//! SRP-6a as Cognito's clients compute it: a password is proved without being sent (RFC 5054, RFC 5869).

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::{hmac, rand};
use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U256, U3072};
use zeroize::Zeroizing;

use crate::issuer::error::IssuerError;

/// The 3072-bit group of RFC 5054 appendix A; its generator is 2 for these clients.
const PRIME: &str = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
     EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
     EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F\
     83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
     E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510\
     15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
     ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C\
     BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF";
const GENERATOR: u64 = 2;
const LENGTH: usize = 384;
const INFO: &[u8] = b"Caldera Derived Key";

/// What is kept to know a password by in SRP: of no use for signing in by itself, yet enough to guess passwords against.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Verifier {
    /// Of which name and pool it was made; the client is told to hash with this one.
    pub identity: String,
    pub salt: [u8; 16],
    pub value: Zeroizing<Vec<u8>>,
}

/// A client's public value `A`, which is not 0 modulo the prime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicValue(U3072);

/// The server's half of one exchange.
pub(crate) struct Exchange {
    /// Kept secret until the answer comes.
    pub secret: Zeroizing<Vec<u8>>,
    /// `B`, as hexadecimal text without leading zeros.
    pub public: String,
}

/// What a client proves its password with.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    /// The pool's id after its `_`.
    pub pool_name: &'a str,
    pub secret_block: &'a [u8],
    pub timestamp: &'a str,
    pub signature: &'a [u8],
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Verifier(..)")
    }
}

impl Verifier {
    /// Derives the verifier of a password, with a new salt. About a millisecond of CPU.
    pub(crate) fn of(pool_id: &str, identity: &str, password: &str) -> Result<Self, IssuerError> {
        let mut salt = [0; 16];
        rand::fill(&mut salt).map_err(|_| IssuerError::Randomness)?;
        Ok(Self::with_salt(pool_id, identity, password, salt))
    }

    /// What stands where there is no verifier. No password is known by it, and it costs no power: making it takes as long as
    /// reading one does. Whoever asks cannot tell it from a real one, since `B` is random either way.
    pub(crate) fn of_nobody(identity: String, seed: &[u8]) -> Self {
        let mut salt = [0; 16];
        salt.iter_mut().zip(seed).for_each(|(to, from)| *to = *from);
        Self { identity, salt: unpaddable(salt), value: Zeroizing::new(seed.to_vec()) }
    }

    fn with_salt(pool_id: &str, identity: &str, password: &str, salt: [u8; 16]) -> Self {
        let salt = unpaddable(salt);
        let inner = digest(&SHA256, format!("{}{identity}:{password}", pool_name(pool_id)).as_bytes());
        let x = digest(&SHA256, &[salt.as_slice(), inner.as_ref()].concat());
        let value = generator().pow(&number(x.as_ref())).retrieve();
        Self { identity: identity.to_owned(), salt, value: Zeroizing::new(value.to_be_bytes().as_ref().to_vec()) }
    }

    /// Begins an exchange with a new secret.
    pub(crate) fn exchange(&self) -> Result<Exchange, IssuerError> {
        let mut secret = Zeroizing::new(vec![0; 32]);
        rand::fill(&mut secret).map_err(|_| IssuerError::Randomness)?;
        let public = self.public(&secret);
        Ok(Exchange { public: hex(unpadded(public.to_be_bytes().as_ref())), secret })
    }

    /// `B = k·v + g^b`.
    fn public(&self, secret: &[u8]) -> U3072 {
        let multiplied = form(&multiplier()) * form(&wide(&self.value));
        (multiplied + generator().pow(&number(secret))).retrieve()
    }

    /// Whether the client's answer proves the password that this verifier was made of.
    pub(crate) fn proves(&self, client: &PublicValue, secret: &[u8], answer: &Answer<'_>) -> bool {
        let Some(key) = self.key(client, secret) else { return false };
        let message =
            [answer.pool_name.as_bytes(), self.identity.as_bytes(), answer.secret_block, answer.timestamp.as_bytes()];
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_slice());
        hmac::verify(&key, &message.concat(), answer.signature).is_ok()
    }

    /// The session key: HKDF over `S = (A·v^u)^b`; none where `u` is 0.
    fn key(&self, client: &PublicValue, secret: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let public = self.public(secret);
        let u = digest(&SHA256, &[padded(&client.0), padded(&public)].concat());
        if u.as_ref().iter().all(|byte| *byte == 0) {
            return None;
        }
        let verified = form(&wide(&self.value)).pow(&number(u.as_ref()));
        let shared = (form(&client.0) * verified).pow(&number(secret)).retrieve();
        let salt = hmac::Key::new(hmac::HMAC_SHA256, &signed(unpadded(u.as_ref())));
        let extracted = hmac::sign(&salt, &Zeroizing::new(padded(&shared)));
        let extracted = hmac::Key::new(hmac::HMAC_SHA256, extracted.as_ref());
        let expanded = hmac::sign(&extracted, &[INFO, &[1]].concat());
        Some(Zeroizing::new(expanded.as_ref().iter().copied().take(16).collect()))
    }
}

impl PublicValue {
    /// Reads `SRP_A`. One that is 0 modulo the prime would make every password right (RFC 5054 section 2.5.4).
    pub(crate) fn read(hexadecimal: &str) -> Option<Self> {
        let digits = hexadecimal.trim_start_matches('0');
        if digits.is_empty() || digits.len() > 2 * LENGTH || hexadecimal.len() > 4 * LENGTH {
            return None;
        }
        let value = wide(&bytes(digits)?).rem_vartime(prime().modulus().as_nz_ref());
        if value.is_zero_vartime() { None } else { Some(Self(value)) }
    }

    /// As hexadecimal text, which [`PublicValue::read`] takes.
    pub(crate) fn to_hex(&self) -> String {
        hex(self.0.to_be_bytes().as_ref())
    }
}

/// A salt's first byte is made to need no padding: clients differ in how they pad a number that begins with zeros.
fn unpaddable(mut salt: [u8; 16]) -> [u8; 16] {
    if let Some(first) = salt.first_mut() {
        *first = (*first & 0x3f) | 0x40;
    }
    salt
}

/// The pool's name in SRP: what follows the `_` of its id.
pub(crate) fn pool_name(pool_id: &str) -> &str {
    pool_id.rsplit_once('_').map_or(pool_id, |(_, name)| name)
}

/// Lower-case hexadecimal text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn prime() -> &'static FixedMontyParams<48> {
    static PARAMS: std::sync::LazyLock<FixedMontyParams<48>> =
        std::sync::LazyLock::new(|| FixedMontyParams::new_vartime(Odd::<U3072>::from_be_hex(PRIME)));
    &PARAMS
}

/// `k = H(N ‖ g)`, both padded by a sign byte.
fn multiplier() -> U3072 {
    let prime = prime().modulus().as_ref().to_be_bytes();
    wide(digest(&SHA256, &[[0].as_slice(), prime.as_ref(), &[2]].concat()).as_ref())
}

fn form(value: &U3072) -> FixedMontyForm<48> {
    FixedMontyForm::new(value, prime())
}

fn generator() -> FixedMontyForm<48> {
    form(&U3072::from_u64(GENERATOR))
}

/// An exponent of 256 bits; a digest, or a secret of that length.
fn number(bytes: &[u8]) -> U256 {
    let mut fixed = Zeroizing::new([0; 32]);
    for (to, from) in fixed.iter_mut().rev().zip(bytes.iter().rev()) {
        *to = *from;
    }
    U256::from_be_slice(fixed.as_slice())
}

fn wide(bytes: &[u8]) -> U3072 {
    let mut fixed = Zeroizing::new([0; LENGTH]);
    for (to, from) in fixed.iter_mut().rev().zip(bytes.iter().rev()) {
        *to = *from;
    }
    U3072::from_be_slice(fixed.as_slice())
}

/// As clients hash a number: without leading zeros, with a sign byte where its first bit is set.
fn padded(value: &U3072) -> Vec<u8> {
    signed(unpadded(value.to_be_bytes().as_ref()))
}

fn signed(bytes: &[u8]) -> Vec<u8> {
    match bytes.first() {
        Some(first) if *first < 0x80 => bytes.to_vec(),
        _ => [&[0], bytes].concat(),
    }
}

fn unpadded(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let even = if digits.len().is_multiple_of(2) { digits.to_owned() } else { format!("0{digits}") };
    let pair = |start: usize| even.get(start..start + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..even.len()).step_by(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: &str = "local_Ab3dEfGhI";

    /// A client, written from the formulas.
    struct TestClient {
        secret: [u8; 32],
    }

    impl TestClient {
        fn public(&self) -> U3072 {
            generator().pow(&number(&self.secret)).retrieve()
        }

        fn signature(
            &self,
            verifier: &Verifier,
            exchange: &Exchange,
            password: &str,
            block: &[u8],
            at: &str,
        ) -> Vec<u8> {
            let server = PublicValue::read(&exchange.public).unwrap().0;
            let inner = digest(&SHA256, format!("{}{}:{password}", pool_name(POOL), verifier.identity).as_bytes());
            let x = digest(&SHA256, &[signed(unpadded(&verifier.salt)).as_slice(), inner.as_ref()].concat());
            let u = digest(&SHA256, &[padded(&self.public()), padded(&server)].concat());
            let k = form(&multiplier());
            let base = form(&server) - k * generator().pow(&number(x.as_ref()));
            // (B - k·g^x)^(a + u·x), as two powers
            let first = base.pow(&number(&self.secret));
            let second = base.pow(&number(x.as_ref())).pow(&number(u.as_ref()));
            let shared = (first * second).retrieve();
            let salt = hmac::Key::new(hmac::HMAC_SHA256, &signed(unpadded(u.as_ref())));
            let extracted = hmac::sign(&salt, &padded(&shared));
            let expanded = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, extracted.as_ref()), &[INFO, &[1]].concat());
            let key = hmac::Key::new(hmac::HMAC_SHA256, &expanded.as_ref()[..16]);
            let message = [pool_name(POOL).as_bytes(), verifier.identity.as_bytes(), block, at.as_bytes()].concat();
            hmac::sign(&key, &message).as_ref().to_vec()
        }
    }

    #[test]
    fn only_the_password_that_the_verifier_was_made_of_is_proved() {
        let verifier = Verifier::of(POOL, "alice", "correct horse").unwrap();
        let client = TestClient { secret: [7; 32] };
        let public = PublicValue::read(&hex(client.public().to_be_bytes().as_ref())).unwrap();
        let exchange = verifier.exchange().unwrap();
        let proved = |password: &str, block: &[u8], at: &str| {
            let signature = client.signature(&verifier, &exchange, password, block, at);
            let answer =
                Answer { pool_name: pool_name(POOL), secret_block: b"block", timestamp: "now", signature: &signature };
            verifier.proves(&public, &exchange.secret, &answer)
        };
        assert!(proved("correct horse", b"block", "now"));
        assert!(!proved("Correct horse", b"block", "now") && !proved("", b"block", "now"));
        assert!(!proved("correct horse", b"other", "now") && !proved("correct horse", b"block", "then"));
        let other = Verifier::of(POOL, "alice", "correct horse").unwrap();
        assert_ne!(other.value, verifier.value);
    }

    #[test]
    fn what_stands_for_nobody_has_the_form_of_a_verifier_and_no_password() {
        let nobody = Verifier::of_nobody("nobody".to_owned(), &[0xee; 32]);
        assert!((0x40..0x80).contains(&nobody.salt[0]));
        let client = TestClient { secret: [7; 32] };
        let public = PublicValue::read(&hex(client.public().to_be_bytes().as_ref())).unwrap();
        let exchange = nobody.exchange().unwrap();
        assert!(exchange.public.len() > 2 * LENGTH - 16);
        let signature = client.signature(&nobody, &exchange, "", b"block", "now");
        let answer =
            Answer { pool_name: pool_name(POOL), secret_block: b"block", timestamp: "now", signature: &signature };
        assert!(!nobody.proves(&public, &exchange.secret, &answer));
    }

    #[test]
    fn a_public_value_that_is_nothing_modulo_the_prime_is_refused() {
        let twice_too_long = "f".repeat(769);
        for value in ["", "0", "000", PRIME, &PRIME.to_lowercase(), &format!("00{PRIME}"), "xyz", "-1", &twice_too_long]
        {
            assert_eq!(PublicValue::read(value), None, "{value}");
        }
        assert!(PublicValue::read("1").is_some() && PublicValue::read("0A").is_some());
        let beyond = wide(&bytes(PRIME).unwrap()).wrapping_add(&U3072::ONE);
        assert_eq!(PublicValue::read(&hex(beyond.to_be_bytes().as_ref())), PublicValue::read("1"));
    }

    #[test]
    fn numbers_are_padded_as_java_does() {
        assert_eq!(signed(unpadded(&[0, 0, 0x7f])), [0x7f]);
        assert_eq!(signed(unpadded(&[0, 0x80])), [0, 0x80]);
        assert_eq!(signed(unpadded(&[0])), [0]);
    }

    #[test]
    fn a_verifier_shows_nothing() {
        assert_eq!(format!("{:?}", Verifier::of(POOL, "a", "b").unwrap()), "Verifier(..)");
    }
}
