//! Where a policy stands: its file and the bytes of its text.

use crate::policy::error::Place;
use crate::policy::flaws::Source;

/// Where a policy stands.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    source: Source,
    span: (usize, usize),
}

impl Origin {
    /// The origin of a text from one byte to another; without them, the whole file counts as the text.
    pub(super) fn new(source: &Source, span: Option<(usize, usize)>) -> Self {
        Self { source: source.clone(), span: span.unwrap_or((0, source.text.len())) }
    }

    /// The file.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// The first byte.
    pub(super) fn begin(&self) -> usize {
        self.span.0
    }

    /// The line that it begins at, from 1.
    pub(super) fn line(&self) -> usize {
        self.source.line(self.span.0)
    }

    /// The text itself.
    pub(super) fn text(&self) -> Option<&str> {
        self.source.text.get(self.span.0..self.span.1)
    }

    /// The whole of it as a place.
    pub(super) fn place(&self) -> Place {
        self.source.place(self.span.0, self.span.1.saturating_sub(self.span.0))
    }

    /// A name for a policy that has none: `orders.cedar:12`.
    pub(super) fn file_and_line(&self) -> String {
        format!("{}:{}", self.source.file_name(), self.line())
    }

    /// The same where another begins in the same line before it: `orders.cedar:12:40`.
    pub(super) fn file_line_and_column(&self) -> String {
        format!("{}:{}", self.file_and_line(), self.place().column)
    }

    /// Where a piece of the text stands; the text's beginning if it is written in another way.
    pub(super) fn find(&self, piece: &str) -> Place {
        match self.text().and_then(|text| text.find(piece)) {
            Some(offset) => self.source.place(self.span.0.saturating_add(offset), piece.len()),
            None => self.source.place(self.span.0, 0),
        }
    }
}
