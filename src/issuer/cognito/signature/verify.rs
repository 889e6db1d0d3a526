//! Whether a request was signed with a key that may administer, for this service, just now.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use axum::http::header::{AUTHORIZATION, HeaderName};
use axum::http::request::Parts;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::super::error::CognitoError;
use super::authorization::Authorization;
use super::canonical::canonical;
use crate::issuer::pool::proof::{hex, seconds_at};

/// Who signed, and for which region.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Signed {
    pub key_id: String,
    pub region: String,
}

const SERVICE: &str = "cognito-idp";
/// How far the time of signing may be from ours, in seconds.
const TOLERANCE: u64 = 15 * 60;
const DATE: HeaderName = HeaderName::from_static("x-amz-date");

/// Verifies the signature of a request. `region`: the only one that it may be for, where one is set.
pub(in super::super) fn verify(
    parts: &Parts,
    body: &[u8],
    (keys, region): (&BTreeMap<String, SecretString>, Option<&str>),
    now: u64,
) -> Result<Signed, CognitoError> {
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    let (Some(header), None) = (headers.next(), headers.next()) else { return Err(missing()) };
    let authorization = Authorization::read(header.to_str().map_err(|_| missing())?)?;
    let secret = keys.get(authorization.key_id).ok_or_else(unknown)?;
    let date = one_text(parts, &DATE).ok_or_else(missing)?;
    scope_fits(&authorization, date, region)?;
    everything_is_signed(parts, &authorization)?;
    let canonical = canonical(parts, &authorization.signed_headers, body).ok_or_else(wrong)?;
    let expected = signature(secret, &authorization, date, &canonical);
    // Compared in constant time, and before the date is judged: a stranger learns nothing of our clock.
    let right: bool = expected.as_bytes().ct_eq(authorization.signature.to_ascii_lowercase().as_bytes()).into();
    if !right {
        return Err(wrong());
    }
    let at = unix_seconds(date).ok_or_else(wrong)?;
    if at.abs_diff(now) > TOLERANCE {
        let message = "Signature expired: the time of signing is not within 15 minutes of the time of now.";
        return Err(CognitoError::new("InvalidSignatureException", "signature-expired", message));
    }
    Ok(Signed { key_id: authorization.key_id.to_owned(), region: authorization.region.to_owned() })
}

fn scope_fits(authorization: &Authorization<'_>, date: &str, region: Option<&str>) -> Result<(), CognitoError> {
    let refused = |message: &str| Err(CognitoError::new("InvalidSignatureException", "signature-scope", message));
    if authorization.service != SERVICE {
        return refused("Credential should be scoped to correct service: 'cognito-idp'.");
    }
    if !is_region(authorization.region) || region.is_some_and(|region| region != authorization.region) {
        return refused("Credential should be scoped to a valid region.");
    }
    if !date.starts_with(authorization.day) || authorization.day.len() != 8 {
        return refused("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP");
    }
    Ok(())
}

