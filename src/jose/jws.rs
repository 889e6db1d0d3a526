//! A compact JWS, split and read but not yet believed (RFC 7515 section 5.2).

use std::borrow::Cow;
use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::error::JoseError;
use super::json;

/// A compact JWS whose three parts are well formed. Nothing in it is proved until a key has verified it.
#[derive(Debug, Clone)]
pub struct CompactJws<'a> {
    header: Header,
    claims: Map<String, Value>,
    signing_input: &'a [u8],
    signature: Vec<u8>,
}

/// The members of a JOSE header that are looked at; the rest is read and left alone.
///
/// `jwk`, `jku`, `x5u` and `x5c` are never used: a token does not bring its own key (RFC 8725 section 3.10). Only who asks for
/// it by [`CompactJws::parse_with_own_key`] gets `jwk`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The algorithm that the token names, if it is one that exists here.
    pub algorithm: Option<Algorithm>,
    /// Which of the issuer's keys is meant.
    pub kid: Option<String>,
    /// What kind of token it says it is.
    pub typ: Option<String>,
}

impl<'a> CompactJws<'a> {
    /// Splits and reads a token; JSON may nest `max_depth` levels, the outer object included.
    ///
    /// # Errors
    /// [`JoseError::Encrypted`] for five parts, [`JoseError::CriticalHeader`] where `crit` is present,
    /// [`JoseError::Malformed`] for everything that is not canonical.
    pub fn parse(token: &'a str, max_depth: usize) -> Result<Self, JoseError> {
        Self::of_parts(Parts::read(token, max_depth)?, max_depth)
    }

    /// The same of a JWS that brings its own key (`jwk`, RFC 7515 section 4.1.3), with that key. It proves that its sender has
    /// the key, and nothing else: only who knows the key from elsewhere learns anything, as with DPoP proofs (RFC 9449).
    ///
    /// # Errors
    /// As [`CompactJws::parse`], and [`JoseError::Malformed`] where there is no `jwk` that is an object.
    pub fn parse_with_own_key(token: &'a str, max_depth: usize) -> Result<(Self, Map<String, Value>), JoseError> {
        let mut parts = Parts::read(token, max_depth)?;
        let Some(Value::Object(jwk)) = parts.jwk.take() else {
            return Err(JoseError::Malformed("the header has no `jwk`"));
        };
        Ok((Self::of_parts(parts, max_depth)?, jwk))
    }

    fn of_parts(parts: Parts<'a>, max_depth: usize) -> Result<Self, JoseError> {
        let Parts { header, jwk: _, payload, signing_input, signature } = parts;
        let claims = json::strict_object(&payload, max_depth);
        let claims = claims.map_err(|_| JoseError::Malformed("the payload is not strict JSON"))?;
        Ok(Self { header, claims, signing_input, signature })
    }

    /// What the header says.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What the payload says; not proved before a key has verified the token.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The claims, once they are proved.
    #[must_use]
    pub fn into_claims(self) -> Map<String, Value> {
        self.claims
    }

    /// Header and claims, once they are proved.
    #[must_use]
    pub fn into_parts(self) -> (Header, Map<String, Value>) {
        (self.header, self.claims)
    }

    pub(super) fn signing_input(&self) -> &'a [u8] {
        self.signing_input
    }

    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// A compact JWS before its payload is read: what RFC 7515 asks of any payload.
pub(super) struct Parts<'a> {
    pub(super) header: Header,
    jwk: Option<Value>,
    payload: Vec<u8>,
    pub(super) signing_input: &'a [u8],
    pub(super) signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    pub(super) fn read(token: &'a str, max_depth: usize) -> Result<Self, JoseError> {
        let (signing_input, header, payload, signature) = split(token)?;
        let (header, jwk) = read_header(&decode(header, "the header is not base64url")?, max_depth)?;
        let payload = decode(payload, "the payload is not base64url")?;
        let signature = decode(signature, "the signature is not base64url")?;
        Ok(Self { header, jwk, payload, signing_input: signing_input.as_bytes(), signature })
    }
}

fn split(token: &str) -> Result<(&str, &str, &str, &str), JoseError> {
    let three = || JoseError::Malformed("not three parts");
    let mut dots = memchr::memchr_iter(b'.', token.as_bytes());
    let (Some(first), Some(second)) = (dots.next(), dots.next()) else { return Err(three()) };
    match dots.count() {
        0 => {}
        // RFC 7516 section 3.1: five parts are an encrypted token.
        2 => return Err(JoseError::Encrypted),
        _ => return Err(three()),
    }
    let (signing_input, signature) = token.split_at(second);
    let (header, claims) = signing_input.split_at(first);
    // The parts without the dots before them, which are one byte each.
    let (claims, signature) = (claims.get(1..).unwrap_or_default(), signature.get(1..).unwrap_or_default());
    if header.is_empty() || claims.is_empty() || signature.is_empty() {
        return Err(JoseError::Malformed("an empty part"));
    }
    Ok((signing_input, header, claims, signature))
}

/// Refuses padding, foreign characters and left-over bits, so that a token has one text only.
fn decode(part: &str, refusal: &'static str) -> Result<Vec<u8>, JoseError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| JoseError::Malformed(refusal))
}

/// The members of a header as they are read; the rest is only remembered by name, so that none stands twice.
#[derive(Default)]
struct Members {
    alg: Option<Value>,
    kid: Option<Value>,
    typ: Option<Value>,
    jwk: Option<Value>,
    crit: Option<Value>,
    b64: Option<Value>,
    zip: Option<Value>,
    others: BTreeSet<String>,
}

