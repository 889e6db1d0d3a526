//! Paths with parameters: API Gateway's `{id}` and `{proxy+}`, and the gate's `{id}` and `{*rest}`.

use std::collections::{BTreeMap, BTreeSet};

/// The path of HTTP APIs that takes what no other does.
const DEFAULT: &str = "/$default";

/// The path of an operation, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Parameter(String),
    /// One segment or more, to the end.
    Greedy(String),
    /// Whatever is left, be it nothing.
    Rest,
}

/// A path of the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoutePath {
    pub(super) text: String,
    /// The same for all paths that take the same requests, whatever their parameters are called.
    pub(super) shape: String,
    /// What stands for it in the name of a route.
    pub(super) suffix: &'static str,
}

impl Template {
    /// Reads a path of the document, after `base`.
    ///
    /// # Errors
    /// Where API Gateway itself would not take it.
    pub(super) fn read(base: &str, path: &str) -> Result<Self, &'static str> {
        if path == DEFAULT {
            return Ok(Self(vec![Piece::Rest]));
        }
        let rest = path.strip_prefix('/').ok_or("a path begins with `/`")?;
        let pieces = base.split('/').skip(1).chain(rest.split('/')).map(piece).collect::<Result<Vec<_>, _>>()?;
        let (_, before) = pieces.split_last().ok_or("a path begins with `/`")?;
        if before.iter().any(|piece| *piece == Piece::Literal(String::new())) {
            return Err("a path holds no `//`");
        }
        let greedy = pieces.iter().position(|piece| matches!(piece, Piece::Greedy(_)));
        if greedy.is_some_and(|place| place + 1 < pieces.len()) {
            return Err("a greedy parameter stands at the end of a path");
        }
        Ok(Self(pieces))
    }

    /// Whether it takes paths of more lengths than one.
    pub(super) fn is_greedy(&self) -> bool {
        matches!(self.0.last(), Some(Piece::Greedy(_) | Piece::Rest))
    }

    /// Whether it is the path that takes what no other does.
    pub(super) fn is_default(&self) -> bool {
        matches!(self.0.last(), Some(Piece::Rest))
    }

    /// The gate's paths that take just the same requests. The tail of `{*rest}` may be empty and that of `{proxy+}` may not: so
    /// there are two for that, one for a single segment and one for more.
    pub(super) fn paths(&self) -> Vec<RoutePath> {
        let (mut text, mut shape, mut names) = (String::new(), String::new(), Names::default());
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => {
                    text.push_str(&format!("/{literal}"));
                    shape.push_str(&format!("/{literal}"));
                }
                Piece::Parameter(name) => {
                    text.push_str(&format!("/{{{}}}", names.of(name)));
                    shape.push_str("/{}");
                }
                Piece::Greedy(name) => {
                    let (one, more) = (names.of(name), names.of("more"));
                    let single =
                        RoutePath { text: format!("{text}/{{{one}}}"), shape: format!("{shape}/{{}}"), suffix: "" };
                    let several = RoutePath {
                        text: format!("{text}/{{{one}}}/{{*{more}}}"),
                        shape: format!("{shape}/{{}}/{{*}}"),
                        suffix: "-more",
                    };
                    return vec![single, several];
                }
                Piece::Rest => {
                    text.push_str("/{*rest}");
                    shape.push_str("/{*}");
                }
            }
        }
        vec![RoutePath { text, shape, suffix: "" }]
    }

    /// Whether a request goes to `path` of an integration unchanged. `renamed` says which parameter of ours one of it stands for.
    pub(super) fn is_kept_by(&self, path: &str, renamed: &BTreeMap<&str, &str>) -> bool {
        let asked: Vec<&str> = if path.is_empty() { vec![""] } else { path.split('/').skip(1).collect() };
        asked.len() == self.0.len()
            && asked.iter().zip(&self.0).all(|(asked, own)| {
                let inner = asked.strip_prefix('{').and_then(|asked| asked.strip_suffix('}'));
                let name = inner.map(|inner| inner.strip_suffix('+').unwrap_or(inner));
                let name = name.map(|name| renamed.get(name).copied().unwrap_or(name));
                match own {
                    Piece::Literal(literal) => name.is_none() && literal == asked,
                    Piece::Parameter(own) | Piece::Greedy(own) => name == Some(own),
                    Piece::Rest => false,
                }
            })
    }
}

