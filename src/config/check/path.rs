//! The paths that routes match: literal segments, `{name}`, and `{*rest}` at the end.

/// Why `path` cannot be matched, or `None` where it can. Whether two paths conflict is the route table's question.
pub(crate) fn objection(path: &str) -> Option<&'static str> {
    let Some(rest) = path.strip_prefix('/') else {
        return Some("must begin with `/`");
    };
    if let Some(odd) = rest.bytes().find_map(odd_byte) {
        return Some(odd);
    }
    let segments: Vec<&str> = rest.split('/').collect();
    let (last, before) = segments.split_last()?;
    if before.iter().any(|segment| segment.is_empty()) {
        return Some("must not hold `//`: such requests are refused");
    }
    if before.iter().any(|segment| segment.starts_with("{*")) {
        return Some("`{*rest}` can only be the end");
    }
    before.iter().chain([last]).find_map(|segment| segment_objection(segment)).or_else(|| repeated(&segments))
}

/// Bytes that no request's path can hold once it is let in, so that the route would never match.
fn odd_byte(byte: u8) -> Option<&'static str> {
    match byte {
        b'%' => Some("must be written without `%`: a path is matched byte for byte, as it is sent"),
        b'?' | b'#' => Some("must end before `?` and `#`"),
        b'\\' | b';' => Some("must not hold a backslash or `;`"),
        b if !b.is_ascii_graphic() => Some("must be visible ASCII"),
        _ => None,
    }
}

fn segment_objection(segment: &str) -> Option<&'static str> {
    if segment == "." || segment == ".." {
        return Some("must not hold dot segments: such requests are refused");
    }
    if !segment.contains(['{', '}']) {
        return segment.contains('*').then_some("`*` stands only in `{*rest}`");
    }
    match parameter(segment) {
        Some(name) if is_name(name) => None,
        Some(_) => Some("a parameter's name is letters, digits and `_`, and does not begin with a digit"),
        None => Some("a parameter is a whole segment: `{name}`, or `{*rest}` at the end"),
    }
}

/// The name of the parameter that `segment` is.
fn parameter(segment: &str) -> Option<&str> {
    let inner = segment.strip_prefix('{')?.strip_suffix('}')?;
    let name = inner.strip_prefix('*').unwrap_or(inner);
    (!name.contains(['{', '}'])).then_some(name)
}

/// Policies read it as `context.path.name`.
fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn repeated(segments: &[&str]) -> Option<&'static str> {
    let mut names: Vec<&str> = segments.iter().filter_map(|segment| parameter(segment)).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    (names.len() < count).then_some("two parameters have the same name")
}

#[cfg(test)]
mod tests {
    use super::objection;

    #[test]
    fn literal_segments_parameters_and_a_tail_can_be_matched() {
        for path in [
            "/",
            "/orders",
            "/orders/",
            "/orders/{order_id}",
            "/{tenant}/orders/{id}/",
            "/{*rest}",
            "/a.b/~c/$d:e@f,g=h!i'(j)+k&l/{*_rest}",
        ] {
            assert_eq!(objection(path), None, "`{path}`");
        }
    }

    #[test]
    fn anything_else_cannot() {
        for (path, why) in [
            ("", "begin with"),
            ("orders", "begin with"),
            ("//", "`//`"),
            ("/a//b", "`//`"),
            ("/a/./b", "dot segments"),
            ("/a/..", "dot segments"),
            ("/a%20b", "`%`"),
            ("/a?b=c", "`?`"),
            ("/a#b", "`#`"),
            ("/a;b", "`;`"),
            ("/a\\b", "backslash"),
            ("/a b", "ASCII"),
            ("/é", "ASCII"),
            ("/{", "whole segment"),
            ("/}", "whole segment"),
            ("/a{b}", "whole segment"),
            ("/{a}{b}", "whole segment"),
            ("/{{a}}", "whole segment"),
            ("/{}", "name"),
            ("/{*}", "name"),
            ("/{1a}", "name"),
            ("/{a-b}", "name"),
            ("/{*rest}/a", "only be the end"),
            ("/*", "`{*rest}`"),
            ("/{a}/{a}", "same name"),
            ("/{a}/{*a}", "same name"),
        ] {
            assert!(
                objection(path).is_some_and(|objection| objection.contains(why)),
                "`{path}`: {:?}",
                objection(path)
            );
        }
    }
}