impl Members {
    fn take(&mut self, name: Cow<'_, str>, value: Value) -> bool {
        let member = match &*name {
            "alg" => &mut self.alg,
            "kid" => &mut self.kid,
            "typ" => &mut self.typ,
            "jwk" => &mut self.jwk,
            "crit" => &mut self.crit,
            "b64" => &mut self.b64,
            "zip" => &mut self.zip,
            _ => return self.others.insert(name.into_owned()),
        };
        member.replace(value).is_none()
    }
}

fn read_header(bytes: &[u8], max_depth: usize) -> Result<(Header, Option<Value>), JoseError> {
    let mut members = Members::default();
    json::each_member(bytes, max_depth, |name, value| members.take(name, value))
        .map_err(|_| JoseError::Malformed("the header is not strict JSON"))?;
    if members.crit.is_some() {
        return Err(JoseError::CriticalHeader);
    }
    // Both change what the payload is: `b64: false` (RFC 7797) and JWE's `zip`.
    if members.b64.is_some_and(|b64| b64 != Value::Bool(true)) || members.zip.is_some() {
        return Err(JoseError::Malformed("the header changes the payload's encoding"));
    }
    let algorithm = text(members.alg)?.ok_or(JoseError::Malformed("the header has no `alg`"))?;
    let header =
        Header { algorithm: Algorithm::from_name(&algorithm), kid: text(members.kid)?, typ: text(members.typ)? };
    Ok((header, members.jwk))
}

fn text(member: Option<Value>) -> Result<Option<String>, JoseError> {
    match member {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JoseError::Malformed("`alg`, `kid` or `typ` is not a string")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_well_formed_token_is_read() {
        let text = token(r#"{"alg":"RS256","kid":"k","typ":"at+jwt","jku":"https://evil.example"}"#, r#"{"sub":"a"}"#);
        let jws = CompactJws::parse(&text, 16).unwrap();
        assert_eq!(jws.header().algorithm, Some(Algorithm::Rs256));
        assert_eq!(jws.header().kid.as_deref(), Some("k"));
        assert_eq!(jws.claims().get("sub").and_then(Value::as_str), Some("a"));
        assert_eq!(jws.signing_input(), text.rsplit_once('.').unwrap().0.as_bytes());
    }

    #[test]
    fn headers_that_say_too_much_or_too_little_are_refused() {
        let malformed = [
            "{}",
            r#"{"alg":1}"#,
            r#"{"alg":null}"#,
            r#"{"alg":"RS256","kid":1}"#,
            r#"{"alg":"RS256","kid":null}"#,
            r#"{"alg":"RS256","typ":["JWT"]}"#,
            r#"{"alg":"RS256","alg":"RS256"}"#,
            r#"{"alg":"RS256","x":1,"\u0078":2}"#,
            r#"{"alg":"RS256","x":{"y":1,"y":1}}"#,
            r#"{"alg":"RS256"}{}"#,
            r#"{"alg":"RS256","b64":false}"#,
            r#"{"alg":"RS256","b64":"true"}"#,
            r#"{"alg":"RS256","zip":"DEF"}"#,
            r#"["RS256"]"#,
        ];
        for header in malformed {
            let refusal = CompactJws::parse(&token(header, "{}"), 16).unwrap_err();
            assert_eq!(refusal.code(), "malformed-token", "{header}");
        }
        for header in
            [r#"{"alg":"RS256","crit":["exp"]}"#, r#"{"alg":"RS256","crit":[]}"#, r#"{"alg":"RS256","crit":null}"#]
        {
            assert_eq!(CompactJws::parse(&token(header, "{}"), 16).unwrap_err(), JoseError::CriticalHeader);
        }
    }

    #[test]
    fn an_unknown_algorithm_is_no_algorithm() {
        for name in ["none", "HS256", "rs256", ""] {
            let text = token(&format!(r#"{{"alg":"{name}"}}"#), "{}");
            assert_eq!(CompactJws::parse(&text, 16).unwrap().header().algorithm, None, "{name}");
        }
    }

    #[test]
    fn only_three_canonical_parts_are_a_token() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#);
        let good = format!("{header}.e30.c2ln");
        assert!(CompactJws::parse(&good, 16).is_ok());
        let refused = [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            format!("{header}.e30"),
            format!("{header}.e30."),
            format!("{header}..c2ln"),
            ".e30.c2ln".to_owned(),
            format!("{good}.x"),
            format!("{good}."),
            format!(" {good}"),
            format!("{good} "),
            format!("{header}.e30=.c2ln"),
            format!("{header}.e30.c2lnZA=="),
            format!("{header}.e30.c2lnZB"),
            format!("{header}.e3 0.c2ln"),
            format!("{header}.e30.c2l+"),
            format!("{header}.e30.c2l/"),
            format!("{header}\n.e30.c2ln"),
            format!("{header}.bnVsbA.c2ln"),
        ];
        for text in refused {
            assert_eq!(CompactJws::parse(&text, 16).unwrap_err().code(), "malformed-token", "{text}");
        }
        assert_eq!(CompactJws::parse("e30.e30.e30.e30", 16).unwrap_err(), JoseError::Malformed("not three parts"));
        assert_eq!(CompactJws::parse("a.b.c.d.e", 16).unwrap_err(), JoseError::Encrypted);
        assert_eq!(CompactJws::parse("....", 16).unwrap_err(), JoseError::Encrypted);
    }
}
