//! What is told of one step of a request.

use std::borrow::Cow;
use std::time::Instant;

/// A step of a request that is over.
#[derive(Debug, Clone)]
pub struct Span {
    /// Its id within the trace.
    pub id: u64,
    /// What it is called; of few different names, so that steps can be compared.
    pub name: Cow<'static, str>,
    /// Who asked whom.
    pub kind: SpanKind,
    /// When it began.
    pub begun: Instant,
    /// When it was over.
    pub ended: Instant,
    /// What else is known of it.
    pub attributes: Attributes,
    /// What went wrong, where it could not do its part; a refusal is no failure.
    pub error: Option<Cow<'static, str>>,
}

/// Who asked whom (`SpanKind` of OpenTelemetry).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// A step within the gate.
    Internal,
    /// The gate was asked.
    Server,
    /// The gate asks.
    Client,
}

/// A request that is over: the gate's own span, and the steps within it.
#[derive(Debug, Clone)]
pub struct TracedRequest {
    /// When the request began, in milliseconds since the Unix epoch; it is the instant at which `whole` began.
    pub began_unix_millis: u64,
    /// The gate's own span.
    pub whole: Span,
    /// The steps.
    pub steps: Vec<Span>,
}

/// Names and values, as OpenTelemetry's semantic conventions have them where they do, and under `lychgate.` where not.
#[derive(Debug, Clone, Default)]
pub struct Attributes(pub(super) Vec<(&'static str, Value)>);

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Texts(Vec<String>),
}

/// Most bytes of one text: whoever writes longer paths shall not fill the memory of whoever reads them.
const MOST_TEXT: usize = 1024;
/// Most members of one list.
const MOST_TEXTS: usize = 32;

impl Attributes {
    /// Adds a text, as far as there is one.
    #[must_use]
    pub fn text<'a>(mut self, name: &'static str, value: impl Into<Option<&'a str>>) -> Self {
        if let Some(value) = value.into() {
            self.0.push((name, Value::Text(cut(value).to_owned())));
        }
        self
    }

    /// Adds a number, as far as there is one.
    #[must_use]
    pub fn number(mut self, name: &'static str, value: impl Into<Option<u64>>) -> Self {
        if let Some(value) = value.into() {
            self.0.push((name, Value::Number(i64::try_from(value).unwrap_or(i64::MAX))));
        }
        self
    }

    /// Adds a list, unless there is nothing in it.
    #[must_use]
    pub fn texts<'a>(mut self, name: &'static str, values: impl IntoIterator<Item = &'a str>) -> Self {
        let values: Vec<_> = values.into_iter().take(MOST_TEXTS).map(|value| cut(value).to_owned()).collect();
        if !values.is_empty() {
            self.0.push((name, Value::Texts(values)));
        }
        self
    }
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MOST_TEXT)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out_and_what_is_long_is_cut() {
        let long = "ä".repeat(MOST_TEXT);
        let attributes = Attributes::default()
            .text("a", None::<&str>)
            .number("b", None::<u64>)
            .texts("c", [])
            .text("d", long.as_str())
            .number("e", u64::MAX)
            .texts("f", std::iter::repeat_n("x", 1000));
        let names: Vec<_> = attributes.0.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["d", "e", "f"]);
        assert!(matches!(&attributes.0[0].1, Value::Text(text) if text.len() == MOST_TEXT));
        assert_eq!(attributes.0[1].1, Value::Number(i64::MAX));
        assert!(matches!(&attributes.0[2].1, Value::Texts(texts) if texts.len() == MOST_TEXTS));
    }
}
