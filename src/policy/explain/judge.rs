//! Asks Cedar about each part of the policies that a deny hangs on, and puts what it says into words.

use std::ops::Range;

use cedar_policy::{Entities, EntityUid, Expression, Request, eval_expression};

use super::conditions::{Condition, conditions};
use super::explanation::{FiredPolicy, Need, PolicyExplanation, Way};
use super::heads::{in_group, is_about, missing};
use super::tokens::tokens;
use super::values::{attributes_read, is_literal, written};
use crate::policy::bundle::{Bundle, NamedPolicy};
use crate::policy::principal::Identity;
use crate::policy::query::Query;
use crate::policy::schema::Target;
use crate::policy::verdict::{Fault, Verdict};

/// Permits that are told of a deny.
const TOLD: usize = 5;
/// Policies that are looked into; the others are counted.
const LOOKED_INTO: usize = 1_000;
/// Values that are told of one condition.
const VALUES: usize = 4;

/// Everything that a policy's parts are asked about.
pub(in crate::policy) struct Scene<'a> {
    pub(in crate::policy) request: Request,
    pub(in crate::policy) entities: Entities,
    pub(in crate::policy) target: &'a Target,
    pub(in crate::policy) identity: Option<&'a Identity>,
    pub(in crate::policy) anonymous: &'a EntityUid,
}

impl Bundle {
    /// Why it answers a query as it does. Dear: for people who ask, not for requests.
    #[must_use]
    pub fn explain(&self, query: &Query<'_>) -> PolicyExplanation {
        let verdict = self.decide(query);
        let named = |id: &str| self.named(id).map(fired);
        let erred = |fault: &Fault| (fault.clone(), fault.policy().and_then(named));
        let mut explanation = PolicyExplanation {
            fired: verdict.determining().iter().filter_map(|id| named(id)).collect(),
            erred: verdict.errors().iter().map(erred).collect(),
            ways: Vec::new(),
            more: 0,
            same_by_all: self.decide_all(query) == verdict,
        };
        // Without a scene the question itself was at fault, and no policy was asked.
        if let (false, Ok(scene)) = (verdict.allowed(), self.scene(query)) {
            self.find_ways(&scene, &verdict, &mut explanation);
        }
        explanation
    }

    fn find_ways(&self, scene: &Scene<'_>, verdict: &Verdict, explanation: &mut PolicyExplanation) {
        let forbids = verdict.determining().iter().filter_map(|id| self.named(id));
        explanation.ways = forbids.map(|policy| scene.against_forbid(policy)).collect();
        let about = || self.all_named().filter(|policy| !policy.forbids() && is_about(&policy.policy, scene.target));
        let mut permits: Vec<Way> = about().take(LOOKED_INTO).map(|policy| scene.towards_permit(policy)).collect();
        if permits.iter().any(|way| way.needs.is_empty()) {
            return; // one permits already: only the forbids, or what erred, stand in the way
        }
        permits.sort_by_key(|way| way.needs.len());
        permits.truncate(TOLD);
        explanation.more = about().count() - permits.len();
        explanation.ways.append(&mut permits);
    }
}

