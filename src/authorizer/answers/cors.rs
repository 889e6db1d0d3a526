//! Cross-origin rules of a route (the Fetch standard's CORS protocol). They let browsers hand answers to pages of other
//! origins; they open nothing: a request is judged the same whatever its `Origin`.

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{HeaderMap, HeaderName};

use super::fields::AnswerFields;
use super::own::OwnAnswer;
use crate::authorizer::config::CorsConfig;
use crate::authorizer::denial::Denial;

/// What only the gate says on a route with `cors`.
const OURS: [&str; 7] = [
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-allow-private-network",
    "access-control-expose-headers",
    "access-control-max-age",
];

/// The rules of one route, ready to be written.
#[derive(Debug)]
pub(crate) struct Cors {
    origins: Vec<Allowed>,
    credentials: bool,
    /// Fields of a preflight answer, beside those about the origin.
    preflight: Vec<(&'static str, String)>,
    expose: Option<String>,
}

/// Origins that may read answers.
#[derive(Debug, PartialEq, Eq)]
enum Allowed {
    /// All of them.
    Any,
    /// This one, byte for byte.
    Exactly(String),
    /// Those with this scheme and, behind one or more labels, this end of host and port.
    Under { scheme: String, suffix: String },
}

impl Cors {
    /// Takes the rules from the config; `methods` are the route's own.
    pub(crate) fn new(config: &CorsConfig, methods: &[String]) -> Self {
        let methods = if config.methods.is_empty() { methods } else { &config.methods };
        let mut preflight = vec![("access-control-allow-methods", methods.join(", "))];
        if !config.headers.is_empty() {
            preflight.push(("access-control-allow-headers", config.headers.join(", ")));
        }
        if let Some(max_age) = config.max_age {
            preflight.push(("access-control-max-age", max_age.as_secs().to_string()));
        }
        Self {
            origins: config.origins.iter().map(|origin| Allowed::read(origin)).collect(),
            credentials: config.credentials,
            preflight,
            expose: (!config.expose.is_empty()).then(|| config.expose.join(", ")),
        }
    }

    /// What every answer of the route gets, a refusal too: without it a page could not even read why.
    pub(crate) fn fields(&self, headers: &HeaderMap) -> AnswerFields {
        let mut set = Vec::new();
        if let Some(allowed) = self.allow(headers) {
            set.extend(allowed);
            set.extend(self.expose.iter().map(|names| ("access-control-expose-headers", names.clone())));
        }
        AnswerFields { remove: &OURS, set, varies_by_origin: true }
    }

    /// The answer to a preflight request, which says what may be sent and decides nothing about it.
    pub(crate) fn preflight(&self, headers: &HeaderMap) -> Result<OwnAnswer, Denial> {
        let allowed = self.allow(headers).ok_or(Denial::OriginNotAllowed)?;
        let set = allowed.into_iter().chain(self.preflight.iter().cloned()).collect();
        Ok(OwnAnswer::empty(AnswerFields { remove: &[], set, varies_by_origin: true }))
    }

    /// The fields that allow the request's origin; it is compared, and never merely given back.
    fn allow(&self, headers: &HeaderMap) -> Option<Vec<(&'static str, String)>> {
        let origin = only(headers, &ORIGIN)?;
        let allowed = self.origins.iter().find(|allowed| allowed.holds(origin))?;
        let origin = if *allowed == Allowed::Any { "*" } else { origin };
        let mut fields = vec![("access-control-allow-origin", origin.to_owned())];
        if self.credentials {
            fields.push(("access-control-allow-credentials", "true".to_owned()));
        }
        Some(fields)
    }
}

/// The method that a preflight request asks about (Fetch, "CORS-preflight request"), where the request is one.
pub(crate) fn preflighted<'a>(method: &str, headers: &'a HeaderMap) -> Option<&'a str> {
    if method != "OPTIONS" || only(headers, &ORIGIN).is_none() {
        return None;
    }
    only(headers, &ACCESS_CONTROL_REQUEST_METHOD)
}

