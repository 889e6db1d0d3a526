//! A user pool and the ids of pools and clients: their form, and those made from names.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;

use super::settings::PoolSettings;
use crate::issuer::error::IssuerError;

use crate::jose::Algorithm;

/// A user pool: the unit that has users, clients, groups and keys of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserPool {
    /// `<region>_<alphanumerics>`; the last segment of the pool's `iss`.
    pub id: String,
    pub name: String,
    pub settings: PoolSettings,
    /// Unix milliseconds.
    pub created_at: u64,
    /// Unix milliseconds.
    pub updated_at: u64,
    /// The `iss` of its tokens, where it is not the issuer's URL and the pool's id.
    pub issuer_url: Option<String>,
    /// What its tokens are signed with.
    pub token_algorithm: Algorithm,
}

/// Longest pool id, in characters; the model's `UserPoolIdType`.
const LONGEST_POOL_ID: usize = 55;
/// Longest client id, in characters; the model's `ClientIdType`.
const LONGEST_CLIENT_ID: usize = 128;
const REGION_OF_MADE_IDS: &str = "local";

/// Whether this can be a pool's id: a region, `_` and alphanumerics, as in the model's `UserPoolIdType`.
pub(crate) fn is_pool_id(id: &str) -> bool {
    let word = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    id.len() <= LONGEST_POOL_ID
        && id
            .rsplit_once('_')
            .is_some_and(|(region, name)| !region.is_empty() && region.chars().all(word) && is_alphanumeric(name))
}

/// Whether this can be a client's id, as in the model's `ClientIdType`.
pub(crate) fn is_client_id(id: &str) -> bool {
    let word = |character: char| character.is_ascii_alphanumeric() || "_+".contains(character);
    !id.is_empty() && id.len() <= LONGEST_CLIENT_ID && id.chars().all(word)
}

/// The id of a pool that states none: `local_` and nine alphanumerics, always the same for a name.
pub(crate) fn pool_id_for(name: &str) -> String {
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    format!("{REGION_OF_MADE_IDS}_{}", letters_of(&["pool", name], alphabet, 9))
}

/// The id of a client that states none: 26 lower-case alphanumerics, always the same for a pool's name and a client's.
pub(crate) fn client_id_for(pool_name: &str, name: &str) -> String {
    letters_of(&["client", pool_name, name], b"0123456789abcdefghijklmnopqrstuvwxyz", 26)
}

/// The id of a pool that the API makes: the region, `_` and nine random alphanumerics.
pub(crate) fn new_pool_id(region: &str) -> Result<String, IssuerError> {
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    Ok(format!("{region}_{}", random_letters(alphabet, 9)?))
}

/// The id of a client that the API makes: 26 random lower-case alphanumerics.
pub(crate) fn new_client_id() -> Result<String, IssuerError> {
    random_letters(b"0123456789abcdefghijklmnopqrstuvwxyz", 26)
}

/// A client's secret that the API makes: 51 random lower-case alphanumerics.
pub(crate) fn new_client_secret() -> Result<String, IssuerError> {
    random_letters(b"0123456789abcdefghijklmnopqrstuvwxyz", 51)
}

/// Random letters, each as likely as any other.
pub(crate) fn random_letters(alphabet: &[u8], count: usize) -> Result<String, IssuerError> {
    let fair = 256 - 256 % alphabet.len();
    let mut letters = String::with_capacity(count);
    while letters.len() < count {
        let mut bytes = [0; 64];
        rand::fill(&mut bytes).map_err(|_| IssuerError::Randomness)?;
        let drawn = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
        let drawn = drawn.filter_map(|byte| alphabet.get(byte % alphabet.len()).copied().map(char::from));
        letters.extend(drawn.take(count - letters.len()));
    }
    Ok(letters)
}

fn is_alphanumeric(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| character.is_ascii_alphanumeric())
}

/// Letters drawn from a hash of `words`: an id need not be secret, only the same at each start.
fn letters_of(words: &[&str], alphabet: &[u8], count: usize) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("{}:{word}", word.len())).collect();
    let hash = digest(&SHA256, words.join(",").as_bytes());
    let letter = |byte: &u8| alphabet.get(usize::from(*byte) % alphabet.len()).copied().map(char::from);
    hash.as_ref().iter().filter_map(letter).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_ids_have_the_form_of_cognito_and_never_change() {
        assert_eq!(pool_id_for("demo"), pool_id_for("demo"));
        assert_ne!(pool_id_for("demo"), pool_id_for("demo2"));
        assert!(is_pool_id(&pool_id_for("demo")) && pool_id_for("demo").len() == "local_".len() + 9);
        let client = client_id_for("demo", "web");
        assert!(is_client_id(&client) && client.len() == 26);
        assert!(client.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit()));
        assert_ne!(client_id_for("a", "bc"), client_id_for("ab", "c"));
    }

    #[test]
    fn ids_of_another_form_are_refused() {
        for id in ["", "x", "_abc", "local_", "local_a-b", "local_a/b", "local/x_a", "é_a", &"a_".repeat(30)] {
            assert!(!is_pool_id(id), "{id}");
        }
        assert!(is_pool_id("eu-west-1_Ab9") && is_pool_id("a_b_c"));
        for id in ["", "a b", "a/b", "a-b", &"a".repeat(129)] {
            assert!(!is_client_id(id), "{id}");
        }
        assert!(is_client_id("web+1_A"));
    }
}
