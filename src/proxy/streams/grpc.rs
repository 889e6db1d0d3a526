//! gRPC over HTTP/2: which requests are calls, and how a denial reads as a call's status.

use std::fmt::Write;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use pingora::http::{RequestHeader, ResponseHeader};

use crate::authorizer::Denial;
use crate::proxy::respond::REQUEST_ID;

const MESSAGE_TYPE: &[u8] = b"application/grpc";
const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
/// The denial's stable code, where no body can carry it.
const CODE: &str = "lychgate-code";

/// Whether a request is a gRPC call. gRPC-Web is not: it reads plain answers.
pub(in crate::proxy) fn is_grpc(request: &RequestHeader) -> bool {
    request.version == Version::HTTP_2 && has_grpc_type(&request.headers)
}

/// `application/grpc`, alone or with the name of a message format.
pub(super) fn has_grpc_type(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) else { return false };
    let Some((start, rest)) = value.split_at_checked(MESSAGE_TYPE.len()) else { return false };
    start.eq_ignore_ascii_case(MESSAGE_TYPE) && matches!(rest.first(), None | Some(b'+' | b';'))
}

/// A denial as a call's whole answer: the header section alone, "Trailers-Only" in gRPC's specification of the protocol.
pub(in crate::proxy) fn answer(denial: &Denial, request_id: &str) -> pingora::Result<ResponseHeader> {
    let mut header = ResponseHeader::build(200, Some(6))?;
    header.insert_header(CONTENT_TYPE, HeaderValue::from_static("application/grpc"))?;
    header.insert_header(CACHE_CONTROL, "no-store")?;
    header.insert_header(REQUEST_ID, request_id)?;
    for (name, value) in denial.answer(request_id).headers {
        header.insert_header(name, value)?;
    }
    for (name, value) in trailers(denial) {
        header.insert_header(name.unwrap_or(HeaderName::from_static(CODE)), value)?;
    }
    Ok(header)
}

/// A denial as the trailers that end a call.
pub(in crate::proxy) fn trailers(denial: &Denial) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(3);
    trailers.insert(STATUS, denial.grpc_status().into());
    trailers.insert(CODE, HeaderValue::from_static(denial.code()));
    if let Ok(message) = HeaderValue::try_from(encoded(&denial.detail())) {
        trailers.insert(MESSAGE, message);
    }
    trailers
}

/// A status message as gRPC writes it: visible ASCII, all else and `%` as percent and two digits.
fn encoded(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for byte in message.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            text.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _infallible = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_by_its_type_and_protocol() {
        let request = |version, kind: &'static str| {
            let mut request = RequestHeader::build("POST", b"/a.B/C", None).unwrap();
            request.set_version(version);
            request.insert_header(CONTENT_TYPE, kind).unwrap();
            is_grpc(&request)
        };
        for kind in ["application/grpc", "application/grpc+proto", "Application/gRPC;charset=utf-8"] {
            assert!(request(Version::HTTP_2, kind), "{kind}");
            assert!(!request(Version::HTTP_11, kind), "{kind}");
        }
        for kind in ["application/grpc-web", "application/grpcx", "application/json", ""] {
            assert!(!request(Version::HTTP_2, kind), "{kind}");
        }
    }

    #[test]
    fn a_message_stays_one_header_value() {
        assert_eq!(encoded("no: 50% \r\n\u{e9}"), "no: 50%25 %0D%0A%C3%A9");
        let trailers = trailers(&Denial::MissingCredential);
        assert_eq!(trailers[STATUS], "16");
        assert_eq!(trailers[CODE], "missing-credential");
    }
}
