//! The master key: 32 bytes from the config, or from a file beside the database that is made at the first start.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::issuer::error::IssuerError;

/// Bytes of an AES-256 key.
const KEY_BYTES: usize = 32;
/// Bytes of a key's id in what it has sealed.
pub(super) const ID_BYTES: usize = 8;

/// What a key is known by: the beginning of a hash of it, which tells nothing of the key.
pub(super) type KeyId = [u8; ID_BYTES];

/// A master key as it was given.
pub(super) struct MasterKey {
    pub(super) id: KeyId,
    pub(super) bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl MasterKey {
    /// Reads 32 bytes in base64 (44 characters, with or without `=`), or in 64 hexadecimal digits.
    pub(super) fn read(text: &SecretString) -> Result<Self, IssuerError> {
        let text = text.expose_secret().trim();
        let bytes = if text.len() == 2 * KEY_BYTES { hexadecimal(text) } else { base64(text) };
        let bytes = bytes.ok_or(IssuerError::MasterKeyForm)?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        key.copy_from_slice(bytes.get(..KEY_BYTES).ok_or(IssuerError::MasterKeyForm)?);
        Ok(Self { id: id_of(&key), bytes: key })
    }

    /// The key in the file beside the database, which is made where there is none and there may be a new one.
    pub(super) fn beside(database: &Path, may_be_new: bool) -> Result<Option<Self>, IssuerError> {
        let path = file_beside(database);
        let failed = |source| IssuerError::MasterKeyFile { path: path.clone(), source };
        match fs::read_to_string(&path) {
            Ok(text) => Self::read(&text.into()).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound && may_be_new => {
                let text = new_key()?;
                keep(&path, &text).map_err(failed)?;
                Self::read(&text).map(Some)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}

/// How a key's id is written in messages and in the database.
pub(super) fn written(id: KeyId) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `lychgate.db` has `lychgate.db.key`.
pub(super) fn file_beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".key");
    name.into()
}

fn id_of(key: &[u8; KEY_BYTES]) -> KeyId {
    let labelled = Zeroizing::new([b"lychgate master key ".as_slice(), key].concat());
    let mut id = [0; ID_BYTES];
    id.iter_mut().zip(digest(&SHA256, &labelled).as_ref()).for_each(|(id, byte)| *id = *byte);
    id
}

fn new_key() -> Result<SecretString, IssuerError> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    rand::fill(bytes.as_mut()).map_err(|_| IssuerError::Randomness)?;
    Ok(STANDARD.encode(bytes.as_ref()).into())
}

/// For the owner alone from its first moment, and on disk before anything is sealed under it.
fn keep(path: &Path, text: &SecretString) -> io::Result<()> {
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    writeln!(file, "{}", text.expose_secret())?;
    file.sync_all()?;
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text = Zeroizing::new(text.replace('-', "+").replace('_', "/"));
    let bytes = GeneralPurpose::new(&ALPHABET, config).decode(text.as_bytes()).ok().map(Zeroizing::new)?;
    (bytes.len() == KEY_BYTES).then_some(bytes)
}

fn hexadecimal(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Option<Vec<u8>> = text.as_bytes().iter().map(digit).collect();
    let digits = Zeroizing::new(digits?);
    Some(Zeroizing::new(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| 16 * byte + digit)).collect()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn read(text: &str) -> Result<MasterKey, IssuerError> {
        MasterKey::read(&text.to_owned().into())
    }

    #[test]
    fn a_key_is_32_bytes_in_base64_or_hexadecimal() {
        let bytes: Vec<u8> = (200..232).collect();
        let base64 = STANDARD.encode(&bytes);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let url = base64.replace('+', "-").replace('/', "_");
        for text in [&base64, &base64.replace('=', ""), &url, &hex, &hex.to_uppercase(), &format!("{base64}\n")] {
            assert_eq!(read(text).unwrap().bytes.as_slice(), bytes, "{text}");
        }
        assert!(!written(read(&hex).unwrap().id).contains(&hex[..8]), "an id tells nothing of its key");
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        let too_short = STANDARD.encode([7; 31]);
        let too_long = STANDARD.encode([7; 33]);
        for text in ["", "hunter2", &too_short, &too_long, &"g".repeat(64), &"é".repeat(32)] {
            let error = read(text).err().unwrap();
            assert_eq!(error.code(), "issuer-master-key-form", "{text}");
            assert!(text.is_empty() || !error.to_string().contains(text));
        }
    }

    #[test]
    fn the_key_file_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("issuer.db");
        assert!(MasterKey::beside(&database, false).unwrap().is_none());
        let first = MasterKey::beside(&database, true).unwrap().unwrap();
        let again = MasterKey::beside(&database, false).unwrap().unwrap();
        assert_eq!(first.bytes, again.bytes);
        let rights = fs::metadata(folder.path().join("issuer.db.key")).unwrap().permissions();
        assert_eq!(rights.mode() & 0o777, 0o600);
    }
}
