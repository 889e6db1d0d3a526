//! Templates linked by the config: one rule that serves many groups and services.

use std::collections::{BTreeMap, HashMap, HashSet};

use cedar_policy::{EntityUid, Policy, PolicyId, PolicySet, SlotId, Template};
use schemars::JsonSchema;
use serde::Deserialize;

use super::policies::{NamedPolicy, NamedTemplate, is_fit};
use crate::policy::error::Flaw;
use crate::policy::flaws::nearest;
use crate::policy::schema::Names;

/// A template with its slots filled: `{id: sales-read-orders, template: group-reads, group: "corp|sales", service: orders}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The id of the policy that comes of it, unique in the bundle.
    pub id: String,
    /// The template's `@id`.
    pub template: String,
    /// The group that `?principal` stands for, with its issuer: `corp|sales`.
    #[serde(default)]
    pub group: Option<String>,
    /// The user that `?principal` stands for, with its issuer: `corp|alice`.
    #[serde(default)]
    pub user: Option<String>,
    /// The upstream that `?resource` stands for.
    #[serde(default)]
    pub service: Option<String>,
}

/// Links templates.
///
/// # Errors
///
/// A link names no template or does not fill its slots, or a template has no link.
pub(super) fn link_all(templates: &[NamedTemplate], links: &[Link]) -> Result<Vec<NamedPolicy>, Vec<Flaw>> {
    let by_id: BTreeMap<String, &NamedTemplate> =
        templates.iter().map(|template| (template.template.id().to_string(), template)).collect();
    let mut policies = Vec::new();
    let mut flaws = Vec::new();
    let mut linked = HashSet::new();
    for (index, link) in links.iter().enumerate() {
        linked.insert(link.template.as_str());
        match link.policy(&by_id) {
            Ok(policy) => policies.push(NamedPolicy { link: Some(index), ..policy }),
            Err(flaw) => flaws.push(flaw.of_link(index)),
        }
    }
    let unlinked = by_id.iter().filter(|(id, _)| !linked.contains(id.as_str()));
    flaws.extend(unlinked.map(|(id, template)| {
        Flaw::new(
            "template-not-linked",
            format!("template `{id}` has `?principal` or `?resource`, and no link fills it"),
        )
        .help(format!(
            "link it in the config (`links: [{{id: …, template: {id}, …}}]`), or name the group, user or service"
        ))
        .at(template.origin.place())
    }));
    if flaws.is_empty() { Ok(policies) } else { Err(flaws) }
}

fn linked(template: &Template, id: &PolicyId, slots: HashMap<SlotId, EntityUid>) -> Option<Policy> {
    let mut set = PolicySet::new();
    set.add_template(template.clone()).ok()?;
    set.link(template.id().clone(), id.clone(), slots).ok()?;
    set.policy(id).cloned()
}

impl Link {
    fn policy(&self, templates: &BTreeMap<String, &NamedTemplate>) -> Result<NamedPolicy, Flaw> {
        if !is_fit(&self.id) {
            return Err(self.flaw("its id is not 1 to 128 characters without control characters"));
        }
        if templates.contains_key(&self.id) {
            return Err(self.flaw("its id is that of a template"));
        }
        let Some(named) = templates.get(&self.template) else {
            let flaw = self.flaw(&format!("there is no template `{}`", self.template));
            return Err(match nearest(&self.template, templates.keys()) {
                Some(near) => flaw.help(format!("did you mean `{near}`?")),
                None => flaw.help("give a policy with `?principal` or `?resource` that `@id`"),
            });
        };
        let slots = self.slots(&named.template)?;
        let policy = linked(&named.template, &PolicyId::new(&self.id), slots);
        let policy = policy.ok_or_else(|| self.flaw("it cannot be linked under this id"))?;
        Ok(NamedPolicy::new(&self.id, policy, Some(named.template.clone()), named.origin.clone()))
    }

    /// What the slots stand for: exactly those that the template has.
    fn slots(&self, template: &Template) -> Result<HashMap<SlotId, EntityUid>, Flaw> {
        let names = Names::parsed().map_err(|error| self.flaw(&error.to_string()))?;
        let principal = match (&self.group, &self.user) {
            (Some(_), Some(_)) => return Err(self.flaw("it has both `group` and `user`")),
            (Some(group), None) => Some(names.group_of(self.whole("group", group)?)),
            (None, Some(user)) => Some(names.user_of(self.whole("user", user)?)),
            (None, None) => None,
        };
        let service = self.service.as_deref().map(|service| names.service(service));
        let filled = [(SlotId::principal(), principal), (SlotId::resource(), service)];
        let filled: HashMap<_, _> = filled.into_iter().filter_map(|(slot, uid)| Some((slot, uid?))).collect();
        let wanted: HashSet<&SlotId> = template.slots().collect();
        if wanted != filled.keys().collect() {
            let mut wanted: Vec<String> = wanted.into_iter().map(ToString::to_string).collect();
            wanted.sort();
            let flaw = self.flaw(&format!("template `{}` has the slots {}", self.template, wanted.join(" and ")));
            return Err(
                flaw.help("fill `?principal` by `group` or `user` and `?resource` by `service`, no more and no less")
            );
        }
        Ok(filled)
    }

    /// A group or user says whose it is: without its issuer it would be a name that nobody bears.
    fn whole<'a>(&self, kind: &str, name: &'a str) -> Result<&'a str, Flaw> {
        match name.split_once('|') {
            Some((issuer, rest)) if !issuer.is_empty() && !rest.is_empty() => Ok(name),
            _ => {
                let flaw = self.flaw(&format!("{kind} `{name}` does not say whose it is"));
                Err(flaw.help(format!(
                    "write the name of a trusted issuer, `|`, and the {kind}: `corp|{}`",
                    name.trim_matches('|')
                )))
            }
        }
    }

    fn flaw(&self, message: &str) -> Flaw {
        Flaw::new("link-unfit", format!("link `{}`: {message}", self.id))
    }
}
