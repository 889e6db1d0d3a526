//! Why a message was not delivered.

use reqwest::StatusCode;

/// Why a letter was not delivered, with the stable name of the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undelivered {
    /// Another try may do better.
    ForNow(&'static str),
    /// No try will.
    ForGood(&'static str),
}

impl Undelivered {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::ForNow(code) | Self::ForGood(code) => code,
        }
    }

    /// What the answer of whoever was asked to send a message means.
    pub(super) fn judge(status: StatusCode) -> Result<(), Self> {
        // Request timeout, and too many requests.
        let again = matches!(status.as_u16(), 408 | 429);
        match () {
            () if status.is_success() => Ok(()),
            () if again || status.is_server_error() => Err(Self::ForNow("refused-for-now")),
            () => Err(Self::ForGood("refused")),
        }
    }
}