/// A segment as API Gateway takes it: a whole parameter, or letters, digits and `._-:~$@+!*'(),=&`.
fn piece(segment: &str) -> Result<Piece, &'static str> {
    let Some(inner) = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) else {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:~$@+!'(),=&".contains(&byte);
        return if segment.bytes().all(fits) && segment != "." && segment != ".." {
            Ok(Piece::Literal(segment.to_owned()))
        } else {
            Err("a segment is a whole parameter such as `{id}`, or letters, digits and some signs")
        };
    };
    let (name, is_greedy) = inner.strip_suffix('+').map_or((inner, false), |name| (name, true));
    if name.is_empty() || name.contains(['{', '}', '+', '*']) {
        return Err("a parameter has a name, and stands alone in its segment");
    }
    Ok(if is_greedy { Piece::Greedy(name.to_owned()) } else { Piece::Parameter(name.to_owned()) })
}

/// Names of a path's parameters as the gate takes them: letters, digits and `_`, each once.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn of(&mut self, name: &str) -> String {
        let mut fit: String =
            name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
        if fit.starts_with(|first: char| first.is_ascii_digit()) {
            fit.insert(0, '_');
        }
        while !self.0.insert(fit.clone()) {
            fit.push('_');
        }
        fit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(path: &str) -> Vec<String> {
        Template::read("", path).unwrap().paths().into_iter().map(|path| path.text).collect()
    }

    #[test]
    fn parameters_are_written_as_the_gate_takes_them() {
        for (path, ours) in [
            ("/", &["/"][..]),
            ("/orders", &["/orders"]),
            ("/orders/", &["/orders/"]),
            ("/orders/{id}", &["/orders/{id}"]),
            ("/orders/{order-id}/items/{order.id}", &["/orders/{order_id}/items/{order_id_}"]),
            ("/{1}", &["/{_1}"]),
            ("/{proxy+}", &["/{proxy}", "/{proxy}/{*more}"]),
            ("/files/{more+}", &["/files/{more}", "/files/{more}/{*more_}"]),
            ("/$default", &["/{*rest}"]),
        ] {
            assert_eq!(paths(path), ours, "{path}");
        }
    }

    #[test]
    fn what_api_gateway_would_not_take_is_refused() {
        for path in [
            "",
            "orders",
            "/{id}.json",
            "/a{b}",
            "/{}",
            "/{+}",
            "/{proxy+}/a",
            "/a b",
            "/a%2fb",
            "/..",
            "/é",
            "/a/{{b}}",
            "//a",
            "/a//b",
        ] {
            assert!(Template::read("", path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_path_that_an_integration_changes_is_seen() {
        let template = Template::read("", "/orders/{id}").unwrap();
        let none = BTreeMap::new();
        assert!(template.is_kept_by("/orders/{id}", &none));
        assert!(template.is_kept_by("/orders/{key}", &BTreeMap::from([("key", "id")])));
        for changed in
            ["", "/", "/orders", "/orders/", "/orders/7", "/orders/{key}", "/v2/orders/{id}", "/orders/{id}/a"]
        {
            assert!(!template.is_kept_by(changed, &none), "{changed}");
        }
        let greedy = Template::read("", "/{proxy+}").unwrap();
        assert!(greedy.is_kept_by("/{proxy}", &none) && greedy.is_kept_by("/{proxy+}", &none));
        assert!(!greedy.is_kept_by("/a/{proxy}", &none));
        let root = Template::read("", "/").unwrap();
        assert!(root.is_kept_by("", &none) && root.is_kept_by("/", &none) && !root.is_kept_by("/a", &none));
        assert!(!Template::read("", "/$default").unwrap().is_kept_by("/", &none));
        assert!(Template::read("/v1", "/orders").unwrap().is_kept_by("/v1/orders", &none));
    }
}
