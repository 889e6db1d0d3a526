//! The messages of OTLP (`opentelemetry/proto/trace/v1`), as far as a gate has something to say.

use prost::{Message, Oneof};

use super::context::Trace;
use super::span::{Attributes, Span, SpanKind, TracedRequest, Value};

/// Bits of `Span.flags`: whether it is known where the parent is, and whether that is elsewhere.
const PARENT_IS_KNOWN: u32 = 0x100;
const PARENT_IS_REMOTE: u32 = 0x200;
/// `STATUS_CODE_ERROR`.
const ERROR: i32 = 2;

#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportRequest {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

/// Who tells.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<SpanMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SpanMessage {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(string, tag = "3")]
    trace_state: String,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
    #[prost(fixed32, tag = "16")]
    flags: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(oneof = "OneValue", tags = "1, 3, 5")]
    value: Option<OneValue>,
}

#[derive(Clone, PartialEq, Oneof)]
enum OneValue {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(int64, tag = "3")]
    Number(i64),
    #[prost(message, tag = "5")]
    List(ArrayValue),
}

#[derive(Clone, PartialEq, Message)]
struct ArrayValue {
    #[prost(message, repeated, tag = "1")]
    values: Vec<AnyValue>,
}

/// What a collector answers.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    pub(super) rejected_spans: i64,
    #[prost(string, tag = "2")]
    pub(super) error_message: String,
}

impl Resource {
    /// Of attributes by name.
    pub(super) fn of<'a>(attributes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let attributes = attributes.into_iter();
        Self { attributes: attributes.map(|(name, value)| pair(name, OneValue::Text(value.to_owned()))).collect() }
    }
}

/// The body of one export.
pub(super) fn export(resource: &Resource, spans: Vec<SpanMessage>) -> Vec<u8> {
    let scope = Scope { name: "lychgate".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans }];
    let of_us = ResourceSpans { resource: Some(resource.clone()), scope_spans };
    ExportRequest { resource_spans: vec![of_us] }.encode_to_vec()
}

/// The spans of one request.
pub(super) fn spans(trace: &Trace, request: TracedRequest) -> impl Iterator<Item = SpanMessage> + use<> {
    let TracedRequest { began_unix_millis, whole, steps } = request;
    let begun = whole.begun;
    let start = began_unix_millis.saturating_mul(1_000_000);
    let at = move |instant: std::time::Instant| {
        let since = instant.saturating_duration_since(begun).as_nanos();
        start.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    };
    let (trace_id, state) = (trace.id().to_be_bytes(), trace.state().unwrap_or_default().to_owned());
    let (remote, own) = (trace.parent(), whole.id);
    std::iter::once(whole).chain(steps).map(move |span| {
        let parent = if span.id == own { remote } else { Some(own) };
        let is_remote = span.id == own && remote.is_some();
        let Span { id, name, kind, begun, ended, attributes, error } = span;
        let Attributes(mut attributes) = attributes;
        attributes.extend(error.as_deref().map(|error| ("error.type", Value::Text(error.to_owned()))));
        SpanMessage {
            trace_id: trace_id.to_vec(),
            span_id: id.to_be_bytes().to_vec(),
            trace_state: state.clone(),
            parent_span_id: parent.map(|parent| parent.to_be_bytes().to_vec()).unwrap_or_default(),
            name: name.into_owned(),
            kind: number_of(kind),
            start_time_unix_nano: at(begun),
            end_time_unix_nano: at(ended),
            attributes: attributes.into_iter().map(|(name, value)| pair(name, one_value(value))).collect(),
            status: error.map(|_| Status { code: ERROR }),
            flags: 1 | PARENT_IS_KNOWN | if is_remote { PARENT_IS_REMOTE } else { 0 },
        }
    })
}

fn number_of(kind: SpanKind) -> i32 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
    }
}

fn one_value(value: Value) -> OneValue {
    match value {
        Value::Text(text) => OneValue::Text(text),
        Value::Number(number) => OneValue::Number(number),
        Value::Texts(texts) => {
            let values = texts.into_iter().map(|text| AnyValue { value: Some(OneValue::Text(text)) });
            OneValue::List(ArrayValue { values: values.collect() })
        }
    }
}

fn pair(key: &str, value: OneValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}
