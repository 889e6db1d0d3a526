//! `htu` against the request's URI: both normalised as RFC 3986 sections 6.2.2 and 6.2.3 have it, without query and fragment.

/// Whether `htu` is the URI of this origin and path.
pub(super) fn is_uri_of(htu: &str, origin: &str, path: &str) -> bool {
    let ours = normal(origin, path);
    let theirs = split(htu).and_then(|(origin, path)| normal(origin, path));
    ours.is_some() && ours == theirs
}

/// Scheme and authority, and path; query and fragment are let go (RFC 9449 section 4.3, 9).
fn split(uri: &str) -> Option<(&str, &str)> {
    let uri = uri.split(['?', '#']).next().unwrap_or_default();
    let authority = uri.find("://")? + 3;
    let path = uri.get(authority..)?.find('/').map_or(uri.len(), |slash| authority + slash);
    uri.split_at_checked(path)
}

fn normal(origin: &str, path: &str) -> Option<String> {
    let origin = origin.to_ascii_lowercase();
    let default = match origin.split_once("://")?.0 {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let origin = origin.strip_suffix(default).unwrap_or(&origin);
    let origin = origin.strip_suffix(':').unwrap_or(origin);
    let path = without_dot_segments(&normal_encoding(path)?)?;
    Some(format!("{origin}{path}"))
}

/// Section 6.2.2.1 and 6.2.2.2: upper case in percent-encodings, and none of what needs none.
fn normal_encoding(path: &str) -> Option<String> {
    let mut normal = String::with_capacity(path.len());
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            normal.push(character);
            continue;
        }
        let mut digit = || characters.next()?.to_digit(16);
        let byte = u8::try_from(digit()? * 16 + digit()?).ok()?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            normal.push(char::from(byte));
        } else {
            normal.push_str(&format!("%{byte:02X}"));
        }
    }
    Some(normal)
}

/// Section 5.2.4; an empty path is `/` (section 6.2.3).
fn without_dot_segments(path: &str) -> Option<String> {
    let rest = if path.is_empty() { "" } else { path.strip_prefix('/')? };
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
        if is_last && matches!(segment, "." | "..") {
            kept.push("");
        }
    }
    Some(format!("/{}", kept.join("/")))
}

#[cfg(test)]
mod tests {
    use super::is_uri_of;

    #[test]
    fn two_spellings_of_one_uri_are_one() {
        for htu in [
            "https://api.example/orders/7",
            "HTTPS://API.example/orders/7",
            "https://api.example:443/orders/7",
            "https://api.example/orders/7?a=b",
            "https://api.example/orders/7#c",
            "https://api.example/%6frders/%37",
            "https://api.example/x/../orders/./7",
        ] {
            assert!(is_uri_of(htu, "https://api.example", "/orders/7"), "{htu}");
            assert!(is_uri_of(htu, "https://Api.Example:443", "/orders/7"), "{htu}");
        }
        assert!(is_uri_of("https://api.example", "https://api.example", "/"));
        assert!(is_uri_of("http://api.example:8080/caf%c3%a9", "http://api.example:8080", "/caf%C3%A9"));
    }

    #[test]
    fn another_uri_is_another() {
        for htu in [
            "",
            "/orders/7",
            "api.example/orders/7",
            "http://api.example/orders/7",
            "https://api.example:80/orders/7",
            "https://api.example.evil.example/orders/7",
            "https://u@api.example/orders/7",
            "https://api.example/Orders/7",
            "https://api.example/orders/7/",
            "https://api.example/orders/8",
            "https://api.example/orders%2F7",
            "https://api.example/orders/7%",
            "https://api.example/orders/7%zz",
            "https://api.example//orders/7",
            "ftp://api.example/orders/7",
        ] {
            assert!(!is_uri_of(htu, "https://api.example", "/orders/7"), "{htu}");
        }
    }
}
