//! Headers by which some frameworks take another method or path than the request's own: than the one that was decided about.

const OVERRIDES: [&str; 10] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-method",
    "x-original-url",
    "x-original-uri",
    "x-original-path",
    "x-original-host",
    "x-rewrite-url",
    "x-envoy-original-path",
];

/// Whether an upstream could read another request out of a header of this name, in lower case, in any spelling that it could
/// fold to one that does.
#[must_use]
pub fn overrides_the_request(name: &str) -> bool {
    let name = name.as_bytes();
    // CGI and its heirs read every character that is neither letter nor digit as `_`.
    let reads = |own: &[u8]| {
        name.len() == own.len()
            && name.iter().zip(own).all(|(byte, own)| byte == own || (*own == b'-' && !byte.is_ascii_alphanumeric()))
    };
    name.first() == Some(&b'x')
        && name.get(1).is_some_and(|second| !second.is_ascii_alphanumeric())
        && OVERRIDES.iter().any(|own| reads(own.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_tell_of_another_request_is_known_in_each_spelling() {
        for name in OVERRIDES.into_iter().chain([
            "x_http_method_override",
            "x-rewrite_url",
            "x_original-url",
            "x.original.url",
            "x~rewrite!url",
        ]) {
            assert!(overrides_the_request(name), "{name}");
        }
        for name in ["x", "x-", "", "x-original", "x-original-urls", "y-original-url", "x-forwarded-host", "x-http"] {
            assert!(!overrides_the_request(name), "{name}");
        }
    }
}
