//! Traces: what is taken, and what is refused at its place.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::good::EVERY_KEY;
use super::support::{assert_mistakes, folder, load, load_in};
use crate::telemetry::{ParentsHeard, TracesConfig};

fn traces(text: &str) -> TracesConfig {
    load(&format!("telemetry: {{traces: {text}}}")).unwrap().config.telemetry.traces.unwrap()
}

#[test]
fn the_collector_alone_is_enough() {
    let traces = traces("{otlp: 'http://127.0.0.1:4318'}");
    assert_eq!((traces.sample.to_bits(), traces.parents), (1.0_f64.to_bits(), ParentsHeard::TrustedProxies));
    assert_eq!((traces.service.as_str(), traces.timeout), ("lychgate", Duration::from_secs(10)));
    assert!(traces.headers.is_empty() && traces.attributes.is_empty() && traces.ca.is_none());
}

#[test]
fn a_secret_of_the_collector_comes_from_a_file_and_is_never_shown() {
    let text = "{otlp: 'http://127.0.0.1:4318', headers: {authorization: {file: secrets/password}}}";
    let traces = traces(text);
    assert_eq!(traces.headers["authorization"].expose_secret(), "correct horse");
    assert!(!format!("{traces:?}").contains("correct"), "{traces:?}");
}

#[test]
fn what_cannot_be_is_refused_at_its_place() {
    for (key, mistake) in [
        ("otlp: ▸'collector:4318'", "`telemetry.traces.otlp`: `collector:4318` must be an https URL"),
        ("otlp: ▸'ftp://collector'", "`telemetry.traces.otlp`: `ftp://collector` must be an https URL"),
        ("otlp: ▸'https://u:p@c.example'", "`telemetry.traces.otlp`"),
        ("otlp: ▸'https://c.example/?key=1'", "`telemetry.traces.otlp`: must not carry a query"),
        ("otlp: 'https://c.example', sample: ▸1.5", "`telemetry.traces.sample`: must be a share from 0 to 1"),
        ("otlp: 'https://c.example', sample: ▸-0.1", "`telemetry.traces.sample`: must be a share from 0 to 1"),
        ("otlp: 'https://c.example', timeout: ▸2m", "`telemetry.traces.timeout`: must be from `1ms` to `1m`"),
        ("otlp: 'https://c.example', service: ▸''", "`telemetry.traces.service`: must not be empty"),
        ("otlp: 'https://c.example', headers: {▸'a b': x}", "is no header that can be set here"),
        ("otlp: 'https://c.example', headers: {▸Content-Type: x}", "is no header that can be set here"),
        (
            "otlp: 'https://c.example', headers: {a: ▸\"x\\ny\"}",
            "`telemetry.traces.headers.a`: must be a header's value",
        ),
        ("otlp: 'https://c.example', headers: {a: ▸''}", "`telemetry.traces.headers.a`: must be a header's value"),
        ("otlp: 'https://c.example', ca: ▸gone.pem", "`telemetry.traces.ca`: there is no file"),
        ("otlp: 'http://127.0.0.1:1', ▸ca: ca.pem", "`telemetry.traces.ca`: only `https://` shows a certificate"),
        ("otlp: 'https://c.example', attributes: {▸service.name: x}", "say it in `service`"),
    ] {
        let marked = format!("telemetry: {{traces: {{{key}}}}}");
        let code = if mistake.contains("no file") { "missing-file" } else { "wrong-value" };
        assert_mistakes(&marked, code, &[mistake]);
    }
}

#[test]
fn the_config_with_every_key_is_whole() {
    let folder = folder();
    let text = EVERY_KEY.replace("/var/lib/lychgate/", "");
    let loaded = load_in(folder.path(), &text);
    assert!(loaded.is_ok(), "{}", loaded.unwrap_err());
}
