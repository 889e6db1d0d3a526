//! What an import has to say beside the config: what is left out, what is lost, and what is left to do.

use serde_json::{Value, json};

use crate::cli::input::shown;

/// What becomes of a part of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// The operation is refused by the gate.
    LeftOut,
    /// What it belongs to is carried over without it.
    Lost,
    /// The config needs somebody's hand.
    ToDo,
}

impl Effect {
    fn name(self) -> &'static str {
        match self {
            Self::LeftOut => "left-out",
            Self::Lost => "lost",
            Self::ToDo => "to-do",
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::LeftOut => "left out, and refused by the gate:",
            Self::Lost => "carried over without:",
            Self::ToDo => "left to do:",
        }
    }
}

/// Why something is not as it was, by a stable code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Cause {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// One thing that the reader should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) effect: Effect,
    /// Where in the source: a JSON Pointer (RFC 6901).
    pub(super) at: String,
    pub(super) cause: Cause,
}

/// All that there is to say.
#[derive(Debug, Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
    /// Operations that were carried over.
    pub(super) operations: usize,
}

impl Report {
    /// Adds a finding, unless the same has been said of the same place.
    pub(super) fn add(&mut self, effect: Effect, at: &str, cause: Cause) {
        let finding = Finding { effect, at: at.to_owned(), cause };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    #[cfg(test)]
    pub(super) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = format!("carried over: {} of the operations\n", self.operations);
        for effect in [Effect::LeftOut, Effect::Lost, Effect::ToDo] {
            let of_it: Vec<_> = self.findings.iter().filter(|finding| finding.effect == effect).collect();
            if !of_it.is_empty() {
                text.extend([effect.heading(), "\n"]);
            }
            for Finding { at, cause, .. } in of_it {
                let at = if at.is_empty() { "the document" } else { at };
                text.push_str(&format!("  {}\n      {}: {}\n", one_line(at), cause.code, one_line(&cause.message)));
            }
        }
        text
    }

    /// For machines.
    pub(super) fn json(&self) -> String {
        let findings = self.findings.iter().map(|Finding { effect, at, cause }| {
            json!({"effect": effect.name(), "at": at, "code": cause.code, "message": cause.message})
        });
        let told: Value = json!({"operations": self.operations, "findings": findings.collect::<Vec<_>>()});
        shown(&told)
    }
}

/// Text of the source, in which nothing may move the cursor or end the line.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
