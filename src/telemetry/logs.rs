//! The log's shape: which events are written, and how.

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::config::LogLevel;
use super::error::TelemetryError;

/// Who reads the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// A person at a terminal: text, in colours.
    Person,
    /// A collector: one JSON object a line.
    Collector,
}

/// The subscriber that writes events of `level` and above to `writer`; `directives` (the environment's `RUST_LOG`) are stronger.
pub(super) fn subscriber<W>(
    level: LogLevel,
    directives: Option<&str>,
    reader: Reader,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, TelemetryError>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let log = tracing_subscriber::fmt().with_env_filter(filter(level, directives)?).with_writer(writer);
    Ok(match reader {
        Reader::Person => Box::new(log.with_ansi(true).with_target(false).finish()),
        Reader::Collector => Box::new(log.with_ansi(false).json().flatten_event(true).with_span_list(false).finish()),
    })
}

fn filter(level: LogLevel, directives: Option<&str>) -> Result<EnvFilter, TelemetryError> {
    // below `warn` pingora tells of single connections, which clients make as often as they like: only who names it hears that
    let level = LevelFilter::from(level);
    let pingora = level.min(LevelFilter::WARN);
    // of two directives for the same target the later one counts
    let all = format!("{level},pingora={pingora},{}", directives.unwrap_or_default());
    EnvFilter::builder().parse(all).map_err(TelemetryError::LogDirectives)
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracing_subscriber::util::SubscriberInitExt as _;

    use super::{LogLevel, Reader, subscriber};
    use crate::telemetry::tests::Page;

    fn logged(level: LogLevel, directives: Option<&str>, reader: Reader, events: impl FnOnce()) -> String {
        let page = Page::default();
        let writer = page.clone();
        let subscriber = subscriber(level, directives, reader, move || writer.clone()).unwrap();
        let guard = subscriber.set_default();
        events();
        drop(guard);
        page.text()
    }

    fn one_of_each() {
        tracing::debug!("a debug");
        tracing::info!(issuer = "corp", "keys fetched");
        log::warn!(target: "pingora_proxy::proxy_h1", "a warning of pingora");
        log::info!(target: "pingora_core::server", "an info of pingora");
    }

    #[test]
    fn a_collector_reads_one_json_object_a_line() {
        let log =
            logged(LogLevel::Info, None, Reader::Collector, || tracing::info!(issuer = "corp\n{}", "keys\nfetched"));
        let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 1, "{log}");
        assert_eq!(lines[0]["message"], "keys\nfetched");
        assert_eq!(lines[0]["issuer"], "corp\n{}");
        assert_eq!(lines[0]["level"], "INFO");
    }

    #[test]
    fn only_a_person_gets_colours() {
        assert!(logged(LogLevel::Info, None, Reader::Person, one_of_each).contains('\u{1b}'));
        assert!(!logged(LogLevel::Info, None, Reader::Collector, one_of_each).contains('\u{1b}'));
    }

    #[test]
    fn of_pingora_only_warnings_are_heard() {
        let log = logged(LogLevel::Debug, None, Reader::Collector, one_of_each);
        assert!(log.contains("a debug") && log.contains("a warning of pingora"), "{log}");
        assert!(!log.contains("an info of pingora"), "{log}");
    }

    #[test]
    fn the_level_of_the_config_holds_for_pingora_too() {
        let log = logged(LogLevel::Error, None, Reader::Collector, one_of_each);
        assert_eq!(log, "");
    }

    #[test]
    fn the_environment_is_stronger_than_the_config() {
        let log = logged(LogLevel::Error, Some("debug"), Reader::Collector, one_of_each);
        assert!(log.contains("a debug"), "{log}");
        assert!(!log.contains("an info of pingora"), "{log}");
        let log = logged(LogLevel::Error, Some("pingora=info"), Reader::Collector, one_of_each);
        assert!(log.contains("an info of pingora"), "{log}");
    }

    #[test]
    fn directives_that_cannot_be_read_are_refused() {
        let refused = subscriber(LogLevel::Info, Some("lychgate=loud"), Reader::Person, io::sink).map(|_| ());
        assert_eq!(refused.unwrap_err().code(), "log-directives-unreadable");
    }
}
