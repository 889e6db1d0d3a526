//! The time in an SRP answer: `Tue Nov 3 09:04:17 UTC 2026`, in English whatever the client's language.

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// How far a client's clock may be off, in seconds, and how old an answer may be.
const TOLERANCE: u64 = 5 * 60;

/// Whether the text is a time near `now`, in Unix seconds.
pub(crate) fn is_recent(text: &str, now: u64) -> bool {
    unix_seconds(text).is_some_and(|at| at.abs_diff(now) <= TOLERANCE)
}

fn unix_seconds(text: &str) -> Option<u64> {
    let mut words = text.split_ascii_whitespace();
    let (_weekday, month, day) = (words.next()?, words.next()?, words.next()?.parse::<u64>().ok()?);
    let (time, zone, year) = (words.next()?, words.next()?, words.next()?.parse::<u64>().ok()?);
    let month = 1 + u64::try_from(MONTHS.iter().position(|name| *name == month)?).ok()?;
    let mut parts = time.split(':').map(|part| part.parse::<u64>().ok().filter(|part| *part < 61));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    seconds_at((year, month, day), [hour, minute, second]).filter(|_| zone == "UTC" && words.next().is_none())
}

/// Unix seconds of a date and a time of day, in UTC.
pub(crate) fn seconds_at((year, month, day): (u64, u64, u64), [hour, minute, second]: [u64; 3]) -> Option<u64> {
    let date_fits = (1970..10_000).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    let time_fits = hour < 24 && minute < 60 && second < 61;
    (date_fits && time_fits).then(|| days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days since 1970-01-01: years are counted from March, so that the leap day is the last of its year.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = if month <= 2 { month + 9 } else { month - 3 };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_clients_write_them() {
        assert_eq!(unix_seconds("Tue Nov 14 22:13:20 UTC 2023"), Some(1_700_000_000));
        assert_eq!(unix_seconds("Thu Feb 29 0:00:00 UTC 2024"), Some(1_709_164_800));
        assert_eq!(unix_seconds("Thu Jan 1 00:00:00 UTC 1970"), Some(0));
        for other in
            ["", "Tue Nov 14 22:13:20 CET 2023", "Di Nov", "Tue Nov 99 22:13:20 UTC 2023", "2023-11-14T22:13:20Z"]
        {
            assert_eq!(unix_seconds(other), None, "{other}");
        }
    }

    #[test]
    fn a_stale_time_is_not_recent() {
        let at = "Tue Nov 14 22:13:20 UTC 2023";
        assert!(is_recent(at, 1_700_000_300) && is_recent(at, 1_699_999_700));
        assert!(!is_recent(at, 1_700_000_301) && !is_recent(at, 1_699_999_699));
    }
}
