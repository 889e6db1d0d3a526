//! How failures are shown to people: where the mistake is, what was expected, what to do next.

use std::io::IsTerminal;
use std::ops::Range;
use std::path::Path;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};

use crate::config::ConfigError;
use crate::policy::PolicyError;
use crate::server::{ServerError, with_causes};

/// Why a command could not do its work.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command line asks for something that does not make sense.
    Usage(String),
    /// A gate could not be built or started.
    Start(ServerError),
    /// Anything else, with its causes.
    Other(anyhow::Error),
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        Self::Start(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

/// Writes the failure to standard error.
pub(super) fn show(failure: &Failure) {
    let text = match failure {
        Failure::Usage(text) => format!("error: {text}"),
        Failure::Start(ServerError::Config(error)) => of_config(error),
        Failure::Start(ServerError::Policy { bundle, source }) => of_policy(bundle, source),
        Failure::Start(error) => format!("error: {}", with_causes(error)),
        Failure::Other(error) => format!("error: {}", with_causes(error.as_ref())),
    };
    eprintln!("{}", text.trim_end());
}

/// Every mistake of a config, each under the line that it stands in.
fn of_config(error: &ConfigError) -> String {
    if error.mistakes().is_empty() {
        return format!("error: {}", with_causes(error));
    }
    let shown = error.mistakes().iter().map(|mistake| {
        let place = mistake.place();
        let at = (place.line, place.column);
        let snippet = Snippet { file: &place.file, at, source: error.text(), bytes: place.bytes.clone() };
        snippet.show(mistake.message(), mistake.code(), mistake.help())
    });
    shown.collect()
}

/// Every flaw of a bundle, each under the line that it stands in.
fn of_policy(bundle: &str, error: &PolicyError) -> String {
    if error.flaws().is_empty() {
        return format!("error: policy bundle `{bundle}`: {}", with_causes(error));
    }
    let shown = error.flaws().iter().map(|flaw| {
        let Some(place) = &flaw.place else {
            let help = flaw.help.as_ref().map(|help| format!("\n  help: {help}")).unwrap_or_default();
            return format!("error: policy bundle `{bundle}`: {}{help}\n", flaw.message);
        };
        let (at, bytes) = ((place.line, place.column), place.offset..place.offset + place.length);
        let snippet = Snippet { file: &place.file, at, source: &place.source, bytes };
        snippet.show(&flaw.message, flaw.code, flaw.help.as_deref())
    });
    shown.collect()
}

/// A place in a text.
struct Snippet<'a> {
    file: &'a Path,
    /// Line and column.
    at: (usize, usize),
    source: &'a str,
    bytes: Range<usize>,
}

impl Snippet<'_> {
    fn show(self, message: &str, code: &str, help: Option<&str>) -> String {
        let Self { file, at: (line, column), source, bytes } = self;
        let file = file.display().to_string();
        // The place stands in the first line too, so that editors and people find it without reading the drawing.
        let message = format!("{file}:{line}:{column}: {message}");
        let mut diagnostic = MietteDiagnostic::new(&message).with_code(code);
        diagnostic.help = help.map(str::to_owned);
        diagnostic.labels = Some(vec![LabeledSpan::new(None, bytes.start, bytes.len())]);
        let report = Report::new(diagnostic).with_source_code(NamedSource::new(file, source.to_owned()));
        let colours = std::io::stderr().is_terminal();
        let theme = if colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let mut text = String::new();
        let handler = GraphicalReportHandler::new_themed(theme).with_width(120);
        let drawn = handler.render_report(&mut text, report.as_ref());
        if drawn.is_ok() { text } else { format!("error: {message}\n") }
    }
}
