//! Which parts of the context a policy can read, so that a request builds no others.

use std::ops::BitOr;

/// Parts of the context, as a set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reads(u8);

const FIELDS: [(&str, Reads); 8] = [
    ("path", Reads::PATH),
    ("method", Reads::METHOD),
    ("host", Reads::HOST),
    ("query", Reads::QUERY),
    ("ip", Reads::IP),
    ("now", Reads::NOW),
    ("token", Reads::TOKEN),
    ("client_certificate", Reads::CERTIFICATE),
];

impl Reads {
    pub(super) const PATH: Self = Self(1);
    pub(super) const METHOD: Self = Self(1 << 1);
    pub(super) const HOST: Self = Self(1 << 2);
    pub(super) const QUERY: Self = Self(1 << 3);
    pub(super) const IP: Self = Self(1 << 4);
    pub(super) const NOW: Self = Self(1 << 5);
    pub(super) const TOKEN: Self = Self(1 << 6);
    pub(super) const CERTIFICATE: Self = Self(1 << 7);
    pub(super) const ALL: Self = Self(u8::MAX);

    /// What the text of a policy can read.
    ///
    /// INVARIANT: never less than it does. Only the word `context` gives a policy the context, and only `context.part` and
    /// `context has part` are taken for less than the whole; words in comments and strings count as if they were code.
    pub(super) fn of(policy: &str) -> Self {
        let in_word = |c: char| c.is_alphanumeric() || c == '_';
        let mut pieces = policy.split("context");
        let mut before = pieces.next().unwrap_or_default();
        let mut reads = Self::default();
        for after in pieces {
            if !before.ends_with(in_word) && !after.starts_with(in_word) {
                reads = reads | part(after.trim_start()).unwrap_or(Self::ALL);
            }
            before = after;
        }
        reads
    }

    /// Whether no part is among these.
    pub(super) fn is_nothing(self) -> bool {
        self.0 == 0
    }

    /// Whether some part is among these.
    pub(super) fn has(self, part: Self) -> bool {
        self.0 & part.0 != 0
    }
}

impl BitOr for Reads {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The part that the text after `context` takes from it; nothing where it may take the whole.
fn part(after: &str) -> Option<Reads> {
    let name = match after.strip_prefix('.') {
        Some(name) => name,
        None => after.strip_prefix("has").filter(|rest| rest.starts_with(char::is_whitespace))?,
    };
    let name = name.trim_start();
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    let name = name.get(..end)?;
    FIELDS.iter().find(|(field, _)| *field == name).map(|(_, reads)| *reads)
}

#[cfg(test)]
mod tests {
    use super::Reads;

    #[test]
    fn a_policy_reads_the_parts_that_it_names() {
        let table = [
            ("permit (principal, action, resource);", Reads::default()),
            ("… when { context.path.tenant == context . host }", Reads::PATH | Reads::HOST),
            ("… when { context has token.age && context\n  .token.age < 60 }", Reads::TOKEN),
            ("… when { principal.context == \"a\" && subcontext && contextual }", Reads::ALL),
            ("… when { principal.mycontext && contexts }", Reads::default()),
        ];
        for (policy, reads) in table {
            assert_eq!(Reads::of(policy), reads, "{policy}");
        }
    }

    #[test]
    fn whatever_could_read_the_whole_context_reads_all_of_it() {
        let table = [
            "when { context == {} }",
            "when { context[\"ip\"] == principal.ip }",
            "when { context // .ip\n .now > principal.since }",
            "when { context has \"ip\" }",
            "when { context hasip }",
            "when { [context].contains(context) }",
            "when { context.unknown }",
            "context",
        ];
        for policy in table {
            assert_eq!(Reads::of(policy), Reads::ALL, "{policy}");
        }
    }
}
