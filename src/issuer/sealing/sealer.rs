//! Seals what is secret with AES-256-GCM, bound to the row that it is kept in.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hmac, rand};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::master_key::{ID_BYTES, KeyId, MasterKey, file_beside, written};
use super::resealing;
use crate::issuer::config::{DatabaseConfig, IssuerConfig};
use crate::issuer::error::IssuerError;
use crate::issuer::store::{Database, SealingKeys};

/// The first byte of all that is sealed: the form of what follows, which is key id, nonce, ciphertext and tag.
const FORM: u8 = 1;
const HEAD: usize = 1 + ID_BYTES + NONCE_LEN;

/// Seals and opens what is secret. A value opens only in the column and row for which it was sealed.
pub(crate) struct Sealer {
    current: OpenedKey,
    previous: Vec<OpenedKey>,
}

struct OpenedKey {
    id: KeyId,
    key: LessSafeKey,
    /// Drawn from the same master key, for marks alone.
    marks: hmac::Key,
}

impl Sealer {
    /// Takes the master keys of the config, or the file beside the database; refuses a database that holds what none of them
    /// opens; and seals anew what an earlier key has sealed.
    pub(crate) async fn open(config: &IssuerConfig, database: &Database) -> Result<Self, IssuerError> {
        let known = SealingKeys(&mut database.read().await?).all().await?;
        let current = match (&config.master_key, &config.database) {
            (Some(key), _) => MasterKey::read(key)?,
            (None, DatabaseConfig::Postgres(_)) => return Err(IssuerError::MasterKeyNeeded),
            (None, DatabaseConfig::Sqlite(path)) => MasterKey::beside(path, known.is_empty())?
                .ok_or_else(|| IssuerError::MasterKeyGone(file_beside(path)))?,
        };
        let sealer = Self::new(&current, &config.previous_master_keys)?;
        let unknown = known.iter().find(|id| !sealer.all().any(|key| written(key.id) == **id));
        if let Some(id) = unknown {
            return Err(IssuerError::WrongMasterKey(id.clone()));
        }
        resealing::seal_anew(&sealer, database, !config.previous_master_keys.is_empty()).await?;
        Ok(sealer)
    }

    fn new(current: &MasterKey, previous: &[SecretString]) -> Result<Self, IssuerError> {
        let previous: Vec<MasterKey> = previous.iter().map(MasterKey::read).collect::<Result<_, _>>()?;
        let previous = previous.iter().filter(|key| key.id != current.id).map(OpenedKey::new);
        Ok(Self { current: OpenedKey::new(current)?, previous: previous.collect::<Result<_, _>>()? })
    }

    fn all(&self) -> impl Iterator<Item = &OpenedKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// The key of marks that are made now.
    pub(super) fn current_marks(&self) -> &hmac::Key {
        &self.current.marks
    }

    /// The keys that marks may have been made with.
    pub(super) fn all_marks(&self) -> impl Iterator<Item = &hmac::Key> {
        self.all().map(|key| &key.marks)
    }

    /// The id of the key that seals, as the database has it.
    pub(super) fn current_id(&self) -> String {
        written(self.current.id)
    }

    /// Whether this is what the current key has sealed.
    pub(super) fn is_current(&self, kept: &[u8]) -> bool {
        parts(kept).is_some_and(|(id, _, _)| *id == self.current.id)
    }

    /// Seals `secret` for `column` (a name that never changes, such as `signing_keys.pkcs8`) of the row with this id.
    ///
    /// # Errors
    /// [`IssuerError::Randomness`] where the system has none.
    pub(crate) fn seal(&self, column: &str, row: &str, secret: &[u8]) -> Result<Vec<u8>, IssuerError> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| IssuerError::Randomness)?;
        let mut secret = Zeroizing::new(secret.to_vec());
        let tag = self.current.key.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place(column, row)),
            &mut secret,
        );
        let tag = tag.map_err(|_| IssuerError::Randomness)?;
        Ok([&[FORM][..], &self.current.id, &nonce, &secret, tag.as_ref()].concat())
    }

    /// What was sealed for this column of this row.
    ///
    /// # Errors
    /// [`IssuerError::WrongMasterKey`] where it was sealed under another key, [`IssuerError::Kept`] where it was changed, or
    /// put there from another row.
    pub(crate) fn open_sealed(
        &self,
        column: &'static str,
        row: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, IssuerError> {
        let broken = || IssuerError::Kept(column);
        let (id, nonce, ciphertext) = parts(sealed).ok_or_else(broken)?;
        let key = self.all().find(|key| key.id == *id).ok_or_else(|| IssuerError::WrongMasterKey(written(*id)))?;
        let mut secret = Zeroizing::new(ciphertext.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = key.key.open_in_place(nonce, Aad::from(place(column, row)), &mut secret);
        let length = opened.map_err(|_| broken())?.len();
        secret.truncate(length);
        Ok(secret)
    }
}

impl OpenedKey {
    fn new(key: &MasterKey) -> Result<Self, IssuerError> {
        let unbound = UnboundKey::new(&AES_256_GCM, key.bytes.as_ref()).map_err(|_| IssuerError::MasterKeyForm)?;
        let drawn = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.bytes.as_ref()), b"lychgate marks");
        let marks = hmac::Key::new(hmac::HMAC_SHA256, drawn.as_ref());
        Ok(Self { id: key.id, key: LessSafeKey::new(unbound), marks })
    }
}

