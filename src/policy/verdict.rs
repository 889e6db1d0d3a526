//! What a bundle answered, and what made it answer so.

use std::sync::Arc;

/// A bundle's answer. Only a [`Bundle`](super::Bundle) makes one, so holding it proves that the policies were asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    allowed: bool,
    determining: Vec<Arc<str>>,
    message: Option<Arc<str>>,
    errors: Vec<Fault>,
}

impl Verdict {
    /// A policy set's answer: allowed only where it said so and nothing went wrong on the way.
    pub(super) fn answered(allowed: bool, determining: Vec<Arc<str>>, message: Option<Arc<str>>) -> Self {
        Self { allowed, determining, message, errors: Vec::new() }
    }

    /// A deny because something went wrong, whatever the policies without error would have said.
    pub(super) fn failed(errors: Vec<Fault>, determining: Vec<Arc<str>>, message: Option<Arc<str>>) -> Self {
        Self { allowed: false, determining, message, errors }
    }

    /// A deny before any policy was asked.
    pub(super) fn refused(error: Fault) -> Self {
        Self::failed(vec![error], Vec::new(), None)
    }

    /// Whether the request may go on.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.allowed
    }

    /// The ids of the policies that made the answer, in the bundle's order: the `permit`s of an allow, the `forbid`s of a deny.
    /// None when no `permit` held, or when only errors made it a deny.
    #[must_use]
    pub fn determining(&self) -> &[Arc<str>] {
        &self.determining
    }

    /// The `@message` of the first `forbid` that held: what the client may read. Printable ASCII, at most 200 characters.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// What went wrong; any of it makes the answer a deny.
    #[must_use]
    pub fn errors(&self) -> &[Fault] {
        &self.errors
    }
}

/// Something that went wrong while a bundle was asked; says nothing of the request's values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    code: &'static str,
    policy: Option<Arc<str>>,
    name: Option<Arc<str>>,
}

impl Fault {
    /// A fault of the question, with the name of what it is about.
    pub(super) fn about(code: &'static str, name: impl Into<Arc<str>>) -> Self {
        Self { code, policy: None, name: Some(name.into()) }
    }

    /// A fault that has no name.
    pub(super) fn new(code: &'static str) -> Self {
        Self { code, policy: None, name: None }
    }

    /// A policy that erred.
    pub(super) fn of_policy(code: &'static str, policy: Arc<str>) -> Self {
        Self { code, policy: Some(policy), name: None }
    }

    /// The stable name of the reason, in kebab case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The id of the policy that erred, if it was one.
    #[must_use]
    pub fn policy(&self) -> Option<&str> {
        self.policy.as_deref()
    }

    /// The name of the parameter, route or attribute that it is about, if it is about one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

const MESSAGE_LIMIT: usize = 200;

/// A policy's `@message` as a client may read it.
pub(super) fn readable(message: &str) -> Option<Arc<str>> {
    let printable = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    let text: String = message.trim().chars().take(MESSAGE_LIMIT).map(printable).collect();
    (!text.is_empty()).then(|| text.into())
}