/// What decides what is done must be signed: the host, the time, and everything of AWS's own, the operation's name among it.
fn everything_is_signed(parts: &Parts, authorization: &Authorization<'_>) -> Result<(), CognitoError> {
    let is_signed = |name: &str| authorization.signed_headers.contains(&name);
    let of_aws = parts.headers.keys().map(HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
    if is_signed("host") && is_signed("x-amz-date") && of_aws.into_iter().all(is_signed) {
        return Ok(());
    }
    let message = "'Host' and every 'x-amz-' header must be signed.";
    Err(CognitoError::new("InvalidSignatureException", "signature-headers", message))
}

fn signature(secret: &SecretString, authorization: &Authorization<'_>, date: &str, canonical: &str) -> String {
    let Authorization { day, region, service, .. } = authorization;
    let hash = hex(digest(&SHA256, canonical.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{day}/{region}/{service}/aws4_request\n{hash}");
    let mac = |key: &[u8], message: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes());
    let first = mac(format!("AWS4{}", secret.expose_secret()).as_bytes(), day);
    let key = [region, service, "aws4_request"].iter().fold(first, |key, word| mac(key.as_ref(), word));
    hex(mac(key.as_ref(), &text).as_ref())
}

fn one_text<'a>(parts: &'a Parts, name: &HeaderName) -> Option<&'a str> {
    let mut values = parts.headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// `yyyymmddThhmmssZ`.
fn unix_seconds(date: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| date.get(range)?.parse::<u64>().ok();
    let shape = date.len() == 16 && date.get(8..9) == Some("T") && date.ends_with('Z');
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let time = [number(9..11)?, number(11..13)?, number(13..15)?];
    seconds_at((year, month, day), time).filter(|_| shape)
}

/// A region ends up in the ids of pools, whose form allows no more.
fn is_region(region: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (2..=32).contains(&region.len()) && region.bytes().all(fits)
}

fn missing() -> CognitoError {
    CognitoError::new("MissingAuthenticationTokenException", "signature-missing", "Missing Authentication Token")
}

fn unknown() -> CognitoError {
    let message = "The security token included in the request is invalid.";
    CognitoError::new("UnrecognizedClientException", "signature-unknown-key", message)
}

fn wrong() -> CognitoError {
    let message = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
                   Key and signing method. Consult the service documentation for details.";
    CognitoError::new("InvalidSignatureException", "signature-wrong", message)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    const NOW: u64 = 1_440_938_160;
    const BODY: &[u8] = b"{}";

    fn keys() -> BTreeMap<String, SecretString> {
        [("AKIDEXAMPLE".to_owned(), SecretString::from("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))].into()
    }

    fn request(date: &str, target: &str) -> Parts {
        let request = Request::post("/").header("host", "localhost:9229").header("x-amz-date", date);
        request
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.1")
            .body(())
            .unwrap()
            .into_parts()
            .0
    }

    /// Signed as a client would; `change` is done before, and the signature is over what is then there.
    fn signed(scope: &str, headers: &str, mut parts: Parts) -> Parts {
        let text =
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={headers}, Signature={}", "0".repeat(64));
        let authorization = Authorization::read(&text).unwrap();
        let canonical = canonical(&parts, &authorization.signed_headers, BODY).unwrap();
        let date = parts.headers["x-amz-date"].to_str().unwrap().to_owned();
        let signature = signature(&keys()["AKIDEXAMPLE"], &authorization, &date, &canonical);
        let header = text.replace(&"0".repeat(64), &signature);
        parts.headers.insert(AUTHORIZATION, header.parse().unwrap());
        parts
    }

    const SCOPE: &str = "AKIDEXAMPLE/20150830/us-east-1/cognito-idp/aws4_request";
    const HEADERS: &str = "host;x-amz-date;x-amz-target";
    const DATE_TEXT: &str = "20150830T123600Z";

    fn good() -> Parts {
        signed(SCOPE, HEADERS, request(DATE_TEXT, "Service.ListUserPools"))
    }

    fn judged(parts: &Parts, body: &[u8], now: u64) -> Result<Signed, (&'static str, &'static str)> {
        verify(parts, body, (&keys(), None), now).map_err(|error| (error.kind, error.code))
    }

    /// The example of AWS's own documentation of Signature Version 4, which has another service.
    #[test]
    fn the_signature_is_that_of_the_documented_example() {
        let text = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature={}",
            "0".repeat(64)
        );
        let authorization = Authorization::read(&text).unwrap();
        let request = Request::get("/?Action=ListUsers&Version=2010-05-08").header("host", "iam.amazonaws.com");
        let request = request.header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        let parts = request.header("x-amz-date", DATE_TEXT).body(()).unwrap().into_parts().0;
        let canonical = canonical(&parts, &authorization.signed_headers, b"").unwrap();
        let hash = hex(digest(&SHA256, canonical.as_bytes()).as_ref());
        assert_eq!(hash, "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59");
        let secret = SecretString::from("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let signature = signature(&secret, &authorization, DATE_TEXT, &canonical);
        assert_eq!(signature, "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
    }

    #[test]
    fn a_request_that_was_signed_just_now_passes() {
        let signed = judged(&good(), BODY, NOW).unwrap();
        assert_eq!((signed.key_id.as_str(), signed.region.as_str()), ("AKIDEXAMPLE", "us-east-1"));
        assert!(judged(&good(), BODY, NOW + TOLERANCE).is_ok() && judged(&good(), BODY, NOW - TOLERANCE).is_ok());
    }

    #[test]
    fn nothing_of_a_signed_request_can_be_changed() {
        let wrong = Err(("InvalidSignatureException", "signature-wrong"));
        assert_eq!(judged(&good(), b"{ }", NOW), wrong);
        for (name, value) in
            [("x-amz-target", "Service.DeleteUserPool"), ("host", "other"), ("x-amz-date", "20150830T123601Z")]
        {
            let mut parts = good();
            parts.headers.insert(HeaderName::from_static(name), value.parse().unwrap());
            assert_eq!(judged(&parts, BODY, NOW), wrong, "{name}");
        }
        let mut parts = good();
        parts.uri = "/?x=1".parse().unwrap();
        assert_eq!(judged(&parts, BODY, NOW), wrong);
        let mut parts = good();
        let header = parts.headers[AUTHORIZATION].to_str().unwrap().to_owned();
        let last = if header.ends_with('0') { "1" } else { "0" };
        parts.headers.insert(AUTHORIZATION, format!("{}{last}", &header[..header.len() - 1]).parse().unwrap());
        assert_eq!(judged(&parts, BODY, NOW), wrong);
    }

    #[test]
    fn an_old_or_early_signature_is_refused() {
        let expired = Err(("InvalidSignatureException", "signature-expired"));
        assert_eq!(judged(&good(), BODY, NOW + TOLERANCE + 1), expired);
        assert_eq!(judged(&good(), BODY, NOW - TOLERANCE - 1), expired);
    }

    #[test]
    fn the_operation_the_host_and_the_time_must_be_signed() {
        let refused = Err(("InvalidSignatureException", "signature-headers"));
        for headers in ["host;x-amz-date", "x-amz-date;x-amz-target", "host;x-amz-target"] {
            assert_eq!(judged(&signed(SCOPE, headers, request(DATE_TEXT, "T")), BODY, NOW), refused, "{headers}");
        }
    }

    #[test]
    fn the_scope_must_be_ours() {
        let scope = |scope: &str| judged(&signed(scope, HEADERS, request(DATE_TEXT, "T")), BODY, NOW);
        let refused = Err(("InvalidSignatureException", "signature-scope"));
        for text in [
            "AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request",
            "AKIDEXAMPLE/20150831/us-east-1/cognito-idp/aws4_request",
            "AKIDEXAMPLE/2015083/us-east-1/cognito-idp/aws4_request",
            "AKIDEXAMPLE/20150830/us_east/cognito-idp/aws4_request",
        ] {
            assert_eq!(scope(text), refused, "{text}");
        }
        let elsewhere = verify(&good(), BODY, (&keys(), Some("eu-west-1")), NOW);
        assert_eq!(elsewhere.unwrap_err().code, "signature-scope");
        let unknown = scope("SOMEBODY/20150830/us-east-1/cognito-idp/aws4_request");
        assert_eq!(unknown, Err(("UnrecognizedClientException", "signature-unknown-key")));
    }

    #[test]
    fn no_signature_or_two_are_none() {
        let missing = Err(("MissingAuthenticationTokenException", "signature-missing"));
        assert_eq!(judged(&request(DATE_TEXT, "T"), BODY, NOW), missing);
        let mut parts = good();
        let header = parts.headers[AUTHORIZATION].clone();
        parts.headers.append(AUTHORIZATION, header);
        assert_eq!(judged(&parts, BODY, NOW), missing);
        let mut parts = good();
        parts.headers.append(DATE, DATE_TEXT.parse().unwrap());
        assert_eq!(judged(&parts, BODY, NOW), missing);
    }
}