impl Scene<'_> {
    /// What would have to be otherwise for a forbid that held not to hold.
    fn against_forbid(&self, policy: &NamedPolicy) -> Way {
        let text = policy.text();
        let mut needs = Vec::new();
        for condition in conditions(text) {
            if condition.unless {
                needs.extend(together(self.failed_parts(policy, &condition)));
            } else {
                needs.push(self.not_to_hold(policy, "when-held", &condition));
            }
        }
        Way { policy: fired(policy), needs }
    }

    /// What a permit asks for and does not get.
    fn towards_permit(&self, policy: &NamedPolicy) -> Way {
        let text = policy.text();
        let head = missing(&policy.policy, self.identity, self.anonymous);
        let mut needs: Vec<Need> =
            head.map(|(code, says)| Need { code, says, line: policy.line_of(0) }).into_iter().collect();
        for condition in conditions(text) {
            if !condition.unless {
                needs.extend(self.failed_parts(policy, &condition));
            } else if self.holds(text, &condition.body) != Some(false) {
                needs.push(self.not_to_hold(policy, "unless-held", &condition));
            }
        }
        Way { policy: fired(policy), needs }
    }

    /// The parts of a condition that must hold and do not. What stands behind a part that failed may not be decidable: it is
    /// left out, since `principal has a && principal.a` says nothing of `principal.a` where there is no `a`.
    fn failed_parts(&self, policy: &NamedPolicy, condition: &Condition) -> Vec<Need> {
        let text = policy.text();
        let mut needs = Vec::new();
        for part in &condition.parts {
            match self.holds(text, part) {
                Some(true) => {}
                None if !needs.is_empty() => {}
                held => needs.push(self.to_hold(policy, part, held.is_none())),
            }
        }
        needs
    }

    /// Whether a part of a policy's text holds; nothing where it errs.
    fn holds(&self, text: &str, part: &Range<usize>) -> Option<bool> {
        match self.value(text.get(part.clone())?)? {
            cedar_policy::EvalResult::Bool(held) => Some(held),
            _ => None,
        }
    }

    fn value(&self, expression: &str) -> Option<cedar_policy::EvalResult> {
        let expression: Expression = expression.parse().ok()?;
        eval_expression(&self.request, &self.entities, &expression).ok()
    }

    fn to_hold(&self, policy: &NamedPolicy, part: &Range<usize>, errs: bool) -> Need {
        let text = policy.text().get(part.clone()).unwrap_or_default();
        let line = policy.line_of(part.start);
        let (code, says) = match known_form(text) {
            _ if errs => ("part-errs", format!("`{}`, which cannot be evaluated here", one_line(text))),
            Some(known) => known,
            None => ("condition-failed", format!("`{}`{}", one_line(text), self.values(text))),
        };
        Need { code, says, line }
    }

    fn not_to_hold(&self, policy: &NamedPolicy, code: &'static str, condition: &Condition) -> Need {
        let text = policy.text().get(condition.body.clone()).unwrap_or_default();
        let says = format!("`{}` not to hold{}", one_line(text), self.values(text));
        Need { code, says, line: policy.line_of(condition.body.start) }
    }

    /// What a condition reads, for those who cannot see it in its text: of a comparison its two sides, otherwise each attribute.
    fn values(&self, part: &str) -> String {
        let read = match comparison(part) {
            Some(sides) => sides.into_iter().filter(|side| !is_literal(side)).collect(),
            None => attributes_read(part),
        };
        let told = read.into_iter().filter_map(|read| Some((one_line(read), written(&self.value(read)?))));
        let told: Vec<String> = told.take(VALUES).map(|(read, value)| format!("`{read}` is {value}")).collect();
        if told.is_empty() { String::new() } else { format!(", where {}", told.join(" and ")) }
    }
}

/// The two sides of a part that is one comparison.
fn comparison(part: &str) -> Option<[&str; 2]> {
    const COMPARES: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];
    let mut depth = 0_usize;
    let mut sign = None;
    for token in tokens(part) {
        match token.text {
            "(" | "{" | "[" => depth += 1,
            ")" | "}" | "]" => depth = depth.saturating_sub(1),
            "&&" | "||" | "if" if depth == 0 => return None,
            text if depth == 0 && COMPARES.contains(&text) => sign = Some(token),
            _ => {}
        }
    }
    let sign = sign?;
    Some([part.get(..sign.at)?.trim(), part.get(sign.end()..)?.trim()])
}

/// What has a better name than its text: a group, a scope, an attribute that is missing.
fn known_form(part: &str) -> Option<(&'static str, String)> {
    let texts: Vec<&str> = tokens(part).iter().map(|token| token.text).collect();
    match texts.as_slice() {
        ["principal", "in", kind, "::", id] => Some(in_group(&format!("{kind}::{id}").parse::<EntityUid>().ok()?)),
        ["principal", ".", "scopes", ".", "contains", "(", scope, ")"]
        | ["context", ".", "token", ".", "scopes", ".", "contains", "(", scope, ")"] => {
            Some(("missing-scope", format!("scope `{}`", scope.trim_matches('"'))))
        }
        ["principal", "has", name] => Some(("missing-attribute", format!("a token that says `{name}`"))),
        ["context", "has", "token"] | ["principal", "is", "User"] => {
            Some(("missing-token", "a token: the caller is anonymous".to_owned()))
        }
        ["context", ".", "query", "has", name] => Some(("missing-query", format!("the query parameter `{name}`"))),
        _ => None,
    }
}

/// All of these as one.
fn together(needs: Vec<Need>) -> Option<Need> {
    let says = needs.iter().map(|need| need.says.as_str()).collect::<Vec<_>>().join(" and ");
    needs.into_iter().next().map(|first| Need { says, ..first })
}

/// A policy with its place.
fn fired(policy: &NamedPolicy) -> FiredPolicy {
    let summary = policy.summary();
    FiredPolicy {
        id: summary.id.to_owned(),
        forbids: summary.forbids,
        file: summary.file.display().to_string(),
        line: summary.line,
        message: summary.message.map(str::to_owned),
    }
}

/// A text of several lines and comments as one line.
fn one_line(text: &str) -> String {
    let without_comments = text.lines().map(|line| line.split(" //").next().unwrap_or_default().trim());
    without_comments.filter(|line| !line.is_empty() && !line.starts_with("//")).collect::<Vec<_>>().join(" ")
}