/// Shows which keys there are and nothing of them.
impl std::fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.all().map(|key| written(key.id))).finish()
    }
}

/// Key id, nonce, and ciphertext with tag.
fn parts(sealed: &[u8]) -> Option<(&KeyId, &[u8; NONCE_LEN], &[u8])> {
    let (head, ciphertext) = sealed.split_at_checked(HEAD)?;
    let head = head.strip_prefix(&[FORM])?;
    let (id, nonce) = head.split_first_chunk()?;
    Some((id, nonce.first_chunk()?, ciphertext))
}

/// Neither a column's name nor a row's id holds a NUL, so no two places are written alike.
fn place(column: &str, row: &str) -> Vec<u8> {
    [column.as_bytes(), &[0], row.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: &str) -> SecretString {
        byte.repeat(32).into()
    }

    fn sealer(current: &str, previous: &[&str]) -> Sealer {
        let previous: Vec<_> = previous.iter().map(|byte| key(byte)).collect();
        Sealer::new(&MasterKey::read(&key(current)).unwrap(), &previous).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_alone() {
        let sealer = sealer("a1", &[]);
        let kept = sealer.seal("totp.secret", "alice", b"a secret").unwrap();
        assert_eq!(sealer.open_sealed("totp.secret", "alice", &kept).unwrap().as_slice(), b"a secret");
        for (column, row) in [("totp.secret", "bob"), ("totp.secre", "talice"), ("srp.verifier", "alice"), ("", "")] {
            assert_eq!(sealer.open_sealed(column, row, &kept).unwrap_err().code(), "issuer-kept", "{column} {row}");
        }
    }

    #[test]
    fn no_bit_of_what_is_sealed_can_be_changed() {
        let sealer = sealer("a1", &[]);
        let kept = sealer.seal("c", "r", b"secret").unwrap();
        for byte in 0..kept.len() {
            let mut changed = kept.clone();
            changed[byte] ^= 1;
            assert!(sealer.open_sealed("c", "r", &changed).is_err(), "byte {byte}");
        }
        for length in 0..kept.len() {
            assert!(sealer.open_sealed("c", "r", &kept[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn the_same_secret_is_never_sealed_alike() {
        let sealer = sealer("a1", &[]);
        let (one, two) = (sealer.seal("c", "r", b"secret").unwrap(), sealer.seal("c", "r", b"secret").unwrap());
        assert_ne!(one, two);
        assert!(!one.windows(6).any(|window| window == b"secret"));
    }

    #[test]
    fn an_earlier_key_still_opens_and_an_unknown_one_is_named() {
        let old = sealer("a1", &[]);
        let kept = old.seal("c", "r", b"secret").unwrap();
        let new = sealer("b2", &["a1", "b2"]);
        assert_eq!(new.open_sealed("c", "r", &kept).unwrap().as_slice(), b"secret");
        assert!(!new.is_current(&kept) && old.is_current(&kept));
        let stranger = sealer("b2", &[]);
        let error = stranger.open_sealed("c", "r", &kept).unwrap_err();
        assert_eq!(error.code(), "issuer-wrong-master-key");
        assert!(error.to_string().contains(&old.current_id()));
    }

    #[test]
    fn a_mark_is_of_one_purpose_text_and_key() {
        let old = sealer("a1", &[]);
        let mark = old.mark("code/a", "123456");
        assert!(old.is_mark_of(&mark, "code/a", "123456"));
        assert!(!old.is_mark_of(&mark, "code/a", "123457") && !old.is_mark_of(&mark, "code/b", "123456"));
        assert!(!old.is_mark_of(&old.mark("a", "b1"), "ab", "1") && !old.is_mark_of(b"", "code/a", ""));
        assert!(sealer("b2", &["a1"]).is_mark_of(&mark, "code/a", "123456"));
        assert!(!sealer("b2", &[]).is_mark_of(&mark, "code/a", "123456"));
    }

    #[test]
    fn no_key_shows_in_debug() {
        let shown = format!("{:?}", sealer("a1", &["b2"]));
        assert!(!shown.contains("a1a1") && !shown.contains("161"), "{shown}");
    }
}
