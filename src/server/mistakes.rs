//! Why a config is not taken, as JSON: every mistake with its place, and nothing that is secret.

use std::error::Error;

use serde_json::{Value, json};

use super::error::ServerError;
use crate::config::{ConfigError, Mistake};
use crate::policy::Flaw;

/// Every mistake that this error stands for; where it stands for none with a place, the error itself.
#[must_use]
pub fn mistakes(error: &ServerError) -> Vec<Value> {
    match error {
        ServerError::Config(error @ ConfigError::Mistaken(_)) => error.mistakes().iter().map(mistake).collect(),
        ServerError::Policy { bundle, source } if !source.flaws().is_empty() => {
            source.flaws().iter().map(|found| flaw(bundle, found)).collect()
        }
        other => vec![json!({"message": with_causes(other)})],
    }
}

/// One mistake in a config.
#[must_use]
pub fn mistake(mistake: &Mistake) -> Value {
    let place = mistake.place();
    json!({
        "code": mistake.code(),
        "message": mistake.message(),
        "help": mistake.help(),
        "file": place.file.display().to_string(),
        "line": place.line,
        "column": place.column,
    })
}

/// An error with all its causes, in one line.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.extend([": ", &inner.to_string()]);
        cause = inner.source();
    }
    text
}

fn flaw(bundle: &str, flaw: &Flaw) -> Value {
    let place = flaw.place.as_ref();
    json!({
        "bundle": bundle,
        "code": flaw.code,
        "message": flaw.message,
        "help": flaw.help,
        "file": place.map(|place| place.file.display().to_string()),
        "line": place.map(|place| place.line),
        "column": place.map(|place| place.column),
    })
}
