//! What of a request goes on to an upstream that speaks HTTP/1: without what was meant for the gate alone, and framed once.

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use pingora::http::RequestHeader;

use super::framing::is_token;
use super::head::present;
use crate::authorizer::Denial;

/// Whether a field is for the next hop alone, whether `Connection` names it or not (RFC 9110 section 7.6.1), or said to a proxy (section
/// 11.7). What frames the body is written anew.
fn is_for_the_gate(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Fields that are for whoever answers. A client that has a proxy take them out wants the upstream to read another request than was judged.
const END_TO_END: [HeaderName; 6] = [
    HOST,
    CONTENT_LENGTH,
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
];

/// Options that `Connection` may have: what pingora's proxy takes.
const MOST_OPTIONS: usize = 9;

/// Judges what a client has the gate take out by naming it in `Connection`.
///
/// # Errors
/// [`Denial::BadFraming`] where that is for the upstream, no name, or too much.
pub(super) fn check_options(headers: &HeaderMap) -> Result<(), Denial> {
    // Most say nothing.
    if !headers.contains_key(CONNECTION) {
        return Ok(());
    }
    if !options(headers).all(|option| is_token(option) && HeaderName::from_bytes(option).is_ok()) {
        return Err(Denial::BadFraming("a Connection option that is not a token"));
    }
    if nominated(headers).any(|name| END_TO_END.contains(&name)) {
        return Err(Denial::BadFraming("a Connection option that names a field for the upstream"));
    }
    if options(headers).nth(MOST_OPTIONS).is_some() {
        return Err(Denial::BadFraming("too many Connection options"));
    }
    Ok(())
}

/// The request for an upstream. What `Connection` names was judged with the head; what is for the upstream stays in any case.
pub(super) fn onward(received: &RequestHeader, has_body: bool) -> pingora::Result<RequestHeader> {
    let mut request = received.clone();
    for name in nominated(&received.headers).filter(|name| !END_TO_END.contains(name)) {
        request.remove_header(&name);
    }
    for name in present(&received.headers, is_for_the_gate) {
        request.remove_header(&name);
    }
    request.set_version(Version::HTTP_11);
    if has_body && !request.headers.contains_key(CONTENT_LENGTH) {
        request.insert_header(TRANSFER_ENCODING, HeaderValue::from_static("chunked"))?;
    }
    Ok(request)
}

fn options(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let values = headers.get_all(CONNECTION).iter();
    let options = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    options.filter(|option| !option.is_empty())
}

/// The fields that `Connection` names.
fn nominated(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    options(headers).filter_map(|option| HeaderName::from_bytes(option).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(fields: &[(&str, &str)]) -> RequestHeader {
        let mut request = RequestHeader::build_no_case("POST", b"/a?b", None).unwrap();
        request.set_version(Version::HTTP_10);
        for (name, value) in fields {
            request.append_header(HeaderName::from_bytes(name.as_bytes()).unwrap(), *value).unwrap();
        }
        request
    }

    /// What is left of these fields, by name.
    fn left(fields: &[(&str, &str)], has_body: bool) -> Vec<String> {
        let request = onward(&received(fields), has_body).unwrap();
        assert_eq!((request.method.as_str(), request.raw_path()), ("POST", &b"/a?b"[..]));
        assert_eq!(request.version, Version::HTTP_11);
        let left = request.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        let mut left: Vec<_> = left.collect();
        left.sort();
        left
    }

    #[test]
    fn what_is_for_the_gate_goes_no_further() {
        for name in [
            "keep-alive",
            "proxy-connection",
            "proxy-authenticate",
            "proxy-authorization",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "http2-settings",
            "connection",
        ] {
            assert_eq!(left(&[(name, "x"), ("x-kept", "1")], false), ["x-kept: 1"], "{name}");
        }
        let fields = [("connection", "X-One, ,close"), ("connection", "x-two"), ("x-one", "1"), ("x-two", "2")];
        assert_eq!(left(&fields, false), Vec::<String>::new());
    }

    #[test]
    fn a_body_is_framed_once() {
        assert_eq!(left(&[("transfer-encoding", "chunked")], true), ["transfer-encoding: chunked"]);
        assert_eq!(left(&[("transfer-encoding", "chunked")], false), Vec::<String>::new());
        assert_eq!(left(&[("content-length", "5")], true), ["content-length: 5"]);
        assert_eq!(left(&[], true), ["transfer-encoding: chunked"]);
    }

    #[test]
    fn connection_is_a_list_of_a_few_names_none_of_them_for_the_upstream() {
        let check = |values: &[&str]| {
            let fields: Vec<_> = values.iter().map(|value| ("connection", *value)).collect();
            check_options(&received(&fields).headers)
        };
        for option in
            ["Host", "content-length", "X-Forwarded-For", "forwarded", "\"x-forwarded-for\"", ":authority", "a b", "ä"]
        {
            let value = format!("close, {option}");
            assert!(matches!(check(&[&value]), Err(Denial::BadFraming(_))), "{option}");
            let kept = left(&[("connection", &value), ("host", "a"), ("content-length", "5")], true);
            assert_eq!(kept, ["content-length: 5", "host: a"], "{option}");
        }
        let most = ["x"; MOST_OPTIONS].join(",");
        assert_eq!(check(&[&most, " ,"]), Ok(()));
        assert!(matches!(check(&[&most, "x"]), Err(Denial::BadFraming(_))));
    }
}
