//! What of an upstream's answer goes on to the client: one that is framed in one way, in the gate's own version of HTTP, without
//! what was meant for the gate alone.

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use pingora::http::ResponseHeader;

use super::head::present;

/// Whether a field is for the next hop alone, whether `Connection` names it or not (RFC 9110 section 7.6.1). `Proxy-Authenticate` is for
/// whoever asked the upstream, too (section 11.7.1).
fn is_for_the_gate(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authentication-info"
            | "proxy-connection"
            | "upgrade"
    )
}

/// Makes an answer fit to go on.
///
/// # Errors
/// It could be framed in two ways: what is behind its end might be taken for another answer.
pub(super) fn tidy(answer: &mut ResponseHeader) -> Result<(), &'static str> {
    if answer.status.is_informational() || answer.status == StatusCode::NO_CONTENT {
        // There is no body, whatever they say (RFC 9110 section 8.6, RFC 9112 section 6.1).
        answer.remove_header(&CONTENT_LENGTH);
        answer.remove_header(&TRANSFER_ENCODING);
    }
    check_framing(answer)?;
    for name in nominated(&answer.headers) {
        answer.remove_header(&name);
    }
    for name in present(&answer.headers, is_for_the_gate) {
        answer.remove_header(&name);
    }
    if answer.version < Version::HTTP_11 {
        answer.set_version(Version::HTTP_11);
    }
    Ok(())
}

/// RFC 9112 section 6.3, of which the parser below lets some pass that it reads in its own way.
fn check_framing(answer: &mut ResponseHeader) -> Result<(), &'static str> {
    let mut codings = answer.headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        if !coding.as_bytes().eq_ignore_ascii_case(b"chunked") || codings.next().is_some() {
            return Err("a Transfer-Encoding that is not `chunked` alone");
        }
        if answer.version < Version::HTTP_11 {
            return Err("Transfer-Encoding before HTTP/1.1");
        }
    }
    let lengths: Vec<HeaderValue> = answer.headers.get_all(CONTENT_LENGTH).iter().cloned().collect();
    match lengths.split_first() {
        Some((first, others)) if others.iter().any(|other| other != first) => Err("several Content-Length"),
        Some((first, _)) if !first.as_bytes().iter().all(u8::is_ascii_digit) => Err("an odd Content-Length"),
        // The same one twice is one.
        Some((first, [_, ..])) => answer.insert_header(CONTENT_LENGTH, first).map_err(|_| "an odd Content-Length"),
        _ => Ok(()),
    }
}

/// The fields that `Connection` names. It never takes away what says where the body ends.
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let names = values.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok());
    names.filter(|name| ![CONTENT_LENGTH, TRANSFER_ENCODING].contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of these fields, or why they are refused.
    fn tidied(version: Version, fields: &[(&'static str, &str)]) -> Result<Vec<String>, &'static str> {
        let mut answer = ResponseHeader::build(200, None).unwrap();
        answer.set_version(version);
        for (name, value) in fields {
            answer.append_header(*name, *value).unwrap();
        }
        tidy(&mut answer)?;
        assert_eq!(answer.version, Version::HTTP_11);
        let left = answer.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        Ok(left.collect())
    }

    #[test]
    fn what_could_be_framed_in_two_ways_is_refused() {
        for fields in [
            &[("transfer-encoding", "gzip, chunked")][..],
            &[("transfer-encoding", "identity")],
            &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
            &[("content-length", "3"), ("content-length", "5")],
            &[("content-length", "5, 5")],
            &[("content-length", "+5")],
        ] {
            assert!(tidied(Version::HTTP_11, fields).is_err(), "{fields:?}");
        }
        assert!(tidied(Version::HTTP_10, &[("transfer-encoding", "chunked")]).is_err());
        let twice = [("content-length", "5"), ("content-length", "5")];
        assert_eq!(tidied(Version::HTTP_10, &twice).unwrap(), ["content-length: 5"]);
    }

    #[test]
    fn an_answer_that_has_no_body_says_nothing_about_one() {
        for status in [100, 103, 204] {
            let mut answer = ResponseHeader::build(status, None).unwrap();
            answer.append_header("content-length", "5").unwrap();
            answer.append_header("transfer-encoding", "chunked").unwrap();
            tidy(&mut answer).unwrap();
            assert!(answer.headers.is_empty(), "{status}: {answer:?}");
        }
    }

    #[test]
    fn what_is_for_the_gate_goes_no_further() {
        let fields = [
            ("connection", "X-Secret, close"),
            ("connection", "content-length, upgrade"),
            ("x-secret", "1"),
            ("keep-alive", "timeout=5"),
            ("upgrade", "h2c"),
            ("proxy-authenticate", "Basic"),
            ("content-length", "5"),
            ("x-kept", "1"),
        ];
        assert_eq!(tidied(Version::HTTP_11, &fields).unwrap(), ["content-length: 5", "x-kept: 1"]);
    }
}
