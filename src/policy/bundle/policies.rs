//! The policies of a folder: parsed, named, and the templates among them linked.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use cedar_policy::{Effect, Expression, Policy, PolicyId, PolicySet, Template};

use super::links::{Link, link_all};
use super::origin::Origin;
use crate::policy::error::Flaw;
use crate::policy::flaws::{Source, of_syntax};
use crate::policy::reads::Reads;
use crate::policy::verdict::readable;

/// One policy of a bundle.
#[derive(Debug)]
pub(in crate::policy) struct NamedPolicy {
    /// Its `@id`, or file and line; for a link, the link's.
    pub(super) id: Arc<str>,
    /// The policy, under the same id.
    pub(in crate::policy) policy: Policy,
    /// The template that it was linked from, if it was.
    pub(super) template: Option<Template>,
    /// The link that it was made by, if it was, by its place in the config's list.
    pub(super) link: Option<usize>,
    /// A forbid's `@message`, as a client may read it.
    pub(super) message: Option<Arc<str>>,
    /// Where it stands, or its template does.
    pub(super) origin: Origin,
    /// The parts of the context that it can read.
    pub(super) reads: Reads,
    /// What it asks beyond its head.
    pub(super) condition: OnceLock<Option<Expression>>,
}

/// A policy with `?principal` or `?resource` in its head, to be linked.
#[derive(Debug)]
pub(super) struct NamedTemplate {
    /// The template, under its `@id`, or file and line.
    pub(super) template: Template,
    /// Where it stands.
    pub(super) origin: Origin,
}

impl NamedPolicy {
    /// A policy under a name of its own.
    pub(super) fn new(id: &str, policy: Policy, template: Option<Template>, origin: Origin) -> Self {
        let forbids = policy.effect() == Effect::Forbid;
        let message = policy.annotation("message").filter(|_| forbids).and_then(readable);
        let reads = origin.text().map_or(Reads::ALL, Reads::of);
        let condition = OnceLock::new();
        Self { id: id.into(), policy, template, link: None, message, origin, reads, condition }
    }

    /// Whether it is a `forbid`.
    pub(in crate::policy) fn forbids(&self) -> bool {
        self.policy.effect() == Effect::Forbid
    }

    /// What it asks beyond its head, if anything. Of many policies most are never asked, so it is taken out at the first time.
    pub(super) fn condition(&self) -> Option<&Expression> {
        let taken_out = || {
            // without the places in the source, which Cedar would carry along with every value
            let bare = self.policy.to_json().ok().and_then(|json| Policy::from_json(None, json).ok());
            let whole = bare.as_ref().unwrap_or(&self.policy);
            whole.as_ref().non_scope_constraints().cloned().map(Expression::from)
        };
        self.condition.get_or_init(taken_out).as_ref()
    }

    /// Its text, or its template's.
    pub(in crate::policy) fn text(&self) -> &str {
        self.origin.text().unwrap_or_default()
    }

    /// The line of the file that a byte of its text stands in, from 1.
    pub(in crate::policy) fn line_of(&self, byte: usize) -> usize {
        self.origin.source().line(self.origin.begin().saturating_add(byte))
    }

    /// What can be said of it.
    pub(in crate::policy) fn summary(&self) -> PolicySummary<'_> {
        PolicySummary {
            id: &self.id,
            forbids: self.forbids(),
            file: &self.origin.source().file,
            line: self.origin.line(),
            message: self.message.as_deref(),
            text: self.origin.text().unwrap_or_default(),
        }
    }
}

/// What can be said of a policy to those who did not write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicySummary<'a> {
    /// Its id, as verdicts name it.
    pub id: &'a str,
    /// Whether it is a `forbid`.
    pub forbids: bool,
    /// The file that it stands in.
    pub file: &'a Path,
    /// The line that it begins at, from 1; for a link, its template's.
    pub line: usize,
    /// A forbid's `@message`, as a client may read it.
    pub message: Option<&'a str>,
    /// Its text, or its template's.
    pub text: &'a str,
}

/// Policies and templates as they are written.
#[derive(Debug, Default)]
struct Written {
    policies: Vec<NamedPolicy>,
    templates: Vec<NamedTemplate>,
    flaws: Vec<Flaw>,
}

