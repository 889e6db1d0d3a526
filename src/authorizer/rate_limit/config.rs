//! The config of rate limits: how often, counted by what, and with whom.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use crate::short_form::ShortForm;

/// How often requests of one kind may come: a bucket that holds `burst` of them and fills at `rate`. Beyond, they are refused
/// with 429 `rate-limited` and `retry-after`; every answer of the route tells what is left in `RateLimit` and
/// `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11). What is counted outlives a reload, and not a restart; where
/// more than about 130,000 callers and addresses have something on count at a time, those who used least are forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimitConfig {
    /// What is counted apart: `sub` (each caller, by issuer and subject), `address` (the client's; of IPv6 its /64), `route`
    /// (all requests together), or the name of any other claim; `{claim: address}` is a claim whatever its name. Addresses and
    /// routes are counted before a credential is looked at, callers once their token is verified. Requests without a token,
    /// where the route is `optional`, are counted by address; tokens without the claim are counted together, by issuer.
    pub by: CountedBy,
    /// How fast the bucket fills: `100/s`, `600/m`, `1000/h` or `5000/d`.
    pub rate: RateConfig,
    /// How many requests may come at once after a pause; never fewer than `rate` gives in a millisecond. Default: the number
    /// in `rate`.
    #[serde(default)]
    pub burst: Option<u32>,
}

/// What is counted apart.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "ShortForm<ClaimField>")]
pub enum CountedBy {
    /// Each caller.
    Sub,
    /// Each value of a claim, of each issuer.
    Claim(String),
    /// Each client's address.
    Address,
    /// Nothing: all requests of the route together.
    Route,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ClaimField {
    /// A claim, by name.
    claim: String,
}

impl From<ShortForm<ClaimField>> for CountedBy {
    fn from(form: ShortForm<ClaimField>) -> Self {
        match form {
            ShortForm::Full(ClaimField { claim }) if claim == "sub" => Self::Sub,
            ShortForm::Full(ClaimField { claim }) => Self::Claim(claim),
            ShortForm::Short(word) => match word.as_str() {
                "sub" => Self::Sub,
                "address" => Self::Address,
                "route" => Self::Route,
                _ => Self::Claim(word),
            },
        }
    }
}

impl CountedBy {
    /// Whether only a verified token tells it.
    #[must_use]
    pub fn needs_a_caller(&self) -> bool {
        matches!(self, Self::Sub | Self::Claim(_))
    }
}

/// So many in a second, minute, hour or day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct RateConfig {
    /// How many.
    pub count: u32,
    /// In which time.
    pub period: Duration,
}

/// Faster than anything that is counted by the millisecond needs to be.
const MOST: u32 = 1_000_000;

impl TryFrom<String> for RateConfig {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let read = || {
            let (count, unit) = text.split_once('/')?;
            let period = match unit.trim() {
                "s" => Duration::from_secs(1),
                "m" => Duration::from_mins(1),
                "h" => Duration::from_hours(1),
                "d" => Duration::from_hours(24),
                _ => return None,
            };
            let count = count.trim().parse().ok().filter(|count| (1..=MOST).contains(count))?;
            Some(Self { count, period })
        };
        read().ok_or_else(|| format!("`{text}` is no rate such as `100/s`, `600/m`, `1000/h` or `5000/d`"))
    }
}

/// What holds of all rate limits.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimitsConfig {
    /// Counts together with other gates, on one Redis or Valkey: its URL, `redis://[user:password@]host[:6379][/database]`, or
    /// `{url: …}` with settings. `rediss://`, `valkey://` and `valkeys://` are taken too. It needs scripts, and no cluster. While
    /// it is away each gate counts alone, which a warning in the log and `lychgate_rate_limit_shared` say. Default: each gate
    /// counts alone.
    pub shared: Option<SharedCountsConfig>,
}

/// Where gates count together.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(from = "ShortForm<SharedCountsFields>")]
pub struct SharedCountsConfig {
    /// The URL.
    #[schemars(with = "String")]
    pub url: SecretString,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// PEM certificates that count instead of the system's.
    pub ca: Option<PathBuf>,
    /// What its keys begin with.
    pub prefix: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SharedCountsFields {
    /// The URL; usually `${NAME}` or `{file: path}`, where there is a password in it. Only loopback should be asked without TLS.
    #[schemars(with = "String")]
    url: SecretString,
    /// Longest wait for one answer, 1ms to 1s; what comes later finds the request counted by this gate alone. Default `50ms`.
    #[serde(default = "default_timeout", deserialize_with = "humantime_serde::deserialize")]
    timeout: Duration,
    /// PEM certificates that count instead of the system's. For `rediss://` and `valkeys://`.
    #[serde(default)]
    ca: Option<PathBuf>,
    /// What keys begin with there; the same for gates that count together. A key ends with a hash: nobody is named there.
    /// Default `lychgate:rate:`.
    #[serde(default = "default_prefix")]
    prefix: String,
}

impl From<ShortForm<SharedCountsFields>> for SharedCountsConfig {
    fn from(form: ShortForm<SharedCountsFields>) -> Self {
        match form {
            ShortForm::Short(url) => {
                Self { url: url.into(), timeout: default_timeout(), ca: None, prefix: default_prefix() }
            }
            ShortForm::Full(SharedCountsFields { url, timeout, ca, prefix }) => Self { url, timeout, ca, prefix },
        }
    }
}

fn default_timeout() -> Duration {
    Duration::from_millis(50)
}

fn default_prefix() -> String {
    "lychgate:rate:".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_in_a_unit_of_time() {
        let read = |text: &str| RateConfig::try_from(text.to_owned());
        for (text, count, seconds) in
            [("100/s", 100, 1), ("1 / m", 1, 60), ("5/h", 5, 3600), ("1000000/d", MOST, 86_400)]
        {
            assert_eq!(read(text).unwrap(), RateConfig { count, period: Duration::from_secs(seconds) }, "{text}");
        }
        for text in ["", "100", "/s", "0/s", "-1/s", "1.5/s", "100/", "100/w", "100/S", "1000001/s", "1/s/s", "s/1"] {
            assert!(read(text).unwrap_err().contains("is no rate"), "{text}");
        }
    }
}
