//! The request's target and host, refused where two readers could see two different things.

use std::borrow::Cow;

use memchr::memchr;

use super::denial::Denial;

/// A path that reads the same for the gate and for any upstream, and is forwarded byte for byte.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    path: &'a str,
    query: Option<&'a str>,
    segments: Vec<Segment<'a>>,
}

/// One segment of a path: as sent, and as percent-decoding reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    /// As sent.
    pub(super) raw: &'a str,
    /// As sent, from here to the path's end: what a tail takes.
    pub(super) tail: &'a str,
    /// Percent-decoded; what literals of a route are compared with, so that `/%61dmin` is `/admin`.
    pub(super) decoded: Cow<'a, str>,
}

impl<'a> Target<'a> {
    /// Reads an origin-form target (RFC 9112 section 3.2.1), or the path of an absolute-form one.
    ///
    /// # Errors
    /// [`Denial::BadTarget`] with the reason: nothing is normalised, since an upstream might not do the same.
    pub fn read(target: &'a [u8]) -> Result<Self, Denial> {
        if !target.iter().all(u8::is_ascii_graphic) {
            return Err(Denial::BadTarget("a control character, a blank or a byte outside ASCII"));
        }
        let target = std::str::from_utf8(target).map_err(|_| Denial::BadTarget("not ASCII"))?;
        if memchr(b'#', target.as_bytes()).is_some() {
            return Err(Denial::BadTarget("a fragment"));
        }
        let (path, query) = split_at_byte(target, b'?');
        let Some(rest) = path.strip_prefix('/') else { return Err(Denial::BadTarget("no path")) };
        if memchr(b'\\', path.as_bytes()).is_some() || path.as_bytes().windows(2).any(|pair| pair == b"//") {
            return Err(Denial::BadTarget("a backslash or an empty segment"));
        }
        Ok(Self { path, query, segments: Segment::read_all(rest)? })
    }

    /// The path, as sent.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// The query without its `?`, as sent.
    #[must_use]
    pub fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// The path's segments after the leading slash; the last is empty where the path ends in a slash.
    pub(super) fn segments(&self) -> &[Segment<'a>] {
        &self.segments
    }
}

/// What stands before the first such byte, which is ASCII, and what stands behind it.
fn split_at_byte(text: &str, byte: u8) -> (&str, Option<&str>) {
    let parts = memchr(byte, text.as_bytes()).and_then(|at| text.get(..at).zip(text.get(at + 1..)));
    parts.map_or((text, None), |(before, behind)| (before, Some(behind)))
}

impl<'a> Segment<'a> {
    fn read_all(path: &'a str) -> Result<Vec<Self>, Denial> {
        // As many as most paths have: one allocation is enough for them.
        let mut segments = Vec::with_capacity(4);
        let mut rest = Some(path);
        while let Some(tail) = rest {
            let (raw, after) = split_at_byte(tail, b'/');
            segments.push(Self::read(raw, tail)?);
            rest = after;
        }
        Ok(segments)
    }

    fn read(raw: &'a str, tail: &'a str) -> Result<Self, Denial> {
        let decoded = decode(raw)?;
        // Path parameters (`..;a=b`) do not hide a dot segment.
        let (name, _) = split_at_byte(&decoded, b';');
        if name == "." || name == ".." {
            return Err(Denial::BadTarget("a dot segment"));
        }
        Ok(Self { raw, tail, decoded })
    }
}

/// Percent-decoding that refuses whatever another decoder could read otherwise.
fn decode(raw: &str) -> Result<Cow<'_, str>, Denial> {
    if memchr(b'%', raw.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(raw));
    }
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { decode_byte(bytes.next(), bytes.next())? } else { byte });
    }
    let decoded = String::from_utf8(decoded).map_err(|_| Denial::BadTarget("percent-encoding that is not UTF-8"))?;
    if has_percent_encoding(&decoded) {
        return Err(Denial::BadTarget("double percent-encoding"));
    }
    Ok(Cow::Owned(decoded))
}

fn decode_byte(high: Option<u8>, low: Option<u8>) -> Result<u8, Denial> {
    let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
    let (Some(high), Some(low)) = (digit(high), digit(low)) else {
        return Err(Denial::BadTarget("invalid percent-encoding"));
    };
    match u8::try_from(high * 16 + low) {
        Ok(b'/' | b'\\' | 0..=0x1f | 0x7f) | Err(_) => {
            Err(Denial::BadTarget("an encoded slash, backslash or control character"))
        }
        Ok(byte) => Ok(byte),
    }
}

