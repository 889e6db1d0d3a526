//! The facts of a request as Cedar's context: percent-decoded once, and refused where they could be read in two ways.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Context, RestrictedExpression};

use super::principal::string_set;
use super::query::{CertificateFacts, Query, TokenFacts};
use super::reads::Reads;
use super::schema::Target;
use super::verdict::Fault;

/// What a query says of its request, found to be readable in one way only.
pub(super) struct Facts<'q> {
    query: &'q Query<'q>,
    path: BTreeMap<&'q str, Cow<'q, str>>,
    parameters: BTreeMap<&'q str, Cow<'q, str>>,
}

impl<'q> Facts<'q> {
    /// Reads the path's parameters, and the query parameters that policies may read.
    ///
    /// # Errors
    ///
    /// The path's parameters are not those of the action, a value is not percent-encoded UTF-8, or a query parameter that
    /// policies may read can be read in two ways.
    pub(super) fn read(query: &'q Query<'q>, target: &Target, declared: &'q BTreeSet<String>) -> Result<Self, Fault> {
        let path = path_parameters(query.path, &target.parameters)?;
        let parameters = query_parameters(query.query.unwrap_or_default(), declared)?;
        Ok(Self { query, path, parameters })
    }

    /// The context, with the parts that are read.
    pub(super) fn context(self, reads: Reads) -> Result<Context, Fault> {
        let Self { query, path, parameters } = self;
        let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
        let mut parts = Vec::with_capacity(8);
        if reads.has(Reads::PATH) {
            parts.push(("path", record(path)?));
        }
        if reads.has(Reads::METHOD) {
            parts.push(("method", text(query.method)));
        }
        if reads.has(Reads::HOST) {
            parts.push(("host", text(query.host)));
        }
        if reads.has(Reads::QUERY) {
            parts.push(("query", record(parameters)?));
        }
        if reads.has(Reads::IP) {
            parts.push(("ip", RestrictedExpression::new_ip(query.ip.to_canonical().to_string())));
        }
        if reads.has(Reads::NOW) {
            parts.push(("now", RestrictedExpression::new_datetime(datetime(query.now_millis))));
        }
        if let Some(token) = query.token.filter(|_| reads.has(Reads::TOKEN)) {
            parts.push(("token", token_record(token)?));
        }
        if let Some(certificate) = query.certificate.filter(|_| reads.has(Reads::CERTIFICATE)) {
            parts.push(("client_certificate", certificate_record(certificate)?));
        }
        let parts = parts.into_iter().map(|(name, value)| (name.to_owned(), value));
        Context::from_pairs(parts).map_err(|_| Fault::new("context-unfit"))
    }
}

fn token_record(token: TokenFacts<'_>) -> Result<RestrictedExpression, Fault> {
    let age = RestrictedExpression::new_long(i64::try_from(token.age_seconds).unwrap_or(i64::MAX));
    let fields = [("age".to_owned(), age), ("scopes".to_owned(), string_set(token.scopes))];
    RestrictedExpression::new_record(fields).map_err(|_| Fault::new("context-unfit"))
}

fn certificate_record(certificate: CertificateFacts<'_>) -> Result<RestrictedExpression, Fault> {
    let sha256: String = certificate.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    let fields = [
        ("subject".to_owned(), RestrictedExpression::new_string(certificate.subject.to_owned())),
        ("names".to_owned(), string_set(certificate.names)),
        ("sha256".to_owned(), RestrictedExpression::new_string(sha256)),
    ];
    RestrictedExpression::new_record(fields).map_err(|_| Fault::new("context-unfit"))
}

fn record(fields: BTreeMap<&str, Cow<'_, str>>) -> Result<RestrictedExpression, Fault> {
    let text = |value: Cow<'_, str>| RestrictedExpression::new_string(value.into_owned());
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), text(value)));
    RestrictedExpression::new_record(fields).map_err(|_| Fault::new("context-unfit"))
}

