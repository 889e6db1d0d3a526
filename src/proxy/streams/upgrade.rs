//! Upgrades: which requests ask for one properly, and which answers agree to it.

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Method, Version};
use pingora::http::{RequestHeader, ResponseHeader};

/// Whether a request asks for a WebSocket and nothing else (RFC 6455 section 4.1, RFC 9110 section 7.8).
pub(in crate::proxy) fn asks_for_websocket(request: &RequestHeader) -> bool {
    // A body before the tunnel would be read as one thing here and as another behind.
    let bodiless = !request.headers.contains_key(CONTENT_LENGTH) && !request.headers.contains_key(TRANSFER_ENCODING);
    request.version == Version::HTTP_11
        && request.method == Method::GET
        && bodiless
        && names_websocket(&request.headers)
        && nominates_upgrade(&request.headers)
}

/// Whether an answer opens the tunnel that was asked for.
pub(in crate::proxy) fn agrees_to_websocket(answer: &ResponseHeader) -> bool {
    // Below HTTP/1.1 there is no such status, and pingora would read the rest as a body.
    answer.version == Version::HTTP_11 && names_websocket(&answer.headers) && nominates_upgrade(&answer.headers)
}

/// One protocol, and that one.
fn names_websocket(headers: &HeaderMap) -> bool {
    let mut named = headers.get_all(UPGRADE).iter();
    let is_websocket = named.next().is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(b"websocket"));
    is_websocket && named.next().is_none()
}

fn nominates_upgrade(headers: &HeaderMap) -> bool {
    let options = headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    options.map(<[u8]>::trim_ascii).any(|option| option.eq_ignore_ascii_case(b"upgrade"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(method: &str, version: Version, fields: &[(&'static str, &str)]) -> bool {
        let mut request = RequestHeader::build(method, b"/", None).unwrap();
        request.set_version(version);
        for (name, value) in fields {
            request.append_header(*name, *value).unwrap();
        }
        asks_for_websocket(&request)
    }

    #[test]
    fn only_a_proper_wish_is_one() {
        let (upgrade, connection) = (("upgrade", "WebSocket"), ("connection", "keep-alive, Upgrade"));
        assert!(asks("GET", Version::HTTP_11, &[upgrade, connection]));
        assert!(!asks("GET", Version::HTTP_10, &[upgrade, connection]));
        assert!(!asks("GET", Version::HTTP_2, &[upgrade, connection]));
        for method in ["POST", "HEAD", "OPTIONS"] {
            assert!(!asks(method, Version::HTTP_11, &[upgrade, connection]), "{method}");
        }
        for fields in [
            &[upgrade][..],
            &[connection],
            &[upgrade, ("connection", "close")],
            &[("upgrade", "h2c"), connection],
            &[("upgrade", "websocket, h2c"), connection],
            &[upgrade, ("upgrade", "h2c"), connection],
            &[upgrade, connection, ("content-length", "5")],
            &[upgrade, connection, ("transfer-encoding", "chunked")],
        ] {
            assert!(!asks("GET", Version::HTTP_11, fields), "{fields:?}");
        }
    }
}
