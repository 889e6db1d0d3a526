//! The trace that a request belongs to, as W3C Trace Context carries it from one service to the next.

use http::HeaderMap;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
/// The version that is written, and the flag that says the caller has recorded its part (W3C Trace Context sections 3.2.2, 3.2.2.5).
const VERSION: &str = "00";
const SAMPLED: u8 = 1;
/// Vendors should pass on as much of `tracestate` as this (section 3.3.1.5); more is not told to a collector.
const MOST_STATE: usize = 512;

/// A request's place in its trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    id: u128,
    /// The caller's span, where the request came with one.
    parent: Option<u64>,
    /// The gate's own.
    span: u64,
    is_recorded: bool,
    state: Option<String>,
}

/// What a caller says of its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) trace: u128,
    pub(super) span: u64,
    pub(super) is_sampled: bool,
}

impl Parent {
    /// What stands in `traceparent`, if it stands there once and as it should.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        Self::parse(value.to_str().ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '-');
        let mut part = |length: usize| parts.next().filter(|part| part.len() == length && is_lower_hex(part));
        let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        // Later versions may say more behind this; the first may not (section 3.2.4).
        let says_more = parts.next().is_some();
        if version == "ff" || (version == VERSION && says_more) {
            return None;
        }
        let (trace, span) = (u128::from_str_radix(trace, 16).ok()?, u64::from_str_radix(span, 16).ok()?);
        let is_sampled = u8::from_str_radix(flags, 16).ok()? & SAMPLED == SAMPLED;
        (trace != 0 && span != 0).then_some(Self { trace, span, is_sampled })
    }
}

impl Trace {
    /// Goes on with the caller's trace, or begins one. `is_recorded` is asked with what the caller has decided, if it counts.
    pub(super) fn join(headers: &HeaderMap, is_recorded: impl FnOnce(Option<bool>) -> bool) -> Self {
        let parent = Parent::read(headers);
        Self {
            id: parent.map_or_else(|| fastrand::u128(1..), |parent| parent.trace),
            parent: parent.map(|parent| parent.span),
            span: Self::new_span(),
            is_recorded: is_recorded(parent.map(|parent| parent.is_sampled)),
            // What no trace belongs to says nothing (section 3.3).
            state: parent.and_then(|_| state_of(headers)),
        }
    }

    /// The id of a span that is begun now.
    #[must_use]
    pub fn new_span() -> u64 {
        fastrand::u64(1..)
    }

    /// The trace's id, as it is written.
    #[must_use]
    pub fn id_text(&self) -> String {
        id_text(self.id)
    }

    /// Whether what becomes of the request is told to the collector.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.is_recorded
    }

    /// The gate's own span of the request.
    #[must_use]
    pub fn span(&self) -> u64 {
        self.span
    }

    /// `traceparent` for a request that is made on behalf of this one, in the span of this id.
    #[must_use]
    pub fn traceparent(&self, span: u64) -> String {
        let flags = if self.is_recorded { SAMPLED } else { 0 };
        format!("{VERSION}-{:032x}-{span:016x}-{flags:02x}", self.id)
    }

    /// Whether what the caller says in `tracestate` belongs to this trace, and goes on with it.
    #[must_use]
    pub fn keeps_state(&self) -> bool {
        self.parent.is_some()
    }

    pub(super) fn id(&self) -> u128 {
        self.id
    }

    pub(super) fn parent(&self) -> Option<u64> {
        self.parent
    }

    pub(super) fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

pub(super) fn id_text(id: u128) -> String {
    format!("{id:032x}")
}

fn state_of(headers: &HeaderMap) -> Option<String> {
    let values: Vec<&str> =
        headers.get_all(TRACESTATE).iter().map(http::HeaderValue::to_str).collect::<Result<_, _>>().ok()?;
    let state = values.join(",");
    (1..=MOST_STATE).contains(&state.len()).then_some(state)
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn join(fields: &[(&'static str, &'static str)]) -> Trace {
        Trace::join(&headers(fields), |said| said.unwrap_or(true))
    }

    #[test]
    fn a_callers_trace_goes_on_under_a_span_of_the_gate() {
        let trace = join(&[(TRACEPARENT, GOOD), (TRACESTATE, "a=1"), (TRACESTATE, "b=2")]);
        assert_eq!(trace.id_text(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!((trace.parent(), trace.is_recorded()), (Some(0x00f0_67aa_0ba9_02b7), true));
        assert_ne!(trace.span(), 0x00f0_67aa_0ba9_02b7);
        assert_eq!(trace.state(), Some("a=1,b=2"));
        let passed_on = trace.traceparent(0xab);
        assert_eq!(passed_on, "00-4bf92f3577b34da6a3ce929d0e0e4736-00000000000000ab-01");
        assert_eq!(Parent::parse(&passed_on).unwrap().span, 0xab);
    }

    #[test]
    fn what_is_not_recorded_is_said_to_be_so() {
        let trace = join(&[(TRACEPARENT, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")]);
        assert!(!trace.is_recorded() && trace.traceparent(1).ends_with("-00"));
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        for later in [
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-09-what-else",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03",
        ] {
            assert!(Parent::parse(later).unwrap().is_sampled, "{later}");
        }
    }

    #[test]
    fn what_is_malformed_begins_a_new_trace_without_state() {
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47366-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
            "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "+0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        ] {
            let trace = join(&[(TRACEPARENT, bad), (TRACESTATE, "a=1")]);
            assert_eq!((trace.parent(), trace.state(), trace.keeps_state()), (None, None, false), "{bad}");
            assert_ne!(trace.id_text(), "4bf92f3577b34da6a3ce929d0e0e4736", "{bad}");
        }
        let twice = join(&[(TRACEPARENT, GOOD), (TRACEPARENT, GOOD)]);
        assert_eq!(twice.parent(), None);
    }

    #[test]
    fn no_two_traces_or_spans_are_the_same() {
        let (one, other) = (join(&[]), join(&[]));
        assert!(one.id() != other.id() && one.span() != other.span());
        assert_eq!(one.id_text().len(), 32);
    }

    #[test]
    fn state_that_is_too_long_is_not_told() {
        let long = HeaderValue::from_str(&format!("a={}", "x".repeat(MOST_STATE))).unwrap();
        let mut headers = headers(&[(TRACEPARENT, GOOD)]);
        headers.insert(TRACESTATE, long);
        let trace = Trace::join(&headers, |_| true);
        assert!(trace.state().is_none() && trace.keeps_state());
    }
}