fn has_percent_encoding(text: &str) -> bool {
    text.as_bytes()
        .windows(3)
        .any(|window| matches!(window, [b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
}

/// The host that a request is for, as routes compare it: lower case, without port and without the root's dot.
///
/// # Errors
/// [`Denial::BadHost`] for what is not a host and an optional port (RFC 9110 section 7.2).
pub(super) fn read_host(authority: &str) -> Result<Cow<'_, str>, Denial> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if port.is_some_and(|port| port.len() > 5 || port.parse::<u16>().is_err() || port.starts_with('+')) {
        return Err(Denial::BadHost("a port that is not a number"));
    }
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let valid = match literal {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_name(host.strip_suffix('.').unwrap_or(host)),
    };
    if !valid {
        return Err(Denial::BadHost("not a host name or address"));
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    let lower = !host.bytes().any(|byte| byte.is_ascii_uppercase());
    Ok(if lower { Cow::Borrowed(host) } else { Cow::Owned(host.to_ascii_lowercase()) })
}

fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    host.len() <= 253 && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let refused: [&[u8]; 44] = [
            b"",
            b"*",
            b"a",
            b"http:/x",
            b"?a",
            b"/a#b",
            b"/#",
            b"/a?b#c",
            b"/a b",
            b"/a\tb",
            b"/a\x7fb",
            b"/a\0b",
            b"/\xc3\xa9",
            b"/a?\xff",
            b"//",
            b"//a",
            b"/a//b",
            b"/a//",
            b"/a\\b",
            b"/..",
            b"/.",
            b"/a/../b",
            b"/a/./b",
            b"/a/..",
            b"/%2e%2e/b",
            b"/%2E./b",
            b"/.%2e",
            b"/a/%2e",
            b"/..;/a",
            b"/..;x=1/a",
            b"/.;a",
            b"/%2e%2e%3bx/a",
            b"/a%2fb",
            b"/a%2Fb",
            b"/a%5cb",
            b"/a%5Cb",
            b"/a%00b",
            b"/a%0ab",
            b"/a%7f",
            b"/a%",
            b"/a%2",
            b"/a%zz",
            b"/a%252e",
            b"/a%c0%ae",
        ];
        for target in refused {
            assert!(Target::read(target).is_err(), "{}", String::from_utf8_lossy(target));
        }
    }

    #[test]
    fn what_every_reader_reads_alike_is_taken_as_it_is() {
        for target in [
            "/",
            "/a",
            "/a/",
            "/a/b?c=//d/../e",
            "/...",
            "/a.b/..c",
            "/a;b=c/d",
            "/%7Euser",
            "/100%25",
            "/caf%C3%A9",
            "/a:b@c",
            "/a?",
            "/a?b\\c",
            "/%61dmin",
            "/a%20b",
            "/*",
            "/a%3Fb",
            "/a%23b",
        ] {
            let read = Target::read(target.as_bytes()).unwrap();
            let again = read.query().map_or(read.path().to_owned(), |query| format!("{}?{query}", read.path()));
            assert_eq!(again, target);
        }
    }

    #[test]
    fn a_segment_is_compared_decoded_and_kept_as_sent() {
        let target = Target::read(b"/%61dmin/caf%C3%A9/").unwrap();
        let segments = target.segments();
        let pairs: Vec<_> = segments.iter().map(|segment| (segment.raw, segment.decoded.as_ref())).collect();
        assert_eq!(pairs, [("%61dmin", "admin"), ("caf%C3%A9", "café"), ("", "")]);
    }

    #[test]
    fn hosts_lose_case_port_and_the_roots_dot() {
        for (sent, host) in [
            ("Api.Example.com", "api.example.com"),
            ("api.example.com:8080", "api.example.com"),
            ("api.example.com.", "api.example.com"),
            ("api.example.com.:443", "api.example.com"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("my_host", "my_host"),
        ] {
            assert_eq!(read_host(sent).unwrap(), host);
        }
        for sent in [
            "", ":80", "a:b", "a:99999", "a:+80", "a:", "a b", "a,b", "a/b", "a@b", "a..b", ".a", "::1", "[::1", "[x]",
            "a:80:80", "a?b", "a#b", "a%2eb", "*", "[::1]x",
        ] {
            assert!(read_host(sent).is_err(), "{sent}");
        }
    }
}
