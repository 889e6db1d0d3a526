//! Fields that the gate adds to an answer, whoever gives it: an upstream, or the gate itself with a refusal.

/// What changes in the head of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerFields {
    /// Fields that an upstream may have set and that are the gate's to set here.
    pub remove: &'static [&'static str],
    /// Fields with their values, in place of any of that name.
    pub set: Vec<(&'static str, String)>,
    /// Whether the answer depends on `Origin`, which caches must know: `Vary` is to name it (Fetch, "CORS protocol and HTTP
    /// caches").
    pub varies_by_origin: bool,
}

impl AnswerFields {
    /// All of it, for an answer that has nothing from anyone else.
    pub fn whole(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let vary = self.varies_by_origin.then_some(("vary", "origin"));
        self.set.iter().map(|(name, value)| (*name, value.as_str())).chain(vary)
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && !self.varies_by_origin
    }
}
