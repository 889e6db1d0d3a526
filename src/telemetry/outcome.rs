//! How things ended, in the words of metrics and logs.

/// How a request ended, as the gate sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was let through, and its upstream answered, whatever it answered.
    Allowed,
    /// The gate refused it.
    Denied,
    /// The gate or an upstream could not do its part.
    Failed,
    /// The gate answered in the upstream's place, as it does to a CORS preflight.
    Answered,
}

impl Outcome {
    /// Its name in metrics and logs.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Failed => "failed",
            Self::Answered => "answered",
        }
    }
}

/// The class of an HTTP status, `2xx` and so on (RFC 9110 section 15): the `code` of requests that were not refused.
#[must_use]
pub fn status_class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => "other",
    }
}

/// What the cache of verified tokens knew of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheLookup {
    /// It was verified before, and still counts.
    Hit,
    /// It was not there.
    Miss,
    /// It was there, but keys have changed since.
    Stale,
}

/// What became of a changed config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadResult {
    /// It is in force.
    Success,
    /// It was refused, and the one before it is still in force.
    Failure,
}

impl ReloadResult {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

/// Whether a request that failed at one endpoint is sent to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryResult {
    /// It is.
    Tried,
    /// It is not, since too many of the upstream's requests are second tries already.
    OverBudget,
}
