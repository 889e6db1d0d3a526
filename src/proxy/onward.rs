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

/// Options in `Connection`. Each is looked for.
const MOST_OPTIONS: usize = 32;

/// The request for an upstream.
///
/// # Errors
/// [`Denial::BadFraming`] where `Connection` names what it must not, or is no list of names.
pub(super) fn onward(received: &RequestHeader, has_body: bool) -> Result<RequestHeader, Denial> {
    let mut request = received.clone();
    for name in nominated(&received.headers)? {
        request.remove_header(&name);
    }
    for name in present(&received.headers, is_for_the_gate) {
        request.remove_header(&name);
    }
    request.set_version(Version::HTTP_11);
    if has_body && !request.headers.contains_key(CONTENT_LENGTH) {
        let chunked = request.insert_header(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        chunked.map_err(|_| Denial::Internal)?;
    }
    Ok(request)
}

/// The fields that `Connection` names.
fn nominated(headers: &HeaderMap) -> Result<Vec<HeaderName>, Denial> {
    let mut names = Vec::new();
    for value in headers.get_all(CONNECTION) {
        let options = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        for option in options.filter(|option| !option.is_empty()) {
            let name = HeaderName::from_bytes(option).ok().filter(|_| is_token(option));
            let name = name.ok_or(Denial::BadFraming("a Connection option that is not a token"))?;
            if END_TO_END.contains(&name) {
                return Err(Denial::BadFraming("a Connection option that names a field for the upstream"));
            }
            if names.len() == MOST_OPTIONS {
                return Err(Denial::BadFraming("too many Connection options"));
            }
            names.push(name);
        }
    }
    Ok(names)
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

    /// What is left of these fields.
    fn left(fields: &[(&str, &str)], has_body: bool) -> Result<Vec<String>, Denial> {
        let request = onward(&received(fields), has_body)?;
        assert_eq!((request.method.as_str(), request.raw_path()), ("POST", &b"/a?b"[..]));
        assert_eq!(request.version, Version::HTTP_11);
        let left = request.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        Ok(left.collect())
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
            assert_eq!(left(&[(name, "x"), ("x-kept", "1")], false).unwrap(), ["x-kept: 1"], "{name}");
        }
        let fields = [("connection", "X-One, ,close"), ("connection", "x-two"), ("x-one", "1"), ("x-two", "2")];
        assert_eq!(left(&fields, false).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_body_is_framed_once() {
        assert_eq!(left(&[("transfer-encoding", "chunked")], true).unwrap(), ["transfer-encoding: chunked"]);
        assert_eq!(left(&[("transfer-encoding", "chunked")], false).unwrap(), Vec::<String>::new());
        assert_eq!(left(&[("content-length", "5")], true).unwrap(), ["content-length: 5"]);
        assert_eq!(left(&[], true).unwrap(), ["transfer-encoding: chunked"]);
    }

    #[test]
    fn connection_names_nothing_that_is_for_the_upstream_and_is_a_list_of_names() {
        for option in
            ["Host", "content-length", "X-Forwarded-For", "forwarded", "\"x-forwarded-for\"", ":authority", "a b", "ä"]
        {
            let value = format!("close, {option}");
            let refused = left(&[("connection", &value)], false);
            assert!(matches!(refused, Err(Denial::BadFraming(_))), "{option}");
        }
        let most = ["x"; MOST_OPTIONS].join(",");
        assert!(left(&[("connection", &most)], false).is_ok());
        let refused = left(&[("connection", &most), ("connection", "x")], false);
        assert!(matches!(refused, Err(Denial::BadFraming(_))));
    }
}
