//! The `Authorization` header of AWS Signature Version 4, taken apart.

use super::super::error::CognitoError;

/// What the header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Authorization<'a> {
    pub key_id: &'a str,
    /// `yyyymmdd`.
    pub day: &'a str,
    pub region: &'a str,
    pub service: &'a str,
    /// Lower-case names, in order.
    pub signed_headers: Vec<&'a str>,
    /// 64 hexadecimal digits.
    pub signature: &'a str,
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";

impl<'a> Authorization<'a> {
    /// Reads the header strictly: each part once, nothing else.
    pub(super) fn read(header: &'a str) -> Result<Self, CognitoError> {
        let rest = header.strip_prefix(ALGORITHM).filter(|rest| rest.starts_with(' '));
        let mut parts = rest.ok_or_else(incomplete)?.split(',').map(str::trim);
        let mut part = |name: &str| {
            let (given, value) = parts.next()?.split_once('=')?;
            (given == name).then_some(value)
        };
        let credential = part("Credential").ok_or_else(incomplete)?;
        let signed_headers = part("SignedHeaders").ok_or_else(incomplete)?;
        let signature = part("Signature").ok_or_else(incomplete)?;
        let mut scope = credential.split('/');
        let mut next = || scope.next().filter(|word| !word.is_empty());
        let (key_id, day, region, service) = (next(), next(), next(), next());
        let terminator = next();
        let (Some(key_id), Some(day), Some(region), Some(service)) = (key_id, day, region, service) else {
            return Err(incomplete());
        };
        let is_hex = signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit());
        if terminator != Some(TERMINATOR) || next().is_some() || parts.next().is_some() || !is_hex {
            return Err(incomplete());
        }
        let signed_headers: Vec<&str> = signed_headers.split(';').collect();
        let sorted = signed_headers.is_sorted_by(|one, two| one < two);
        let lower =
            signed_headers.iter().all(|name| !name.is_empty() && !name.bytes().any(|byte| byte.is_ascii_uppercase()));
        if !sorted || !lower {
            return Err(incomplete());
        }
        Ok(Self { key_id, day, region, service, signed_headers, signature })
    }
}

fn incomplete() -> CognitoError {
    let message = "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.";
    CognitoError::new("IncompleteSignatureException", "signature-incomplete", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(credential: &str, signed: &str, signature: &str) -> String {
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={signature}")
    }

    #[test]
    fn the_parts_are_read() {
        let signature = "a".repeat(64);
        let text = header("AKID/20260101/us-east-1/cognito-idp/aws4_request", "host;x-amz-date", &signature);
        let read = Authorization::read(&text).unwrap();
        assert_eq!(
            (read.key_id, read.day, read.region, read.service),
            ("AKID", "20260101", "us-east-1", "cognito-idp")
        );
        assert_eq!(read.signed_headers, ["host", "x-amz-date"]);
        let without_blanks = text.replace(", ", ",");
        assert_eq!(Authorization::read(&without_blanks).unwrap(), read);
    }

    #[test]
    fn anything_else_is_incomplete() {
        let (good, signature) = ("AKID/20260101/us-east-1/cognito-idp/aws4_request", "a".repeat(64));
        for text in [
            String::new(),
            "Bearer x".to_owned(),
            "AWS4-HMAC-SHA256".to_owned(),
            format!("AWS4-HMAC-SHA256 Credential={good}"),
            header("AKID/20260101/us-east-1/cognito-idp", "host", &signature),
            header("AKID//us-east-1/cognito-idp/aws4_request", "host", &signature),
            header(&format!("{good}/more"), "host", &signature),
            header(good, "x-amz-date;host", &signature),
            header(good, "host;host", &signature),
            header(good, "Host", &signature),
            header(good, "", &signature),
            header(good, "host", "abc"),
            header(good, "host", &"z".repeat(64)),
            format!("{}, Signature=x", header(good, "host", &signature)),
            header(good, "host", &signature).replace("HMAC-SHA256", "ECDSA-P256-SHA256"),
        ] {
            assert!(Authorization::read(&text).is_err(), "{text}");
        }
    }
}
