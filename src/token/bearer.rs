//! Finds the one token of a request, and takes credentials out of what goes on.

use std::borrow::Cow;

use http::header::COOKIE;
use http::{HeaderMap, HeaderName};

use super::config::CredentialConfig;
use super::error::TokenError;

/// The one token of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential<'a> {
    /// The token.
    pub token: Cow<'a, str>,
    /// Whether it came by the scheme `DPoP` (RFC 9449 section 7.1), which may stand wherever `Authorization: Bearer` may.
    pub by_dpop: bool,
}

/// The one token of a request, or none. A place that is not configured is never read.
///
/// # Errors
/// [`TokenError::SeveralCredentials`] where more than one is sent, [`TokenError::MalformedCredential`] where the one
/// is not written as configured; what is there but unreadable never counts as absent.
pub fn find_credential<'a>(
    places: &[CredentialConfig],
    headers: &'a HeaderMap,
    query: Option<&'a str>,
) -> Result<Option<Credential<'a>>, TokenError> {
    let mut found = None;
    let bearer = |token| Credential { token, by_dpop: false };
    for place in places {
        let here = match place {
            CredentialConfig::Header { name, scheme } => in_header(headers, name, scheme.as_deref())?,
            CredentialConfig::Cookie(name) => in_cookies(headers, name)?.map(Cow::Borrowed).map(bearer),
            CredentialConfig::Query(name) => in_query(query, name)?.map(bearer),
        };
        if here.is_some() && found.is_some() {
            return Err(TokenError::SeveralCredentials);
        }
        found = here.or(found);
    }
    Ok(found)
}

fn in_header<'a>(
    headers: &'a HeaderMap,
    name: &str,
    scheme: Option<&str>,
) -> Result<Option<Credential<'a>>, TokenError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(TokenError::SeveralCredentials);
    }
    let written_as = || {
        let scheme = scheme.map(|scheme| format!("{scheme} ")).unwrap_or_default();
        TokenError::MalformedCredential(format!("{name}: {scheme}<token>"))
    };
    // What is not ASCII is no token below, and told in the same words.
    let value = std::str::from_utf8(value.as_bytes()).map_err(|_| written_as())?;
    let (token, by_dpop) = match scheme {
        None => (value, false),
        // RFC 6750 section 2.1 and RFC 9110 section 11.1: the scheme without case, then blanks, then one token.
        Some(scheme) => match value.split_once(' ') {
            Some((sent, rest)) if sent.eq_ignore_ascii_case(scheme) => (rest.trim_start_matches(' '), false),
            Some((sent, rest)) if may_be_dpop(name, scheme) && sent.eq_ignore_ascii_case("DPoP") => {
                (rest.trim_start_matches(' '), true)
            }
            _ => return Err(written_as()),
        },
    };
    if is_token(token) { Ok(Some(Credential { token: token.into(), by_dpop })) } else { Err(written_as()) }
}

fn may_be_dpop(name: &str, scheme: &str) -> bool {
    name == "authorization" && scheme.eq_ignore_ascii_case("Bearer")
}

fn in_cookies<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, TokenError> {
    let written_as = || TokenError::MalformedCredential(format!("cookie: {name}=<token>"));
    let mut found = None;
    for line in headers.get_all(COOKIE) {
        // A cookie line that cannot be read may hide ours.
        let line = line.to_str().map_err(|_| written_as())?;
        for pair in line.split(';') {
            let (sent, value) = pair.split_once('=').unwrap_or((pair, ""));
            if sent.trim() != name {
                continue;
            }
            if found.is_some() {
                return Err(TokenError::SeveralCredentials);
            }
            let value = value.trim();
            found = Some(if is_token(value) { value } else { return Err(written_as()) });
        }
    }
    Ok(found)
}

fn in_query<'a>(query: Option<&'a str>, name: &str) -> Result<Option<Cow<'a, str>>, TokenError> {
    let mut values = parameters(query).filter(|(sent, _)| sent == name).map(|(_, value)| value);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(TokenError::SeveralCredentials);
    }
    let written_as = || TokenError::MalformedCredential(format!("?{name}=<token>"));
    if is_token(&value) { Ok(Some(value)) } else { Err(written_as()) }
}

fn parameters(query: Option<&str>) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
}