/// The value of a field that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}

impl Allowed {
    fn read(origin: &str) -> Self {
        match origin.split_once("://*.") {
            Some((scheme, suffix)) => Self::Under { scheme: format!("{scheme}://"), suffix: format!(".{suffix}") },
            None if origin == "*" => Self::Any,
            None => Self::Exactly(origin.to_owned()),
        }
    }

    fn holds(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(allowed) => allowed == origin,
            Self::Under { scheme, suffix } => {
                let labels = origin.strip_prefix(scheme.as_str()).and_then(|host| host.strip_suffix(suffix.as_str()));
                labels.is_some_and(|labels| labels.split('.').all(is_label))
            }
        }
    }
}

/// As browsers write hosts in origins: lower case, and punycode where it was not ASCII.
fn is_label(label: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    !label.is_empty() && label.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;

    use super::*;

    fn config(origins: &[&str]) -> CorsConfig {
        CorsConfig {
            origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            methods: Vec::new(),
            headers: vec!["authorization".to_owned(), "content-type".to_owned()],
            expose: vec!["x-total".to_owned()],
            credentials: false,
            max_age: Some(Duration::from_hours(1)),
        }
    }

    fn from(origin: &'static str) -> HeaderMap {
        [(ORIGIN, HeaderValue::from_static(origin))].into_iter().collect()
    }

    fn allowed(origins: &[&str], origin: &'static str) -> Option<String> {
        let fields = Cors::new(&config(origins), &["GET".to_owned()]).fields(&from(origin)).set;
        fields.into_iter().find(|(name, _)| *name == "access-control-allow-origin").map(|(_, value)| value)
    }

    #[test]
    fn an_origin_is_compared_byte_for_byte_and_never_merely_given_back() {
        let ours = ["https://app.example", "https://*.app.example:8443"];
        for origin in ["https://app.example", "https://a.app.example:8443", "https://a.b-c.app.example:8443"] {
            assert_eq!(allowed(&ours, origin).as_deref(), Some(origin));
        }
        for origin in [
            "null",
            "",
            "http://app.example",
            "https://APP.example",
            "https://app.example:443",
            "https://app.example/",
            "https://app.example.evil.example",
            "https://evilapp.example",
            "https://app.example, https://evil.example",
            "https://app.example:8443",
            "https://.app.example:8443",
            "https://evil.example/.app.example:8443",
            "https://evil.example:1#.app.example:8443",
            "https://a..app.example:8443",
            "https://u@a.app.example:8443",
            "https://a.app.example",
            "http://a.app.example:8443",
        ] {
            assert_eq!(allowed(&ours, origin), None, "{origin}");
        }
        assert_eq!(allowed(&["*"], "https://anything.example").as_deref(), Some("*"));
        assert_eq!(allowed(&["null"], "null").as_deref(), Some("null"));
    }

    #[test]
    fn two_origins_are_none() {
        let mut headers = from("https://app.example");
        headers.append(ORIGIN, HeaderValue::from_static("https://app.example"));
        let cors = Cors::new(&config(&["https://app.example"]), &[]);
        let fields = cors.fields(&headers);
        assert_eq!(fields.set, []);
        assert!(fields.varies_by_origin);
        assert_eq!(preflighted("OPTIONS", &headers), None);
    }

    #[test]
    fn a_preflight_answer_says_what_the_config_says() {
        let cors =
            Cors::new(&CorsConfig { credentials: true, ..config(&["https://app.example"]) }, &["GET".to_owned()]);
        let answer = cors.preflight(&from("https://app.example")).unwrap();
        let expected = [
            ("access-control-allow-origin", "https://app.example"),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "GET"),
            ("access-control-allow-headers", "authorization, content-type"),
            ("access-control-max-age", "3600"),
        ];
        assert_eq!(answer.fields().set, expected.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(cors.preflight(&from("https://evil.example")).unwrap_err(), Denial::OriginNotAllowed);
    }
}
