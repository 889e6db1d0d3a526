//! Which requests are recorded, and what becomes of them where nobody takes them.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};

use super::{Attributes, ParentsHeard, Span, SpanKind, Trace, TraceExport, TracedRequest, Traces, TracesConfig};
use crate::telemetry::Metrics;

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

fn config(sample: f64, parents: ParentsHeard) -> TracesConfig {
    // nothing listens there
    let config: TracesConfig = serde_json::from_str(r#"{"otlp": "http://127.0.0.1:1", "timeout": "200ms"}"#).unwrap();
    TracesConfig { sample, parents, ..config }
}

fn open(sample: f64, parents: ParentsHeard) -> (Traces, TraceExport, Metrics) {
    let metrics = Metrics::new().unwrap();
    let (traces, export) = Traces::open(&config(sample, parents), "here", &metrics).unwrap();
    (traces, export, metrics)
}

fn said(value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(http::HeaderName::from_static("traceparent"), HeaderValue::from_static(value))])
}

fn told(trace: &Trace) -> TracedRequest {
    let now = Instant::now();
    let whole = Span {
        id: trace.span(),
        name: "GET".into(),
        kind: SpanKind::Server,
        begun: now,
        ended: now,
        attributes: Attributes::default(),
        error: None,
    };
    TracedRequest { began_unix_millis: 0, whole, steps: Vec::new() }
}

fn counted(metrics: &Metrics, result: &str) -> u64 {
    let series = format!("lychgate_trace_spans_total{{result=\"{result}\"}} ");
    let text = metrics.encode();
    text.lines().find_map(|line| line.strip_prefix(series.as_str())).unwrap().parse().unwrap()
}

#[test]
fn only_whose_word_counts_decides_what_is_recorded() {
    use ParentsHeard::{All, None, TrustedProxies};
    for (sample, parents, is_trusted, header, recorded) in [
        (0.0, TrustedProxies, false, SAMPLED, false),
        (0.0, TrustedProxies, true, SAMPLED, true),
        (1.0, TrustedProxies, false, UNSAMPLED, true),
        (1.0, TrustedProxies, true, UNSAMPLED, false),
        (0.0, All, false, SAMPLED, true),
        (1.0, All, false, UNSAMPLED, false),
        (0.0, None, true, SAMPLED, false),
        (1.0, None, true, UNSAMPLED, true),
        (0.0, All, true, "nothing to go by", false),
        (1.0, All, true, "nothing to go by", true),
    ] {
        let (traces, _export, _metrics) = open(sample, parents);
        let trace = traces.join(&said(header), is_trusted).unwrap();
        assert_eq!(trace.is_recorded(), recorded, "{sample} {parents:?} {is_trusted} {header}");
        // Recorded or not, the trace goes on.
        assert_eq!(trace.id_text() == "4bf92f3577b34da6a3ce929d0e0e4736", header.starts_with("00"));
    }
}

#[test]
fn a_share_is_recorded_whatever_ids_strangers_choose() {
    let (traces, _export, _metrics) = open(0.25, ParentsHeard::TrustedProxies);
    let recorded = (0..4000).filter(|_| traces.join(&said(SAMPLED), false).unwrap().is_recorded()).count();
    assert!((800..1200).contains(&recorded), "{recorded}");
}

#[test]
fn without_traces_nothing_is_begun_and_the_clients_trace_is_still_named() {
    let traces = Traces::default();
    assert_eq!(traces.join(&said(SAMPLED), true), None);
    assert_eq!(Traces::id_of(None, &said(SAMPLED)).as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert_eq!(Traces::id_of(None, &said("00-short")), None);
}

#[test]
fn what_nobody_takes_is_dropped_and_counted_and_not_put_together() {
    let (traces, export, metrics) = open(1.0, ParentsHeard::None);
    let trace = traces.join(&HeaderMap::new(), false).unwrap();
    let mut put_together = 0;
    for _ in 0..super::recorder::MOST_WAITING + 10 {
        traces.record(&trace, 7, || {
            put_together += 1;
            told(&trace)
        });
    }
    assert_eq!((put_together, counted(&metrics, "dropped")), (super::recorder::MOST_WAITING, 70));
    drop(export);
    traces.record(&trace, 3, || told(&trace));
    assert_eq!(counted(&metrics, "dropped"), 73);
}

#[test]
fn what_is_not_recorded_is_not_even_put_together() {
    let (traces, _export, metrics) = open(0.0, ParentsHeard::None);
    let trace = traces.join(&HeaderMap::new(), false).unwrap();
    traces.record(&trace, 1, || panic!("nobody asked for it"));
    assert_eq!(counted(&metrics, "dropped"), 0);
}

#[tokio::test]
async fn what_is_closed_while_an_export_is_tried_ends_soon() {
    let (traces, export, metrics) = open(1.0, ParentsHeard::None);
    let running = tokio::spawn(export.run());
    let trace = traces.join(&HeaderMap::new(), false).unwrap();
    traces.record(&trace, 1, || told(&trace));
    // By then the first waits for its second try.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let begun = Instant::now();
    assert!(traces.close(Duration::from_secs(20)).await);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    running.await.unwrap();
    assert_eq!(counted(&metrics, "failed"), 1);
}

#[tokio::test]
async fn an_absent_collector_costs_a_count_and_the_end_waits_for_it_no_longer_than_it_may() {
    let (traces, export, metrics) = open(1.0, ParentsHeard::None);
    let running = tokio::spawn(export.run());
    let trace = traces.join(&HeaderMap::new(), false).unwrap();
    (0..5).for_each(|_| traces.record(&trace, 1, || told(&trace)));
    let begun = Instant::now();
    assert!(traces.close(Duration::from_secs(20)).await);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    running.await.unwrap();
    assert_eq!((counted(&metrics, "failed"), counted(&metrics, "sent")), (5, 0));
}