/// `b64token` of RFC 6750 section 2.1, which is never empty and never has a blank or a comma.
fn is_token(text: &str) -> bool {
    let characters = text.trim_end_matches('=');
    // To the end in any case, so that many bytes are looked at in one step.
    !characters.is_empty() && characters.bytes().fold(true, |all, byte| all & is_token_byte(byte))
}

/// A letter, a digit, or one of `-._~+/`: few comparisons, which a compiler makes for many bytes at once.
fn is_token_byte(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let is_from_plus_to_nine = byte.wrapping_sub(b'+') < 15 && byte != b',';
    is_letter || is_from_plus_to_nine || byte == b'_' || byte == b'~'
}

/// What takes every configured credential out of the headers, so that an upstream cannot use what it was not given.
#[must_use]
pub fn without_credentials(places: &[CredentialConfig], headers: &HeaderMap) -> Vec<Replacement> {
    let mut replacements = Vec::new();
    for place in places {
        match place {
            CredentialConfig::Header { name, .. } if headers.contains_key(name) => {
                let header = HeaderName::from_bytes(name.as_bytes());
                replacements.extend(header.map(|header| Replacement { header, value: None }));
            }
            CredentialConfig::Cookie(name) => replacements.extend(without_cookie(headers, name)),
            CredentialConfig::Header { .. } | CredentialConfig::Query(_) => {}
        }
    }
    replacements
}

/// A header whose values are replaced by this one; none takes it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The header.
    pub header: HeaderName,
    /// Its new value.
    pub value: Option<http::HeaderValue>,
}

fn without_cookie(headers: &HeaderMap, name: &str) -> Option<Replacement> {
    let is_ours = |pair: &&str| pair.split_once('=').map_or(*pair, |(sent, _)| sent).trim() == name;
    let lines: Vec<_> = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok()).collect();
    if !lines.iter().flat_map(|line| line.split(';')).any(|pair| is_ours(&pair)) {
        return None;
    }
    let pairs = lines.iter().flat_map(|line| line.split(';')).filter(|pair| !is_ours(pair)).map(str::trim);
    let rest = pairs.collect::<Vec<_>>().join("; ");
    let value = http::HeaderValue::from_str(&rest).ok().filter(|_| !rest.is_empty());
    Some(Replacement { header: COOKIE, value })
}

