//! Marks: keyed hashes of what is too short for a plain one, such as a code of six digits.

use aws_lc_rs::hmac;

use super::sealer::Sealer;

impl Sealer {
    /// A mark of `text` for this purpose, made with the current master key. Who reads the database cannot try all texts.
    pub(crate) fn mark(&self, purpose: &str, text: &str) -> Vec<u8> {
        hmac::sign(self.current_marks(), &message(purpose, text)).as_ref().to_vec()
    }

    /// Whether this is the mark of the text under any of the keys; compared in constant time.
    pub(crate) fn is_mark_of(&self, mark: &[u8], purpose: &str, text: &str) -> bool {
        let message = message(purpose, text);
        self.all_marks().any(|key| hmac::verify(key, &message, mark).is_ok())
    }
}

/// The purpose's length stands before it, so that no purpose and text can be taken for others.
fn message(purpose: &str, text: &str) -> Vec<u8> {
    format!("{}:{purpose}{text}", purpose.len()).into_bytes()
}
