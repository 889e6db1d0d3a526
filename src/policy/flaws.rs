//! Cedar's own complaints as flaws: each with its place, its stable code and the nearest known name.

use std::path::Path;
use std::sync::Arc;

use cedar_policy::{CedarSchemaError, ParseErrors, ValidationError, ValidationWarning};
use miette::Diagnostic;

use super::error::{Flaw, Place};

/// The text of a file, and its name for places.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The file's path, as the operator would write it.
    pub(super) file: Arc<Path>,
    /// The file's whole text.
    pub(super) text: Arc<str>,
    /// Where each line begins, in bytes.
    lines: Arc<[usize]>,
}

impl Source {
    /// A file's text under its name.
    pub(super) fn new(file: impl AsRef<Path>, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let after_newlines = text.match_indices('\n').map(|(offset, _)| offset.saturating_add(1));
        let lines = std::iter::once(0).chain(after_newlines).collect();
        Self { file: Arc::from(file.as_ref()), text, lines }
    }

    /// The file's name, without its folder.
    pub(super) fn file_name(&self) -> String {
        self.file.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|begin| *begin <= offset)
    }

    /// The place of some bytes of this file; what lies beyond the text is drawn in to its end.
    pub(super) fn place(&self, offset: usize, length: usize) -> Place {
        let offset = self.text.floor_char_boundary(offset);
        let length = self.text.floor_char_boundary(offset.saturating_add(length)).saturating_sub(offset);
        let line = self.line(offset);
        let begin = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(begin..offset).unwrap_or_default().chars().count() + 1;
        Place { file: self.file.to_path_buf(), line, column, offset, length, source: Arc::clone(&self.text) }
    }
}

/// What a policy file's parser complained of.
pub(super) fn of_syntax(errors: &ParseErrors, source: &Source) -> Vec<Flaw> {
    errors.iter().map(|error| translate("policy-syntax", error, Some(source))).collect()
}

/// What the schema parser complained of; `tail` is the file that the text ends with, if it does with one.
pub(super) fn of_schema(error: &CedarSchemaError, source: &Source, tail: Option<&Source>) -> Vec<Flaw> {
    let flaw = translate("schema-syntax", error, Some(source));
    let in_tail = flaw.place.as_ref().zip(tail).and_then(|(place, tail)| {
        let before = source.text.len().checked_sub(tail.text.len())?;
        Some(tail.place(place.offset.checked_sub(before)?, place.length))
    });
    vec![match in_tail {
        Some(place) => flaw.at(place),
        None => flaw,
    }]
}

/// What the validator complained of in a policy.
pub(super) fn of_validation(error: &ValidationError, source: Option<&Source>) -> Flaw {
    let code = match error {
        ValidationError::UnrecognizedEntityType(_) => "unknown-entity-type",
        ValidationError::UnrecognizedActionId(_) => "unknown-action",
        ValidationError::UnsafeAttributeAccess(_) => "unknown-attribute",
        ValidationError::UnsafeOptionalAttributeAccess(_) => "attribute-not-checked",
        ValidationError::UndefinedFunction(_) => "unknown-function",
        ValidationError::InvalidEnumEntity(_) => "unknown-entity",
        ValidationError::UnexpectedType(_) | ValidationError::IncompatibleTypes(_) => "wrong-type",
        _ => "policy-invalid",
    };
    translate(code, error, source)
}

/// What the validator warned of, where it is more than a matter of taste: a policy that can never hold protects nothing,
/// and a text that reads otherwise than it runs misleads its reviewers.
pub(super) fn of_warning(warning: &ValidationWarning, source: Option<&Source>) -> Option<Flaw> {
    match warning {
        warning if never_holds(warning) => {
            let mut flaw = translate("policy-never-holds", warning, source);
            "the policy can never hold: no request meets both its head and its conditions"
                .clone_into(&mut flaw.message);
            Some(flaw.help("correct it, or take it out"))
        }
        ValidationWarning::BidiCharsInString(_) | ValidationWarning::BidiCharsInIdentifier(_) => {
            Some(translate("text-misleads", warning, source))
        }
        _ => None,
    }
}

/// Whether a warning says that a policy can never hold.
pub(super) fn never_holds(warning: &ValidationWarning) -> bool {
    matches!(warning, ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_))
}

fn translate(code: &'static str, diagnostic: &dyn Diagnostic, source: Option<&Source>) -> Flaw {
    let labels: Vec<_> = diagnostic.labels().into_iter().flatten().collect();
    let (offset, length) = labels.first().map_or((0, 0), |label| (label.offset(), label.len()));
    let message = without_policy_name(&diagnostic.to_string()).to_owned();
    let label = labels.first().and_then(|label| label.label()).map(str::to_owned);
    let help = diagnostic.help().map(|help| without_policy_name(&help.to_string()).to_owned()).or(label);
    Flaw { code, message, help, place: source.map(|source| Box::new(source.place(offset, length))), link: None }
}

/// Cedar opens with "for policy `id`, "; the place says it better.
fn without_policy_name(message: &str) -> &str {
    let rest = message.strip_prefix("for policy `").and_then(|rest| rest.split_once('`'));
    rest.map_or(message, |(_, rest)| rest.trim_start_matches([',', ':', ' ']))
}

/// The known name that is nearest to a wrong one, if any is near.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a String>) -> Option<&'a str> {
    let scored = known.into_iter().map(|known| (strsim::jaro_winkler(name, known), known.as_str()));
    scored.filter(|(score, _)| *score > 0.7).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| known)
}