/// The query without configured credentials, where it has any; the other parameters keep their bytes.
#[must_use]
pub fn query_without_credentials(places: &[CredentialConfig], query: &str) -> Option<String> {
    let is_ours = |pair: &&str| {
        let name = form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name);
        name.is_some_and(|name| {
            places.iter().any(|place| matches!(place, CredentialConfig::Query(ours) if *ours == name))
        })
    };
    if !query.split('&').any(|pair| is_ours(&pair)) {
        return None;
    }
    Some(query.split('&').filter(|pair| !is_ours(pair)).collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn places() -> Vec<CredentialConfig> {
        vec![
            CredentialConfig::bearer(),
            CredentialConfig::Cookie("session".to_owned()),
            CredentialConfig::Query("access_token".to_owned()),
        ]
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (http::HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn code(places: &[CredentialConfig], pairs: &[(&'static str, &str)], query: Option<&str>) -> &'static str {
        match find_credential(places, &headers(pairs), query) {
            Ok(None) => "none",
            Ok(Some(credential)) if credential.token == "a.b.c" && credential.by_dpop => "by DPoP",
            Ok(Some(credential)) if credential.token == "a.b.c" => "found",
            Ok(Some(_)) => "another",
            Err(error) => error.code(),
        }
    }

    #[test]
    fn one_bearer_token_is_found_whatever_the_case_of_the_scheme() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c", "Bearer   a.b.c"] {
            assert_eq!(code(&places(), &[("authorization", value)], None), "found", "{value}");
        }
        for value in ["DPoP a.b.c", "dpop  a.b.c"] {
            assert_eq!(code(&places(), &[("authorization", value)], None), "by DPoP", "{value}");
        }
        assert_eq!(code(&places(), &[], None), "none");
        let own_scheme =
            [CredentialConfig::Header { name: "authorization".to_owned(), scheme: Some("Token".to_owned()) }];
        assert_eq!(code(&own_scheme, &[("authorization", "DPoP a.b.c")], None), "malformed-credential");
    }

    #[test]
    fn a_token_is_made_of_the_characters_of_rfc_6750_alone() {
        for byte in 0..=u8::MAX {
            let allowed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_token_byte(byte), allowed, "{byte:#04x}");
        }
        let places = [CredentialConfig::Header { name: "x-token".to_owned(), scheme: None }];
        for value in ["a.b.é", "a.é.c", "a b.c", "a.b=c", "=", "=a", "a.b.c\u{a0}"] {
            assert_eq!(code(&places, &[("x-token", value)], None), "malformed-credential", "{value}");
        }
        assert_eq!(code(&places, &[("x-token", "a.b.c")], None), "found");
    }

    #[test]
    fn what_is_there_but_not_one_token_never_counts_as_absent() {
        let refused = [
            "",
            "Bearer",
            "Bearer ",
            "Bearera.b.c",
            "XBearer a.b.c",
            "Basic YTpi",
            "Basic x, Bearer a.b.c",
            "a.b.c",
            "Bearer a.b.c d",
            "Bearer a.b.c,d",
            "Bearer a.b.c, Bearer a.b.c",
            "Bearer\ta.b.c",
            "Bearer \ta.b.c",
            "Bearer \"a.b.c\"",
            "Bearer \u{feff}a.b.c",
            "Bearer =",
            "DPoP",
            "DPoPa.b.c",
            "DPoP a.b.c, Bearer a.b.c",
        ];
        for value in refused {
            assert_eq!(code(&places(), &[("authorization", value)], None), "malformed-credential", "{value}");
        }
        for cookie in
            ["session=", "session", "session=a b", "a=b; session=\"x\"", "name=caf\u{e9}; session=a.b.c", "\u{e9}"]
        {
            assert_eq!(code(&places(), &[("cookie", cookie)], None), "malformed-credential", "{cookie}");
        }
        assert_eq!(code(&places(), &[], Some("access_token=")), "malformed-credential");
        assert_eq!(code(&places(), &[], Some("access_token=a%20b")), "malformed-credential");
    }

    #[test]
    fn two_credentials_are_refused_wherever_they_stand() {
        let bearer = ("authorization", "Bearer a.b.c");
        let several = [
            code(&places(), &[bearer, bearer], None),
            code(&places(), &[bearer, ("authorization", "Basic YTpi")], None),
            code(&places(), &[bearer, ("cookie", "session=a.b.c")], None),
            code(&places(), &[bearer], Some("access_token=a.b.c")),
            code(&places(), &[("cookie", "session=a.b.c; session=a.b.c")], None),
            code(&places(), &[("cookie", "session=a.b.c"), ("cookie", "session=d.e.f")], None),
            code(&places(), &[], Some("access_token=a.b.c&access_token=a.b.c")),
            code(&places(), &[], Some("access_token=a.b.c&access%5Ftoken=a.b.c")),
        ];
        assert_eq!(several, ["several-credentials"; 8]);
    }

    #[test]
    fn a_place_that_is_not_configured_is_never_read() {
        let only_bearer = [CredentialConfig::bearer()];
        assert_eq!(code(&only_bearer, &[("cookie", "session=a.b.c")], Some("access_token=a.b.c")), "none");
        let elsewhere = [CredentialConfig::Header { name: "x-token".to_owned(), scheme: None }];
        assert_eq!(code(&elsewhere, &[("authorization", "Bearer a.b.c")], None), "none");
        assert_eq!(code(&elsewhere, &[("x-token", "a.b.c")], None), "found");
    }

    #[test]
    fn credentials_are_taken_out_and_the_rest_keeps_its_bytes() {
        let sent =
            headers(&[("authorization", "Bearer a.b.c"), ("cookie", "x=1; session=a.b.c; y=\"2\""), ("accept", "*/*")]);
        let replaced = without_credentials(&places(), &sent);
        assert_eq!(replaced[0], Replacement { header: http::header::AUTHORIZATION, value: None });
        assert_eq!(replaced[1].value.as_ref().unwrap(), "x=1; y=\"2\"");
        let alone = headers(&[("cookie", "session=a.b.c")]);
        assert!(without_credentials(&places(), &alone)[0].value.is_none());
        assert!(without_credentials(&places(), &headers(&[("cookie", "x=1")])).is_empty());
        assert_eq!(query_without_credentials(&places(), "a=%7e&access_token=x&b").as_deref(), Some("a=%7e&b"));
        assert_eq!(query_without_credentials(&places(), "access%5ftoken=x").as_deref(), Some(""));
        assert_eq!(query_without_credentials(&places(), "a=1"), None);
    }
}
