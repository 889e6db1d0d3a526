//! What the dates of a token mean, told from now.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value};

/// The claims that are dates (RFC 7519 section 4.1, OpenID Connect Core section 2), with what each says of its moment.
const DATES: [(&str, &str, &str); 4] = [
    ("exp", "expires", "expired"),
    ("nbf", "is good from", "is good since"),
    ("iat", "says it was issued in the future,", "was issued"),
    ("auth_time", "says the user signed in in the future,", "the user signed in"),
];
/// The last second of the year 9999.
const LAST_DATE: f64 = 253_402_300_799.0;

/// One line for each date in the claims.
pub(super) fn told(claims: &Map<String, Value>, now: u64) -> Vec<(&'static str, String)> {
    let told = DATES.iter().filter_map(|(name, later, earlier)| {
        let value = claims.get(*name)?;
        let Some(seconds) = value.as_f64().filter(|seconds| (0.0..=LAST_DATE).contains(seconds)) else {
            return Some((*name, "is no date: a gateway refuses the token".to_owned()));
        };
        let (at, now) = (Duration::from_secs_f64(seconds.floor()), Duration::from_secs(now));
        let date = humantime::format_rfc3339_seconds(UNIX_EPOCH + at);
        let from_now = if at > now {
            format!("{later} in {}", rough(at.saturating_sub(now)))
        } else {
            format!("{earlier} {} ago", rough(now.saturating_sub(at)))
        };
        Some((*name, format!("{date}, {from_now}")))
    });
    told.collect()
}

/// The two greatest units of a duration.
fn rough(duration: Duration) -> String {
    let whole = humantime::format_duration(duration).to_string();
    whole.split(' ').take(2).collect::<Vec<_>>().join(" ")
}