/// Parses policy files, in their order, and links their templates.
///
/// # Errors
///
/// A file is not Cedar, two policies have the same id, or links and templates do not fit together.
pub(super) fn parse(sources: &[Source], links: &[Link]) -> Result<Vec<NamedPolicy>, Vec<Flaw>> {
    let mut written = Written::default();
    for source in sources {
        match PolicySet::from_str(&source.text) {
            Ok(set) => written.read(&set, source),
            Err(errors) => written.flaws.extend(of_syntax(&errors, source)),
        }
    }
    let Written { mut policies, templates, mut flaws } = written;
    if flaws.is_empty() {
        match link_all(&templates, links) {
            Ok(linked) => policies.extend(linked),
            Err(found) => flaws.extend(found),
        }
    }
    flaws.extend(duplicates(&policies, &templates));
    if policies.is_empty() && flaws.is_empty() {
        let flaw = Flaw::new("no-policies", "the `*.cedar` files hold no policy");
        flaws.push(flaw.help("without any, every request would be denied"));
    }
    if flaws.is_empty() { Ok(policies) } else { Err(flaws) }
}

impl Written {
    fn read(&mut self, set: &PolicySet, source: &Source) {
        let policies = set.policies().map(Statement::Policy);
        let statements = policies.chain(set.templates().map(Statement::Template));
        let mut statements: Vec<_> = statements.map(|statement| (statement.origin(source), statement)).collect();
        statements.sort_by_key(|(origin, _)| origin.begin());
        let mut lines = BTreeSet::new();
        for (origin, statement) in statements {
            match statement.id(&origin, &mut lines) {
                Ok(id) => self.add(statement, &id, origin),
                Err(flaw) => self.flaws.push(flaw),
            }
        }
    }

    fn add(&mut self, statement: Statement<'_>, id: &str, origin: Origin) {
        match statement {
            Statement::Policy(policy) => {
                self.policies.push(NamedPolicy::new(id, policy.new_id(PolicyId::new(id)), None, origin));
            }
            Statement::Template(template) => {
                self.templates.push(NamedTemplate { template: template.new_id(PolicyId::new(id)), origin });
            }
        }
    }
}

/// What a policy file is made of.
#[derive(Clone, Copy)]
enum Statement<'a> {
    Policy(&'a Policy),
    Template(&'a Template),
}

impl Statement<'_> {
    fn origin(self, source: &Source) -> Origin {
        let loc = match self {
            Self::Policy(policy) => policy.as_ref().loc(),
            Self::Template(template) => template.as_ref().loc(),
        };
        Origin::new(source, loc.map(|loc| (loc.start(), loc.end())))
    }

    /// Its `@id`, or where it stands; `lines` are those that have named one before it.
    fn id(self, origin: &Origin, lines: &mut BTreeSet<usize>) -> Result<String, Flaw> {
        let id = match self {
            Self::Policy(policy) => policy.annotation("id"),
            Self::Template(template) => template.annotation("id"),
        };
        match id {
            None if lines.insert(origin.line()) => Ok(origin.file_and_line()),
            None => Ok(origin.file_line_and_column()),
            Some(id) if is_fit(id) => Ok(id.to_owned()),
            Some(_) => {
                let rule = "an `@id` is 1 to 128 characters, none of them a control character";
                Err(Flaw::new("policy-id-unfit", rule).at(origin.place()))
            }
        }
    }
}
/// Whether an id can stand in logs and metrics as it is.
pub(super) fn is_fit(id: &str) -> bool {
    !id.is_empty() && id.chars().count() <= 128 && !id.contains(char::is_control)
}

fn duplicates(policies: &[NamedPolicy], templates: &[NamedTemplate]) -> Vec<Flaw> {
    let templates =
        templates.iter().map(|template| (AsRef::<str>::as_ref(template.template.id()), &template.origin, None));
    let policies = policies.iter().map(|policy| (&*policy.id, &policy.origin, policy.link));
    let mut first: HashMap<&str, &Origin> = HashMap::new();
    let mut flaws = Vec::new();
    for (id, origin, link) in templates.chain(policies) {
        if let Some(other) = first.insert(id, origin) {
            let message = format!("policy id `{id}` is already taken at {}", other.place());
            let flaw = Flaw::new("policy-id-duplicate", message);
            flaws.push(match link {
                None => flaw.help("give each policy an `@id(\"…\")` of its own").at(origin.place()),
                Some(link) => flaw.help("give each link an `id` of its own").of_link(link),
            });
        }
    }
    flaws
}