fn path_parameters<'a>(
    matched: &[(&'a str, &'a str)],
    expected: &BTreeSet<String>,
) -> Result<BTreeMap<&'a str, Cow<'a, str>>, Fault> {
    let mut parameters = BTreeMap::new();
    for &(name, raw) in matched {
        let value = percent_decoded(raw, false).ok_or_else(|| Fault::about("path-parameter-encoding", name))?;
        if !expected.contains(name) || parameters.insert(name, value).is_some() {
            return Err(Fault::about("path-parameter-unknown", name));
        }
    }
    match expected.iter().find(|name| !parameters.contains_key(name.as_str())) {
        Some(name) => Err(Fault::about("path-parameter-missing", name.as_str())),
        None => Ok(parameters),
    }
}

/// The declared parameters of a query string, read as `application/x-www-form-urlencoded`.
///
/// What is not declared is not looked at, since no policy can read it.
fn query_parameters<'a>(
    raw: &'a str,
    declared: &'a BTreeSet<String>,
) -> Result<BTreeMap<&'a str, Cow<'a, str>>, Fault> {
    let mut parameters = BTreeMap::new();
    if declared.is_empty() {
        return Ok(parameters);
    }
    for pair in raw.split('&') {
        check_plain(pair, declared)?;
        let (name, value) = name_and_value(pair);
        let Some(name) = percent_decoded(name, true).and_then(|name| declared.get(&*name)) else { continue };
        let value = percent_decoded(value, true).ok_or_else(|| Fault::about("query-parameter-encoding", &**name))?;
        if parameters.insert(name.as_str(), value).is_some() {
            return Err(Fault::about("query-parameter-repeated", &**name));
        }
    }
    Ok(parameters)
}

/// Refuses what an upstream may read as a declared parameter though it is written otherwise: policies would judge one
/// request, and the upstream answer another.
///
/// Some part a query at `;` too; some take names without case, trim them, or read `name[]` and `name[0]` as `name`.
fn check_plain(pair: &str, declared: &BTreeSet<String>) -> Result<(), Fault> {
    for part in pair.split(';') {
        let Some(name) = percent_decoded(name_and_value(part).0, true) else { continue };
        let base = name.split(['[', '\0']).next().unwrap_or_default().trim();
        let alike = |known: &&String| known.eq_ignore_ascii_case(base) || **known == *name;
        let Some(known) = declared.iter().find(alike) else { continue };
        if part != pair || !declared.contains(&*name) {
            return Err(Fault::about("query-parameter-ambiguous", known.as_str()));
        }
    }
    Ok(())
}

fn name_and_value(pair: &str) -> (&str, &str) {
    pair.split_once('=').unwrap_or((pair, ""))
}

/// RFC 3986 section 2.1; nothing where an escape is broken or the bytes are not UTF-8.
fn percent_decoded(raw: &str, plus_is_blank: bool) -> Option<Cow<'_, str>> {
    if !raw.contains(|c: char| c == '%' || plus_is_blank && c == '+') {
        return Some(Cow::Borrowed(raw));
    }
    let mut bytes = raw.bytes();
    let mut decoded = Vec::with_capacity(raw.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            b'+' if plus_is_blank => b' ',
            other => other,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The last moment that Cedar can write: 9999-12-31T23:59:59.999Z.
const LAST_MILLI: u64 = 253_402_300_799_999;

/// A moment as Cedar reads it (RFC 3339, UTC, milliseconds).
pub(super) fn datetime(millis: u64) -> String {
    let millis = millis.min(LAST_MILLI);
    let (days, in_day) = (millis / 86_400_000, millis % 86_400_000);
    let (year, month, day) = civil_date(days);
    let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (second, milli) = (in_day / 1_000 % 60, in_day % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Days since 1970-01-01 as a date of the Gregorian calendar, counted in years that begin in March,
/// so that the leap day is the last.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}
