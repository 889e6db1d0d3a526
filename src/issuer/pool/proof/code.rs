//! A code that is sent to a user: six random digits.

use aws_lc_rs::rand;
use secrecy::{ExposeSecret, SecretString};

use crate::issuer::error::IssuerError;

const DIGITS: u32 = 6;
const RANGE: u32 = 10_u32.pow(DIGITS);

/// A code as it is sent; kept only as a mark of it.
#[derive(Debug, Clone)]
pub(crate) struct Code(SecretString);

impl Code {
    /// Six digits, each code as likely as any other.
    pub(crate) fn generate() -> Result<Self, IssuerError> {
        let largest = u32::MAX - u32::MAX % RANGE;
        loop {
            let mut bytes = [0; 4];
            rand::fill(&mut bytes).map_err(|_| IssuerError::Randomness)?;
            let number = u32::from_be_bytes(bytes);
            // Beyond the last whole range small codes would come a little more often.
            if number < largest {
                return Ok(Self(format!("{:06}", number % RANGE).into()));
            }
        }
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_six_digits_and_differ() {
        let codes: std::collections::HashSet<String> =
            (0..50).map(|_| Code::generate().unwrap().expose().to_owned()).collect();
        assert!(codes.len() > 45);
        assert!(codes.iter().all(|code| code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit())));
        assert!(!format!("{:?}", Code::generate().unwrap()).contains(char::is_numeric));
    }
}
