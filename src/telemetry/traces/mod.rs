//! Traces: what a request's steps took, told to a collector by OTLP, and the trace context that goes on to upstreams.
//!
//! Written here rather than taken from the `opentelemetry` crates. Those are five crates which move together and break with each
//! release, for an API that a gate has no use for: every span is known only once its request is over, when the steps of the
//! decision are told as a whole, so there is nothing to start, enter or attach. What is left of them is the message, a dozen
//! lines of protobuf that OTLP 1 promises never to change, and `prost` and `reqwest` are linked already. So traces add no crate
//! to what is audited, cost one branch where they are off, and are bounded in one place, `recorder`.

mod collector;
mod config;
mod context;
mod exporter;
mod otlp;
mod recorder;
mod span;
#[cfg(test)]
mod tests;

pub use config::{ParentsHeard, TracesConfig};
pub use context::Trace;
pub use recorder::{TraceExport, Traces, TracesError};
pub use span::{Attributes, Span, SpanKind, TracedRequest};
